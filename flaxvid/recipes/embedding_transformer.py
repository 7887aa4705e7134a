"""The embedding Transformer: for a laptop, and as the write-up trains it."""

from flaxvid.models import embedding_transformer
from flaxvid.recipes import own_videos, preprocessing, preset
from flaxvid.recipes import recipe as recipes

_Config, _create = embedding_transformer.EmbeddingTransformerConfig, embedding_transformer.create

WRITEUP = recipes.Recipe(
    batch_size=32,
    optimizer="adam",
    learning_rate=1e-4,
    schedule="constant",
    weight_decay=0.0,
    clip_norm=None,
    epochs=50.0,
)

EMBEDDING_TRANSFORMER = preset.Architecture(
    inputs="embedding",
    sizes={
        "tiny": own_videos.of(
            preset.Preset(
                _Config.tiny,
                _create,
                preprocessing.frames(8, 112),
                recipes.Recipe(steps=2000, batch_size=32, learning_rate=5e-4),
                encoder="lite0",
            )
        ),
        "writeup": preset.Preset(
            _Config.writeup,
            _create,
            preprocessing.frames(20, 224),
            WRITEUP,
            encoder="densenet121",
        ),
        # The PyTorch notebook's: the same network and training on features of its own making.
        "writeup_pytorch": preset.Preset(
            _Config.writeup,
            _create,
            preprocessing.frames(20, 224),
            WRITEUP,
            encoder="densenet121_writeup",
        ),
    },
)
