"""Models over embeddings on videos of one's own: real, and often few.

What a hand or a body does is told by a middle stage of the encoder, averaged in a grid so that
place is kept; standardised, and the scene apart from what changes in it.
"""

import dataclasses
import functools

from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes

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
