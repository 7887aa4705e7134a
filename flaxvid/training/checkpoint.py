"""Checkpoints of a run in training: the newest for going on, the best for using.

A thin wrapper around Orbax, which writes in the background and renames when done: each is whole or
not there. `training/saved.py` reads them.
"""

import logging
import shutil
import sys
from pathlib import Path
from typing import Any, Literal

import jax
from jaxtyping import PyTree
from orbax.checkpoint import v1 as orbax

from flaxvid import store_copies, stores
from flaxvid.training import distributed, parallel, saved
from flaxvid.training import state as states

KEPT_NEWEST = 2
SMALL = 2**20  # bytes; Orbax reads files of this kind as soon as a folder is opened
NOT_JUDGED = saved.NOT_JUDGED
CheckpointError = saved.CheckpointError


def _is_for_the_user(record):
    return not str(record.msg).startswith("Waiting for previous save")


# How long Orbax waited for itself would stand in the middle of the progress.
logging.getLogger("absl").addFilter(_is_for_the_user)


class Checkpoints:
    """The checkpoints of one run, under `folder`; use it as a context manager."""

    def __init__(self, folder: Path):
        """Opens the folder, or makes it.

        A checkpoint whose files are not as they were written is moved into a folder beside it,
        `checkpoints.damaged`, and a line on stderr says so: here, if one of its small files is
        damaged, and otherwise when it would be taken.
        """
        # Orbax writes to no store but Google's: to a folder here, which is copied there.
        self._mirror = store_copies.Mirror(folder, "write") if stores.is_store(folder) else None
        # Several processes have no folder here that all see: the first writes for all, and each has
        # a copy to read from.
        self._by_the_first = self._mirror is not None and jax.process_count() > 1
        with distributed.first_alone():
            self.folder = self._mirror.fetch() if self._mirror else Path(folder).absolute()
            self._saved = saved.Saved(self.folder, when_damaged=self._put_aside)
            for step in self._saved.steps():
                name = saved.damaged_file(self.folder / str(step), smaller_than=SMALL)
                if name is not None:
                    self._put_aside(self.folder / str(step) / name)
        training = orbax.training
        keep = training.preservation_policies
        self._orbax = training.Checkpointer(
            self.folder,
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
            preservation_policy=keep.AnyPreservationPolicy(
                [
                    keep.LatestN(KEPT_NEWEST),
                    keep.BestN(get_metric_fn=saved.worth, n=1),
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
        arrays = saved.to_arrays(state)
        self._or_say_why(
            self._orbax.save_async,
            int(state.step),
            parallel.whole(arrays) if self._by_the_first else arrays,
            metrics={"accuracy": accuracy, "step": int(state.step)},
            custom_metadata={"position": position},
        )
        if self._mirror:
            self.wait()

    def wait(self) -> None:
        """Returns when everything saved is on disk, and has its checksums; or is in the store.

        Raises:
            CheckpointError: if it can't be written, or the store can't be reached.
        """
        self._or_say_why(self._orbax.wait)
        if distributed.first():
            for found in self._orbax.checkpoints:
                self._or_say_why(saved.seal, self.folder / str(found.step))
        if self._mirror and distributed.first():
            try:
                self._mirror.publish(last=saved.NEEDED[:1])
            except stores.StoreError as error:
                run = self._mirror.path.parent
                raise CheckpointError(f"{error}; go on with --resume {run}") from None

    def _or_say_why(self, write, *arguments, **more):
        try:
            write(*arguments, **more)
        except (OSError, ValueError, RuntimeError) as error:
            # What Orbax raises for a full disk may be an OSError, or hold one's text.
            reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
            # Alone: the other processes may not have failed, and would not meet this one.
            sound = [
                step
                for step in self._saved.steps()
                if not saved.damaged_file(self.folder / str(step))
            ]
            kept = f"the one of step {max(sound)} is whole" if sound else "there is none yet"
            raise CheckpointError(
                f"{self.folder}: a checkpoint can't be written ({reason}); {kept}. Make room, or "
                "permit writing, and go on with --resume"
            ) from None

    def newest(self) -> int | None:
        """The step of the newest checkpoint whose files are as they were written."""
        return self._found(self._saved.newest)

    def best(self) -> int | None:
        """The step of the sound checkpoint with the highest accuracy, the earlier of two alike."""
        return self._found(self._saved.best)

    def to_use(self, keep: Literal["best", "last"]) -> int | None:
        """The step of the checkpoint that a run leaves, by its recipe's `keep`."""
        return self._found(self._saved.to_use, keep)

    def _found(self, find, *arguments):
        self.wait()
        for _ in range(2):
            with distributed.first_alone():
                if self._by_the_first and not distributed.first():
                    self._mirror.fetch()  # once more what was put aside here, and is whole there
                step = find(*arguments)
            self._orbax.reload()  # what was put aside may be saved anew
            if parallel.same_everywhere(step or 0):
                return step
        raise CheckpointError(
            f"{self.folder}: another process has another checkpoint than that of step {step}; "
            "remove this folder on the machine where it is damaged, and go on with --resume"
        )

    def _put_aside(self, damaged):
        """Moves the checkpoint of a damaged file out of the way, and says so."""
        step = damaged.relative_to(self.folder).parts[0]
        aside = self.folder.parent / (self.folder.name + ".damaged") / step
        print(
            f"{damaged}: is damaged; the checkpoint before it is taken, and this one is kept as "
            f"{aside}",
            file=sys.stderr,
        )
        try:
            aside.parent.mkdir(exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            (self.folder / step).rename(aside)
        except OSError as error:
            raise CheckpointError(
                f"{self.folder / step}: can't be moved aside ({error.strerror}); permit it, or "
                "remove it"
            ) from None

    def restore(
        self, step: int, like: states.TrainState
    ) -> tuple[states.TrainState, dict[str, Any]]:
        """The state at `step`, shaped and placed as `like`, and its place in the data.

        Raises:
            CheckpointError: naming the first leaf whose shape or type differs from `like`.
        """
        return self._saved.restore(step, like)

    def restore_model(
        self, step: int, like: tuple[PyTree, PyTree], *, average: bool = False
    ) -> tuple[PyTree, PyTree]:
        """Parameters and statistics at `step`, shaped as `like`, without the rest of the state.

        With `average`, the running mean of the parameters.

        Raises:
            CheckpointError: as `restore` does.
        """
        return self._saved.restore_model(step, like, average=average)
