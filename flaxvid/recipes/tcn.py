"""Temporal convolutions over embeddings."""

from flaxvid.models import tcn
from flaxvid.recipes import own_videos, pixels, preset, sequences

TCN = preset.Architecture(
    inputs="embedding",
    sizes={
        "tiny": own_videos.of(
            preset.Preset(
                tcn.TCNConfig,
                tcn.TCN,
                pixels.frames(8, 112),
                sequences.TINY,
                batch_size=32,
                encoder="lite0",
            )
        )
    },
)
