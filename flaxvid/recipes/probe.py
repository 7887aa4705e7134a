"""A probe over frozen features: `train --arch videomae --weights DIR --probe attention`."""

from flaxvid.models import probe
from flaxvid.recipes import preprocessing, preset
from flaxvid.recipes import recipe as recipes

RECIPE = recipes.Recipe(
    batch_size=32,
    epochs=20.0,
    least_steps=300,
    learning_rate=1e-3,
    weight_decay=0.01,
    label_smoothing=0.1,
    # The rate has come down by then; the best of several on few videos is so by luck.
    keep="last",
)

PROBE = preset.Architecture(
    inputs="embedding",
    sizes={
        "tiny": preset.Preset(
            probe.ProbeConfig,
            probe.Probe,
            preprocessing.frames(16, 224),
            RECIPE,
            encoder="lite0",
        ),
    },
)
