"""Stopping politely: Ctrl-C, the SIGTERM of a machine that is taken away, or the SIGUSR1 that SLURM
is asked to send before the time is over, ends a run after the step it is in, with everything saved.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
if hasattr(signal, "SIGUSR1"):  # not on Windows
    SIGNALS += (signal.SIGUSR1,)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Inside, the first signal is noted, and the function given says so; a second one breaks off.

    In a thread, which gets no signals, nothing is ever noted.
    """
    asked = False

    def ask(_signal, _frame):
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print("\nstopping after this step; press Ctrl-C again to break off", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
