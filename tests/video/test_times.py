"""The seconds of frames: segments, rates and even choices, by hand."""

import numpy as np
import pytest

from flaxvid.video import times

EVEN = np.arange(10) / 25
UNEVEN = np.array([0.0, 0.1, 0.2, 0.3, 1.3, 2.3])


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        ([0, 40, 80], [0, 40, 80]),
        ([40, 120, 80, 200, 160], [40, 80, 120, 160, 200]),  # stored in the order of decoding
        ([None, None, None], [0, 40, 80]),
        ([0, None, 80], [0, 40, 80]),
        ([0, 40, 80, 40], [0, 40, 80, 120]),  # the last one falls back
        ([0, 40, 80, 80, 160], [0, 40, 80, 120, 160]),
        ([5000, 5040, 5080, 0, 40, 80], [5000, 5040, 5080, 5120, 5160, 5200]),  # joined
        ([0, 40, 80, 120, 80, 120, 160], [0, 40, 80, 120, 80, 120, 160]),
    ],
)
def test_mended(ticks, expected):
    """Sorted, filled in, or carried on; several that fall back a little stay as they are."""
    assert times.mended(ticks, 40).tolist() == expected


def test_guesses_are_mended():
    """Where FFmpeg guesses, frames that fall back go on a step after the one before."""
    assert times.mended([0, 40, 80, 40, 80, 120], 40, guessed=True).tolist() == [
        *(0, 40, 80, 120, 160, 200),
    ]


def test_even_slots_of_a_constant_rate():
    """At a constant rate every frame has its turn, and rounding to milliseconds is no change."""
    for seconds in (EVEN, np.round(np.arange(100) / 30, 3), np.arange(1.0), np.arange(2.0)):
        slots = times.evenly(seconds, float(seconds[-1]) + 0.04)
        assert slots.tolist() == list(range(len(seconds)))


def test_even_slots_of_an_uneven_rate():
    """Six slots of 0.55 s in 3.3 s: their middles are at 0.275, 0.825, 1.375, 1.925, ..."""
    assert times.evenly(UNEVEN, 3.3).tolist() == [2, 3, 4, 4, 5, 5]


@pytest.mark.parametrize(
    ("seconds", "start", "end", "expected"),
    [
        (EVEN, 0, None, (0, 10)),
        (EVEN, 0.2, 0.3, (5, 8)),
        (EVEN, 0.21, 0.22, (6, 6)),
        (EVEN, 3, 4, (10, 10)),
        (UNEVEN, 0.3, 2.3, (3, 5)),
        (np.round(np.arange(40) / 30, 3), 1 / 3, 2 / 3, (10, 20)),  # 0.333 is before 1 / 3
    ],
)
def test_between(seconds, start, end, expected):
    """The frames that begin in a segment; its end is excluded."""
    assert times.between(seconds, start, end) == expected


@pytest.mark.parametrize(
    ("seconds", "rate", "expected"),
    [
        (EVEN, 25, list(range(10))),
        (EVEN, 1000, list(range(10))),
        (EVEN, 10, [0, 3, 5, 8]),
        (UNEVEN, 5, [0, 2, 4, 5]),
        (np.round(np.arange(10) / 30, 3), 30, list(range(10))),
        (np.zeros(1), 1, [0]),
    ],
)
def test_at_rate(seconds, rate, expected):
    """The first frame at or after each multiple of 1 / rate, each once."""
    assert times.at_rate(seconds, rate).tolist() == expected


def test_a_part_ends_where_the_next_frame_begins():
    """Or at its own end, if nothing moves until long after it."""
    timeline = times.Timeline(np.arange(6), UNEVEN, 3.3)
    assert timeline.until(0, 3) == pytest.approx(0.3)
    assert timeline.until(0, 4, 0.5) == pytest.approx(0.5)
    assert timeline.until(3, 6) == pytest.approx(3.3)
