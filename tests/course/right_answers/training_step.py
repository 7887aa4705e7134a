"""Right answers for the exercises of flaxvid.training.step, in other ways."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from flaxvid.training import metrics, step
from flaxvid.training import state as states


# --- cross_entropy ----------------------------------------------------------------------
def _targets(labels, classes, smoothing):
    targets = labels if labels.ndim == 2 else jnp.eye(classes)[labels]
    return (1 - smoothing) * targets + smoothing / classes


def cross_entropy_by_log_softmax(logits, labels, weight, label_smoothing=0.0):
    targets = _targets(labels, logits.shape[-1], label_smoothing)
    logits = jnp.where(weight[:, None] == 0, 0, logits)
    losses = -jnp.sum(targets * jax.nn.log_softmax(logits, axis=-1), axis=-1)
    return jnp.dot(weight, losses) / jnp.maximum(weight.sum(), 1)


def cross_entropy_by_logsumexp(logits, labels, weight, label_smoothing=0.0):
    targets = _targets(labels, logits.shape[-1], label_smoothing)
    counts = jnp.broadcast_to(weight[:, None], logits.shape) > 0
    logits = jax.lax.select(counts, logits, jnp.zeros_like(logits))
    shifted = logits - logits.max(axis=-1, keepdims=True)
    losses = jax.nn.logsumexp(shifted, axis=-1) - jnp.sum(targets * shifted, axis=-1)
    total = weight.sum()
    return jnp.where(total > 0, (weight * losses).sum() / jnp.where(total > 0, total, 1), 0.0)


def cross_entropy_row_by_row(logits, labels, weight, label_smoothing=0.0):
    targets = _targets(labels, logits.shape[-1], label_smoothing)
    logits = jax.vmap(lambda row, counts: jnp.where(counts, row, 0.0))(logits, weight > 0)
    losses = jax.vmap(optax.losses.softmax_cross_entropy)(logits, targets)
    return jnp.sum(jnp.where(weight > 0, losses, 0.0)) / jnp.clip(jnp.sum(weight), 1.0)


# --- make_train_step --------------------------------------------------------------------
def _step_of(parts, optimizer, differentiated, inputs_of):
    def train_step(state, batch):
        key = jax.random.fold_in(state.key, state.step)
        found, gradients = differentiated(state, batch, key)
        loss, (logits, stats) = found
        changes, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = jax.tree.map(lambda old, change: old + change, state.params, changes)
        measured = dict(
            loss=loss,
            accuracy=metrics.accuracy(logits, batch["label"], batch["weight"]),
            gradient_norm=optax.tree.norm(gradients),
        )
        state = states.TrainState(
            **state._asdict()
            | dict(step=state.step + 1, params=params, stats=stats, opt_state=opt_state)
        )
        return state, measured

    return train_step


def _loss_of(parts, inputs_of, loss):
    def loss_of(params, stats, batch, key):
        model = states.merge(parts.train_def, params, stats)
        logits = model(inputs_of(batch), mask=batch["mask"], rngs=nnx.Rngs(dropout=key))
        found = (loss or step.cross_entropy)(logits, batch["label"], batch["weight"])
        return found, (logits, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))

    return loss_of


def make_train_step_differentiated_once(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    gradient_of = differentiate(_loss_of(parts, inputs_of, loss), has_aux=True)
    return _step_of(
        parts,
        optimizer,
        lambda state, batch, key: gradient_of(state.params, state.stats, batch, key),
        inputs_of,
    )


def make_train_step_in_the_step(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    def differentiated(state, batch, key):
        loss_of = _loss_of(parts, inputs_of, loss)
        return differentiate(loss_of, has_aux=True)(state.params, state.stats, batch, key)

    return _step_of(parts, optimizer, differentiated, inputs_of)


def make_train_step_with_another_key(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    gradient_of = differentiate(_loss_of(parts, inputs_of, loss), has_aux=True)

    def differentiated(state, batch, key):
        key = jax.random.split(jax.random.fold_in(state.key, state.step + 1))[0]
        return gradient_of(state.params, state.stats, batch, key)

    return _step_of(parts, optimizer, differentiated, inputs_of)
