"""A model for Python: `flaxvid.create` and `flaxvid.load` give one."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from flaxvid import errors, stores
from flaxvid.prediction import clips, inputs, published
from flaxvid.recipes import zoo
from flaxvid.runs import model_folder, trained_model
from flaxvid.video import preprocess
from flaxvid.weights import pretrained

PathLike = str | os.PathLike[str]
Frames = np.ndarray  # whose type and shape are checked here, with a message


@dataclasses.dataclass(frozen=True)
class Model:
    """A network with its preprocessing and the names of its classes."""

    trained: trained_model.Trained
    """What the commands use: the settings, the step of the checkpoint, the compiled function."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return self.trained.settings.labels

    @property
    def preprocessing(self) -> preprocess.Preprocessing:
        """Which frames of a video the model sees, and how their pixels are prepared."""
        return self.trained.settings.preprocessing

    @property
    def model(self) -> nnx.Module:
        """The network itself: `model(inputs, mask) -> logits`, inputs normalised."""
        return self.trained.module

    def logits(self, batch: Mapping[str, Any]) -> Float[Array, "batch classes"]:
        """The logits of a batch of clips, not normalised to probabilities.

        Args:
            batch: `video`, uint8 RGB `batch time height width 3`, of the frames and the size in
                `preprocessing`; or `embedding`, float32 `batch time dim`, for a model over
                embeddings. `mask`, bool `batch time`, False where a frame is padding, may be left
                out: then all are real.

        Raises:
            UserError: for arrays of another type or shape.
        """
        return self.trained.logits(_checked(dict(batch), self.trained.settings))

    def predict(
        self, videos: PathLike | Frames | Sequence[PathLike | Frames]
    ) -> clips.Prediction | list[clips.Prediction]:
        """What is seen in a video: of each class, the probability, from the clip that tests use.

        Args:
            videos: a video file, or a folder of images in order; RGB frames, uint8
                `time height width 3`; a folder of videos; or a list of any of these.

        Returns:
            A `Prediction` for a single video, a list of them for a list or a folder of videos.

        Raises:
            UserError: for an array of another type or shape, or a folder without videos.
            VideoError: if a video can't be read.
        """
        settings = self.trained.settings
        if zoo.ARCHITECTURES[settings.arch].inputs == "embedding" and settings.embedding is None:
            raise errors.UserError(
                f"{settings.arch}: a fresh model over embeddings has no frame encoder; train it, "
                "or give `logits` embeddings"
            )
        if isinstance(videos, np.ndarray):
            return self._of_frames(videos)
        if isinstance(videos, (str, os.PathLike)):
            found = inputs.videos([stores.path(videos)])
            said = [one for one, _ in clips.whole_videos(self.trained, found)]
            return said if found != [stores.path(videos)] else said[0]
        if all(isinstance(one, (str, os.PathLike)) for one in videos):
            found = inputs.videos([stores.path(one) for one in videos])
            return [one for one, _ in clips.whole_videos(self.trained, found)] if found else []
        several = []
        for one in videos:
            said = self.predict(one)
            several += said if isinstance(said, list) else [said]
        return several

    def _of_frames(self, frames):
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
            raise errors.UserError(
                f"frames {frames.dtype}{list(frames.shape)}: give RGB frames of one video, uint8 "
                "`time height width 3`"
            )
        return clips.of_frames(self.trained, frames)


def create(
    arch: str,
    *,
    size: str = "tiny",
    num_classes: int | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    weights: PathLike | None = None,
    **overrides: Any,
) -> Model:
    """See `flaxvid.create`."""
    if labels is None and weights is not None:
        named = pretrained.labels_of(str(weights))
        if named is not None and num_classes in (None, len(named)):
            labels = named
    if labels is None:
        if num_classes is None or num_classes < 1:
            raise errors.UserError(f"num_classes is {num_classes}: give 1 or more, or labels")
        labels = tuple(f"class {index}" for index in range(num_classes))
    elif num_classes not in (None, len(labels)):
        raise errors.UserError(f"num_classes is {num_classes}, but there are {len(labels)} labels")
    config = zoo.configure(arch, size, num_classes=len(labels), **overrides)
    start = None if weights is None else str(weights)
    return Model(trained_model.fresh(arch, size, config, tuple(labels), seed=seed, weights=start))


def load(source: PathLike) -> Model:
    """See `flaxvid.load`."""
    if (stores.path(source) / "checkpoints").is_dir() or model_folder.is_one(str(source)):
        return Model(trained_model.open_best(str(source)))
    return Model(published.open_weights(str(source)))


def _checked(batch, settings):
    """The batch with a mask, after a look at its types and shapes."""
    shown = settings.preprocessing
    if "embedding" in batch and settings.embedding is not None:
        name, expected = "embedding", (settings.embedding.rows, settings.embedding.dim)
    elif zoo.ARCHITECTURES[settings.arch].inputs == "embedding" and settings.embedding is None:
        name, expected = "embedding", (shown.num_frames, settings.model.embedding_dim)
    else:
        name, expected = "video", (shown.num_frames, shown.crop_size, shown.crop_size, 3)
    if name not in batch:
        raise errors.UserError(f"the batch has {', '.join(batch) or 'nothing'}: it needs {name!r}")
    inputs_given = batch[name]
    kind = "uint8" if name == "video" else "float32"
    if tuple(inputs_given.shape[1:]) != expected or str(inputs_given.dtype) != kind:
        raise errors.UserError(
            f"{name} {inputs_given.dtype}{list(inputs_given.shape)}: this model takes "
            f"{kind}[batch, {', '.join(map(str, expected))}]"
        )
    if "mask" not in batch:
        batch["mask"] = np.ones(inputs_given.shape[:2], bool)
    return jax.tree.map(np.asarray, batch)
