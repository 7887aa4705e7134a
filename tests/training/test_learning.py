"""Learning, for real and small: what tells a clip from its reverse is the order of its frames."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.data import motion
from flaxvid.models import timesformer, timesformer_schemes
from flaxvid.recipes import recipe as recipes
from flaxvid.training import optimizer, step
from flaxvid.training import state as states
from flaxvid.video import preprocess, transform

SIZE, FRAMES, STEPS, BATCH = 16, 8, 400, 32
PREPROCESSING = preprocess.Preprocessing(num_frames=FRAMES, crop_size=SIZE, resize=SIZE)


def lighten_and_darken(count, seed):
    """Clips of one pair: `count` as drawn and the same ones backwards."""
    videos, labels = [], []
    for index in range(count):
        clip = motion.draw_clip("lighten", np.random.default_rng([seed, index]))[::2]
        clip = transform.resize(clip, (SIZE, SIZE))
        videos += [clip, clip[::-1]]
        labels += [0, 1]
    return np.stack(videos), np.array(labels, np.int32)


def batch_of(videos, labels):
    ones = np.ones(len(labels), np.float32)
    mask = np.ones(videos.shape[:2], bool)
    return {"video": videos, "mask": mask, "label": labels, "weight": ones}


def model_of(attention):
    """A small model whose time branch is awake: the wait for that is not what is tested here."""
    small = dict(patch_size=8, dim=32, depth=1, num_heads=4, mlp_dim=64, init_std=0.2)
    shape = dict(num_classes=2, num_frames=FRAMES, image_size=SIZE, drop_path=0.0)
    settings = timesformer.TimeSformerConfig(**shape, **small, attention=attention)
    model = timesformer_schemes.create(settings, rngs=nnx.Rngs(0))
    if attention == "divided":
        normal = nnx.initializers.normal(1.0)
        model.time_embed[...] = normal(jax.random.key(1), model.time_embed.shape)
        for number, block in enumerate(model.blocks):
            kernel = block.temporal_fc.kernel
            kernel[...] = normal(jax.random.key(number), kernel.shape) / 6
    return states.split(model)


@pytest.fixture(scope="module")
def learnt():
    """A divided model after 400 steps on one pair: a function from videos to classes."""
    videos, labels = lighten_and_darken(300, seed=0)
    recipe = recipes.Recipe(steps=STEPS, learning_rate=3e-3)
    parts, inputs_of = model_of("divided"), step.pixel_inputs(PREPROCESSING)
    update = optimizer.create(recipe, STEPS, parts.params)
    state = states.create(parts, update, seed=0)
    train_step = jax.jit(step.make_train_step(parts, update, inputs_of), donate_argnums=0)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        chosen = rng.integers(0, len(labels), BATCH)
        state, _ = train_step(state, batch_of(videos[chosen], labels[chosen]))
    eval_step = jax.jit(step.make_eval_step(parts, inputs_of))

    def predict(videos):
        labels = np.zeros(len(videos), np.int32)
        return np.argmax(eval_step(state.params, state.stats, batch_of(videos, labels)), axis=-1)

    return predict


@pytest.mark.long
def test_divided_attention_learns_the_order(learnt):
    """New clips of the pair, forwards and backwards: at least 95% are told apart."""
    videos, labels = lighten_and_darken(100, seed=1)
    assert np.mean(learnt(videos) == labels) >= 0.95


def test_shuffled_frames_take_it_away(learnt):
    """The same frames in a random order: below 60%, where 50% is a guess."""
    videos, labels = lighten_and_darken(100, seed=1)
    rng = np.random.default_rng(2)
    orders = np.stack([rng.permutation(FRAMES) for _ in labels])
    shuffled = videos[np.arange(len(labels))[:, None], orders]
    assert np.mean(learnt(shuffled) == labels) < 0.6


def test_space_attention_can_never_tell():
    """Whatever its weights, a clip and its reverse get the same logits: right in half of them."""
    videos, labels = lighten_and_darken(20, seed=1)
    parts = model_of("space")
    eval_step = step.make_eval_step(parts, step.pixel_inputs(PREPROCESSING))
    logits = jax.jit(eval_step)(parts.params, parts.stats, batch_of(videos, labels))
    np.testing.assert_allclose(logits[0::2], logits[1::2], atol=1e-5)
    assert jnp.std(logits[0::2], axis=0).min() > 1e-3
