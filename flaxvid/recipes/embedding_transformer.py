"""The embedding Transformer: for a laptop, and as the write-up trains it."""

from flaxvid.models import embedding_transformer
from flaxvid.recipes import own_videos, pixels, preset
from flaxvid.recipes import recipe as recipes

_Config = embedding_transformer.EmbeddingTransformerConfig
_Model = embedding_transformer.EmbeddingTransformer

WRITEUP = recipes.Recipe(
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
                _Model,
                pixels.frames(8, 112),
                recipes.Recipe(steps=2000, learning_rate=5e-4),
                batch_size=32,
                encoder="lite0",
            )
        ),
        "writeup": preset.Preset(
            _Config.writeup,
            _Model,
            pixels.frames(20, 224),
            WRITEUP,
            batch_size=32,
            encoder="densenet121",
        ),
        # The PyTorch notebook's: the same network and training on features of its own making.
        "writeup_pytorch": preset.Preset(
            _Config.writeup,
            _Model,
            pixels.frames(20, 224),
            WRITEUP,
            batch_size=32,
            encoder="densenet121_writeup",
        ),
    },
)
