"""A run directory: `config.json`, `metrics.jsonl`, `checkpoints/`, `curves.png`."""

import dataclasses
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.models import zoo
from flaxvid.training import checkpoint, config, step
from flaxvid.training import state as states
from flaxvid.video import transform

PACKAGES = ("flaxvid", "jax", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that makes a run what it is: enough to go on with it, or to use its model."""

    arch: str
    size: str
    model: Any
    """The model's own config."""
    preprocessing: transform.Preprocessing
    data: config.Data
    recipe: config.Recipe
    run: config.Run
    labels: tuple[str, ...]
    manifest: str
    """Fingerprint of the manifest trained on."""


def new_folder(arch: str, size: str) -> Path:
    """The first free of runs/ARCH-SIZE, runs/ARCH-SIZE-2, ..."""
    folder, number = Path("runs") / f"{arch}-{size}", 1
    while folder.exists():
        number += 1
        folder = Path("runs") / f"{arch}-{size}-{number}"
    return folder


def create(folder: Path, settings: Settings) -> None:
    """Makes the directory and writes `config.json`.

    Raises:
        UserError: if the directory holds a run already, or can't be written.
    """
    if (folder / "config.json").exists():
        raise errors.UserError(
            f"--out {folder}: holds a run already; go on with it by --resume {folder}, "
            "or choose another --out"
        )
    versions = {name: importlib.metadata.version(name) for name in PACKAGES if _installed(name)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = config.to_json(config.plain(settings) | {"versions": versions})
        (folder / "config.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise errors.UserError(
            f"--out {folder}: can't be written ({error.strerror}); choose another --out"
        ) from None


def _installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def load(folder: Path) -> Settings:
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
        raise errors.UserError(f"{path}: is damaged ({error}); train anew") from None
    try:
        kind = type(zoo.configure(values["arch"], values["size"], num_classes=1))
        return Settings(
            arch=values["arch"],
            size=values["size"],
            model=config.from_dict(kind, values["model"], str(path)),
            preprocessing=transform.Preprocessing.from_dict(values["preprocessing"]),
            data=config.from_dict(config.Data, values["data"], str(path)),
            recipe=config.from_dict(config.Recipe, values["recipe"], str(path)),
            run=config.from_dict(config.Run, values["run"], str(path)),
            labels=tuple(values["labels"]),
            manifest=values["manifest"],
        )
    except KeyError as error:
        raise errors.UserError(f"{path}: has no {error}; train anew") from None


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model ready for use: the best checkpoint of a run."""

    settings: Settings
    step: int
    logits: Callable[[dict[str, np.ndarray]], jax.Array]
    """Batch (as `data/batches.py` makes it) -> logits `batch classes`."""


def open_best(folder: Path) -> Trained:
    """The best checkpoint of the run in `folder`, compiled on first use.

    Raises:
        UserError: if the run has no checkpoint yet.
    """
    settings = load(folder)
    module = zoo.find(settings.arch, settings.size).module
    abstract = nnx.eval_shape(lambda: module(settings.model, rngs=nnx.Rngs(0)))
    parts = states.take_apart(abstract)
    with checkpoint.Checkpoints(Path(folder) / "checkpoints") as checkpoints:
        best = checkpoints.best()
        if best is None:
            raise errors.UserError(
                f"{folder}: has no checkpoint yet; go on with `train --resume {folder}`"
            )
        params, stats = checkpoints.restore_model(best, (parts.params, parts.stats))
    prepare = step.prepare_pixels(settings.preprocessing)
    eval_step = jax.jit(step.make_eval_step(parts, prepare))
    return Trained(settings, best, lambda batch: eval_step(params, stats, batch))
