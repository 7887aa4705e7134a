"""A run directory: `config.json`, `metrics.jsonl`, `checkpoints/`, `curves.png`."""

import contextlib
import dataclasses
import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

from flaxvid import errors, files
from flaxvid.data import embeddings, lock
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config
from flaxvid.video import transform

# What a run writes beside its config.json.
MADE = ("metrics.jsonl", "checkpoints", "curves.png", "skipped.json", "tensorboard", "profile")
PACKAGES = ("flaxvid", "jax", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


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
    files.make_folder(folder)
    refusal = f"{folder}: another process is training this run; wait until it ends, or stop it"
    with lock.held(folder / "training.lock", refusal):
        if new:
            create(folder, settings)
        yield


def create(folder: Path, settings: config.Settings) -> None:
    """Makes the directory and writes `config.json`.

    Raises:
        UserError: if the directory holds a run already, or can't be written.
    """
    refuse_taken(folder)
    files.make_folder(folder)
    _write(folder, settings)


def refuse_taken(folder: Path) -> None:
    """Refuses a directory for a new run that holds one, or files that flaxvid did not make.

    Raises:
        UserError: naming them.
    """
    if (folder / "config.json").exists():
        raise errors.UserError(
            f"--out {folder}: holds a run already; go on with it by --resume {folder}, "
            "or choose another --out"
        )
    files.refuse_strangers(folder, "config.json", MADE)


def update(folder: Path, settings: config.Settings, step: int) -> str:
    """Writes what a resumed run goes on with into its `config.json`, and what it was until then.

    Args:
        folder: of the run.
        settings: with which it goes on.
        step: the last that it has done.

    Returns:
        What is changed, in a line; empty: nothing that makes the model.

    Raises:
        UserError: if it can't be written.
    """
    saved = load(folder)
    was = config.made_of(dataclasses.replace(saved, changes=()))
    now = config.made_of(settings)
    before = {name: was.get(name) for name in now | was if was.get(name) != now.get(name)}
    changes = saved.changes
    if before and step > 0:  # of a run that has done no step, nothing was different
        changes = (*changes, {"step": step, "before": before})
    run = dataclasses.replace(settings.run, resume=None)
    _write(folder, dataclasses.replace(settings, run=run, changes=changes))
    told = ", ".join(f"{name} {value} to {now.get(name)}" for name, value in before.items())
    return f"from step {step} on: {told} (config.json)" if told else ""


def _write(folder, settings):
    versions = {name: importlib.metadata.version(name) for name in PACKAGES if _installed(name)}
    text = config.to_json(config.plain(settings) | {"versions": versions})
    files.write_text(folder / "config.json", text)


def _installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def load(folder: Path) -> config.Settings:
    """The settings of the run in `folder`.

    Raises:
        UserError: if there is no run, or its `config.json` can't be understood.
    """
    path = Path(folder) / "config.json"
    if not path.exists():
        raise errors.UserError(f"{folder}: is not a run directory; it has no config.json")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise errors.UserError(f"{path}: is damaged ({error}); train it again") from None
    try:
        kind = type(zoo.configure(values["arch"], values["size"], num_classes=1))
        return config.Settings(
            arch=values["arch"],
            size=values["size"],
            model=config.from_dict(kind, _renamed(values["model"]), str(path)),
            preprocessing=_preprocessing(values["preprocessing"], path),
            data=config.from_dict(config.Data, values["data"], str(path)),
            recipe=config.from_dict(recipes.Recipe, values["recipe"], str(path)),
            run=config.from_dict(config.Run, values["run"], str(path)),
            labels=_labels(values["labels"], path),
            manifest=values["manifest"],
            machine=config.from_dict(config.Machine, values.get("machine", {}), str(path)),
            embedding=_about(values.get("embedding")),
            changes=tuple(values.get("changes", ())),
        )
    except KeyError as error:
        raise errors.UserError(f"{path}: has no {error}; train it again") from None


def _renamed(fields):
    """The fields of a model by the names of today: `depth` was `layers` in some."""
    return {"depth" if name == "layers" else name: value for name, value in fields.items()}


def _labels(values, path):
    """Class names are shown in terminals, which would obey what can't be printed."""
    if not isinstance(values, list) or not all(isinstance(label, str) for label in values):
        raise errors.UserError(f"{path}: its labels are no list of names; train anew")
    return tuple(errors.printable(label) for label in values)


def _preprocessing(values, path):
    try:
        return transform.Preprocessing.from_dict(values)
    except errors.UserError as error:
        raise errors.UserError(f"{path}: {error}; train it again") from None


def _about(values):
    return None if values is None else embeddings.About.from_dict(values)
