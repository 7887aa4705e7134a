"""A run's numbers and pictures in experiment trackers, each in a thread of its own.

A tracker that fails is left off with one line, and one that is slow misses numbers: neither stops
the training or makes it wait. Nothing leaves the machine, unless the tracker's own settings say so.
"""

import functools
import importlib.util
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.backends.backend_agg
import matplotlib.figure
import numpy as np
from jaxtyping import UInt8

from flaxvid import errors
from flaxvid.runs import config

PROJECT = "flaxvid"
WAITING = 1000  # numbers and pictures that a tracker may be behind
PATIENCE = 30.0  # seconds that each gets at the end to write the rest

Values = Mapping[str, int | float]
Image = UInt8[np.ndarray, "height width 3"]


class Writer(NamedTuple):
    """What a tracker can do; all of it is called in one thread."""

    numbers: Callable[[int, Values], Any]
    picture: Callable[[int, str, Image], Any]
    close: Callable[[], Any]


# ------------------------------------------------------------------ the trackers
def _tensorboard(folder: Path, config: Mapping[str, Any]) -> Writer:
    """Events in the run's folder: `tensorboard --logdir runs`."""
    import tensorboardX

    board = tensorboardX.SummaryWriter(str(folder / "tensorboard"))

    def numbers(step, values):
        for name, value in values.items():
            board.add_scalar(name, value, step)
        board.flush()

    def picture(step, name, image):
        board.add_image(name, image, step, dataformats="HWC")

    return Writer(numbers, picture, board.close)


def _trackio(folder: Path, config: Mapping[str, Any]) -> Writer:
    """In Trackio's own folder, `TRACKIO_DIR`: `trackio show --project flaxvid`."""
    import trackio

    run = trackio.init(project=PROJECT, name=folder.name, config=dict(config), embed=False)
    return Writer(
        lambda step, values: run.log(dict(values), step=step),
        lambda step, name, image: run.log({name: trackio.Image(image)}, step=step),
        run.finish,
    )


def _wandb(folder: Path, config: Mapping[str, Any]) -> Writer:
    """Offline, in the run's folder, unless WANDB_MODE says otherwise; `wandb sync` sends it."""
    import wandb

    run = wandb.init(
        project=PROJECT,
        name=folder.name,
        dir=folder,
        config=dict(config),
        mode=os.environ.get("WANDB_MODE", "offline"),
        settings=wandb.Settings(silent=True),
    )
    return Writer(
        lambda step, values: run.log(dict(values), step=step),
        lambda step, name, image: run.log({name: wandb.Image(image)}, step=step),
        run.finish,
    )


def _mlflow(folder: Path, config: Mapping[str, Any]) -> Writer:
    """In mlflow.db where the command runs, unless MLFLOW_TRACKING_URI is set: `mlflow ui`."""
    from mlflow import entities, tracking

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    place = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{Path('mlflow.db').absolute()}")
    client = tracking.MlflowClient(place)
    found = client.get_experiment_by_name(PROJECT)
    experiment = found.experiment_id if found else client.create_experiment(PROJECT)
    run = client.create_run(experiment, run_name=folder.name).info.run_id
    client.log_batch(run, params=[entities.Param(name, str(v)) for name, v in config.items()])

    def numbers(step, values):
        now = round(1000 * time.time())
        client.log_batch(run, [entities.Metric(name, v, now, step) for name, v in values.items()])

    return Writer(
        numbers,
        lambda step, name, image: client.log_image(run, image, artifact_file=f"{name}.png"),
        lambda: client.set_terminated(run),
    )


class _Known(NamedTuple):
    module: str
    begin: Callable[[Path, Mapping[str, Any]], Writer]


KNOWN = {
    "tensorboard": _Known("tensorboardX", _tensorboard),
    "trackio": _Known("trackio", _trackio),
    "wandb": _Known("wandb", _wandb),
    "mlflow": _Known("mlflow", _mlflow),
}


# ------------------------------------------------------------------ behind one function
def refuse_missing(names: Sequence[str]) -> None:
    """Refuses trackers that are not installed.

    Raises:
        UserError: with the extra that has them.
    """
    missing = [name for name in names if importlib.util.find_spec(KNOWN[name].module) is None]
    if missing:
        raise errors.UserError(
            f"--track {' '.join(missing)}: needs an extra; "
            f'`pip install "flaxvid[{",".join(missing)}]"`'
        )


def config_of(settings: config.Settings) -> dict[str, Any]:
    """What a run is made of, name by name, for the tables of trackers."""
    about = {"arch": settings.arch, "size": settings.size, "data": settings.data.data}
    return about | {"seed": settings.run.seed} | config.made_of(settings)


class Trackers:
    """Those of a run; without any, nothing is done."""

    def __init__(self, names: Sequence[str], folder: Path, config: Mapping[str, Any]):
        self._workers = [
            _Worker(name, functools.partial(KNOWN[name].begin, folder, config)) for name in names
        ]

    def __bool__(self) -> bool:
        return bool(self._workers)

    def numbers(self, step: int, values: Values) -> None:
        """Numbers of a step, by the names that `metrics.jsonl` has."""
        named = {_with_group(name): value for name, value in values.items()}
        self._put(lambda writer: writer.numbers(step, named))

    def picture(self, step: int, name: str, figure: matplotlib.figure.Figure) -> None:
        """A figure, as pixels."""
        canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
        canvas.draw()
        image = np.array(canvas.buffer_rgba())[..., :3]
        self._put(lambda writer: writer.picture(step, name, image))

    def close(self) -> None:
        """Waits until all is written, or patience is over."""
        for worker in self._workers:
            worker.end()
        until = time.monotonic() + PATIENCE
        for worker in self._workers:
            worker.wait(until - time.monotonic())

    def _put(self, job):
        for worker in self._workers:
            worker.put(job)


class _Worker:
    """The thread of one tracker, and what waits for it."""

    def __init__(self, name, begin):
        self._name, self._begin = name, begin
        self._jobs, self._missed, self._failed = queue.SimpleQueue(), 0, False
        self._thread = threading.Thread(target=self._work, name=f"track {name}", daemon=True)
        self._thread.start()

    def put(self, job):
        if self._jobs.qsize() < WAITING:
            self._jobs.put(job)
        else:
            self._missed += 1

    def end(self):
        self._jobs.put(None)

    def wait(self, seconds):
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            _say(self._name, "has not written all of it in time, and is left")
        elif self._missed and not self._failed:
            _say(self._name, f"was too slow for {self._missed} numbers or pictures")

    def _work(self):
        try:
            writer = self._begin()
            for job in iter(self._jobs.get, None):
                job(writer)
            writer.close()
        except BaseException as error:
            self._failed = True
            why = " ".join(f"{type(error).__name__}: {error}".split())
            _say(self._name, f"failed, and the run goes on without it: {why[:300]}")


def _say(name, what):
    print(f"--track {name}: {what}", file=sys.stderr, flush=True)


def _with_group(name):
    """`validation_loss` as `validation/loss`, and `loss` as `train/loss`."""
    split, _, rest = name.partition("_")
    return f"{split}/{rest}" if split in ("validation", "test") else f"train/{name}"
