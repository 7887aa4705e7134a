"""Rollout of a model that has learnt: does it land on what moves?"""

import jax
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.data import motion
from flaxvid.models import timesformer
from flaxvid.prediction import clips, explain
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, options, trained_model
from flaxvid.training import optimizer, step
from flaxvid.training import state as states
from flaxvid.video import preprocess, transform

FRAMES, SIZE, GRID, STEPS, BATCH = 4, 32, 4, 120, 16
SHOWN = preprocess.Preprocessing(num_frames=FRAMES, crop_size=SIZE, resize=SIZE)
TIMES = np.array([2, 6, 10, 14])  # of the 16 frames drawn


def drawn(seed):
    """A clip of a sprite that moves, as the model sees it, and its box: x, y, radius by frame."""
    video = motion.draw_clip("move_right", np.random.default_rng(seed))[TIMES]
    track = motion.draw_track("move_right", np.random.default_rng(seed))
    boxes = np.stack([track.x, track.y, track.radius], axis=-1)[TIMES]
    return transform.test_clips(video, SHOWN)[0], boxes


def sprites_by_colour(count, seed):
    """Clips, and whether the sprite in each is rather red, green or blue."""
    videos = np.stack([drawn([seed, index])[0] for index in range(count)])
    over_background = videos.mean(axis=(1, 2, 3)) - np.median(videos, axis=(1, 2, 3))
    return videos, over_background.argmax(axis=-1).astype(np.int32)


def fresh():
    """One block over 4 x 4 patches of 4 frames, for three classes."""
    small = dict(patch_size=8, dim=32, depth=1, num_heads=4, mlp_dim=64, init_std=0.2)
    shape = dict(num_classes=3, num_frames=FRAMES, image_size=SIZE, drop_path=0.0)
    settings = timesformer.TimeSformerConfig(**shape, **small)
    return timesformer.TimeSformer(settings, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def trained():
    """A TimeSformer that names the colour of what moves."""
    parts, inputs_of = states.split(fresh()), step.pixel_inputs(SHOWN)
    update = optimizer.create(recipes.Recipe(learning_rate=3e-3), STEPS, parts.params)
    state = states.create(parts, update, seed=0)
    train_step = jax.jit(step.make_train_step(parts, update, inputs_of), donate_argnums=0)
    videos, labels = sprites_by_colour(200, seed=0)
    rng, ones = np.random.default_rng(0), np.ones(BATCH, np.float32)
    for _ in range(STEPS):
        some = rng.integers(0, len(labels), BATCH)
        batch = {"video": videos[some], "mask": np.ones((BATCH, FRAMES), bool)}
        state, measured = train_step(state, batch | {"label": labels[some], "weight": ones})
    assert measured["accuracy"] > 0.8
    return trained_of("timesformer", states.merge(parts.eval_def, state.params, state.stats))


def trained_of(arch, module):
    settings = config.Settings(
        arch=arch,
        size="tiny",
        model=zoo.configure(arch, num_classes=3),
        preprocessing=SHOWN,
        data=options.Data(),
        recipe=recipes.Recipe(),
        run=options.Run(),
        labels=("red", "green", "blue"),
        manifest="",
    )
    return trained_model.Trained(settings, 0, 0, lambda batch: None, module)


def share_of_patches(boxes):
    """How much of each patch lies in the sprite's box, 0 to 1: `time row column`."""
    lows = motion.SIZE / GRID * np.arange(GRID)

    def overlap(centre, radius):
        ends = np.minimum(centre + radius, lows + motion.SIZE / GRID)
        return np.clip(ends - np.maximum(centre - radius, lows), 0, None) * GRID / motion.SIZE

    return np.stack([np.outer(overlap(y, r), overlap(x, r)) for x, y, r in boxes])


def shares_and_areas(trained):
    """Of attention and of the picture that lie in the sprite's box, for 30 new clips."""
    heat_of, found = explain.open_rollout(trained), []
    for index in range(30):
        video, boxes = drawn([1, index])
        heat = heat_of(clips.Clip(video, np.ones(FRAMES, bool)))
        assert heat.shape == (FRAMES, GRID, GRID)
        inside = share_of_patches(boxes)
        found.append(((heat * inside).sum() / heat.sum(), inside.mean()))
    return np.array(found).T


@pytest.mark.long
def test_attention_lands_on_the_sprite(trained):
    """Its box has over twice the share that chance gives it; before training, below 1.5 times."""
    shares, areas = shares_and_areas(trained)
    assert shares.mean() > 2 * areas.mean()
    assert np.all(shares > areas)
    shares, areas = shares_and_areas(trained_of("timesformer", fresh()))
    assert shares.mean() < 1.5 * areas.mean()


def test_padding_gets_none(trained):
    """Frames that the mask takes out have no heat."""
    video, _ = drawn([1, 0])
    heat = explain.open_rollout(trained)(clips.Clip(video, np.array([True, True, False, False])))
    assert heat[:2].min() > 0
    assert heat[2:].max() == 0


def test_models_without_maps_say_so():
    """One line with the architecture and what to take instead."""
    without = trained_of("c3d", nnx.Linear(1, 1, rngs=nnx.Rngs(0)))
    with pytest.raises(errors.UserError, match=r"--explain: c3d tiny has no attention maps"):
        explain.open_rollout(without)
