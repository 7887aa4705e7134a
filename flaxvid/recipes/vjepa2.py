"""V-JEPA 2: the published sizes with their attentive head, and one for a laptop."""

import dataclasses

from flaxvid.models import vjepa2
from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes

_Config, _VJEPA2 = vjepa2.VJEPA2Config, vjepa2.VJEPA2

# As the authors judge it: the encoder stays as it is, and the head learns.
HEAD = recipes.Recipe(
    batch_size=8, optimizer="adamw", learning_rate=1e-4, epochs=20.0, weight_decay=0.01
)
TINY = recipes.Recipe(steps=1600, learning_rate=1e-3)
_PIXELS = dataclasses.replace(
    preprocessing.kinetics(64, None, 256), resize=292, **preprocessing.IMAGENET
)

VJEPA2 = preset.Architecture(
    {
        "tiny": preset.Preset(_Config.tiny, _VJEPA2, preprocessing.motion(), TINY),
        "large": preset.Preset(_Config.large, _VJEPA2, _PIXELS, HEAD),
        "huge": preset.Preset(_Config.huge, _VJEPA2, _PIXELS, HEAD),
        "giant": preset.Preset(_Config.giant, _VJEPA2, _PIXELS, HEAD),
    }
)
