"""ViViT: the published size by the authors' training, and one for a laptop."""

import dataclasses

from flaxvid.models import vivit
from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes

_Config, _ViViT = vivit.ViViTConfig, vivit.ViViT

# The authors' training on Kinetics: SGD 0.1 on 64 clips a step, which is 0.0125 on 8.
AUTHORS = recipes.Recipe(
    batch_size=8,
    optimizer="sgd",
    learning_rate=0.0125,
    epochs=30.0,
    warmup=2.5 / 30,
    weight_decay=0.0,
    clip_norm=1.0,
)
TINY = recipes.Recipe(steps=1600, learning_rate=1e-3, rate_factors=("pos_embed=10",))
# From -1 to 1, which is a mean and a standard deviation of a half.
_PIXELS = dataclasses.replace(
    preprocessing.kinetics(32, 2, 224), mean=(0.5,) * 3, std=(0.5,) * 3, resize=256
)

VIVIT = preset.Architecture(
    {
        "tiny": preset.Preset(_Config.tiny, _ViViT, preprocessing.motion(), TINY),
        "base": preset.Preset(_Config.base, _ViViT, _PIXELS, AUTHORS),
    }
)
