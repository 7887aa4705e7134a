"""How a run looks while it runs: a bar in a terminal or notebook, plain lines in a log file."""

import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import TqdmWarning

with warnings.catch_warnings():  # without ipywidgets a notebook has a bar of text, which will do
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

Item = TypeVar("Item")


def _live() -> bool:
    """Whether someone looks on: a terminal or a notebook, and not a log file."""
    ipython = sys.modules.get("IPython")
    return sys.stderr.isatty() or (ipython is not None and ipython.get_ipython() is not None)


def track(items: Iterable[Item], total: int, what: str, unit: str) -> Iterator[Item]:
    """The items, with a bar of how many have come; in a log file, one line before and after."""
    if _live():
        yield from tqdm(items, total=total, desc=what, unit=unit, dynamic_ncols=True)
        return
    began = time.monotonic()
    print(f"{what}: {total} {unit}{'' if total == 1 else 's'}", file=sys.stderr, flush=True)
    yield from items
    print(f"{what}: done in {duration(time.monotonic() - began)}", file=sys.stderr, flush=True)


class Progress:
    """Steps done, loss, accuracy, clips per second and time left; use it as a context manager."""

    def __init__(
        self,
        start: int,
        total: int,
        *,
        seconds_between_lines: float = 15.0,
        silent: bool = False,
    ):
        self._start, self._total, self._silent = start, total, silent
        self._last_line, self._timed_from = time.monotonic(), None
        self._every = seconds_between_lines
        self._bar = None
        if _live() and not silent:
            self._bar = tqdm(initial=start, total=total, unit="step", dynamic_ncols=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._bar is not None:
            self._bar.close()

    def advance(self) -> None:
        """One step is done; the first took the time of compiling too, and the others won't."""
        if self._timed_from is None:
            self._start, self._timed_from = self._start + 1, time.monotonic()
        if self._bar is not None:
            self._bar.update()

    def rewind(self, step: int) -> None:
        """The run goes on from an earlier step."""
        if self._bar is not None:
            self._bar.n = step
            self._bar.refresh()

    def show(self, step: int, loss: float, accuracy: float | None, clips_per_second: float) -> None:
        """The newest figures: beside the bar, or as a line if the last one is a while ago."""
        right = "" if accuracy is None else f"accuracy {accuracy:.1%}  "
        figures = f"loss {loss:.3f}  {right}{clips_per_second:.0f} clips/s"
        if self._bar is not None:
            self._bar.set_postfix_str(figures)
            return
        now = time.monotonic()
        if now - self._last_line >= self._every or step == self._total:
            self._last_line = now
            left = ""
            if self._timed_from is not None and step > self._start:
                each = (now - self._timed_from) / (step - self._start)
                left = f"  {duration(each * (self._total - step))} left"
            self.say(f"step {step}/{self._total}  {figures}{left}")

    def say(self, line: str) -> None:
        """A line of its own that stays, above the bar."""
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        elif not self._silent:
            print(line, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """As people say it: 45 s, 3 min 20 s, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
