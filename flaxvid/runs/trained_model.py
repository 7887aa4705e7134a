"""The trained model of a run, opened for use."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors, store_copies, stores
from flaxvid.models import cost, frame_encoders
from flaxvid.recipes import zoo
from flaxvid.runs import clip_encoding, config, encoding, model_folder, options
from flaxvid.training import parallel, saved, step
from flaxvid.training import state as states
from flaxvid.weights import pretrained, provenance


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model ready for use: the best checkpoint of a run."""

    settings: config.Settings
    step: int
    parameters: int
    """Numbers that were learnt."""
    logits: Callable[[dict[str, np.ndarray]], jax.Array]
    """Batch (as `data/batches.py` makes it) -> logits `batch classes`. A model that sees embeddings
    takes those, or video, which its encoder then embeds."""
    module: nnx.Module
    """The same model for those who look inside: for use, not for learning."""


def open_best(
    folder: Path | str,
    mesh: jax.sharding.Mesh | None = None,
    *,
    in_float32: bool = False,
) -> Trained:
    """The best checkpoint of the run in `folder`, compiled on first use; or a model handed on.

    Args:
        folder: of the run; or of a model that `export --format flaxvid` wrote, or where
            `hf:owner/name[@revision]` has it.
        mesh: the devices that its batches will be on; None: the first one.
        in_float32: compute in that, whatever the run does; its weights are float32 always.

    Raises:
        UserError: if the run has no checkpoint yet, or the model's files can't be used.
    """
    folder = model_folder.locate(folder)
    settings = config.load(folder)
    if in_float32 and hasattr(settings.model, "dtype"):
        model = dataclasses.replace(settings.model, dtype="float32")
        settings = dataclasses.replace(settings, model=model)
    module = zoo.find(settings.arch, settings.size).module
    abstract = nnx.eval_shape(lambda: module(settings.model, rngs=nnx.Rngs(0)))
    parts = states.split(abstract)
    if model_folder.is_one(folder):
        params, stats, best = model_folder.read(folder, parts.params, parts.stats)
    else:
        params, stats, best = _checkpoint(folder, settings, parts)
    if mesh is not None:
        params, stats = jax.device_put((params, stats), parallel.replicated(mesh))
    eval_step = jax.jit(step.make_eval_step(parts, inputs_of(settings)))
    embed = _embed(settings.embedding)
    return Trained(
        settings,
        best,
        cost.count_parameters(params),
        lambda batch: eval_step(params, stats, embed(batch)),
        states.merge(parts.eval_def, params, stats),
    )


def _checkpoint(folder, settings, parts):
    """Parameters, statistics and step of a run's best checkpoint."""
    # Read, and nothing more: the run may be another's, or in training at this moment.
    checkpoints = saved.Saved(store_copies.local(stores.path(folder) / "checkpoints").absolute())
    best = checkpoints.to_use(settings.recipe.keep)
    if best is None:
        if checkpoints.steps():
            raise errors.UserError(f"{folder}: all its checkpoints are damaged; train it again")
        raise errors.UserError(
            f"{folder}: has no checkpoint yet; go on with `train --resume {folder}`"
        )
    params, stats = checkpoints.restore_model(
        best, (parts.params, parts.stats), average=settings.recipe.average is not None
    )
    return params, stats, best


def fresh(
    arch: str,
    size: str,
    model: Any,
    labels: tuple[str, ...],
    *,
    seed: int,
    weights: str | None = None,
) -> Trained:
    """A model with random weights, or those of a file, as if it had been trained for no step.

    Args:
        arch: its architecture.
        size: the preset that its preprocessing comes from.
        model: its config.
        labels: of its classes.
        seed: of the random weights.
        weights: to start from, as `weights.pretrained.load` takes them; None: all are random.

    Raises:
        UserError: for an unknown architecture or size, or a config that does not fit;
            WeightsError, one of them, for weights that are not such a model's.
    """
    preset = zoo.find(arch, size)
    shown = preset.preprocessing
    if weights is not None:
        shown = provenance.prepared_for(weights, shown)
        shown = dataclasses.replace(shown, **provenance.sampling_of(weights))
        model = pretrained.adapted(weights, model)
    module = preset.module(model, rngs=nnx.Rngs(seed))
    settings = config.Settings(
        arch=arch,
        size=size,
        model=model,
        preprocessing=shown.fitted(
            num_frames=model.num_frames,
            stride=shown.stride,
            crop_size=getattr(model, "image_size", shown.crop_size),
        ),
        data=options.Data(),
        recipe=preset.recipe,
        run=options.Run(seed=seed),
        labels=labels,
        manifest="",
    )
    parts = states.split(module)
    if weights is not None:
        parts = parts._replace(params=pretrained.load(weights, model, parts.params)[0])
    sees_pixels = zoo.ARCHITECTURES[arch].inputs == "video"
    eval_step = jax.jit(
        step.make_eval_step(
            parts, inputs_of(settings) if sees_pixels else lambda batch: batch["embedding"]
        )
    )
    return Trained(
        settings,
        step=0,
        parameters=cost.count_parameters(parts.params),
        logits=lambda batch: eval_step(parts.params, parts.stats, batch),
        module=states.merge(parts.eval_def, parts.params, parts.stats),
    )


def inputs_of(settings: config.Settings) -> Callable[[step.Batch], jax.Array]:
    """The function from a batch on the device to the inputs of the model."""
    if settings.embedding is not None:
        return lambda batch: batch["embedding"]
    return step.pixel_inputs(settings.preprocessing)


def multiply_adds(settings: config.Settings, parts: states.Parts) -> int:
    """Of the model and one clip, forwards; counted without running it."""
    shown = settings.preprocessing
    if settings.embedding is None:
        shape = (1, shown.num_frames, shown.crop_size, shown.crop_size, 3)
        inputs = {"video": jax.ShapeDtypeStruct(shape, np.uint8)}
    else:
        shape = (1, settings.embedding.rows, settings.embedding.dim)
        inputs = {"embedding": jax.ShapeDtypeStruct(shape, np.float32)}
    one = inputs | {"mask": jax.ShapeDtypeStruct(shape[:2], np.bool_)}
    eval_step = step.make_eval_step(parts, inputs_of(settings))
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
        if about.tokens:
            return clip_encoding.embedded(reopen(), batch)
        embedding = frame_encoders.time_distributed(reopen().encode, jnp.asarray(batch["video"]))
        return {"embedding": embedding, **{k: v for k, v in batch.items() if k != "video"}}

    return embed
