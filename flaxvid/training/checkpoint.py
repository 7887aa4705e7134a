"""Checkpoints: the newest for going on, the best for using, each whole or not there.

A thin wrapper around Orbax, which writes in the background and renames when done. What it wrote
gets a list of checksums, so that a file which a full disk or a bad one cut short is found out
before it is read.
"""

import contextlib
import json
import math
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from flax import traverse_util
from jaxtyping import PyTree
from orbax.checkpoint import v1 as orbax

from flaxvid import errors, files
from flaxvid.training import distributed
from flaxvid.training import state as states

KEPT_NEWEST = 2
CHECKSUMS = "checksums.json"
SMALL = 2**20  # bytes; Orbax reads files of this kind as soon as a folder is opened
NOT_JUDGED = -1.0  # below every accuracy: saved for going on, never the best


class CheckpointError(errors.UserError):
    """A checkpoint that is missing or does not fit."""


def _worth(metrics):
    """What orders checkpoints: accuracy, and of two alike the earlier is worth more.

    Orbax on its own would keep the later. Older runs have not noted the step.
    """
    return metrics.get("accuracy", NOT_JUDGED), -metrics.get("step", 0)


class Checkpoints:
    """The checkpoints of one run, under `folder`; use it as a context manager."""

    def __init__(self, folder: Path):
        """Opens the folder, or makes it.

        A checkpoint whose files are not as they were written is moved into a folder beside it,
        `checkpoints.damaged`, and a line on stderr says so: here, if one of its small files is
        damaged, and otherwise when it would be taken.
        """
        self.folder = Path(folder).absolute()
        with distributed.first_alone():
            for path in _steps(self.folder):
                self._is_sound(path.name, smaller_than=SMALL)
        training = orbax.training
        keep = training.preservation_policies
        self._orbax = training.Checkpointer(
            self.folder,
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
            preservation_policy=keep.AnyPreservationPolicy(
                [
                    keep.LatestN(KEPT_NEWEST),
                    keep.BestN(get_metric_fn=_worth, n=1),
                ]
            ),
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.wait()
        finally:
            self._orbax.close()

    def save(self, state: states.TrainState, position: dict[str, Any], accuracy: float) -> None:
        """Writes a state in the background; `accuracy` decides which is the best.

        `position` is the place in the data, as plain JSON values (an iterator's `get_state()`).

        Raises:
            CheckpointError: if this checkpoint, or the one before, can't be written.
        """
        self.wait()
        self._or_say_why(
            self._orbax.save_async,
            int(state.step),
            _to_arrays(state),
            metrics={"accuracy": accuracy, "step": int(state.step)},
            custom_metadata={"position": position},
        )

    def wait(self) -> None:
        """Returns when everything saved is on disk, and has its checksums.

        Raises:
            CheckpointError: if it can't be written.
        """
        self._or_say_why(self._orbax.wait)
        if distributed.first():
            for found in self._orbax.checkpoints:
                self._or_say_why(_seal, self.folder / str(found.step))

    def _or_say_why(self, write, *arguments, **more):
        try:
            write(*arguments, **more)
        except (OSError, ValueError, RuntimeError) as error:
            # What Orbax raises for a full disk may be an OSError, or hold one's text.
            reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
            # Alone: the other processes may not have failed, and would not meet this one.
            sound = [int(path.name) for path in _steps(self.folder) if not _damaged_file(path)]
            kept = f"the one of step {max(sound)} is whole" if sound else "there is none yet"
            raise CheckpointError(
                f"{self.folder}: a checkpoint can't be written ({reason}); {kept}. Make room, or "
                "permit writing, and go on with --resume"
            ) from None

    def newest(self) -> int | None:
        """The step of the newest checkpoint whose files are as they were written."""
        return self._first_sound(lambda found: found.step)

    def best(self) -> int | None:
        """The step of the sound checkpoint with the highest accuracy, the earlier of two alike."""
        return self._first_sound(
            lambda found: _worth({"step": found.step, **(found.metrics or {})})
        )

    def to_use(self, keep: Literal["best", "last"]) -> int | None:
        """The step of the checkpoint that a run leaves, by its recipe's `keep`."""
        return self.newest() if keep == "last" else self.best()

    def _first_sound(self, worth):
        for found in sorted(self._orbax.checkpoints, key=worth, reverse=True):
            with distributed.first_alone():
                sound = self._is_sound(found.step)
            if sound:
                return found.step
        return None

    def _is_sound(self, step, smaller_than=math.inf):
        """Whether no file is damaged; else the checkpoint is moved out of the way."""
        folder = self.folder / str(step)
        aside = self.folder.parent / (self.folder.name + ".damaged") / str(step)
        if not folder.exists():
            return False
        name = _damaged_file(folder, smaller_than)
        if name is None:
            return True
        print(
            f"{folder / name}: is damaged; the checkpoint before it is taken, and this one is "
            f"kept as {aside}",
            file=sys.stderr,
        )
        # Where nothing may be written, a run is read all the same.
        with contextlib.suppress(OSError):
            aside.parent.mkdir(exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        return False

    def restore(
        self, step: int, like: states.TrainState
    ) -> tuple[states.TrainState, dict[str, Any]]:
        """The state at `step`, shaped and placed as `like`, and its place in the data.

        Raises:
            CheckpointError: naming the first leaf whose shape or type differs from `like`.
        """
        metadata = self._check(step, _to_arrays(like))
        found = self._orbax.load(step, jax.tree.map(_abstract, _to_arrays(like)))
        return _from_arrays(found), metadata.custom_metadata["position"]

    def restore_model(
        self, step: int, like: tuple[PyTree, PyTree], *, average: bool = False
    ) -> tuple[PyTree, PyTree]:
        """Parameters and statistics at `step`, shaped as `like`, without the rest of the state.

        With `average`, the running mean of the parameters.
        """
        weights = "average" if average else "params"
        empty = {weights: {}, "stats": {}}  # as the statistics of most models are
        wanted = traverse_util.flatten_dict({weights: like[0], "stats": like[1]})
        places = _places(wanted, _by_name(self._orbax.metadata(step).metadata))
        moved = traverse_util.unflatten_dict({places[path]: leaf for path, leaf in wanted.items()})
        self._check(step, empty | moved)
        context = orbax.Context()
        context.pytree_options.loading.partial_load = True
        with context:
            loaded = self._orbax.load(step, jax.tree.map(_abstract, empty | moved))
        loaded = traverse_util.flatten_dict(loaded)
        found = traverse_util.unflatten_dict({path: loaded[places[path]] for path in wanted})
        found = empty | found
        return found[weights], found["stats"]

    def _check(self, step, like):
        # Orbax casts types without a word and names no leaf when a shape differs.
        metadata = self._orbax.metadata(step)
        saved = _by_name(metadata.metadata)
        # The parameters first: their names say most about which model it is.
        wanted = sorted(_by_name(like).items(), key=lambda item: not item[0].startswith("params"))
        for name, leaf in wanted:
            if name not in saved:
                raise CheckpointError(f"{self.folder}/{step}: holds no {name}; it is another model")
            expected = (tuple(leaf.shape), np.dtype(leaf.dtype))
            actual = (tuple(saved[name].shape), np.dtype(saved[name].dtype))
            if actual != expected:
                raise CheckpointError(
                    f"{self.folder}/{step}: {name} is {actual[1]}{list(actual[0])}, "
                    f"and this run needs {expected[1]}{list(expected[0])}; it is another model"
                )
        return metadata


def _places(wanted, saved):
    """Where each leaf of a model is in a checkpoint.

    Earlier versions kept what was frozen of an encoder among the statistics.
    """
    places = {}
    for path in wanted:
        among_stats = ("stats", *path[1:])
        is_moved = _name(path) not in saved and _name(among_stats) in saved
        places[path] = among_stats if is_moved else path
    return places


def _name(path):
    return "/".join(map(str, path))


def _seal(folder):
    """Writes the checksums of a checkpoint, once it is whole."""
    if folder.exists() and not (folder / CHECKSUMS).exists():
        sums = {
            name: [(folder / name).stat().st_size, _checksum(folder / name)]
            for name in _files(folder)
        }
        files.write_json(folder / CHECKSUMS, sums)


def _steps(folder):
    return [path for path in folder.glob("*") if path.name.isdecimal()]


def _damaged_file(folder, smaller_than=math.inf):
    """The first file that is not as it was written; None: all are, or all that are that small.

    A checkpoint without checksums was cut off between Orbax's last file and ours: it is taken at
    Orbax's word.
    """
    try:
        sums = json.loads((folder / CHECKSUMS).read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return CHECKSUMS
    for name, (size, expected) in sums.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return name
        if size < smaller_than and _checksum(path) != expected:
            return name
    return None


def _files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(CHECKSUMS)
    )


def _checksum(path):
    found = 0
    with path.open("rb") as file:
        while block := file.read(2**24):
            found = zlib.crc32(block, found)
    return found


def _abstract(array):
    # A leaf that lies nowhere yet goes to one device, whatever machine the file comes from.
    sharding = getattr(array, "sharding", None) or jax.sharding.SingleDeviceSharding(
        jax.devices()[0]
    )
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)


def _to_arrays(state):
    """As a dict of plain arrays: names in the file, and no typed keys."""
    return state._asdict() | {"key": jax.random.key_data(state.key)}


def _from_arrays(values):
    return states.TrainState(**(values | {"key": jax.random.wrap_key_data(values["key"])}))


def _by_name(tree):
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {states.path_name(path): leaf for path, leaf in leaves}
