"""VideoPrism: the published sizes with an attentive head, and one for a laptop."""

import dataclasses

from flaxvid.models import videoprism
from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes

_Config, _VideoPrism = videoprism.VideoPrismConfig, videoprism.VideoPrism

HEAD = recipes.Recipe(
    batch_size=8, optimizer="adamw", learning_rate=1e-4, epochs=20.0, weight_decay=0.01
)
TINY = recipes.Recipe(steps=1600, learning_rate=1e-3, rate_factors=("(time|pos)_embed=10",))


def _pixels(num_frames):
    """Frames of 288 pixels, from 0 to 1."""
    shown = preprocessing.kinetics(num_frames, None, 288)
    return dataclasses.replace(shown, mean=(0.0,) * 3, std=(1.0,) * 3)


VIDEOPRISM = preset.Architecture(
    {
        "tiny": preset.Preset(_Config.tiny, _VideoPrism, preprocessing.motion(), TINY),
        "base": preset.Preset(_Config.base, _VideoPrism, _pixels(16), HEAD),
        "large": preset.Preset(_Config.large, _VideoPrism, _pixels(8), HEAD),
    }
)
