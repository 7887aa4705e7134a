"""TimeSformer: the published sizes by the authors' training, and two others."""

import dataclasses

from flaxvid.models import timesformer, timesformer_schemes, timesformer_writeup
from flaxvid.recipes import own_videos, preprocessing, preset
from flaxvid.recipes import recipe as recipes
from flaxvid.video import preprocess

_Config, _TimeSformer = timesformer.TimeSformerConfig, timesformer_schemes.create

# The authors' training: SGD 0.005, x0.1 at epochs 11 and 14 of 15, decay 1e-4.
AUTHORS = recipes.Recipe(
    batch_size=8,
    optimizer="sgd",
    learning_rate=0.005,
    epochs=15.0,
    schedule="step",
    milestones=(11 / 15, 14 / 15),
    weight_decay=1e-4,
    clip_norm=None,
)
TINY = recipes.Recipe(
    steps=1600,
    learning_rate=1e-3,
    # Time embeddings start at zero, behind a layer that does too: at the common rate the model
    # takes half as long again to see that order matters.
    rate_factors=("(time|pos)_embed=10",),
)
# The notebook's own training: AdamW as it comes but for its rate, which stays where it is, on two
# clips of 8 frames one after the other. What is wrong with it: every weight moves by about 0.01 in
# each of AdamW's first steps, half the spread that its embeddings start with; there is no warm-up,
# the rate never falls and nothing bounds a step; two clips make a rough gradient; 8 frames of 25 a
# second are a third of a second. Its author broke off after a quarter of a percent of an epoch.
WRITEUP = recipes.Recipe(
    batch_size=2,
    optimizer="adamw",
    learning_rate=0.01,
    epochs=1.0,
    schedule="constant",
    weight_decay=0.01,
    clip_norm=None,
)
# The same network, trained with care: a hundredth of the rate, warmed up, falling, and bounded;
# four times as many clips in a step, each spread over its video.
STEADY = recipes.Recipe(batch_size=8, optimizer="adamw", learning_rate=1e-4, weight_decay=0.01)


def _squeezed(**changes):
    """8 frames, squeezed to 224 x 224 without a crop; pixels / 255 and nothing more."""
    whole = dict(num_frames=8, crop_size=224, resize=(224, 224), mean=(0.0,) * 3, std=(1.0,) * 3)
    return preprocess.Preprocessing(**whole | changes)


TIMESFORMER = preset.Architecture(
    {
        "tiny": preset.Preset(_Config.tiny, _TimeSformer, preprocessing.motion(), TINY),
        "small": preset.Preset(
            _Config.small,
            _TimeSformer,
            own_videos.pixels(8, center="clip"),
            dataclasses.replace(
                own_videos.FROM_PIXELS, learning_rate=5e-4, rate_factors=TINY.rate_factors
            ),
        ),
        "base": preset.Preset(
            _Config.base, _TimeSformer, preprocessing.kinetics(8, 32, 224), AUTHORS
        ),
        "hr": preset.Preset(_Config.hr, _TimeSformer, preprocessing.kinetics(16, 16, 448), AUTHORS),
        "large": preset.Preset(
            _Config.large, _TimeSformer, preprocessing.kinetics(96, 4, 224), AUTHORS
        ),
        "writeup": preset.Preset(
            timesformer_writeup.WriteupConfig,
            timesformer_writeup.WriteupTimeSformer,
            _squeezed(stride=1),
            WRITEUP,
        ),
        "writeup_steady": preset.Preset(
            timesformer_writeup.WriteupConfig,
            timesformer_writeup.WriteupTimeSformer,
            _squeezed(),
            STEADY,
        ),
    }
)
