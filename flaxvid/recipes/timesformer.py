"""TimeSformer: the published sizes by the authors' training, and two others."""

from flaxvid.models import timesformer, timesformer_writeup
from flaxvid.recipes import pixels, preset
from flaxvid.recipes import recipe as recipes
from flaxvid.video import transform

_Config, _TimeSformer = timesformer.TimeSformerConfig, timesformer.TimeSformer

# The authors' training: SGD 0.005, x0.1 at epochs 11 and 14 of 15, decay 1e-4.
AUTHORS = recipes.Recipe(
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

TIMESFORMER = preset.Architecture(
    {
        "tiny": preset.Preset(_Config.tiny, _TimeSformer, pixels.motion(), TINY),
        "base": preset.Preset(
            _Config.base, _TimeSformer, pixels.kinetics(8, 32, 224), AUTHORS, batch_size=8
        ),
        "hr": preset.Preset(
            _Config.hr, _TimeSformer, pixels.kinetics(16, 16, 448), AUTHORS, batch_size=8
        ),
        "large": preset.Preset(
            _Config.large, _TimeSformer, pixels.kinetics(96, 4, 224), AUTHORS, batch_size=8
        ),
        "writeup": preset.Preset(
            timesformer_writeup.WriteupConfig,
            timesformer_writeup.WriteupTimeSformer,
            transform.Preprocessing(
                num_frames=8, crop_size=224, resize=(224, 224), mean=(0.0,) * 3, std=(1.0,) * 3
            ),
            recipes.Recipe(optimizer="adamw", learning_rate=1e-4, weight_decay=0.01),
            batch_size=8,
        ),
    }
)
