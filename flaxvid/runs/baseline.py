"""What is measured on the training videos' embeddings: their statistics, and a linear model."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PyTree

from flaxvid import errors
from flaxvid.data import embeddings
from flaxvid.evaluation import average_precision
from flaxvid.models import embedding_inputs, linear
from flaxvid.training import ridge

MEASURED = 2000  # training videos that are read, at most


def with_statistics(stats: PyTree, stored: embeddings.Stored, model: Any) -> PyTree:
    """A model's statistics with those of the training videos' embeddings, if it uses them.

    Args:
        stats: of the fresh model.
        stored: the embeddings; `MEASURED` of the training videos at most are read.
        model: its config.

    Raises:
        UserError: if no training video could be read.
    """
    if "prepare" not in stats:
        return stats
    found = embedding_inputs.statistics(*_read(stored, _training(stored)), model.center)
    return {**stats, "prepare": {name: jnp.asarray(value) for name, value in found.items()}}


def solved(params: PyTree, stats: PyTree, stored: embeddings.Stored, config: Any) -> PyTree:
    """The parameters of a linear model in closed form; it says what was found.

    Where a video may have several labels, a class is there if more than half of it is: at 0.

    Raises:
        UserError: if no training video could be read.
    """
    numbers = _training(stored)
    found = _fit(stored, numbers, stats.get("prepare"), config)
    rows = [stored.manifest.rows[number] for number in numbers]
    groups = len({row.group or row.path for row in rows})
    unit = "groups" if 1 < groups < len(rows) else "single videos"
    how = (
        f"chosen at {'mAP ' * stored.manifest.multi_label}{found.validated:.1%} on {unit} left out"
    )
    if math.isnan(found.validated):
        how = "the usual one, as no group left out has a class of the others"
    print(
        f"linear, in closed form on {len(rows)} training videos: penalty {found.strength:g}, {how}"
    )
    bias = found.bias - 0.5 * stored.manifest.multi_label
    return {
        **params,
        "head": {"kernel": jnp.asarray(found.kernel), "bias": jnp.asarray(bias, jnp.float32)},
    }


def outputs(
    stored: embeddings.Stored, split: str
) -> tuple[Float[np.ndarray, "video classes"], int]:
    """What a linear model gives for each readable video of a split, and on how many it learnt.

    Raises:
        UserError: if no training video could be read.
    """
    rows, shape = stored.manifest.rows, stored.array.shape
    config = linear.LinearConfig(len(stored.manifest.labels), shape[1], shape[2])
    training = _training(stored)
    scales = embedding_inputs.statistics(*_read(stored, training), config.center)
    found = _fit(stored, training, scales, config)
    numbers = [n for n, row in enumerate(rows) if row.split == split and stored.lengths[n]]
    given = features(*_read(stored, numbers), scales, config) @ found.kernel + found.bias
    return given, len(training)


def features(
    array: Float[np.ndarray, "video time dim"],
    mask: Bool[np.ndarray, "video time"],
    scales: PyTree,
    config: linear.LinearConfig,
) -> Float[np.ndarray, "video features"]:
    """What the linear model sees of videos, standardised by `scales` and centred as it does."""
    model = embedding_inputs.EmbeddingInputs(
        config.embedding_dim, config.center, config.standardise, dropout=0.0
    )
    for name, values in (scales or {}).items():
        getattr(model, name)[...] = jnp.asarray(values)
    return np.asarray(linear.flatten(*model(jnp.asarray(array), jnp.asarray(mask))))


def _training(stored):
    rows = stored.manifest.rows
    numbers = [n for n, row in enumerate(rows) if row.split == "train" and stored.lengths[n]]
    if not numbers:
        raise errors.UserError(f"{stored.folder}: has no training video that could be read")
    # Every so-maniest: of all classes and groups.
    return numbers[:: -(-len(numbers) // MEASURED)]


def _read(stored, numbers):
    mask = np.arange(stored.array.shape[1]) < stored.lengths[numbers, None]
    return stored.take(numbers), mask


def _labels(stored, numbers):
    rows, manifest = stored.manifest.rows, stored.manifest
    return np.stack([manifest.target(rows[number]) for number in numbers])


def _fit(stored, numbers, scales, config):
    rows = [stored.manifest.rows[number] for number in numbers]
    groups = np.array([row.group or row.path for row in rows])
    found = features(*_read(stored, numbers), scales, config)
    score = average_precision.mean if stored.manifest.multi_label else ridge.accuracy
    return ridge.fit(found, _labels(stored, numbers), groups, config.num_classes, score)
