"""What a model says of videos: of each as a whole, or of one window of time after the other."""

import collections
import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from flaxvid import stores
from flaxvid.data import batches, manifest
from flaxvid.runs import trained_model
from flaxvid.training import metrics
from flaxvid.video import decode, preprocess, selection, times, transform

BATCH = 8  # clips that go through the model together
SLACK = 1e-3  # seconds: containers round to milliseconds, and no window is shorter


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The probability of every class, for a video or a window of it."""

    path: Path | None
    """None: frames were given, and no file."""
    start: float
    """Seconds from the beginning of the video."""
    end: float | None
    """Seconds; None: it is of the whole video."""
    probabilities: Float[np.ndarray, " classes"]
    labels: tuple[str, ...]
    """Names of the classes, in the order of `probabilities`."""
    thresholds: tuple[float, ...] | None = None
    """Above which a class is said, where a video may have several; None: it has one."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """That of the likeliest class, 0 to 1."""
        return float(self.probabilities.max())

    def top(self, number: int = 5) -> list[tuple[str, float]]:
        """The likeliest classes with their probabilities, the likeliest first."""
        best = np.argsort(-self.probabilities, kind="stable")[:number]
        return [(self.labels[index], float(self.probabilities[index])) for index in best]

    def said(self) -> list[tuple[str, float]]:
        """What is said of the video, with probabilities, the likeliest first: the likeliest class,
        or where there may be several, all above their thresholds, which may be none."""
        if self.thresholds is None:
            return self.top(1)
        limits = dict(zip(self.labels, self.thresholds, strict=True))
        return [(name, odds) for name, odds in self.top(len(self.labels)) if odds > limits[name]]


class Clip(NamedTuple):
    """What the model saw: frames of its own size, the last ones perhaps padding."""

    video: UInt8[np.ndarray, "time height width 3"]
    mask: Bool[np.ndarray, " time"]

    def real(self) -> UInt8[np.ndarray, "real_time height width 3"]:
        """The frames that are no padding."""
        return self.video[self.mask]


Said = tuple[Prediction, Clip]


def whole_videos(
    trained: trained_model.Trained,
    paths: Sequence[Path],
    *,
    skipped: batches.Skipped | None = None,
    threads: int = 2,
) -> Iterator[Said]:
    """A prediction for each video, by the clip that evaluation shows of it, in the order given.

    Args:
        trained: the model.
        paths: of video files, or folders of images.
        skipped: where bad videos are noted, which are then left out; None: they are errors.
        threads: that decode.

    Raises:
        VideoError: if a video can't be read, and there is nowhere to note it.
    """
    settings = trained.settings
    rows = tuple(
        manifest.Row(path=str(stores.absolute(path)), label=settings.labels[0], split="test")
        for path in paths
    )
    videos = manifest.Manifest(root=Path(), rows=rows, labels=settings.labels)
    noted = {} if skipped is None else dict(bad_videos="skip", skipped=skipped)
    loader = batches.VideoRows(videos, settings.preprocessing, **noted)
    left = iter(paths)
    size = min(BATCH, len(paths))
    for batch in batches.test_batches(loader, size, threads=threads):
        several = list(itertools.islice(left, size))
        named = [str(path) for path in several + several[-1:] * (size - len(several))]
        odds = probabilities(trained, batch["video"], batch["mask"], named)
        # The rows that fill the last batch stand after all paths.
        for path, row in zip(several, range(size), strict=False):
            if batch["weight"][row] > 0:
                clip = Clip(batch["video"][row], batch["mask"][row])
                yield prediction_of(trained, stores.path(path), 0.0, None, odds[row]), clip


def windows(
    trained: trained_model.Trained, path: Path, seconds: float, every: float
) -> Iterator[Said]:
    """A prediction for each window of a video, from one pass over it, however long it is.

    Windows are stretches of the file's own time, whatever its frame rate does: one shows frames
    that begin in it, or, where nothing moves, the frame on the screen. The last window ends with
    the video. A video shorter than a window is one by itself.

    Args:
        trained: the model.
        path: of a video file.
        seconds: that a window lasts, above 0.
        every: seconds from the start of one window to that of the next, above 0.

    Raises:
        VideoError: if the video can't be read, or states no times.
    """
    shown = trained.settings.preprocessing
    stretches = _read(path, shown, seconds, every)
    for several in _chunks(stretches, BATCH):
        clips = [Clip(*selection.pad_clip(frames, shown)) for _, frames in several]
        filled = clips + clips[-1:] * (BATCH - len(clips))
        video, mask = (np.stack(parts) for parts in zip(*filled, strict=True))
        odds = probabilities(trained, video, mask, [str(path)] * BATCH)
        for ((start, end), _), clip, row in zip(several, clips, odds, strict=False):
            yield prediction_of(trained, stores.path(path), start, end, row), clip


def of_frames(trained: trained_model.Trained, frames: decode.Frames) -> Prediction:
    """A prediction for the frames of one video, all of them, RGB."""
    shown = trained.settings.preprocessing
    chosen = frames[choose(len(frames), shown)]
    clip = Clip(*selection.pad_clip(transform.test_clips(chosen, shown)[0], shown))
    odds = probabilities(trained, clip.video[None], clip.mask[None])
    return prediction_of(trained, None, 0.0, None, odds[0])


def prediction_of(
    trained: trained_model.Trained,
    path: Path | None,
    start: float,
    end: float | None,
    odds: Float[np.ndarray, " classes"],
) -> Prediction:
    """The prediction that a model's probabilities are; see `Prediction`."""
    settings = trained.settings
    return Prediction(path, start, end, odds, settings.labels, settings.limits())


def probabilities(
    trained: trained_model.Trained,
    video: UInt8[np.ndarray, "batch time height width 3"],
    mask: Bool[np.ndarray, "batch time"],
    videos: Sequence[str] = (),
) -> Float[np.ndarray, "batch classes"]:
    """Of every class, as `metrics.probabilities` has them.

    Raises:
        UserError: if the logits are NaN or infinite, with that of `videos`, paths of each.
    """
    logits = np.asarray(trained.logits({"video": video, "mask": mask}))
    metrics.refuse_no_numbers(logits, videos)
    return metrics.probabilities(logits, trained.settings.data.multi_label)


def choose(
    num_frames: int, preprocessing: preprocess.Preprocessing
) -> Int64[np.ndarray, " samples"]:
    """The frames that testing shows the model, of a stretch of so many."""
    return selection.test_indices(num_frames, preprocessing)


def starts(duration: times.Seconds, length: times.Seconds, every: times.Seconds) -> list[float]:
    """Where windows of `length` seconds start, each `every` seconds; the last ends with the video.

    Args:
        duration: of the video, in seconds.
        length: of a window, above 0.
        every: from one to the next, above 0.
    """
    last = float(max(0, duration - length))
    count = math.ceil((last - SLACK) / every)
    return [*(float(number * every) for number in range(count)), last]


def mean(said: Sequence[Prediction]) -> Prediction:
    """Of a whole video, from its windows."""
    odds = np.mean([prediction.probabilities for prediction in said], axis=0)
    return dataclasses.replace(said[0], start=0.0, end=None, probabilities=odds)


def _plan(timeline, shown, seconds, every):
    """For each window, its first and last second, and the numbers of the frames chosen in it."""
    length, plan = min(seconds, timeline.end), []
    for start in starts(timeline.end, length, every):
        end = start + length
        upto = None if end > timeline.end - SLACK else end
        first, stop = times.between(timeline.seconds, start, upto)
        if first == stop:  # nothing moves: the frame that is shown
            first, stop = max(0, first - 1), max(1, first)
        chosen = first + timeline.evenly(first, stop, upto)[choose(stop - first, shown)]
        plan.append(((start, end), chosen))
    return plan


def _read(path, shown, seconds, every):
    """Each window's extent and frames, as soon as they are read; no more are kept than needed.

    If the file turns out damaged, the windows to come are planned anew.
    """
    kept, waiting, done, clock = {}, collections.deque(), -math.inf, None

    def plan(timeline):
        nonlocal clock
        clock = timeline.seconds
        kept.clear()
        waiting.clear()
        windows = _plan(timeline, shown, seconds, every)
        waiting.extend(window for window in windows if window[0][0] > done)
        return np.unique(np.concatenate([numbers for _, numbers in waiting] or [[]]).astype(int))

    for second, frame in decode.chosen_frames(path, plan, timed=True):
        kept[second] = transform.test_clips(frame[None], shown)[0, 0]
        while waiting and clock[waiting[0][1][-1]] <= second:
            (start, end), numbers = waiting.popleft()
            done = start
            yield (start, end), np.stack([kept[clock[number]] for number in numbers])
            needed = clock[waiting[0][1][0]] if waiting else second
            for passed in [time for time in kept if time < needed]:
                del kept[passed]


def _chunks(items: Iterable, size: int) -> Iterator[list]:
    items = iter(items)
    while several := list(itertools.islice(items, size)):
        yield several
