"""A trained model as a folder to hand on: `model.safetensors`, `config.json` and a model card.

    model_folder.write(folder, trained.settings, trained.step, trained.module, card)
    trained_model.open_best(folder)     # or "hf:owner/name"

Its `config.json` is the run's, with the checkpoint's step, `"format": "flaxvid"` and the SHA-256 of
the weights, and without the places of its author's machine. No file in it can run code.
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy
from flax import nnx
from jaxtyping import PyTree

from flaxvid import atomic, files, folders, store_copies, stores
from flaxvid.runs import config
from flaxvid.training import state as states
from flaxvid.weights import fetch
from flaxvid.weights import read as weights

WEIGHTS, CARD, FORMAT = "model.safetensors", "README.md", "flaxvid"
HUB = "hf:"


# ------------------------------------------------------------------ writing
def write(folder: Path, settings: config.Settings, step: int, module: nnx.Module, card: str):
    """Writes a new folder, whole or not at all.

    Args:
        folder: missing or empty.
        settings: of the model.
        step: of the checkpoint that it comes from.
        module: the model.
        card: text of its `README.md`.

    Raises:
        FileError: if the folder holds something, or can't be written.
    """
    folders.refuse_occupied(folder, "made by this export")
    parts = states.split(module)
    arrays = {
        f"{kind}/{states.path_name(path)}": jax.device_get(leaf)
        for kind, tree in (("params", parts.params), ("stats", parts.stats))
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    data = safetensors.numpy.save(arrays, metadata={"format": FORMAT})
    about = {"format": FORMAT, "step": step, "sha256": hashlib.sha256(data).hexdigest()}
    with atomic.whole_folder(folder) as partial:
        files.write_bytes(partial / WEIGHTS, data)
        files.write_text(partial / config.NAME, config.text(without_places(settings), **about))
        files.write_text(partial / CARD, card)


def without_places(settings: config.Settings) -> config.Settings:
    """The settings without folders of the machine: of a path, its last part stays."""
    run = dataclasses.replace(
        settings.run, out=None, resume=None, mine=None, weights=_name(settings.run.weights)
    )
    data = dataclasses.replace(
        settings.data,
        data=_name(settings.data.data),
        encoder_weights=_name(settings.data.encoder_weights),
    )
    machine = dataclasses.replace(settings.machine, coordinator=None)
    about = settings.embedding
    if about is not None:
        about = dataclasses.replace(about, weights=_name(about.weights))
    return dataclasses.replace(settings, run=run, data=data, machine=machine, embedding=about)


def _name(place):
    """`videos` of /home/ann/videos; what is no path, as hf:owner/name, stays."""
    known = (HUB, "package:", "motion:", "tfds:", "keras:", "torchvision:")
    if place is None or place.startswith(known):
        return place
    return Path(place).name or place


# ------------------------------------------------------------------ reading
def locate(source: Path | str) -> Path:
    """The folder of a model: itself, or where the files of `hf:owner/name[@revision]` lie.

    Raises:
        WeightsError: if the repository can't be had.
    """
    spec = str(source)
    if not spec.startswith(HUB):
        return stores.path(source)
    path = fetch.locate(spec)
    if fetch.beside(spec, path, config.NAME) is None:
        raise weights.WeightsError(f"{spec}: has no {config.NAME}; it is not a flaxvid model")
    return path.parent


def is_one(source: Path | str) -> bool:
    """Whether a folder, or `hf:owner/name[@revision]`, is what `write` writes; only its
    `config.json` is looked at."""
    spec = str(source)
    path = stores.path(source) / config.NAME
    if spec.startswith(HUB):
        path = fetch.beside(spec, path, config.NAME)
    return path is not None and path.is_file() and _about(path).get("format") == FORMAT


def _about(path) -> dict[str, Any]:
    values = files.read_json(path)
    return values if isinstance(values, dict) else {}


def read(folder: Path, params: PyTree, stats: PyTree) -> tuple[PyTree, PyTree, int]:
    """Parameters, statistics and step of the model in a folder.

    Args:
        folder: of the model.
        params: their shapes, as a model of this config has them.
        stats: likewise.

    Raises:
        WeightsError: if the weights are missing, damaged, or not those that its `config.json` is
            about.
    """
    folder = store_copies.local(folder)
    path, about = folder / WEIGHTS, _about(folder / config.NAME)
    arrays = weights.read(path)
    if _sha256(path) != about.get("sha256"):
        raise weights.WeightsError(
            f"{path}: is damaged, or not the weights that {config.NAME} beside it is about; get "
            "both files again"
        )
    step = about.get("step")
    if type(step) is not int:
        raise weights.WeightsError(f"{folder}: its {config.NAME} has no step; export it again")
    found = {}
    for kind, tree in (("params", params), ("stats", stats)):
        leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
        named = {f"{kind}/{states.path_name(path)}": leaf for path, leaf in leaves}
        wrong = [n for n, leaf in named.items() if n not in arrays or arrays[n].shape != leaf.shape]
        if wrong:
            raise weights.WeightsError(
                f"{path}: has no {wrong[0]} of the shape that its {config.NAME} says; it comes "
                "from another version of flaxvid"
            )
        values = [arrays.pop(name) for name in named]
        spoilt = [n for n, v in zip(named, values, strict=True) if not np.isfinite(v).all()]
        if spoilt:
            raise weights.WeightsError(
                f"{path}: holds NaN or infinite numbers in {spoilt[0]}; export another checkpoint"
            )
        found[kind] = jax.tree.unflatten(structure, values)
    if arrays:
        raise weights.WeightsError(
            f"{path}: has {next(iter(arrays))}, which no such model has; it comes from another "
            "version of flaxvid"
        )
    return found["params"], found["stats"], step


def _sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
