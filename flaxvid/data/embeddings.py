"""Embeddings of videos on disk: one array for all of them, and an index that says whose they are.

    FOLDER/embeddings.npy    videos x max_len x dim, float16 or float32; zeros after a video's end
    FOLDER/index.json        an entry for every video, in ActionBERT's format, with what they were
                             made of and with

The rows of the videos come first. After them come the augmented views of the training videos, if
there are any: a view has no split of its own, but belongs to its video, and with it to its split.
"""

import dataclasses
import functools
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, Int

from flaxvid import errors, files, range_checks, ranges, stores
from flaxvid.data import batches, manifest, manifest_file
from flaxvid.video import preprocess

ARRAY, INDEX = "embeddings.npy", "index.json"


class EmbeddingsError(errors.UserError):
    """Embeddings that are missing, damaged, or made of or with something else."""


@dataclasses.dataclass(frozen=True)
class About:
    """What embeddings are made of and with. Only those of equal `About` may stand together."""

    encoder: str
    """Name in `models.frame_encoders`."""
    weights: str = dataclasses.field(compare=False)
    """Where the encoder's weights came from; the next field identifies them."""
    sha256: str
    """SHA-256 of the weight file."""
    dim: Annotated[int, ranges.WIDTH]
    """Length of a frame's embedding."""
    preprocessing: preprocess.Preprocessing
    manifest: str
    """Fingerprint of the manifest."""
    dtype: Literal["float16", "float32"] = "float32"
    content: str = ""
    """Fingerprint of the videos' files (`contents.fingerprint`); empty in embeddings made before
    there was one."""
    stage: int | None = None
    """Of the encoder, whose maps were taken; None: its top."""
    grid: Annotated[int, ranges.between(1, 1000)] = 1
    """Cells along each side in which the maps were averaged."""
    views: Annotated[int, ranges.between(0, 1000)] = 0
    """Augmented views of each training video, beside the video as it is."""
    tokens: int = 0
    """Rows of a video's embedding, made of its whole clip; 0: one for each frame."""

    @property
    def rows(self) -> int:
        """Rows of a video's embedding at most: tokens of its clip, or frames."""
        return self.tokens or self.preprocessing.num_frames

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {"preprocessing": self.preprocessing.to_dict()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "About":
        """What `to_dict` wrote down."""
        preprocessing = preprocess.Preprocessing.from_dict(fields["preprocessing"])
        about = cls(**{**fields, "preprocessing": preprocessing})
        range_checks.check_kinds(about)
        range_checks.check_numbers(about)
        return about


@dataclasses.dataclass(frozen=True)
class Stored:
    """Embeddings on disk, opened: the array stays there until rows of it are taken."""

    folder: Path
    about: About
    manifest: manifest.Manifest
    """The videos, in the order of the array."""
    lengths: Int[np.ndarray, " videos"]
    """Real frames of each row of the array; 0: it could not be read."""
    array: Float[np.ndarray, "rows time dim"]
    """The videos, and after them the views."""
    skipped: Mapping[str, str]
    """Videos that could not be read, and why."""
    state: tuple[int, int] = (0, 0)
    """Of the array's file when it was opened: bytes, and nanoseconds of its last change."""

    def take(self, numbers: int | Int[np.ndarray, " taken"]) -> Float[np.ndarray, "..."]:
        """Rows of the array, as float32.

        Raises:
            EmbeddingsError: if its file has changed since it was opened. What has become shorter
                would end the process without a word.
        """
        if _state(self.folder) != self.state:
            raise EmbeddingsError(
                f"{self.folder}: {ARRAY} has changed while it was in use; begin again with --resume"
            )
        return self.array[numbers].astype(np.float32)

    def labelled_as(self, videos: manifest.Manifest) -> "Stored":
        """The same embeddings, with several labels a video if `videos` has them."""
        if not videos.multi_label:
            return self
        named = dataclasses.replace(self.manifest, labels=videos.labels, multi_label=True)
        return dataclasses.replace(self, manifest=named)

    def views_of(self, number: int) -> Int[np.ndarray, " views"]:
        """The rows of the array that are views of video `number`; none outside of training."""
        return self._views.get(number, np.zeros(0, np.int64))

    @functools.cached_property
    def _views(self):
        shown = view_rows(self.manifest, self.about.views)
        sources = np.array([source for source, _ in shown], np.int64)
        numbers = len(self.manifest.rows) + np.arange(len(shown))
        return {int(source): numbers[sources == source] for source in np.unique(sources)}


@dataclasses.dataclass(frozen=True)
class EmbeddingRows:
    """How a row of a split becomes one row of a batch, as `batches.VideoRows` does for pixels."""

    stored: Stored
    split: str
    skipped: batches.Skipped = dataclasses.field(default_factory=batches.Skipped)

    @functools.cached_property
    def manifest(self) -> manifest.Manifest:
        """The rows of the split."""
        return self.stored.manifest.split(self.split)

    @functools.cached_property
    def _numbers(self):
        """Where the rows of the split are in the array."""
        rows = self.stored.manifest.rows
        return [number for number, row in enumerate(rows) if row.split == self.split]

    def train_row(self, index: int, rng: np.random.Generator) -> batches.Batch:
        """Video `index` of the split: as it is, or one of its views, each as likely."""
        number = self._numbers[index]
        readable = [n for n in self.stored.views_of(number) if self.stored.lengths[n]]
        shown = [number, *readable]
        return self._row(index, int(shown[rng.integers(len(shown))]))

    def test_row(self, index: int) -> batches.Batch:
        """Video `index` of the split, as it is; one that could not be read has weight 0."""
        return self._row(index, self._numbers[index])

    def _row(self, index, number):
        length = int(self.stored.lengths[number])
        return {
            "embedding": self.stored.take(number),
            # All False would leave attention nothing to look at.
            "mask": np.arange(self.stored.array.shape[1]) < (length or 1),
            "label": self.stored.manifest.target(self.manifest.rows[index]),
            "weight": np.float32(length > 0),
        }


def view_rows(videos: manifest.Manifest, views: int) -> list[tuple[int, int]]:
    """The number of its video and its own number, for each row of the array that is a view."""
    return [
        (number, view)
        for number, row in enumerate(videos.rows)
        if row.split == "train"
        for view in range(views)
    ]


# ------------------------------------------------------------------ reading
def is_stored(folder: Path) -> bool:
    """Whether a path is a folder of embeddings."""
    return (Path(folder) / INDEX).exists() and (Path(folder) / ARRAY).exists()


def read(folder: Path) -> Stored:
    """Opens the embeddings in a folder.

    Raises:
        EmbeddingsError: if there are none, or the array is not the one that the index speaks of.
    """
    folder = Path(folder)
    if not is_stored(folder):
        raise EmbeddingsError(f"{folder}: holds no embeddings; make some with `prepare embeddings`")
    state = _state(folder)
    with errors.damage_in(folder / ARRAY, "make it again", EmbeddingsError):
        try:
            array = np.load(folder / ARRAY, mmap_mode="r", allow_pickle=False)
        except OSError as error:
            raise ValueError(error.strerror or error) from None
    with errors.damage_in(folder / INDEX, "make it again", EmbeddingsError):
        index = files.read_json(folder / INDEX)
        about, entries = About.from_dict(index["about"]), index["data"]
        videos = _manifest(index)
        lengths = np.asarray([entry["video_length"] for entry in entries], np.int64)
        skipped = {str(path): str(reason) for path, reason in index["skipped"].items()}
        expected = (*index["memmap_size"], about.dtype)
        if lengths.ndim != 1 or lengths.min() < 0 or lengths.max() > array.shape[1]:
            raise ValueError(f"a video_length of {lengths.max()}")
    rows = len(videos.rows) + len(view_rows(videos, about.views))
    if (*array.shape, array.dtype) != expected or not len(entries) == len(array) == rows:
        raise EmbeddingsError(
            f"{folder}: {ARRAY} is {array.dtype}{list(array.shape)}, and {INDEX} speaks of "
            f"{len(entries)} videos and {expected}; make it again"
        )
    _refuse_damage(folder, array, entries)
    return Stored(folder, about, videos, lengths, array, skipped, state)


def _state(folder):
    try:
        found = os.stat(folder / ARRAY)
    except OSError:
        return (0, 0)
    return found.st_size, found.st_mtime_ns


def _refuse_damage(folder, array, entries):
    """Compares every video's numbers with their checksum; older embeddings have none."""
    for row, entry in zip(array, entries, strict=True):
        if entry.get("crc32") not in (None, zlib.crc32(np.ascontiguousarray(row))):
            raise EmbeddingsError(
                f"{folder}: {ARRAY} is damaged at {entry['video_name']}: its checksum differs; "
                "make it again"
            )


def check(stored: Stored, expected: About) -> None:
    """Refuses embeddings that were made of, or with, anything but what is expected.

    Raises:
        EmbeddingsError: naming the first thing that differs.
    """
    refuse_difference(stored.folder, stored.about, expected)


def refuse_difference(folder: Path, found: About, expected: About) -> None:
    """As `check`, for a folder whose embeddings are not all made yet.

    Raises:
        EmbeddingsError: naming the first thing that differs.
    """
    left, right = found.to_dict(), expected.to_dict()
    left, right = left | left.pop("preprocessing"), right | right.pop("preprocessing")
    ignored = {"weights", *preprocess.TRAINING_ONLY}
    if not left["content"]:
        ignored.add("content")
    for name in left:
        if name not in ignored and left[name] != right[name]:
            was, wanted = (str(value)[:40] for value in (left[name], right[name]))
            raise EmbeddingsError(
                f"{folder}: was made with {name} {was}, and {wanted} is wanted; "
                "take another folder, or remove this one"
            )


def _manifest(index):
    fields, labels = ("split", "group", "start", "end"), tuple(map(str, index["labels"]))
    rows = tuple(
        manifest_file.read_row(
            INDEX,
            number,
            {"path": entry["video_name"], "label": labels[_place(entry["label_idx"], labels)]}
            | {name: entry[name] for name in fields},
        )
        for number, entry in enumerate(index["data"])
        if "view" not in entry
    )
    return manifest.Manifest(root=stores.path(index["root"]), rows=rows, labels=labels)


def _place(number, labels):
    """A negative one would be another class without a word."""
    if type(number) is not int or not 0 <= number < len(labels):
        raise ValueError(f"a label_idx of {number}, of {len(labels)} labels")
    return number
