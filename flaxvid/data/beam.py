"""The same work by an Apache Beam pipeline: one element an item, on many machines.

    FOLDER/results/3f/3f09....json    what the function gave for one item
    FOLDER/partial/                   what is half made

Every result is a file, written when it is whole: so a pipeline that was killed, or a worker that
Beam calls twice for one element, loses nothing and does nothing twice, whatever the runner keeps.
A `UserError`, as for a video that can't be read, is a result too: it never fails the pipeline. All
are told at the end, and those items are done again by the next run.

FOLDER must be the same for this process and for all workers: a folder of a network file system.
"""

import base64
import dataclasses
import functools
import hashlib
import json
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flaxvid import errors, files, folders

# These ask a job server which options there are.
PORTABLE = {"FlinkRunner", "PortableRunner", "PrismRunner", "SparkRunner"}
TOLD = 5  # errors told in full
FAILED, WORKER_DIED = 1, 3  # exit codes of the process that drives a pipeline


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """A function called by the workers of a runner; a `workers.Each`."""

    runner: str
    """DirectRunner, FlinkRunner, SparkRunner, DataflowRunner, or another of Beam's names."""
    options: tuple[str, ...]
    """Of the runner, as `direct_num_workers=2`."""
    folder: Path
    """Where results and what is half made lie while the work goes on."""

    @property
    def partials(self) -> Path:
        return self.folder / "partial"

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The result for every item, in order; a value of JSON, with arrays in it.

        Raises:
            UserError: if Beam is not installed, does not know the runner or an option, or fails;
                or, when all is done, if the function raised one, telling how many and which.
        """
        results = self.folder / "results"
        folders.make_folder(results)
        folders.make_folder(self.partials)
        left = [item for item in items if not _place(results, item).exists()]
        if len(left) < len(items):
            print(f"{self.folder}: goes on after {len(items) - len(left)} of {len(items)}")
        while left:
            before = len(left)
            finished = self._run(functools.partial(keep, function, results), left)
            left = [item for item in left if not _place(results, item).exists()]
            if finished or not left:
                break
            if len(left) == before:
                raise errors.UserError(
                    f"--beam {self.runner}: its workers die before anything is done, as when "
                    "memory runs out; take fewer workers or --threads"
                )
            print(f"{self.folder}: a worker has died; goes on with {len(left)} that are left")
        failed = []
        for item in items:
            place = _place(results, item)
            if not place.exists():
                raise errors.UserError(
                    f"{self.folder}: the workers wrote nothing there for {_short(item)}; choose a "
                    "folder that this machine and all workers share"
                )
            result = files.read_json(place)
            if "error" in result:
                failed.append(result["error"])
                place.unlink()
            elif not failed:
                yield _unpacked(result["value"])
        if failed:
            more = f"; and {len(failed) - TOLD} more" if len(failed) > TOLD else ""
            raise errors.UserError(
                f"{len(failed)} of {len(items)} could not be done, all others are kept: "
                f"{'; '.join(failed[:TOLD])}{more}"
            )

    def _run(self, function, items):
        """Whether the pipeline ended; False: one of its workers has died.

        It is driven by a process of its own, as Beam's DirectRunner waits for ever for a worker
        that was killed.
        """
        context = multiprocessing.get_context("spawn")
        said = context.SimpleQueue()
        driver = context.Process(
            target=_drive, args=(self.runner, self.options, function, items, said)
        )
        driver.start()
        try:
            driver.join()
        finally:
            driver.kill()
        if not said.empty():
            raise errors.UserError(
                f"--beam {self.runner}: the pipeline failed ({said.get()}); what is done is kept, "
                "run the command again to go on"
            )
        return driver.exitcode == 0


def open_beam(runner: str, options: Sequence[str]):
    """Apache Beam, and a pipeline's options.

    Raises:
        UserError: if it is not installed, or there is no such runner or option.
    """
    try:
        logging.getLogger("apitools").setLevel(logging.ERROR)
        import apache_beam
        from apache_beam import runners
        from apache_beam.options import pipeline_options
    except ImportError as error:
        raise errors.UserError(
            f'--beam {runner}: needs Apache Beam ({error}); pip install -e ".[beam]"'
        ) from None
    try:
        runners.create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise errors.UserError(
            f"--beam {runner}: Beam has no such runner ({str(error).splitlines()[0]}); give "
            "DirectRunner, FlinkRunner, SparkRunner or DataflowRunner"
        ) from None
    flags = [option if option.startswith("-") else f"--{option}" for option in options]
    names = [flag.lstrip("-").partition("=")[0] for flag in flags]
    try:
        parsed = pipeline_options.PipelineOptions(flags)
        known = parsed.get_all_options()
    except SystemExit:
        raise errors.UserError(
            f"--beam-options {' '.join(options)}: Beam can't read them; give NAME=VALUE"
        ) from None
    unknown = [name for name in names if name not in known]
    if unknown and runner not in PORTABLE:
        raise errors.UserError(f"--beam-options {unknown[0]}: {runner} has no such option")
    return apache_beam, parsed


def _drive(runner, options, function, items, said):
    """Runs the pipeline, in a process that ends with 0; `said` is why it failed."""

    def worker_died(thread):
        threading.__excepthook__(thread)
        if thread.thread is not None and thread.thread.name == "run_worker":
            os._exit(WORKER_DIED)

    threading.excepthook = worker_died
    beam, parsed = open_beam(runner, options)
    try:
        with beam.Pipeline(runner, options=parsed) as pipeline:
            created = pipeline | beam.Create(items)
            # Else a runner may give all of them to the worker that created them.
            _ = created | beam.Reshuffle() | "each" >> beam.Map(_counted, function)
    except Exception as error:  # of the runner, of gRPC or of a worker, as it happens
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said.put(lines[-1] if lines else repr(error))
        os._exit(FAILED)  # threads of the runner may wait for ever


# ------------------------------------------------------------------ on a worker
def keep(function: Callable[[Any], Any], results: Path, item: Any) -> bool:
    """Calls a function and writes down its result, or its `UserError`; whether it gave a result."""
    place = _place(results, item)
    if place.exists():  # as when a runner tries an element again
        return True
    try:
        result = {"value": _packed(function(item))}
    except errors.UserError as error:
        result = {"error": str(error)}
    folders.make_folder(place.parent)
    files.write_json(place, result)
    return "value" in result


def _counted(item, function):
    """`function(item)`, counted where the runner shows what a pipeline does."""
    from apache_beam import metrics

    done = function(item)
    metrics.Metrics.counter("flaxvid", "done" if done else "failed").inc()


# ------------------------------------------------------------------ results as files
def _place(results, item):
    """256 folders, so that none has hundreds of thousands of files."""
    name = hashlib.sha256(json.dumps(item).encode()).hexdigest()[:32]
    return results / name[:2] / f"{name}.json"


def _packed(value):
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value)).decode()
        return {"dtype": str(value.dtype), "shape": value.shape, "data": data}
    if isinstance(value, list | tuple):
        return [_packed(part) for part in value]
    return value


def _unpacked(value):
    if isinstance(value, dict) and value.keys() == {"dtype", "shape", "data"}:
        data = base64.b64decode(value["data"])
        return np.frombuffer(data, value["dtype"]).reshape(value["shape"])
    return [_unpacked(part) for part in value] if isinstance(value, list) else value


def _short(item):
    text = json.dumps(item)
    return text if len(text) <= 80 else f"{text[:77]}..."
