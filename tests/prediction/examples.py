"""A model that can be seen through, and videos made for it."""

from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, options, trained_model
from flaxvid.video import preprocess, write

PREPROCESSING = preprocess.Preprocessing(num_frames=4, crop_size=8, resize=8)


def trained() -> trained_model.Trained:
    """Its logits for dark and bright are minus and plus the mean of the real frames, over 64."""

    def logits(batch):
        real = batch["mask"][:, :, None, None, None]
        mean = jnp.mean(jnp.asarray(batch["video"], jnp.float32), axis=(1, 2, 3, 4), where=real)
        return jnp.stack([-mean, mean], axis=1) / 64

    settings = config.Settings(
        arch="c3d",
        size="tiny",
        model=zoo.configure("c3d", num_classes=2),
        preprocessing=PREPROCESSING,
        data=options.Data(),
        recipe=recipes.Recipe(),
        run=options.Run(),
        labels=("dark", "bright"),
        manifest="",
    )
    return trained_model.Trained(settings, 0, 0, logits, nnx.Linear(1, 1, rngs=nnx.Rngs(0)))


def film_into(folder: Path) -> Callable[[str, int], Path]:
    """Writes a video at 10 frames a second whose frame i is all 4 * i, 16 by 24 pixels."""

    def make(name, num_frames):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = 4 * np.arange(num_frames, dtype=np.uint8)
        frames = np.broadcast_to(grey[:, None, None, None], (num_frames, 16, 24, 3))
        write.write_video(path, np.ascontiguousarray(frames), fps=10)
        return path

    return make
