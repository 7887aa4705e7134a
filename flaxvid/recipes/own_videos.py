"""Training on videos of one's own: real, and often few.

Over embeddings: what a hand or a body does is told by a middle stage of the encoder, averaged in a
grid so that place is kept; standardised, and the scene apart from what changes in it. From pixels:
frames of 112 pixels spread over the video, varied in colour and geometry, never mirrored, as left
and right may be what tells two classes apart.
"""

import dataclasses
import functools

from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes
from flaxvid.video import preprocess

RECIPE = recipes.Recipe(
    batch_size=32,
    epochs=10.0,
    least_steps=300,
    learning_rate=1e-3,
    weight_decay=0.05,
    label_smoothing=0.1,
    # The rate has come down by then; the best of ten on a few videos is so by luck.
    keep="last",
)
FROM_PIXELS = dataclasses.replace(RECIPE, batch_size=16, epochs=30.0, augment=2)
INPUTS = dict(center="mean-token", standardise=True, input_dropout=0.3)


def of(for_motion: preset.Preset, **model) -> preset.Preset:
    """The preset with another for one's own videos beside it; `model` are fields of its config."""
    # What is solved in closed form has no use for steps or views.
    learnt = not for_motion.recipe.freeze
    own = dataclasses.replace(
        for_motion,
        config=functools.partial(for_motion.config, **(INPUTS if learnt else {}) | model),
        preprocessing=preprocessing.frames(16, 112),
        recipe=RECIPE if learnt else for_motion.recipe,
        encoder_stage="middle",
        views=None if learnt else 0,
    )
    return dataclasses.replace(for_motion, own=own)


def pixels(num_frames: int, **changes) -> preprocess.Preprocessing:
    """Clips for a small model from pixels; `changes` are fields of the preprocessing."""
    spread = dict(num_frames=num_frames, crop_size=112, resize=112, jitter=(112, 128))
    return preprocess.Preprocessing(**spread | changes)
