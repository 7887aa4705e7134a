"""TimeSformer's block and the model around it, against NumPy and the authors' implementation."""

import dataclasses
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost, timesformer
from flaxvid.weights import timesformer as weights
from tests.golden import regenerate
from tests.models import filled

block = pytest.mark.exercise("models.timesformer.Block")
whole = pytest.mark.exercise("models.timesformer.TimeSformer")

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "timesformer.npz")
CASE = "official divided 3 frames"
ABOUT = json.loads(str(GOLDEN["about"]))[CASE]
TIME, SPACE, DIM, HEADS, HIDDEN = 3, 4, 8, 2, 20
MASK = jnp.asarray([[True, True, True], [True, True, False]])
call = nnx.jit(lambda module, inputs, mask=None: module(inputs, mask))
train = nnx.jit(lambda module, inputs, key, mask=None: module(inputs, mask, nnx.Rngs(dropout=key)))
CONSTANT = nnx.initializers.constant(0.25)


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


# ------------------------------------------------------------------ the block
def block_of(**changes):
    """A fresh block."""
    settings = dict(rngs=nnx.Rngs(0)) | changes
    return timesformer.Block(DIM, HEADS, HIDDEN, TIME, **settings)


def awake_block(**changes):
    """A block full of random numbers, `temporal_fc` included."""
    return filled.random(lambda: block_of(**changes), spread=0.5)


def tokens_of(batch=2, seed=0):
    return normal(batch, 1 + TIME * SPACE, DIM, seed=seed)


def shapes_of(module):
    """The shape of every parameter, by its path."""
    flat = nnx.to_flat_state(nnx.state(module, nnx.Param))
    return {"/".join(map(str, path)): leaf.shape for path, leaf in flat}


def linear(inputs, outputs):
    return {"kernel": (inputs, outputs), "bias": (outputs,)}


def shapes_of_a_block(dim, hidden):
    norm, attn = {"scale": (dim,), "bias": (dim,)}, {"qkv": (dim, 3 * dim), "proj": (dim, dim)}
    named = dict.fromkeys(("temporal_norm1", "norm1", "norm2"), norm)
    for prefix in ("temporal_", ""):
        named |= {f"{prefix}attn/{name}": linear(*sizes) for name, sizes in attn.items()}
    named |= {"temporal_fc": linear(dim, dim)}
    named |= {"mlp/fc1": linear(dim, hidden), "mlp/fc2": linear(hidden, dim)}
    return {f"{name}/{leaf}": s for name, leaves in named.items() for leaf, s in leaves.items()}


def by_numpy(module, tokens, mask=None):
    """What a block gives, clip by clip, place by place, frame by frame."""
    values = jax.tree.map(np.float64, nnx.to_pure_dict(nnx.state(module, nnx.Param)))
    given = np.array(tokens, np.float64)
    for clip in range(len(given)):
        real = np.ones(TIME, bool) if mask is None else np.asarray(mask[clip])
        cls, patches = given[clip, 0], given[clip, 1:].reshape(TIME, SPACE, DIM)
        for place in range(SPACE):
            rows = normed(values["temporal_norm1"], patches[:, place])
            rows = attended(values["temporal_attn"], rows, real)
            patches[:, place] += dense(values["temporal_fc"], rows)
        copies = []
        for time in range(TIME):
            rows = np.concatenate([cls[None], patches[time]])
            rows = attended(values["attn"], normed(values["norm1"], rows))
            patches[time] += rows[1:]
            copies.append(rows[0])
        cls = cls + np.mean([copy for copy, there in zip(copies, real, strict=True) if there], 0)
        given[clip] = np.concatenate([cls[None], patches.reshape(-1, DIM)])
    hidden = dense(values["mlp"]["fc1"], normed(values["norm2"], given))
    hidden = hidden * (1 + np.vectorize(math.erf)(hidden / 2**0.5)) / 2
    return given + dense(values["mlp"]["fc2"], hidden)


def normed(values, rows):
    centred = rows - rows.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
    return scaled * values["scale"] + values["bias"]


def dense(values, rows):
    return rows @ values["kernel"] + values["bias"]


def attended(values, rows, real=True):
    query, key, value = np.split(dense(values["qkv"], rows), 3, axis=-1)
    out, width = np.zeros_like(rows), DIM // HEADS
    for head in range(HEADS):
        own = slice(head * width, (head + 1) * width)
        scores = np.exp(query[:, own] @ key[:, own].T / width**0.5) * real
        out[:, own] = scores / scores.sum(-1, keepdims=True) @ value[:, own]
    return dense(values["proj"], out)


@block
def test_block_has_the_published_names():
    """Three norms, two attentions, temporal_fc and an MLP, each with the shapes of its weights."""
    assert shapes_of(nnx.eval_shape(block_of)) == shapes_of_a_block(DIM, HIDDEN)


@block
def test_block_keeps_the_shape():
    """Two clips of a CLS token and 3 x 4 patches go in, and come out."""
    assert call(awake_block(), tokens_of()).shape == (2, 13, 8)


@block
def test_block_equals_a_loop():
    """Time, then space, then the MLP, as NumPy has them clip by clip and row by row."""
    layer, tokens = awake_block(), tokens_of()
    np.testing.assert_allclose(call(layer, tokens), by_numpy(layer, tokens), atol=2e-4)


@block
def test_block_with_a_padded_frame_equals_a_loop():
    """A padded frame is no key over time, and its copy of the CLS token is not in the mean."""
    layer, tokens = awake_block(), tokens_of()
    found, expected = call(layer, tokens, MASK), by_numpy(layer, tokens, MASK)
    real = np.ones(found.shape[:2], bool)
    real[1, 1 + 2 * SPACE :] = False  # what becomes of a padded frame itself means nothing
    found = np.where(real[:, :, None], found, expected)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@block
def test_block_masks_in_training_too():
    """With rngs, and nothing that is dropped, the mask hides what it hides without."""
    layer, tokens = awake_block(), tokens_of()
    learning = train(layer, tokens, jax.random.key(0), MASK)
    np.testing.assert_allclose(learning, call(layer, tokens, MASK), atol=1e-5)


def kernels_of(module):
    """The different numbers in every kernel, by its path."""
    flat = nnx.to_flat_state(nnx.state(module, nnx.Param))
    named = {"/".join(map(str, path)): leaf[...] for path, leaf in flat}
    return {path: np.unique(leaf).tolist() for path, leaf in named.items() if "kernel" in path}


def spans_of(module):
    """The smallest and the largest number in every kernel, by its path."""
    found = kernels_of(module).items()
    return {path: (round(numbers[0], 4), round(numbers[-1], 4)) for path, numbers in found}


@block
def test_block_starts_as_it_is_told():
    """temporal_fc starts at zero, so that no frame hears of another; the others as `init` says.

    Here with 0.25 everywhere: that is the smallest number and the largest.
    """
    found = spans_of(block_of(init=CONSTANT))
    assert found == {path: (0.0, 0.0) if "temporal_fc" in path else (0.25, 0.25) for path in found}


@block
def test_block_draws_its_start_from_rngs():
    """Another seed gives other kernels, in the attentions and in the MLP."""
    first, second = (kernels_of(block_of(rngs=nnx.Rngs(seed))) for seed in (0, 1))
    alike = [path for path in first if first[path] == second[path] and "temporal_fc" not in path]
    if alike:
        pytest.fail(f"the same with seeds 0 and 1: {', '.join(alike)}")


@block
def test_block_norms_are_those_of_layers():
    """Of tokens as small as 0.001 too: the epsilon is that of layers.layer_norm, 1e-6."""
    layer = block_of()
    found = {name: getattr(layer, name).epsilon for name in ("temporal_norm1", "norm1", "norm2")}
    assert found == dict.fromkeys(found, 1e-6)


def dtype_of(layer):
    """The type in which a layer computes, by its name; None: that of its inputs and weights."""
    return None if layer.dtype is None else jnp.dtype(layer.dtype).name


@block
def test_block_computes_in_its_dtype():
    """`dtype` goes to the norms, the attentions, temporal_fc and the MLP."""
    layer = nnx.eval_shape(lambda: block_of(dtype=jnp.bfloat16))
    norms = layer.temporal_norm1, layer.norm1, layer.norm2
    attentions = layer.temporal_attn, layer.attn
    linears = [linear for attn in attentions for linear in (attn.qkv, attn.proj)]
    linears += [layer.temporal_fc, layer.mlp.fc1, layer.mlp.fc2]
    assert [dtype_of(part) for part in (*norms, *linears)] == ["bfloat16"] * 10
    tokens = jax.ShapeDtypeStruct((2, 13, DIM), jnp.bfloat16)
    assert nnx.eval_shape(lambda layer, x: layer(x), layer, tokens).dtype == jnp.bfloat16


def rounded_in(module):
    """The paths of the parameters that are not float32."""
    flat = nnx.to_flat_state(nnx.state(module, nnx.Param))
    return ["/".join(map(str, path)) for path, leaf in flat if leaf.dtype != jnp.float32]


@block
def test_block_keeps_its_weights_in_float32():
    """`dtype` is the type of the arithmetic: in bfloat16 too, all weights are float32."""
    rounded = rounded_in(nnx.eval_shape(lambda: block_of(dtype=jnp.bfloat16)))
    if rounded:
        pytest.fail(f"kept in less than float32: {errors.some(rounded)}")


@block
def test_block_drops_before_temporal_fc():
    """At drop_path 1 all is dropped in training: what is left is the bias of temporal_fc."""
    layer, tokens = awake_block(drop_path=1.0), tokens_of()
    found = train(layer, tokens, jax.random.key(0))
    np.testing.assert_allclose(found[:, :1], tokens[:, :1], atol=1e-6)
    bias = layer.temporal_fc.bias[...]
    np.testing.assert_allclose(found[:, 1:], tokens[:, 1:] + bias[None, None], atol=1e-6)


@block
@pytest.mark.parametrize("branch", ["time", "space", "mlp"])
def test_block_drops_whole_rows(branch):
    """What is dropped are rows: over time a place in all frames, over space a frame, last a clip.

    What is kept counts twice at drop_path 0.5, and without rngs nothing is dropped.
    """
    layer, tokens = awake_block(drop_path=0.5), tokens_of(batch=8)
    ends = {"time": layer.temporal_fc, "space": layer.attn.proj, "mlp": layer.mlp.fc2}
    for name, end in ends.items():
        end.bias[...] = jnp.zeros(DIM)
        if name != branch:
            end.kernel[...] = jnp.zeros(end.kernel.shape)
    layer.temporal_attn.proj.bias[...] = jnp.zeros(DIM)
    added = call(layer, tokens) - tokens
    in_training = train(layer, tokens, jax.random.key(0)) - tokens
    rows = {
        "time": lambda a: a[:, 1:].reshape(8, TIME, SPACE, DIM).swapaxes(1, 2).reshape(32, -1),
        "space": lambda a: a[:, 1:].reshape(8 * TIME, -1),
        "mlp": lambda a: a.reshape(8, -1),
    }[branch]
    added, in_training = np.asarray(rows(added)), np.asarray(rows(in_training))
    gone = np.all(np.abs(in_training) < 1e-6, axis=1)
    assert 0 < gone.sum() < len(gone)
    if branch != "mlp" and all(len(set(clip)) == 1 for clip in gone.reshape(8, -1).tolist()):
        pytest.fail(f"over {branch} all rows of a clip are dropped or kept together")
    np.testing.assert_allclose(in_training[~gone], 2 * added[~gone], atol=1e-4)


@block
def test_block_draws_for_each_branch():
    """At 0.5, in 48 draws, time, space and MLP are each dropped without the others and with them.

    The three give one number each of a token: nothing but their last biases is left of them.
    """
    layer = awake_block(drop_path=0.5)
    for linear in (layer.temporal_attn.proj, layer.attn.proj, layer.mlp.fc2):
        linear.kernel[...] = jnp.zeros(linear.kernel.shape)
    layer.temporal_fc.kernel[...], layer.temporal_fc.bias[...] = jnp.eye(DIM), jnp.zeros(DIM)
    for number, last in enumerate((layer.temporal_attn.proj, layer.attn.proj, layer.mlp.fc2)):
        last.bias[...] = jnp.zeros(DIM).at[number].set(1.0)
    tokens, seen = tokens_of(batch=1), set()
    for key in range(48):
        added = train(layer, tokens, jax.random.key(key))[0, 1] - tokens[0, 1]
        seen.add(tuple(np.asarray(added[:3]) > 1.0))
    if len(seen) < 8:
        pytest.fail(
            f"of the 8 ways to keep or drop time, space and MLP {len(seen)} were seen: each has to "
            "be drawn by itself"
        )


@block
def test_block_can_learn_all():
    """A gradient reaches every weight of an awake block."""
    graphdef, params = nnx.split(awake_block())
    target = tokens_of(seed=1)

    def loss(params):
        return jnp.sum((nnx.merge(graphdef, params)(tokens_of(), MASK) - target) ** 2)

    for path, leaf in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert jnp.abs(leaf).max() > 0, jax.tree_util.keystr(path)


@block
def test_block_looks_through_its_own_attentions():
    """Time through temporal_attn, in rows of frames; space through attn, in rows of 1 + places."""
    layer, seen = awake_block(), {}

    def watched(name, own):
        def attend(rows, *given, **more):
            seen[name] = rows.shape
            return own(rows, *given, **more)

        return attend

    for name in ("temporal_attn", "attn"):
        setattr(layer, name, watched(name, getattr(layer, name)))
    nnx.eval_shape(lambda: layer(tokens_of()))
    assert seen == {"temporal_attn": (2 * SPACE, TIME, DIM), "attn": (2 * TIME, 1 + SPACE, DIM)}


# ------------------------------------------------------------------ the model
CONFIG = dict(num_classes=5, num_frames=3, image_size=12, patch_size=6, dim=8, depth=2)
CONFIG |= dict(num_heads=2, mlp_dim=20)


def config_of(**changes):
    return timesformer.TimeSformerConfig(**CONFIG | changes)


def model_of(**changes):
    """A fresh model."""
    return timesformer.TimeSformer(config_of(**changes), rngs=nnx.Rngs(0))


def awake(**changes):
    """A model full of random numbers."""
    return filled.random(lambda: model_of(**{"depth": 1} | changes), spread=0.4)


VIDEO = normal(2, 3, 12, 12, 3, seed=5)


@whole
def test_model_has_the_published_names():
    """Embeddings, blocks, norm and head, each with the shapes of its weights."""
    expected = {"patch_embed/kernel": (108, 8), "patch_embed/bias": (8,)}
    expected |= {"cls_token": (1, 1, 8), "pos_embed": (1, 5, 8), "time_embed": (1, 3, 8)}
    for number in range(2):
        own = shapes_of_a_block(8, 20).items()
        expected |= {f"blocks/{number}/{name}": shape for name, shape in own}
    expected |= {"norm/scale": (8,), "norm/bias": (8,), "head/kernel": (8, 5), "head/bias": (5,)}
    assert shapes_of(nnx.eval_shape(model_of)) == expected


@whole
def test_parameters_of_the_published_model():
    """At the published size, 400 classes, they are 121,566,352, to the digit."""
    config = timesformer.TimeSformerConfig.base(num_classes=400)
    model = cost.abstract_model(lambda: timesformer.TimeSformer(config, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 121_566_352


@whole
def test_model_says_what_it_is_made_of():
    """`config` is the config that it was made from."""
    assert nnx.eval_shape(model_of).config == config_of()


@whole
def test_embed_equals_a_loop():
    """The CLS token with position 0; token 1 + 4 t + s is place s of frame t, with both sums."""
    model = awake()
    found = np.asarray(nnx.jit(lambda model, video: model.embed(video))(model, VIDEO))
    values = jax.tree.map(np.float64, nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    places, times = values["pos_embed"][0], values["time_embed"][0]
    for clip in range(2):
        np.testing.assert_allclose(found[clip, 0], values["cls_token"][0, 0] + places[0], atol=1e-5)
        for t, s in np.ndindex(3, 4):
            row, column = 6 * (s // 2), 6 * (s % 2)
            square = np.asarray(VIDEO[clip, t, row : row + 6, column : column + 6]).ravel()
            token = dense(values["patch_embed"], square) + places[1 + s] + times[t]
            np.testing.assert_allclose(found[clip, 1 + 4 * t + s], token, atol=1e-4)


@whole
def test_logits_are_those_of_the_authors():
    """With the same weights as the authors' implementation in PyTorch, the same logits."""
    config = timesformer.TimeSformerConfig(**ABOUT["config"])
    model = nnx.eval_shape(lambda: timesformer.TimeSformer(config, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(model)
    arrays = {name: regenerate.weight(name, tuple(s)) for name, s in ABOUT["shapes"].items()}
    params, _ = weights.load(arrays, nnx.to_pure_dict(params))
    model = nnx.merge(graphdef, params)
    video = jnp.asarray(regenerate.inputs(CASE, (2, 3, 24, 24, 3)) / 8)
    np.testing.assert_allclose(call(model, video), GOLDEN[f"{CASE}/logits"], atol=5e-5)


@whole
def test_padded_frames_are_ignored_in_training_too():
    """With rngs, and nothing that is dropped, the logits are those without."""
    model = awake(drop_path=0.0)
    learning = train(model, VIDEO, jax.random.key(0), MASK)
    np.testing.assert_allclose(learning, call(model, VIDEO, MASK), atol=1e-4)


@whole
def test_padded_frames_are_ignored():
    """What stands in a frame whose mask is False changes no logit, and no other frame's tokens."""
    model, changed = awake(depth=3), VIDEO.at[1, 2].set(7.0)
    np.testing.assert_allclose(call(model, VIDEO, MASK), call(model, changed, MASK), atol=1e-4)
    assert jnp.abs(call(model, VIDEO) - call(model, changed)).max() > 1e-2
    tokens = nnx.jit(lambda model, video: model.tokens(video, MASK))
    before, after = tokens(model, VIDEO)[1, :2], tokens(model, changed)[1, :2]
    np.testing.assert_allclose(before, after, atol=1e-4)


@whole
def test_tokens_are_the_patches_behind_the_norm():
    """After all blocks and the norm, frame by frame and place by place, without the CLS token."""
    model = awake()

    @nnx.jit
    def both(model):
        tokens = model.embed(VIDEO)
        for one in model.blocks:
            tokens = one(tokens, MASK)
        return model.tokens(VIDEO, MASK), tokens

    found, tokens = both(model)
    values = jax.tree.map(np.asarray, nnx.to_pure_dict(nnx.state(model.norm, nnx.Param)))
    expected = normed(values, np.asarray(tokens)[:, 1:]).reshape(2, 3, 4, 8)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@dataclasses.dataclass(frozen=True)
class Constant(timesformer.TimeSformerConfig):
    def initializer(self):
        return CONSTANT


@whole
def test_model_starts_as_the_config_says():
    """`config.initializer()` makes embeddings, blocks and head; time embeddings are zero."""
    model = timesformer.TimeSformer(Constant(**CONFIG), rngs=nnx.Rngs(0))
    found = spans_of(model)
    del found["patch_embed/kernel"]
    assert found == {path: (0.0, 0.0) if "temporal_fc" in path else (0.25, 0.25) for path in found}
    assert (model.cls_token[...] == 0.25).all()
    assert (model.pos_embed[...] == 0.25).all()
    assert not jnp.any(model.time_embed[...])


@whole
def test_patch_embed_starts_as_layers_of_flax_do():
    """Not as `config.initializer()` says, but with a deviation of 1 / sqrt(108) = 0.096, as a patch
    has 108 numbers."""
    kernel = np.asarray(model_of().patch_embed.kernel[...])
    np.testing.assert_allclose(np.std(kernel), 108**-0.5, rtol=0.15)


@whole
def test_every_layer_draws_its_own_start_from_rngs():
    """Another seed gives other embeddings and other kernels; no two blocks have the same."""
    first, second = (
        kernels_of(timesformer.TimeSformer(config_of(), rngs=nnx.Rngs(seed))) for seed in (0, 1)
    )
    alike = [path for path in first if first[path] == second[path] and "temporal_fc" not in path]
    if alike:
        pytest.fail(f"the same with seeds 0 and 1: {', '.join(alike)}")
    alike = [
        path
        for path in first
        if path.startswith("blocks/0/")
        and first[path] == first[path.replace("blocks/0/", "blocks/1/")]
        and "temporal_fc" not in path
    ]
    if alike:
        pytest.fail(f"the same in blocks 0 and 1: {', '.join(alike)}")


@whole
def test_each_block_draws_for_itself_in_training():
    """No two blocks get the same key to drop with."""
    model, keys = model_of(drop_path=0.5), []

    class Noting(nnx.Module):
        def __call__(self, tokens, mask=None, rngs=None):
            keys.append(jax.random.key_data(rngs.dropout()).tolist())
            return tokens

    model.blocks = nnx.List([Noting(), Noting()])
    model(VIDEO, None, nnx.Rngs(dropout=0))
    if keys[0] == keys[1]:
        pytest.fail(f"both blocks drop the same rows, by the key {keys[0]}")


@whole
def test_stochastic_depth_grows_evenly():
    """From 0 in the first of three blocks to `drop_path` in the last."""
    model = nnx.eval_shape(lambda: model_of(depth=3, drop_path=0.3))
    assert [round(one.drop_path.rate, 6) for one in model.blocks] == [0.0, 0.15, 0.3]


@whole
def test_stochastic_depth_acts_in_training():
    """With rngs, the logits and the tokens hang on them."""
    model = awake(drop_path=0.5, depth=2)

    @nnx.jit
    def both(model, key):
        rngs = [nnx.Rngs(dropout=key) for _ in range(2)]
        return model(VIDEO, None, rngs[0]), model.tokens(VIDEO, None, rngs[1])

    first, second = (both(model, jax.random.key(seed)) for seed in (0, 3))
    for place in (0, 1):
        assert jnp.abs(first[place] - second[place]).max() > 1e-3


@whole
def test_weights_are_kept_in_float32():
    """`config.dtype` is the type of the arithmetic: in bfloat16 too, all weights are float32."""
    rounded = rounded_in(nnx.eval_shape(lambda: model_of(dtype="bfloat16")))
    if rounded:
        pytest.fail(f"kept in less than float32: {errors.some(rounded)}")


@whole
def test_arithmetic_is_in_the_dtype_of_the_config():
    """bfloat16 up to the last block; norm, head, logits and features are float32."""
    model = nnx.eval_shape(lambda: model_of(dtype="bfloat16"))
    early = model.patch_embed, model.blocks[0].attn.qkv, model.blocks[1].mlp.fc2
    assert [dtype_of(part) for part in early] == ["bfloat16"] * 3
    assert "bfloat16" not in (dtype_of(model.norm), dtype_of(model.head))
    assert nnx.eval_shape(lambda m: m.embed(VIDEO), model).dtype == jnp.bfloat16
    assert nnx.eval_shape(lambda m: m(VIDEO), model).dtype == jnp.float32
    assert nnx.eval_shape(lambda m: m.tokens(VIDEO), model).dtype == jnp.float32


class Given(nnx.Module):
    """In place of a block: it gives these tokens, whatever it gets."""

    def __init__(self, tokens):
        self.tokens = nnx.data(tokens)

    def __call__(self, tokens, *given, **more):
        return self.tokens


@whole
def test_norm_and_head_are_not_rounded():
    """With `dtype` bfloat16 the norm and the head compute in float32, and nothing between them is
    rounded."""
    model = awake(dtype="bfloat16")
    tokens = jnp.asarray(np.random.default_rng(0).normal(size=(2, 13, 8)), jnp.bfloat16)
    model.blocks = nnx.List([Given(tokens)])
    logits, features = nnx.jit(lambda m: (m(VIDEO), m.tokens(VIDEO)))(model)
    tokens = np.float64(tokens)
    values = jax.tree.map(np.float64, nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    expected = normed(values["norm"], tokens)
    np.testing.assert_allclose(logits, dense(values["head"], expected[:, 0]), atol=1e-4)
    np.testing.assert_allclose(features, expected[:, 1:].reshape(2, 3, 4, 8), atol=1e-4)


@whole
@pytest.mark.parametrize("shape", [(2, 4, 12, 12, 3), (2, 3, 18, 18, 3)])
@pytest.mark.parametrize("give", ["__call__", "tokens"])
def test_another_clip_is_refused(shape, give):
    """A clip of 4 frames, or of 18 pixels, is a UserError, whatever it says."""
    model = nnx.eval_shape(model_of)
    with pytest.raises(errors.UserError):
        nnx.eval_shape(lambda m: getattr(m, give)(jnp.zeros(shape)), model)


@whole
@pytest.mark.parametrize("scheme", ["joint", "axial"])
def test_another_attention_is_refused(scheme):
    """Other schemes have other blocks: this model does not pass for one of theirs."""
    with pytest.raises(errors.UserError):
        nnx.eval_shape(lambda: model_of(attention=scheme))
