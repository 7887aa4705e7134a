"""Embeddings made ready: standardised by the training videos, the scene apart, order in sight."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from flaxvid.models import embedding_inputs
from flaxvid.recipes import zoo

OVER_EMBEDDINGS = [n for n, entry in zoo.ARCHITECTURES.items() if entry.inputs == "embedding"]
LEARNT = [name for name in OVER_EMBEDDINGS if name != "linear"]
# A probe's tokens have seen their whole clip: it has no use for their order.
ORDERED = [name for name in OVER_EMBEDDINGS if name != "probe"]


def some(batch=3, time=5, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    embedding = 3 + 2 * rng.normal(size=(batch, time, dim)).astype(np.float32)
    return embedding, np.arange(time) < np.array([[5], [2], [3]])[:batch]


def prepared(center, standardise=False):
    embedding, mask = some()
    model = embedding_inputs.EmbeddingInputs(4, center, standardise, dropout=0.0)
    if standardise:
        found = embedding_inputs.statistics(embedding, mask, center)
        for name, values in found.items():
            getattr(model, name)[...] = jnp.asarray(values)
    return embedding, mask, *map(np.asarray, model(jnp.asarray(embedding), jnp.asarray(mask)))


# ------------------------------------------------------------------ by hand
def test_the_mean_of_the_real_frames_is_the_first_token():
    """Token 0 is the mean over real frames, real whatever the mask; the others are less it."""
    embedding, mask, tokens, seen = prepared("mean-token")
    assert tokens.shape == (3, 6, 4)
    for row in range(3):
        mean = embedding[row, mask[row]].mean(axis=0)
        np.testing.assert_allclose(tokens[row, 0], mean, atol=1e-5)
        np.testing.assert_allclose(tokens[row, 1:], embedding[row] - mean, atol=1e-5)
        assert seen[row].tolist() == [True, *mask[row]]


def test_only_centred_and_not_at_all():
    """`only` leaves the token out, `none` gives the frames as they are."""
    embedding, mask, tokens, seen = prepared("only")
    np.testing.assert_allclose(tokens[1], embedding[1] - embedding[1, :2].mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(seen, mask)
    embedding, mask, tokens, seen = prepared("none")
    np.testing.assert_array_equal(tokens, embedding)


@pytest.mark.parametrize("center", ["mean-token", "none"])
def test_standardised_numbers_have_the_size_of_one(center):
    """Over the real training frames each feature has mean 0 and deviation 1, tokens alike."""
    _, mask, tokens, _ = prepared(center, standardise=True)
    frames = tokens[:, -5:][mask]
    np.testing.assert_allclose(np.sqrt((frames**2).mean(axis=0)), 1, atol=1e-4)
    if center == "none":
        np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-4)
    else:
        np.testing.assert_allclose(tokens[:, 0].std(axis=0), 1, atol=1e-4)


def test_padding_says_nothing():
    """Whatever stands in the padding, real tokens and the statistics are the same."""
    embedding, mask = some()
    dirty = np.where(mask[..., None], embedding, np.float32(1e4))
    found = embedding_inputs.statistics(dirty, mask, "mean-token")
    for name, values in embedding_inputs.statistics(embedding, mask, "mean-token").items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    model = embedding_inputs.EmbeddingInputs(4, "mean-token", False, 0.0)
    clean, seen = model(jnp.asarray(embedding), jnp.asarray(mask))
    other, _ = model(jnp.asarray(dirty), jnp.asarray(mask))
    np.testing.assert_allclose(other[seen], clean[seen], atol=1e-4)


def test_a_feature_that_never_changes_is_not_blown_up():
    """Its scale is a tenth of the mean scale, and still embeddings keep theirs."""
    embedding, mask = some()
    embedding[..., 0] = 7
    found = embedding_inputs.statistics(embedding, mask, "mean-token")
    np.testing.assert_allclose(found["frame_scale"][0], 0.075 * found["frame_scale"][1:].mean())
    still = embedding_inputs.statistics(np.ones_like(embedding), mask, "mean-token")
    assert (still["frame_scale"] == 1).all()


def test_dropout_is_of_training_alone():
    """A share of the numbers is dropped when rngs are given."""
    model = embedding_inputs.EmbeddingInputs(4, "none", False, dropout=0.3)
    inputs = jnp.ones((50, 5, 4))
    dropped, _ = model(inputs, None, nnx.Rngs(dropout=0))
    assert float(jnp.mean(dropped == 0)) == pytest.approx(0.3, abs=0.05)
    assert (model(inputs)[0] == 1).all()


# ------------------------------------------------------------------ in the models
def own(name, dim=32, **fields):
    """A model as it starts on videos of one's own."""
    preset = zoo.find(name).own or zoo.find(name)
    config = preset.config(num_classes=2, num_frames=6, embedding_dim=dim, **fields)
    return preset.module(config, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("name", ORDERED)
def test_order_shows_before_the_first_step(name):
    """A fresh model gives frames backwards other logits, by a good part of what videos differ."""
    videos = jnp.asarray(np.random.default_rng(0).normal(size=(16, 6, 32)), jnp.float32)
    call = nnx.jit(lambda model, videos: model(videos, jnp.ones(videos.shape[:2], bool)))
    model = own(name)
    logits, backwards = call(model, videos), call(model, videos[:, ::-1])
    assert jnp.abs(backwards - logits).mean() > 0.1 * logits.std()


@pytest.mark.parametrize("name", OVER_EMBEDDINGS)
def test_padding_has_no_say_in_any_model(name):
    """Two frames of padding, whatever stands in them, leave the logits as they are."""
    videos = jnp.asarray(np.random.default_rng(0).normal(size=(3, 6, 32)), jnp.float32)
    mask = jnp.broadcast_to(jnp.arange(6) < 4, (3, 6))
    call = nnx.jit(lambda model, videos: model(videos, mask))
    model = own(name)
    other = jnp.where(mask[..., None], videos, 50.0)
    np.testing.assert_allclose(call(model, other), call(model, videos), atol=1e-4)


def test_wide_inputs_leave_the_gates_open():
    """A BiLSTM's gates start well inside the sigmoid, however wide the embeddings."""
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(8, 6, 1792)), jnp.float32)
    assert 0.2 < own("bilstm", 1792).forwards[0].from_input(inputs).std() < 0.5
    as_pytorch = own("bilstm", 1792, input_start="state")
    assert as_pytorch.forwards[0].from_input(inputs).std() > 2


def learnt(position_std, steps=40):
    """Accuracy on which of two events came first, after a few steps on 64 videos."""
    rng = np.random.default_rng(0)
    events = rng.normal(size=(2, 32))
    labels = np.arange(128) % 2
    videos = rng.normal(size=(128, 6, 32)) * 0.5
    for video, label in zip(videos, labels, strict=True):
        early, late = np.sort(rng.choice(6, 2, replace=False))
        video[early] += events[label]
        video[late] += events[1 - label]
    videos, labels = jnp.asarray(videos, jnp.float32), jnp.asarray(labels)
    model = own("embedding_transformer", position_std=position_std)
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    optimizer = optax.adam(2e-3)

    def loss_of(params):
        logits = nnx.merge(graph, params, rest)(videos[:64])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels[:64]).mean()

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss_of)(params), state)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def run(params):
        (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), None, steps)
        return nnx.merge(graph, params, rest)(videos[64:])

    return float(jnp.mean(run(params).argmax(axis=-1) == labels[64:]))


def test_which_came_first_is_learnt_in_forty_steps():
    """With positions at the size of the tokens; with ViT's small ones it is still a guess."""
    assert learnt(1.0) > 0.85
    assert learnt(0.02) < 0.75
