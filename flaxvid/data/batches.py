"""Batches of clips from a manifest: decoded in threads, in a fixed order, resumable.

A batch is a dict of NumPy arrays: `video` uint8 `batch time height width 3`, `mask` bool `batch
time` (False: a padded frame), `label` int32 `batch`, `weight` float32 `batch` (0: a row that
counts for nothing, there only to fill the batch or in place of a video that can't be read).
Order and content depend on the seed alone, never on the number of threads.
"""

import dataclasses
import threading
from collections.abc import Iterator
from typing import Literal

import grain
import numpy as np

from flaxvid import errors
from flaxvid.data import manifest as manifests
from flaxvid.video import decode, sample, transform

Batch = dict[str, np.ndarray]


class Skipped:
    """The bad videos met so far, in the order they were met: path -> reason."""

    def __init__(self):
        self._reasons: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, error: decode.VideoError) -> None:
        """Notes a video that could not be read."""
        with self._lock:
            self._reasons.setdefault(str(error.path), str(error))

    def reasons(self) -> dict[str, str]:
        """A copy: path -> why it was skipped."""
        with self._lock:
            return dict(self._reasons)


@dataclasses.dataclass(frozen=True)
class Loader:
    """How a row of a manifest becomes one row of a batch."""

    manifest: manifests.Manifest
    preprocessing: transform.Preprocessing
    bad_videos: Literal["error", "skip"] = "error"
    skipped: Skipped = dataclasses.field(default_factory=Skipped)

    def train_row(self, index: int, rng: np.random.Generator) -> Batch:
        """One randomly chosen and randomly cropped clip of video `index`."""

        def choose(num_frames):
            settings = self.preprocessing
            if settings.stride is None:
                return sample.random_segment_indices(num_frames, settings.num_frames, rng)
            return sample.random_window_indices(
                num_frames, settings.num_frames, settings.stride, rng
            )

        return self._row(
            index, choose, lambda clip: transform.train_clip(clip, self.preprocessing, rng)
        )

    def test_row(self, index: int) -> Batch:
        """The middle clip of video `index`, cropped at the centre."""

        def choose(num_frames):
            settings = self.preprocessing
            if settings.stride is None:
                return sample.uniform_indices(num_frames, settings.num_frames)
            views = sample.view_indices(num_frames, settings.num_frames, settings.stride, 1)
            return views[0]

        return self._row(
            index, choose, lambda clip: transform.test_clips(clip, self.preprocessing)[0]
        )

    def _row(self, index, choose, crop):
        row = self.manifest.rows[index]
        label = np.int32(self.manifest.label_index(row))
        settings = self.preprocessing
        try:
            frames = decode.read_clip(self.manifest.path(row), choose, start=row.start, end=row.end)
        except decode.VideoError as error:
            if self.bad_videos == "error":
                raise
            self.skipped.add(error)
            size = settings.crop_size
            video = np.zeros((settings.num_frames, size, size, 3), np.uint8)
            mask = np.ones(settings.num_frames, bool)
            return {"video": video, "mask": mask, "label": label, "weight": np.float32(0)}
        video, mask = sample.pad_clip(crop(frames), settings.num_frames)
        return {"video": video, "mask": mask, "label": label, "weight": np.float32(1)}


def train_batches(
    loader: Loader, batch_size: int, *, seed: int, threads: int = 2
) -> grain.DatasetIterator:
    """Endless shuffled batches; every video once an epoch.

    The iterator's `get_state()` and `set_state()` move it to the exact place, random crops
    included.

    Raises:
        UserError: if the manifest has fewer rows than one batch.
    """
    rows = len(loader.manifest.rows)
    if rows < batch_size:
        raise errors.UserError(
            f"--batch-size {batch_size} is larger than the {rows} training videos of "
            f"{loader.manifest.root}: choose {rows} or less"
        )
    dataset = (
        grain.MapDataset.source(range(rows))
        .seed(seed)
        .shuffle()
        .repeat()
        .random_map(loader.train_row)
        .batch(batch_size, drop_remainder=True)
    )
    return iter(dataset.to_iter_dataset(_read_options(threads)))


def test_batches(loader: Loader, batch_size: int, *, threads: int = 2) -> Iterator[Batch]:
    """Every row once, in the manifest's order; the last batch is filled with weight-0 rows."""
    dataset = grain.MapDataset.source(range(len(loader.manifest.rows))).map(loader.test_row)
    dataset = dataset.batch(batch_size, drop_remainder=False)
    for batch in dataset.to_iter_dataset(_read_options(threads)):
        yield fill(batch, batch_size)


def fill(batch: Batch, batch_size: int) -> Batch:
    """The batch with `batch_size` rows: copies of its last row, of weight 0, are added."""
    missing = batch_size - len(batch["label"])
    if missing == 0:
        return batch
    filled = {
        name: np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
        for name, values in batch.items()
    }
    filled["weight"][batch_size - missing :] = 0
    return filled


def _read_options(threads):
    return grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
