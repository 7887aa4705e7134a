"""Video action recognition in JAX and Flax, and the course that teaches it.

    import flaxvid

    model = flaxvid.load("runs/timesformer-tiny")        # or a weights file, or hf:owner/name
    said = model.predict("video.mp4")                    # or a list, a folder, an array
    print(said.label, said.probability, said.top(5))

    fresh = flaxvid.create("timesformer", size="base", num_classes=101)
    logits = fresh.logits({"video": clips, "mask": mask})

`create` and `load` give a `flaxvid.prediction.model.Model`. JAX is loaded when one of them is first
called. The same from a terminal: `python -m flaxvid.train --help`, and `predict`, `evaluate`,
`prepare`, `compare`, `export`, `demo`, `exercise`.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaxvid.prediction import model as models

__version__ = "0.1.0"
__all__ = ["create", "load"]

# OpenCV reads these once, when it is imported or first used. A bad file is reported by our own
# one-line error; without these, FFmpeg and OpenCV would print their own lines around it.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")


def create(
    arch: str,
    *,
    size: str = "tiny",
    num_classes: int | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    weights: str | os.PathLike[str] | None = None,
    **overrides: Any,
) -> "models.Model":
    """A model with random weights or published ones, and the preprocessing of its preset.

    Args:
        arch: an architecture, such as "timesformer" or "c3d"; see `--arch` of `flaxvid.train`.
        size: a preset of it: "tiny" for a laptop, "base" as published.
        num_classes: 1 or more; may be left out where `labels` are given.
        labels: names of the classes; None: "class 0", "class 1" and so on.
        seed: of the random weights.
        weights: to start from: a file, a folder or `hf:owner/name[@revision]`, as `--weights` of
            `flaxvid.train`; a head for other classes stays random. None: all are random.
        overrides: fields of the architecture's config, such as `num_frames=16` or `depth=4`.

    Raises:
        UserError: for an unknown architecture, size or field, or values that do not fit;
            WeightsError, one of them, for weights of another model.
    """
    from flaxvid.prediction import model

    return model.create(
        arch,
        size=size,
        num_classes=num_classes,
        labels=labels,
        seed=seed,
        weights=weights,
        **overrides,
    )


def load(source: str | os.PathLike[str]) -> "models.Model":
    """A trained model: the best checkpoint of a run, or weights from elsewhere.

    Args:
        source: a run directory that `flaxvid.train` left; a folder that `flaxvid.export --format
            flaxvid` made; or weights with a head, as a file or a folder. Folders may be on the hub,
            `hf:owner/name[@revision]`, and all of them in an object store, `s3://bucket/name`.

    Raises:
        UserError: if there is neither, or it can't be used; WeightsError, one of them, for weights.
    """
    from flaxvid.prediction import model

    return model.load(source)
