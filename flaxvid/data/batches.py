"""Batches of clips from a manifest: decoded in threads, in a fixed order, resumable.

A batch is a dict of NumPy arrays: `video` uint8 `batch time height width 3`, `mask` bool `batch
time` (False: a padded frame), `label` int32 `batch`, `weight` float32 `batch` (0: a row that
counts for nothing, there only to fill the batch or in place of a video that can't be read). Where a
video may have several labels, `label` is float32 `batch classes`, 1 for each that it has.
Order and content depend on the seed alone, never on the number of threads.
"""

import collections
import dataclasses
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import einops
import grain
import numpy as np
from jaxtyping import Int64, UInt8

from flaxvid import errors
from flaxvid.data import manifest as manifests
from flaxvid.data import packed
from flaxvid.data import processes as decoding
from flaxvid.video import decode, preprocess, selection, transform

Batch = dict[str, np.ndarray]


class Skipped:
    """The bad videos met so far, in the order they were met: path -> reason."""

    def __init__(self):
        self._reasons: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, error: decode.VideoError) -> None:
        """Notes a video that could not be read."""
        self.update({str(error.path): str(error)})

    def update(self, reasons: Mapping[str, str]) -> None:
        """Notes several: path -> reason."""
        with self._lock:
            self._reasons = dict(reasons) | self._reasons

    def reasons(self) -> dict[str, str]:
        """A copy: path -> why it was skipped."""
        with self._lock:
            return dict(self._reasons)

    def __reduce__(self):
        """Another process has a list of its own."""
        return Skipped, ()


@runtime_checkable
class Rows(Protocol):
    """How a row of a manifest becomes one row of a batch: of pixels below, or of embeddings."""

    manifest: manifests.Manifest
    skipped: Skipped

    def train_row(self, index: int, rng: np.random.Generator) -> Batch:
        """Row `index`, with what is random drawn from `rng`."""

    def test_row(self, index: int) -> Batch:
        """Row `index`, the same every time."""


@dataclasses.dataclass(frozen=True)
class VideoRows:
    """How a row of a manifest becomes one row of a batch of pixels."""

    manifest: manifests.Manifest
    preprocessing: preprocess.Preprocessing
    bad_videos: Literal["error", "skip"] = "error"
    skipped: Skipped = dataclasses.field(default_factory=Skipped)

    def train_row(self, index: int, rng: np.random.Generator) -> Batch:
        """One randomly chosen and randomly cropped clip of video `index`."""

        def choose(num_frames):
            return selection.train_indices(num_frames, self.preprocessing, rng)

        def cut(frames):
            return transform.train_clip(frames, self.preprocessing, rng)[None]

        return _only(self.clips(index, choose, cut))

    def test_row(self, index: int) -> Batch:
        """The middle clip of video `index`, cropped at the centre."""

        def choose(num_frames):
            return selection.test_indices(num_frames, self.preprocessing)

        def cut(frames):
            return transform.test_clips(frames, self.preprocessing)

        return _only(self.clips(index, choose, cut))

    def clips(
        self,
        index: int,
        choose: Callable[[int], Int64[np.ndarray, " frames"]],
        cut: Callable[[decode.Frames], UInt8[np.ndarray, "crops frames size size 3"]],
        count: int = 1,
    ) -> Batch:
        """`count` clips of video `index`, padded and masked, as rows of a batch.

        `choose` gives the frames wanted, those of one window after those of the one before, and
        `cut` as many crops of them as a window has. A video that can't be read gives rows of
        weight 0, if those are to be skipped.

        Raises:
            VideoError: if the video can't be read, and `bad_videos` is "error".
        """
        row = self.manifest.rows[index]
        settings = self.preprocessing
        label = np.repeat(self.manifest.target(row)[None], count, axis=0)
        path = self.manifest.path(row)
        read_clip = packed.read_clip if packed.is_address(path) else decode.read_clip
        try:
            frames = read_clip(path, choose, start=row.start, end=row.end)
        except decode.VideoError as error:
            if self.bad_videos == "error":
                raise
            self.skipped.add(error)
            shape = (count, settings.num_frames, settings.crop_size, settings.crop_size, 3)
            video, mask = np.zeros(shape, np.uint8), np.ones(shape[:2], bool)
            return {
                "video": video,
                "mask": mask,
                "label": label,
                "weight": np.zeros(count, np.float32),
            }
        crops = cut(frames)
        shots = einops.rearrange(crops, "c (w t) ... -> (w c) t ...", w=count // len(crops))
        padded = [selection.pad_clip(shot, settings) for shot in shots]
        video, mask = (_stacked(parts) for parts in zip(*padded, strict=True))
        return {"video": video, "mask": mask, "label": label, "weight": np.ones(count, np.float32)}


def _stacked(clips):
    """Several clips as one array; one alone is not copied, as the batch will do that."""
    return clips[0][None] if len(clips) == 1 else np.stack(clips)


def _only(clips):
    """The row of a batch that has one."""
    return {name: values[0] for name, values in clips.items()}


def train_batches(
    loader: Rows,
    batch_size: int,
    *,
    seed: int,
    threads: int = 2,
    workers: int = 0,
    clips_per_video: int = 1,
    process: int = 0,
    processes: int = 1,
) -> grain.DatasetIterator | decoding.FromProcesses:
    """Endless shuffled batches; every video once an epoch, or `clips_per_video` times.

    The iterator's `get_state()` and `set_state()` move it to the exact place, random crops
    included. Several processes share one order of clips: together their batches number k are
    the batch number k of a single process, each clip in exactly one of them.

    Args:
        loader: of the training videos.
        batch_size: clips of a batch, over all processes.
        seed: of the order, the choice of frames and the crops.
        threads: that decode.
        workers: processes that decode in the place of threads; 0 is none.
        clips_per_video: clips of every video in an epoch, at least 1.
        process: the number of this process, from 0.
        processes: how many there are.

    Raises:
        UserError: if an epoch has fewer clips than one batch, or the batch does not divide over
            the processes.
    """
    if clips_per_video < 1:
        raise errors.UserError(f"--clips-per-video {clips_per_video}: give 1 or more")
    rows = len(loader.manifest.rows)
    clips = rows * clips_per_video
    if clips < batch_size:
        raise errors.UserError(
            f"--batch-size {batch_size} is larger than the {clips} training videos of "
            f"{loader.manifest.root}: choose {clips} or less"
        )
    if batch_size % processes:
        raise errors.UserError(
            f"--batch-size {batch_size} does not divide over {processes} processes: "
            f"choose a multiple of {processes}"
        )
    numbers = grain.MapDataset.source(range(clips)).seed(seed).shuffle().repeat()
    dataset = numbers.map(lambda number: number % rows).random_map(loader.train_row)
    if processes > 1:
        dataset = dataset[process::processes]
    dataset = dataset.batch(batch_size // processes, drop_remainder=True)
    if workers:
        return decoding.FromProcesses(dataset, loader, workers)
    return iter(dataset.to_iter_dataset(_read_options(threads)))


class Prefetched:
    """Batches put on the device before they are asked for, while it still computes.

    The position is that of the batches handed out, whatever waits on the device.
    """

    def __init__(
        self,
        batches: grain.DatasetIterator | decoding.FromProcesses,
        put: Callable[[Batch], Any],
        *,
        ahead: int = 1,
    ):
        self._batches, self._put, self._ahead = batches, put, ahead
        self._waiting: collections.deque = collections.deque()
        self._position = batches.get_state()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while len(self._waiting) <= self._ahead:
            batch = self._put(next(self._batches))
            self._waiting.append((batch, self._batches.get_state()))
        batch, self._position = self._waiting.popleft()
        return batch

    def get_state(self) -> dict:
        """The position after the last batch handed out."""
        return self._position

    def set_state(self, state: dict) -> None:
        """Goes on from a position; what waits on the device is let go."""
        self._waiting.clear()
        self._batches.set_state(state)
        self._position = state

    def close(self) -> None:
        """Ends the threads or processes that decode."""
        self._waiting.clear()
        self._batches.close()


def test_batches(
    loader: Rows, batch_size: int, *, threads: int = 2, process: int = 0, processes: int = 1
) -> Iterator[Batch]:
    """Every row once, in the manifest's order; the last batch is filled with weight-0 rows.

    Several processes share each batch: the first has its first rows, and so on, and all have as
    many batches, so that a last one may hold nothing but filling.
    """
    rows, share = len(loader.manifest.rows), batch_size // processes
    mine = [row for row in range(rows) if row % batch_size // share == process]
    dataset = grain.MapDataset.source(mine or [0]).map(loader.test_row)
    dataset = dataset.batch(share, drop_remainder=False)
    found = iter(dataset.to_iter_dataset(_read_options(threads)))
    for number in range(math.ceil(rows / batch_size)):
        if batch := next(found, None):
            last = fill(batch, share)
        if not mine[number * share :]:
            last = last | {"weight": np.zeros_like(last["weight"])}
        yield last


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
