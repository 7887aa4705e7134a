"""A frame encoder and a sequence model from pixels: for a laptop, and ActionBERT's sizes."""

import dataclasses

from flaxvid.models import end_to_end
from flaxvid.recipes import own_videos, preprocessing, preset, sequences
from flaxvid.recipes import recipe as recipes

# ActionBERT leaves training from pixels open: fewer clips a step, as their frames must fit too.
FROM_PIXELS = dataclasses.replace(sequences.ACTIONBERT, batch_size=16, epochs=30.0)
# What is behind the middle of Lite0 goes on learning, slowly. What is before it knows edges and
# textures from ImageNet, and to learn it anew takes most of a step, and most of the memory.
FINE_TUNED = dataclasses.replace(
    own_videos.FROM_PIXELS,
    freeze=("^encoder/(stem|blocks/([0-9]|10)/)",),
    rate_factors=("^encoder/=0.1",),
)
# Frames spread over the whole video, their pixels as ResNet18 knows them.
WHOLE_VIDEO = dataclasses.replace(preprocessing.kinetics(8, None, 224), **preprocessing.IMAGENET)


def _architecture(module, config, learning_rate):
    return preset.Architecture(
        {
            "tiny": preset.Preset(
                config,
                module,
                preprocessing.motion(),
                recipes.Recipe(steps=500, batch_size=32, learning_rate=learning_rate),
            ),
            "small": preset.Preset(
                config.small, module, own_videos.pixels(8, **preprocessing.IMAGENET), FINE_TUNED
            ),
            "base": preset.Preset(config.base, module, WHOLE_VIDEO, FROM_PIXELS),
        }
    )


CONV_LSTM = _architecture(end_to_end.conv_lstm, end_to_end.ConvLSTMConfig, 2e-3)
CONV_TRANSFORMER = _architecture(
    end_to_end.conv_transformer, end_to_end.ConvTransformerConfig, 1e-3
)
