"""Temporal convolutions over embeddings."""

from flaxvid.models import tcn
from flaxvid.recipes import own_videos, preprocessing, preset, sequences

TCN = preset.Architecture(
    inputs="embedding",
    sizes={
        "tiny": own_videos.of(
            preset.Preset(
                tcn.TCNConfig,
                tcn.TCN,
                preprocessing.frames(8, 112),
                sequences.TINY,
                encoder="lite0",
            )
        )
    },
)
