"""A run directory: `config.json`, `metrics.jsonl`, `checkpoints/`, `curves.png`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from flaxvid import atomic, errors, folders, stores
from flaxvid.data import lock
from flaxvid.runs import config

# What a run writes beside its config.json.
MADE = (
    "metrics.jsonl",
    "checkpoints",
    "curves.png",
    "skipped.json",
    "tensorboard",
    "wandb",
    "profile",
)


def new_folder(arch: str, size: str) -> Path:
    """The first free of runs/ARCH-SIZE, runs/ARCH-SIZE-2, ..."""
    folder, number = Path("runs") / f"{arch}-{size}", 1
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{arch}-{size}-{number}"
    return folder


@contextlib.contextmanager
def training(settings: config.Settings) -> Iterator[None]:
    """Inside, no other process trains the run; a new one has its directory and `config.json`.

    Raises:
        UserError: if another process trains it, its directory can't be written, or that of a new
            run is taken.
    """
    folder, new = settings.run.out, settings.run.resume is None
    if new:
        refuse_taken(folder)
    folders.make_folder(folder)
    if stores.is_store(folder):
        print(f"{folder}: a store has no lock; see that no other process trains this run")
        if new:
            create(folder, settings)
        yield
        return
    refusal = f"{folder}: another process is training this run; wait until it ends, or stop it"
    with lock.held(folder / "training.lock", refusal):
        if new:
            create(folder, settings)
        atomic.remove_partial(folder)
        yield


def refuse_unfit(settings: config.Settings) -> None:
    """Refuses a run in an object store that needs more than one can do.

    Raises:
        UserError: naming the option, and what to do.
    """
    folder, named = settings.run.out, set(settings.run.track)
    if not stores.is_store(folder):
        return
    writing = [f"--track {name}" for name in ("tensorboard", "wandb") if name in named]
    writing += ["--profile"] * settings.machine.profile
    if writing:
        raise errors.UserError(
            f"{writing[0]}: writes into the run directory, and --out {folder} is in an object "
            "store; leave it out, or choose a folder"
        )


def create(folder: Path, settings: config.Settings) -> None:
    """Makes the directory and writes `config.json`.

    Raises:
        UserError: if the directory holds a run already, or can't be written.
    """
    refuse_taken(folder)
    folders.make_folder(folder)
    config.write(folder, settings)


def refuse_taken(folder: Path) -> None:
    """Refuses a directory for a new run that holds one, or files that flaxvid did not make.

    Raises:
        UserError: naming them.
    """
    if (folder / config.NAME).exists():
        raise errors.UserError(
            f"--out {folder}: holds a run already; go on with it by --resume {folder}, "
            "or choose another --out"
        )
    folders.refuse_strangers(folder, config.NAME, MADE)
