"""How long a check may take, counted on the processor: a busy machine makes no answer wrong."""

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Iterator

PATIENCE = 10  # times the limit that may pass on the clock, where a machine is busy
IDLE = 0.05  # of a processor: with less than this, nobody computes, and something is waited for


class TimeLimitError(BaseException):
    """Raised inside a call that takes too long; no `except Exception` of a learner catches it."""


@dataclasses.dataclass(frozen=True)
class Limit:
    """Seconds of a processor, from now on."""

    seconds: float
    clock: float = dataclasses.field(default_factory=time.monotonic)
    thread: float = dataclasses.field(default_factory=time.thread_time)
    process: float = dataclasses.field(default_factory=time.process_time)

    def passed(self) -> str:
        """What has taken too long, in words; empty: nothing yet.

        Counted is the time of this thread. What it waits for, as for compiled code or for a
        processor that others use, may take ten times that.
        """
        if time.thread_time() - self.thread >= self.seconds:
            return "too long, and was stopped: is there a loop that never ends?"
        waited = time.monotonic() - self.clock
        if waited < PATIENCE * self.seconds:
            return ""
        busy = time.process_time() - self.process
        return (
            f"{waited:.0f} s, of which {busy:.0f} s on a processor: is there a loop that never "
            "ends, or is this machine busy? Then try again, with more seconds"
        )

    def idle(self) -> str:
        """What has not even computed since the limit was set; empty: it has, or it is early."""
        waited = time.monotonic() - self.clock
        busy = time.process_time() - self.process
        if waited < self.seconds or busy >= IDLE * waited:
            return ""
        return f"{waited:.0f} s in which nothing was computed: does it wait for something?"


@contextlib.contextmanager
def enforced(limit: Limit) -> Iterator[None]:
    """Raises TimeLimitError inside once the limit has passed, in the main thread of a Unix."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    call = Limit(limit.seconds)

    def look(_signal, _frame):
        if told := limit.passed() or call.idle():
            raise TimeLimitError(told)

    before = signal.signal(signal.SIGALRM, look)
    # Again and again, for a loop whose own `except:` swallows the first error.
    every = min(1.0, max(0.01, limit.seconds / 10))
    outer = signal.setitimer(signal.ITIMER_REAL, 0.01 if limit.passed() else every, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, before)
