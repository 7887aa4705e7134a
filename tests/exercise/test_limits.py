"""The time limit of a check: what ends it, and what a busy machine does not end."""

import re
import time

import pytest

from flaxvid.exercise import limits


@pytest.mark.parametrize(
    ("clock", "thread", "process", "told"),
    [
        (9, 9, 9, ""),
        (10, 10, 10, "too long, and was stopped: is there a loop that never ends?"),
        (40, 10, 10, "too long, and was stopped"),
        (40, 9, 9, ""),  # a busy machine gave this process a fourth of its time
        (40, 1, 9, ""),  # compiled code in other threads
        (11, 0, 0, "11 s in which nothing was computed: does it wait for something?"),
        (100, 1, 50, "100 s, of which 50 s on a processor: .* is this machine busy?"),
    ],
)
def test_what_counts_is_time_on_a_processor(clock, thread, process, told, monkeypatch):
    """Of 10 seconds; by the clock, by this thread, by all threads of the process."""
    limit = limits.Limit(10.0, clock=100.0, thread=100.0, process=100.0)
    passed = {"monotonic": clock, "thread_time": thread, "process_time": process}
    for name, seconds in passed.items():
        monkeypatch.setattr(time, name, lambda seconds=seconds: 100.0 + seconds)
    found = limit.passed() or limit.idle()
    monkeypatch.undo()
    assert re.match(told, found) if told else found == ""


def endless():
    while True:
        try:
            time.monotonic()
        except Exception:  # as a learner may write it
            continue


@pytest.mark.parametrize("call", [endless, lambda: time.sleep(60)])
def test_a_loop_and_a_sleep_are_ended(call):
    """Soon after the limit; and the timer of before is set again."""
    began = time.monotonic()
    with pytest.raises(limits.TimeLimitError), limits.enforced(limits.Limit(0.2)):
        call()
    assert time.monotonic() - began < 30
