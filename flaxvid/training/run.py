"""A run directory: `config.json`, `metrics.jsonl`, `checkpoints/`, `curves.png`."""

import dataclasses
import functools
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.data import embeddings
from flaxvid.models import cost, frame_encoders, zoo
from flaxvid.training import checkpoint, config, encoding, parallel, step
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
    machine: config.Machine = dataclasses.field(default_factory=config.Machine)
    embedding: embeddings.About | None = None
    """How frames become what the model sees; None: it sees their pixels."""


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
            preprocessing=_preprocessing(values["preprocessing"], path),
            data=config.from_dict(config.Data, values["data"], str(path)),
            recipe=config.from_dict(config.Recipe, values["recipe"], str(path)),
            run=config.from_dict(config.Run, values["run"], str(path)),
            labels=tuple(values["labels"]),
            manifest=values["manifest"],
            machine=config.from_dict(config.Machine, values.get("machine", {}), str(path)),
            embedding=_about(values.get("embedding")),
        )
    except KeyError as error:
        raise errors.UserError(f"{path}: has no {error}; train anew") from None


def _preprocessing(values, path):
    try:
        return transform.Preprocessing.from_dict(values)
    except errors.UserError as error:
        raise errors.UserError(f"{path}: {error}; train anew") from None


def _about(values):
    return None if values is None else embeddings.About.from_dict(values)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model ready for use: the best checkpoint of a run."""

    settings: Settings
    step: int
    parameters: int
    """Numbers that were learnt."""
    logits: Callable[[dict[str, np.ndarray]], jax.Array]
    """Batch (as `data/batches.py` makes it) -> logits `batch classes`. A model that sees embeddings
    takes those, or video, which its encoder then embeds."""
    module: nnx.Module
    """The same model for those who look inside: for use, not for learning."""


def open_best(folder: Path, mesh: jax.sharding.Mesh | None = None) -> Trained:
    """The best checkpoint of the run in `folder`, compiled on first use.

    Args:
        folder: of the run.
        mesh: the devices that its batches will be on; None: the first one.

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
        params, stats = checkpoints.restore_model(
            best, (parts.params, parts.stats), average=settings.recipe.average is not None
        )
    if mesh is not None:
        params, stats = jax.device_put((params, stats), parallel.replicated(mesh))
    eval_step = jax.jit(step.make_eval_step(parts, prepare(settings)))
    embed = _embed(settings.embedding)
    return Trained(
        settings,
        best,
        cost.count_parameters(params),
        lambda batch: eval_step(params, stats, embed(batch)),
        states.put_together(parts.eval_def, params, stats),
    )


def prepare(settings: Settings) -> Callable[[step.Batch], jax.Array]:
    """The function from a batch on the device to the inputs of the model."""
    if settings.embedding is not None:
        return lambda batch: batch["embedding"]
    return step.prepare_pixels(settings.preprocessing)


def multiply_adds(settings: Settings, parts: states.Parts) -> int:
    """Of the model and one clip, forwards; counted without running it."""
    shown = settings.preprocessing
    if settings.embedding is None:
        shape = (1, shown.num_frames, shown.crop_size, shown.crop_size, 3)
        inputs = {"video": jax.ShapeDtypeStruct(shape, np.uint8)}
    else:
        shape = (1, shown.num_frames, settings.embedding.dim)
        inputs = {"embedding": jax.ShapeDtypeStruct(shape, np.float32)}
    one = inputs | {"mask": jax.ShapeDtypeStruct(shape[:2], np.bool_)}
    eval_step = step.make_eval_step(parts, prepare(settings))
    return cost.multiply_adds(eval_step, parts.params, parts.stats, one)


def _embed(about):
    """Gives a batch of video its embedding, if that is what the model sees."""
    if about is None:
        return lambda batch: batch
    # A batch of embeddings needs no encoder, and its weights may not be there.
    reopen = functools.cache(lambda: encoding.reopen(about))

    def embed(batch):
        if "embedding" in batch:
            return batch
        embedding = frame_encoders.time_distributed(reopen().encode, jnp.asarray(batch["video"]))
        return {"embedding": embedding, **{k: v for k, v in batch.items() if k != "video"}}

    return embed
