"""Attention maps and their rollout, against full matrices multiplied by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import attention, rollout, schemes, timesformer, timesformer_schemes

rolled = pytest.mark.exercise("models.rollout.shares")

GRID = (6, 4, 2)  # time, height, width
PLACES = list(np.ndindex(GRID))
# Step -> groups and tokens in each, on that grid.
SIZES = {
    "space": {"space": (6, 9)},
    "joint": {"joint": (1, 49)},
    "divided": {"time": (8, 6), "space": (6, 9)},
    "local_global": {"local": (4, 12), "global": (8, 7)},
    "axial": {"time": (8, 6), "width": (24, 2), "height": (12, 5)},
}


def shares(found, scheme, mask=None):
    """Compiled anew in every call, so that it is the function of now."""
    call = jax.jit(lambda found, mask: rollout.shares(found, scheme, GRID, mask))
    return call(found, mask)


def random_maps(scheme, batch=2, blocks=3, heads=2, seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for step, (groups, tokens) in SIZES[scheme].items():
        odds = np.exp(rng.normal(size=(blocks, batch, groups, heads, tokens, tokens)))
        found[step] = jnp.asarray((odds / odds.sum(-1, keepdims=True)).astype(np.float32))
    return found


def time_matrix(weights):
    """What each of 1 + 48 tokens takes from each over time; weights are `place query key`."""
    matrix = np.eye(49)
    for (i, q), (j, k) in itertools.product(enumerate(PLACES), repeat=2):
        same_place = q[1:] == k[1:]
        place = q[1] * 2 + q[2]
        matrix[1 + i, 1 + j] = weights[place, q[0], k[0]] if same_place else 0
    return matrix


def space_matrix(weights, frames=range(6)):
    """The same over space; weights are `frame query key`, the CLS token at 0 of both."""
    matrix = np.zeros((49, 49))
    for i, (t, h, w) in enumerate(PLACES):
        matrix[1 + i, 0] = weights[t, 1 + h * 2 + w, 0]
        for j in range(8):
            matrix[1 + i, 1 + 8 * t + j] = weights[t, 1 + h * 2 + w, 1 + j]
    for t in frames:
        matrix[0, 0] += weights[t, 0, 0] / len(frames)
        matrix[0, 1 + 8 * t : 9 + 8 * t] += weights[t, 0, 1:] / len(frames)
    return matrix


def divided_by_hand(found, clip, frames=range(6)):
    """(I + S) / 2 times (I + T) / 2, the later block at the left."""
    total = np.eye(49)
    for block in range(3):
        for step, matrix in (("time", time_matrix), ("space", space_matrix)):
            weights = np.asarray(found[step], np.float64)[block, clip].mean(1)
            full = matrix(weights) if step == "time" else matrix(weights, frames)
            total = (np.eye(49) + full) / 2 @ total
    return total


# ------------------------------------------------------------------ rollout
@rolled
def test_shares_shape():
    """For 2 clips of 1 + 6 x 4 x 2 tokens a matrix each."""
    assert shares(random_maps("divided"), "divided").shape == (2, 49, 49)


@rolled
@pytest.mark.parametrize("scheme", ["divided", "joint"])
def test_shares_of_identity(scheme):
    """Where every token looks at itself alone, it stays itself."""
    found = {
        step: jnp.broadcast_to(jnp.eye(tokens), (3, 2, groups, 2, tokens, tokens))
        for step, (groups, tokens) in SIZES[scheme].items()
    }
    mixed = shares(found, scheme)
    np.testing.assert_allclose(mixed, np.broadcast_to(np.eye(mixed.shape[1]), mixed.shape))


@rolled
def test_shares_of_one_even_block_by_hand():
    """Space attention that spreads evenly over 9 tokens: half stays, the other half is spread."""
    found = {"space": jnp.full((1, 2, 6, 2, 9, 9), 1 / 9)}  # two clips of 6 frames
    mixed = shares(found, "space")
    assert mixed.shape == (12, 9, 9)
    for frame in (2, 11):
        np.testing.assert_allclose(mixed[frame, 0, 0], 1 / 2 + 1 / 18, rtol=1e-6)
        np.testing.assert_allclose(mixed[frame, 0, 1:], 1 / 18, rtol=1e-6)


@rolled
@pytest.mark.parametrize("scheme", SIZES)
def test_shares_sum_to_one(scheme):
    """With each of the schemes, what a token is made of is all of it, and nothing is negative."""
    mixed = shares(random_maps(scheme), scheme)
    np.testing.assert_allclose(mixed.sum(-1), 1, atol=1e-5)
    assert mixed.min() >= 0


@rolled
def test_shares_of_divided_attention_equal_full_matrices():
    """Over time and over space as whole matrices, multiplied block by block."""
    found = random_maps("divided")
    mixed = shares(found, "divided")
    for clip in range(2):
        np.testing.assert_allclose(mixed[clip], divided_by_hand(found, clip), atol=1e-5)


@rolled
def test_shares_of_joint_attention_equal_matrix_products():
    """With one matrix a block it is the product of (I + A) / 2."""
    found = random_maps("joint")
    expected = np.eye(49)
    for block in np.asarray(found["joint"])[:, 1, 0].mean(1):
        expected = (np.eye(49) + block) / 2 @ expected
    np.testing.assert_allclose(shares(found, "joint")[1], expected, atol=1e-5)


@rolled
def test_padded_frames_have_no_share():
    """The CLS token is the mean over real frames; frames 4 and 5 of clip 0 are padding."""
    found = random_maps("divided")
    mask = jnp.asarray([[True] * 4 + [False] * 2, [True] * 6])
    padded = found["time"].at[:, 0, ..., 4:].set(0.0)
    found["time"] = padded / padded.sum(-1, keepdims=True)
    mixed = shares(found, "divided", mask)
    np.testing.assert_allclose(mixed[0, 0, 1 + 4 * 8 :], 0, atol=1e-7)
    np.testing.assert_allclose(mixed[0, 0], divided_by_hand(found, 0, range(4))[0], atol=1e-5)


def test_rollout_lays_the_cls_row_on_the_grid():
    """Frame, row and column of every patch; the CLS token's own share is left out."""
    found = random_maps("divided")
    heat = rollout.rollout(found, "divided", GRID)
    expected = divided_by_hand(found, 1)[0, 1:].reshape(GRID)
    np.testing.assert_allclose(heat[1], expected, atol=1e-5)


def test_rollout_of_space_attention_is_the_mean_of_frames():
    """Every real frame has the same weight, and padded ones have none."""
    found = random_maps("space")
    mask = jnp.asarray([[True] * 4 + [False] * 2, [True] * 6])
    heat = rollout.rollout(found, "space", GRID, mask)
    frames = shares(found, "space")[:, 0, 1:].reshape(2, *GRID)
    np.testing.assert_allclose(heat[0, :4], frames[0, :4] / 4, atol=1e-6)
    assert not heat[0, 4:].any()
    np.testing.assert_allclose(heat[1], frames[1] / 6, atol=1e-6)


# ------------------------------------------------------------------ maps
def fresh(scheme):
    config = timesformer.TimeSformerConfig(
        num_classes=5, num_frames=6, image_size=8, patch_size=4, dim=12, depth=2, num_heads=3,
        mlp_dim=20, attention=scheme, init_std=0.3,
    )  # fmt: skip
    return timesformer_schemes.create(config, rngs=nnx.Rngs(0))


def clips():
    return jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 8, 8, 3)).astype(np.float32))


MASK = jnp.asarray([[True] * 6, [True] * 4 + [False] * 2])
get_maps = nnx.jit(attention.maps)


@pytest.mark.parametrize("scheme", SIZES)
def test_maps_of_every_scheme(scheme):
    """A map for each step, block, clip, group and head; what a query takes sums to 1."""
    sizes = {
        "space": {"space": (6, 5)},
        "joint": {"joint": (1, 25)},
        "divided": {"time": (4, 6), "space": (6, 5)},
        "local_global": {"local": (4, 6), "global": (8, 4)},
        "axial": {"time": (4, 6), "width": (12, 2), "height": (12, 3)},
    }[scheme]
    found = get_maps(fresh(scheme), clips(), MASK)
    assert set(found) == set(schemes.PREFIXES[scheme]) == set(sizes)
    for step, (groups, tokens) in sizes.items():
        assert found[step].shape == (2, 2, groups, 3, tokens, tokens)
        np.testing.assert_allclose(found[step].sum(-1), 1, atol=1e-5)


def test_maps_equal_the_formula():
    """In the first block: softmax of query . key / 2 of the norm of the tokens, head by head."""
    model, video = fresh("divided"), clips()
    block, tokens = model.blocks[0], np.asarray(model.embed(video))
    rows = tokens[1, 1 + np.arange(6) * 4 + 2]  # clip 1, place 2, all frames
    normed = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-6)
    qkv = normed @ np.asarray(block.temporal_attn.qkv.kernel[...])
    query, key, _ = qkv.reshape(6, 3, 3, 4).transpose(1, 2, 0, 3)
    odds = np.exp(query @ key.transpose(0, 2, 1) / 2)
    expected = odds / odds.sum(-1, keepdims=True)
    found = get_maps(model, video)["time"]
    np.testing.assert_allclose(found[0, 1, 2], expected, atol=1e-5)


def test_weights_are_those_that_attention_uses():
    """What a head takes from the values with these weights is what the module's output shows."""
    module = attention.Attention(6, 2, init=nnx.initializers.normal(1.0), rngs=nnx.Rngs(0))
    module.proj.kernel[...] = jnp.eye(6)
    tokens = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32))
    mask = jnp.asarray([[True] * 5, [True] * 3 + [False] * 2])
    value = (tokens @ module.qkv.kernel[...])[..., 12:].reshape(2, 5, 2, 3)
    taken = np.einsum("bhqk,bkhd->bqhd", attention.weights(module, tokens, mask), value).reshape(
        2, 5, 6
    )
    np.testing.assert_allclose(module(tokens, mask), taken, atol=1e-5)


def test_maps_of_a_hand_made_model():
    """With query and key at zero every token looks at all others alike."""
    model = fresh("divided")
    for block in model.blocks:
        for layer in (block.attn.qkv, block.temporal_attn.qkv):
            layer.kernel[...] = jnp.zeros_like(layer.kernel[...])
    found = get_maps(model, clips(), MASK)
    np.testing.assert_allclose(found["space"], 1 / 5, rtol=1e-6)
    np.testing.assert_allclose(found["time"][:, 0], 1 / 6, rtol=1e-6)
    # Of clip 1 the last two frames are padding.
    np.testing.assert_allclose(found["time"][:, 1, ..., :4], 1 / 4, rtol=1e-6)
    assert not found["time"][:, 1, ..., 4:].any()


def test_maps_leave_the_model_alone():
    """The model gives the same logits afterwards, and holds the same parameters."""
    model, video = fresh("divided"), clips()
    call = nnx.jit(lambda model, video: model(video))
    before, leaves = call(model, video), jax.tree.leaves(nnx.state(model))
    get_maps(model, video)
    np.testing.assert_array_equal(call(model, video), before)
    assert len(jax.tree.leaves(nnx.state(model))) == len(leaves)
