"""The linear model over embeddings: nothing to learn step by step, as it is solved."""

from flaxvid.models import linear
from flaxvid.recipes import own_videos, preprocessing, preset
from flaxvid.recipes import recipe as recipes

LINEAR = preset.Architecture(
    inputs="embedding",
    sizes={
        "tiny": own_videos.of(
            preset.Preset(
                linear.LinearConfig,
                linear.Linear,
                preprocessing.frames(8, 112),
                recipes.Recipe(steps=1, batch_size=32, freeze=(".",), weight_decay=0.0),
                encoder="lite0",
            ),
        )
    },
)
