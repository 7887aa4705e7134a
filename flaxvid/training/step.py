"""One step of learning and one of judging, as pure functions for `jax.jit`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree

from flaxvid.training import gradients, metrics
from flaxvid.training import state as states
from flaxvid.video import preprocess, transform

Batch = dict[str, Array]
Loss = Callable[[Array, Array, Array], Float[Array, ""]]
"""Logits, labels and weight of a batch -> a mean over the rows that count."""


def pixel_inputs(preprocessing: preprocess.Preprocessing) -> Callable[[Batch], Array]:
    """The `inputs_of` of a model that sees pixels: uint8 to normalised, centred float32."""

    def inputs_of(batch):
        clips = transform.normalise(batch["video"], preprocessing)
        if preprocessing.center == "none":
            return clips
        return transform.less_clip_mean(clips, batch["mask"])

    return inputs_of


def cross_entropy(
    logits: Float[Array, "batch classes"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    weight: Float[Array, " batch"],
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
    """The mean negative log probability of the right class over the rows that count, in nats.

    `labels` are class numbers, or for each row the share of every class. `weight` 0 takes a row
    out, whatever its logits are; `label_smoothing` in [0, 1) gives that share of the target to all
    classes alike (Szegedy et al., "Rethinking the Inception Architecture" (2016), section 7).
    """
    # Chosen, and before anything else: times 0, NaN would be in the loss and in its gradient.
    logits = jnp.where(weight[:, None] > 0, logits, 0.0)
    targets = labels if labels.ndim == 2 else jax.nn.one_hot(labels, logits.shape[-1])
    targets = optax.smooth_labels(targets, label_smoothing)
    losses = optax.softmax_cross_entropy(logits, targets)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def binary_cross_entropy(
    logits: Float[Array, "batch classes"],
    labels: Float[Array, "batch classes"],
    weight: Float[Array, " batch"],
    label_smoothing: float = 0.0,
) -> Float[Array, ""]:
    """The loss where a clip may have several labels: each class is asked for by itself, yes or no.

    The mean over the rows that count, and over the classes, in nats. `labels` are 1 for each class
    of a row and 0 for the others, or shares between; `weight` 0 takes a row out, whatever its
    logits are; `label_smoothing` in [0, 1) gives that share of each target to yes and no alike.
    """
    logits = jnp.where(weight[:, None] > 0, logits, 0.0)
    targets = labels * (1 - label_smoothing) + label_smoothing / 2
    losses = jnp.mean(optax.sigmoid_binary_cross_entropy(logits, targets), axis=-1)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def make_train_step(
    parts: states.Parts,
    optimizer: optax.GradientTransformation,
    inputs_of: Callable[[Batch], Array],
    loss: Loss | None = None,
    differentiate: gradients.Differentiate = jax.value_and_grad,
) -> Callable[[states.TrainState, Batch], tuple[states.TrainState, dict[str, Array]]]:
    """The pure `train_step(state, batch) -> (state, metrics)` of a model and its optimizer.

    `inputs_of(batch)` gives the model's inputs; it runs inside the compiled step, so that pixels
    reach the device as uint8. `loss(logits, labels, weight)` is that of the batch; None:
    `cross_entropy`. `differentiate` is used as `jax.value_and_grad` is, on a
    `loss_of(params, stats, batch, key) -> loss, (logits, stats)`: see `gradients`.
    """

    def loss_of(params: PyTree, stats: PyTree, batch: Batch, key: Any):
        model = states.merge(parts.train_def, params, stats)
        logits = model(inputs_of(batch), batch["mask"], rngs=nnx.Rngs(dropout=key))
        of_batch = (loss or cross_entropy)(logits, batch["label"], batch["weight"])
        return of_batch, (logits, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))

    def train_step(state, batch):
        key = jax.random.fold_in(state.key, state.step)
        gradient_of = differentiate(loss_of, has_aux=True)
        (of_batch, (logits, stats)), slopes = gradient_of(state.params, state.stats, batch, key)
        updates, opt_state = optimizer.update(slopes, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        measured = {
            "loss": of_batch,
            "accuracy": metrics.accuracy(logits, batch["label"], batch["weight"]),
            "gradient_norm": optax.tree.norm(slopes),
        }
        state = state._replace(step=state.step + 1, params=params, stats=stats, opt_state=opt_state)
        return state, measured

    return train_step


def make_eval_step(
    parts: states.Parts, inputs_of: Callable[[Batch], Array]
) -> Callable[[PyTree, PyTree, Batch], Float[Array, "batch classes"]]:
    """The pure `eval_step(params, stats, batch) -> logits` of a model."""

    def eval_step(params, stats, batch):
        model = states.merge(parts.eval_def, params, stats)
        return model(inputs_of(batch), batch["mask"])

    return eval_step
