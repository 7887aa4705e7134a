"""Batches that several processes decode, each with a Python of its own.

Threads of one process share Python's lock, which reading a video gives away and asks for again at
every packet: two threads take a tenth more of processor time for a clip than two processes do
(XVID, 320x240 pixels, an AMD EPYC). On two cores bringing the batches here costs as much, and
neither is ahead; for more, `tests/benchmarks/loading.py --scaling` tells which is. Grain starts the
processes and brings their batches here through shared memory.
"""

import functools
import multiprocessing
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import grain
import numpy as np
from absl import flags

from flaxvid import errors
from flaxvid.video import preprocess

AHEAD = 2  # batches that each process has made before they are asked for
SHARED = Path("/dev/shm")


class FromProcesses:
    """The batches of a dataset, in its order, whatever the number of processes.

    Its position is that of threads, so that a run goes on with either. Processes end with this
    one, also when it is killed; they leave signals to it.
    """

    def __init__(self, dataset: grain.MapDataset, rows: Any, count: int):
        """`dataset` holds batches of `rows`, a `batches.Rows`; `count` processes make them."""
        self._dataset = dataset.map(functools.partial(_with_skipped, rows))
        self._skipped, self._count = rows.skipped, count
        self._next_index, self._made = 0, None

    def __iter__(self):
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        """The next batch, once its process has made it.

        Raises:
            VideoError: of a video that can't be read.
            UserError: if a process has ended.
        """
        if self._made is None:
            self._made = self._start()
        try:
            batch = next(self._made)
        except RuntimeError as error:
            if "terminated unexpectedly" not in str(error):
                raise
            raise errors.UserError(
                f"--workers {self._count}: one of the processes that decode ended, as when memory "
                "runs out; take fewer, or --workers 0"
            ) from None
        self._next_index += 1
        self._skipped.update(batch.pop("skipped"))
        # Copied, so that shared memory is given back at once, and not when the last one lets go.
        return {name: np.array(values) for name, values in batch.items()}

    def _start(self):
        if not flags.FLAGS.is_parsed():  # Grain's, which nobody parses outside of absl's own main
            flags.FLAGS.mark_as_parsed()
        rest = self._dataset[self._next_index :]
        one = grain.ReadOptions(num_threads=1, prefetch_buffer_size=1)
        several = grain.MultiprocessingOptions(
            num_workers=self._count, per_worker_buffer_size=AHEAD
        )
        return iter(rest.to_iter_dataset(one).mp_prefetch(several, worker_init_fn=_begin))

    def get_state(self) -> dict:
        """The number of the next batch."""
        return {"next_index": self._next_index}

    def set_state(self, state: dict) -> None:
        """Goes on with the batch of that number."""
        self.close()
        self._next_index = state["next_index"]

    def close(self) -> None:
        """Ends the processes."""
        if self._made is not None:
            self._made.close()
            self._made = None


def refuse_too_large(settings: preprocess.Preprocessing, batch_size: int, count: int) -> None:
    """Shared memory that is too small ends a process in the middle of a run, without a word.

    Args:
        settings: what a clip is.
        batch_size: clips of a batch.
        count: processes; 0 needs none.

    Raises:
        UserError: if the batches that are made ahead do not fit.
    """
    if not count or not SHARED.is_dir():
        return
    batch = batch_size * settings.num_frames * settings.crop_size**2 * 3
    # One in the making and one in use beside those that wait.
    needed, there = (AHEAD + 2) * count * batch, shutil.disk_usage(SHARED).free
    if needed > there:
        raise errors.UserError(
            f"--workers {count}: their batches take {needed / 1e6:,.0f} MB of shared memory, and "
            f"{SHARED} has {there / 1e6:,.0f} MB: take fewer, smaller batches, or --workers 0 (a "
            "container takes --shm-size)"
        )


def _with_skipped(rows, batch):
    """Which videos this process could not read goes along; the process that trains tells it."""
    return batch | {"skipped": rows.skipped.reasons()}


def _begin(_number, _count):
    # Ctrl-C and SLURM's signals reach all processes, and the one that trains decides.
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent():
    multiprocessing.parent_process().join()
    os._exit(0)
