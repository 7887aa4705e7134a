"""A run directory: `config.json`, `metrics.jsonl`, `checkpoints/`, `curves.png`."""

import importlib.metadata
import json
from pathlib import Path

from flaxvid import errors, files
from flaxvid.data import embeddings
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


def create(folder: Path, settings: config.Settings) -> None:
    """Makes the directory and writes `config.json`.

    Raises:
        UserError: if the directory holds a run already, or can't be written.
    """
    if (folder / "config.json").exists():
        raise errors.UserError(
            f"--out {folder}: holds a run already; go on with it by --resume {folder}, "
            "or choose another --out"
        )
    files.refuse_strangers(folder, "config.json", MADE)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES if _installed(name)}
    files.make_folder(folder)
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
