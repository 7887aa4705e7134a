"""The checkpoints of a run, read: nothing on the disk is changed.

What Orbax wrote has a list of checksums beside it, so that a file which a full disk or a bad one
cut short is found out before it is read.
"""

import contextlib
import dataclasses
import json
import math
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from jaxtyping import PyTree
from orbax.checkpoint import v1 as orbax

from flaxvid import errors, files
from flaxvid.training import state as states

CHECKSUMS = "checksums.json"
STATE = "state"  # what Orbax calls the arrays of a checkpoint
# What each has; a folder that is half deleted lacks something.
NEEDED = ("_CHECKPOINT_METADATA", "metrics/metrics", "state/_METADATA", "state/manifest.ocdbt")
NEEDED += ("state/d",)
NOT_JUDGED = -1.0  # below every accuracy: saved for going on, never the best


class CheckpointError(errors.UserError):
    """A checkpoint that is missing or does not fit."""


def worth(metrics: dict[str, Any]) -> tuple[float, int]:
    """What orders checkpoints: accuracy, and of two alike the earlier is worth more.

    Orbax on its own would keep the later. Older runs have not noted the step.
    """
    return metrics.get("accuracy", NOT_JUDGED), -metrics.get("step", 0)


def _tell(path: Path) -> None:
    print(f"{path}: is damaged; the checkpoint before it is taken", file=sys.stderr)


@dataclasses.dataclass(frozen=True)
class Saved:
    """The checkpoints in a folder, which may be missing or read-only."""

    folder: Path
    when_damaged: Callable[[Path], None] = _tell
    """Is given the first damaged file of a checkpoint that would have been taken."""

    def steps(self) -> list[int]:
        """Of all that are there, sound or not."""
        return sorted(int(path.name) for path in self.folder.glob("*") if path.name.isdecimal())

    def newest(self) -> int | None:
        """The step of the newest checkpoint whose files are as they were written."""
        return self._first_sound(self.steps()[::-1])

    def best(self) -> int | None:
        """The step of the sound checkpoint with the highest accuracy, the earlier of two alike."""
        return self._first_sound(sorted(self.steps(), key=self._worth, reverse=True))

    def to_use(self, keep: Literal["best", "last"]) -> int | None:
        """The step of the checkpoint that a run leaves, by its recipe's `keep`."""
        return self.newest() if keep == "last" else self.best()

    def _worth(self, step):
        try:
            metrics = files.read_json(self.folder / str(step) / "metrics" / "metrics")
            return worth({"step": step, **metrics})
        except (errors.FileError, TypeError):  # looked at first, so that its damage is told
            return math.inf, -step

    def _first_sound(self, steps):
        for step in steps:
            name = damaged_file(self.folder / str(step))
            if name is None:
                return step
            self.when_damaged(self.folder / str(step) / name)
        return None

    def restore(
        self, step: int, like: states.TrainState
    ) -> tuple[states.TrainState, dict[str, Any]]:
        """The state at `step`, shaped and placed as `like`, and its place in the data.

        Raises:
            CheckpointError: naming the first leaf whose shape or type differs from `like`, or that
                holds NaN or infinite numbers, or the checkpoint if it can't be read.
        """
        with _or_say_why(self.folder / str(step)):
            metadata = _metadata(self.folder / str(step))
            found = _load(self.folder / str(step), metadata, to_arrays(like))
        _refuse_no_numbers(self.folder / str(step), found["params"], found["stats"])
        state = states.TrainState(**(found | {"key": jax.random.wrap_key_data(found["key"])}))
        return state, metadata.custom_metadata["position"]

    def restore_model(
        self, step: int, like: tuple[PyTree, PyTree], *, average: bool = False
    ) -> tuple[PyTree, PyTree]:
        """Parameters and statistics at `step`, shaped as `like`, without the rest of the state.

        With `average`, the running mean of the parameters.

        Raises:
            CheckpointError: as `restore` does.
        """
        weights, folder = "average" if average else "params", self.folder / str(step)
        empty = {weights: {}, "stats": {}}  # as the statistics of most models are
        wanted = traverse_util.flatten_dict({weights: like[0], "stats": like[1]})
        context = orbax.Context()
        context.pytree_options.loading.partial_load = True
        with _or_say_why(folder), context:
            metadata = _metadata(folder)
            places = _places(wanted, _by_name(metadata.metadata))
            moved = traverse_util.unflatten_dict({places[p]: leaf for p, leaf in wanted.items()})
            loaded = traverse_util.flatten_dict(_load(folder, metadata, empty | moved))
        found = traverse_util.unflatten_dict({path: loaded[places[path]] for path in wanted})
        found = empty | found
        _refuse_no_numbers(folder, *found.values())
        return found[weights], found["stats"]


@contextlib.contextmanager
def _or_say_why(folder):
    try:
        yield
    except errors.UserError:
        raise
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CheckpointError(
            f"{folder}: can't be read ({reason}); if the run is being trained, try again, and "
            "else remove this checkpoint"
        ) from None


def _metadata(folder):
    found = orbax.metadata(folder, STATE)
    if found.metadata is None:
        raise OSError("it says nothing of its arrays")
    return found


def _load(folder, metadata, like):
    _refuse_another_model(folder, metadata.metadata, like)
    return orbax.load(folder, jax.tree.map(_abstract, like), checkpointable_name=STATE)


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


def _refuse_another_model(folder, metadata, like):
    """Orbax casts types without a word and names no leaf when a shape differs."""
    saved = _by_name(metadata)
    # The parameters first: their names say most about which model it is.
    wanted = sorted(_by_name(like).items(), key=lambda item: not item[0].startswith("params"))
    for name, leaf in wanted:
        if name not in saved:
            raise CheckpointError(f"{folder}: holds no {name}; it is another model")
        expected = (tuple(leaf.shape), np.dtype(leaf.dtype))
        actual = (tuple(saved[name].shape), np.dtype(saved[name].dtype))
        if actual != expected:
            raise CheckpointError(
                f"{folder}: {name} is {actual[1]}{list(actual[0])}, "
                f"and this run needs {expected[1]}{list(expected[0])}; it is another model"
            )


def _refuse_no_numbers(folder, *trees):
    """A model of NaN takes every video for the first class, and says so without a word."""
    for tree in trees:
        for name, leaf in _by_name(tree).items():
            if jnp.issubdtype(leaf.dtype, jnp.inexact) and not jnp.isfinite(leaf).all():
                raise CheckpointError(
                    f"{folder}: holds NaN or infinite numbers in {name}; remove this checkpoint: "
                    "the one before it is taken"
                )


# ------------------------------------------------------------------ checksums
def seal(folder: Path) -> None:
    """Writes the checksums of a checkpoint, once it is whole.

    Raises:
        FileError: if they can't be written.
    """
    if folder.exists() and not (folder / CHECKSUMS).exists():
        names = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(CHECKSUMS)
        )
        sums = {n: [(folder / n).stat().st_size, _checksum(folder / n)] for n in names}
        files.write_json(folder / CHECKSUMS, sums)


def damaged_file(folder: Path, smaller_than: float | int = math.inf) -> str | None:
    """The first file that is not as it was written; None: all are, or all that are that small.

    A checkpoint without checksums was cut off between Orbax's last file and ours, and is taken at
    Orbax's word; or half of it was deleted, and it lacks what every checkpoint has.
    """
    try:
        listed = json.loads((folder / CHECKSUMS).read_text())
        sums = [(name, size, expected) for name, (size, expected) in listed.items()]
    except FileNotFoundError:
        lacking = [name for name in NEEDED if not (folder / name).exists()]
        return lacking[0] if lacking else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return CHECKSUMS
    for name, size, expected in sums:
        path = folder / name
        try:
            if path.stat().st_size != size:
                return name
            if size < smaller_than and _checksum(path) != expected:
                return name
        except OSError:  # gone, or deleted at this moment
            return name
    return None


def _checksum(path):
    found = 0
    with path.open("rb") as file:
        while block := file.read(2**24):
            found = zlib.crc32(block, found)
    return found


# ------------------------------------------------------------------ arrays and names
def to_arrays(state: states.TrainState) -> dict[str, PyTree]:
    """A state as a dict of plain arrays: names in the file, and no typed keys."""
    return state._asdict() | {"key": jax.random.key_data(state.key)}


def _abstract(array):
    # A leaf that lies nowhere yet goes to one device, whatever machine the file comes from.
    sharding = getattr(array, "sharding", None) or jax.sharding.SingleDeviceSharding(
        jax.devices()[0]
    )
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)


def _by_name(tree):
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {states.path_name(path): leaf for path, leaf in leaves}
