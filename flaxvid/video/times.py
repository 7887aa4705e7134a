"""The seconds of frames: arithmetic only, no file opened.

A frame is shown from its own time until that of the next one. Where the rate varies, the number of
a frame says nothing of its time, so whatever is meant in seconds is looked up here: the frames of a
segment, frames at a rate, frames spread evenly over a stretch of time.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

Seconds = float | int
Times = Float64[np.ndarray, " frames"]

# Some containers round times to whole milliseconds: frame 10 of 30 a second is at 0.333 s.
ROUNDING = 0.0005
DUST = 1e-6
REORDERED = 16  # frames: as many as a decoder may hold back to put them in order
JUMP = 16  # usual steps: a clock that goes back by more was set anew


def mended(
    ticks: Sequence[int | None], step: int, *, guessed: bool = False
) -> Int64[np.ndarray, " frames"]:
    """The times of frames in the order they are shown.

    Times stored in the order of decoding are sorted. One that is missing, or falls back alone, is
    a step after the one before. A clock that was set back, as where two recordings were joined,
    goes on from there. Only where several frames fall back by a few, they stay as they are.

    Args:
        ticks: what the frames came with, in ticks of the container's clock; None: nothing.
        step: the usual time from frame to frame, in ticks, at least 1.
        guessed: times were guessed by FFmpeg, and those of any frame that falls back are wrong.
    """
    if None not in ticks:
        given = np.asarray(ticks, np.int64)
        ordered = np.sort(given)
        near = np.abs(ordered - given).max(initial=0) <= REORDERED * step
        if near and np.all(np.diff(ordered) > 0):
            return ordered
    found, added = [], 0
    for place, tick in enumerate(ticks):
        last = found[-1] if found else -step
        if tick is None:
            found.append(last + step)
            continue
        if found and last - (tick + added) > JUMP * step:
            added = last + step - tick
        time, after = tick + added, ticks[place + 1] if place + 1 < len(ticks) else None
        alone = guessed or after is None or after + added > last
        found.append(last + step if found and time <= last and alone else time)
    return np.asarray(found, np.int64)


def is_constant(seconds: Times) -> bool:
    """Whether every frame is within half a frame of where an even rate would have it."""
    if len(seconds) < 3:
        return True
    even = np.linspace(seconds[0], seconds[-1], len(seconds))
    return bool(np.abs(seconds - even).max() < (even[1] - even[0]) / 2)


def step(seconds: Times) -> float:
    """The average time from frame to frame, in seconds; 0 of a single frame."""
    return float(seconds[-1] - seconds[0]) / max(1, len(seconds) - 1)


def evenly(seconds: Times, end: Seconds) -> Int64[np.ndarray, " frames"]:
    """The frame shown in the middle of each of as many equal stretches of time as there are frames.

    At a constant rate these are frames 0, 1, 2, ... Where the rate varies, frames that stand long
    come several times and hurried ones are left out, so that a rule that chooses among them by
    number, as those in `sample` do, chooses evenly in time.

    Args:
        seconds: of the frames, at least one.
        end: when the last one is no longer shown, above its own time.
    """
    seconds, count = np.maximum.accumulate(seconds), len(seconds)
    if is_constant(seconds):
        return np.arange(count)
    middles = seconds[0] + (np.arange(count) + 0.5) * (end - seconds[0]) / count
    return np.searchsorted(seconds, middles, side="right") - 1


def between(seconds: Times, start: Seconds, end: Seconds | None) -> tuple[int, int]:
    """The first of the frames that begin from `start` on and before `end`, and the one after them.

    Segments that meet share no frame. The two numbers are equal if no frame begins there.
    """
    seconds = np.maximum.accumulate(seconds)
    first, stop = (
        len(seconds) if at is None else int(np.searchsorted(seconds, at - ROUNDING - DUST))
        for at in (start, end)
    )
    return first, max(first, stop)


def at_rate(seconds: Times, rate: Seconds) -> Int64[np.ndarray, " wanted"]:
    """The first frame at or after each multiple of `1 / rate` seconds, counted from the first one.

    A frame comes once at most: of a video with fewer frames a second, or where it stands still
    longer than `1 / rate`, there are fewer.
    """
    places = np.maximum.accumulate(seconds) - seconds[0]
    if is_constant(seconds):
        places = np.arange(len(seconds)) * step(seconds)
        rate = min(rate, 1 / step(seconds)) if len(seconds) > 1 else rate
    numbers = np.floor(places * rate + DUST + ROUNDING * rate * (not is_constant(seconds)))
    return np.flatnonzero(np.diff(numbers, prepend=-math.inf) > 0)


@dataclasses.dataclass(frozen=True)
class Timeline:
    """When the frames of a video are shown, in the order in which they are."""

    ticks: Int64[np.ndarray, " frames"]
    """On the container's clock."""
    seconds: Times
    """From the first frame of the file."""
    end: float
    """When the last frame is no longer shown, in seconds."""

    def until(self, first: int, stop: int, end: Seconds | None = None) -> float:
        """When the last of the frames from `first` to `stop - 1` is no longer shown, in seconds.

        That is when the next one begins, or at `end` if that is sooner.
        """
        seconds = self.seconds[first:stop]
        until = self.seconds[stop] if stop < len(self.seconds) else self.end
        if end is not None:
            until = min(until, max(end, seconds[-1] + step(seconds)))
        return max(float(until), float(seconds.max()) + DUST)

    def evenly(
        self, first: int, stop: int, end: Seconds | None = None
    ) -> Int64[np.ndarray, " frames"]:
        """`evenly` of the frames from `first` to `stop - 1`, counted from `first`."""
        return evenly(self.seconds[first:stop], self.until(first, stop, end))
