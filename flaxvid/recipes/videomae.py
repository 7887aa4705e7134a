"""VideoMAE: the published sizes by the authors' fine-tuning, and one for a laptop."""

import dataclasses

from flaxvid.models import videomae
from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes

_Config, _VideoMAE = videomae.VideoMAEConfig, videomae.VideoMAE

# The authors' fine-tuning on Kinetics: AdamW 1e-3 on 512 clips a step, which is 1.6e-5 on 8.
AUTHORS = recipes.Recipe(
    batch_size=8,
    optimizer="adamw",
    learning_rate=1.6e-5,
    epochs=75.0,
    warmup=5 / 75,
    weight_decay=0.05,
    layer_decay=0.75,
    clip_norm=None,
    label_smoothing=0.1,
    mixup=0.8,
    cutmix=1.0,
    augment=4,
    magnitude=0.5,
)
TINY = recipes.Recipe(steps=1600, learning_rate=1e-3)
_PIXELS = dataclasses.replace(preprocessing.kinetics(16, 4, 224), **preprocessing.IMAGENET)

VIDEOMAE = preset.Architecture(
    {
        "tiny": preset.Preset(_Config.tiny, _VideoMAE, preprocessing.motion(), TINY),
        "small": preset.Preset(_Config.small, _VideoMAE, _PIXELS, AUTHORS),
        "base": preset.Preset(_Config.base, _VideoMAE, _PIXELS, AUTHORS),
        "large": preset.Preset(_Config.large, _VideoMAE, _PIXELS, AUTHORS),
    }
)
