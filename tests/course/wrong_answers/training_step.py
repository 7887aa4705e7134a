"""Wrong answers for the exercises of flaxvid.training.step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from flaxvid.training import metrics, step
from flaxvid.training import state as states


# --- cross_entropy ----------------------------------------------------------------------
def _row_losses(logits, labels, label_smoothing):
    targets = jax.nn.one_hot(labels, logits.shape[-1])
    targets = optax.smooth_labels(targets, label_smoothing)
    return optax.softmax_cross_entropy(logits, targets)


def cross_entropy_softmax_twice(logits, labels, weight, label_smoothing=0.0):
    losses = _row_losses(jax.nn.softmax(logits), labels, label_smoothing)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_of_all_rows(logits, labels, weight, label_smoothing=0.0):
    return jnp.mean(_row_losses(logits, labels, label_smoothing))


def cross_entropy_over_all_rows(logits, labels, weight, label_smoothing=0.0):  # miscounted
    return jnp.mean(weight * _row_losses(logits, labels, label_smoothing))


def cross_entropy_over_two_rows_at_least(logits, labels, weight, label_smoothing=0.0):
    losses = _row_losses(logits, labels, label_smoothing)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 2.0)


def cross_entropy_summed(logits, labels, weight, label_smoothing=0.0):
    return jnp.sum(weight * _row_losses(logits, labels, label_smoothing))


def cross_entropy_nothing_by_nothing(logits, labels, weight, label_smoothing=0.0):
    losses = _row_losses(logits, labels, label_smoothing)
    return jnp.sum(weight * losses) / jnp.sum(weight)


def cross_entropy_unsmoothed(logits, labels, weight, label_smoothing=0.0):
    losses = _row_losses(logits, labels, 0.0)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_smoothed_to_the_others(logits, labels, weight, label_smoothing=0.0):
    one_hot, classes = jax.nn.one_hot(labels, logits.shape[-1]), logits.shape[-1]
    targets = (1 - label_smoothing) * one_hot + label_smoothing / (classes - 1) * (1 - one_hot)
    losses = optax.softmax_cross_entropy(logits, targets)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


# --- make_train_step --------------------------------------------------------------------
def _make(parts, optimizer, inputs_of, loss, *, key_of=None, mask_of=None, keep=None, sign=1.0):
    """The right step, but for what the options say."""

    def loss_of(params, stats, batch, key):
        model = states.merge(parts.train_def, params, stats)
        mask = batch["mask"] if mask_of is None else mask_of(batch)
        logits = model(inputs_of(batch), mask, rngs=None if key is None else nnx.Rngs(dropout=key))
        found = (loss or step.cross_entropy)(logits, batch["label"], batch["weight"])
        return sign * found, (found, logits, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))

    def train_step(state, batch):
        folded = jax.random.fold_in(state.key, state.step)
        key = folded if key_of is None else key_of(state)
        gradient_of = jax.grad(loss_of, has_aux=True)
        gradients, (found, logits, stats) = gradient_of(state.params, state.stats, batch, key)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        measured = {
            "loss": found,
            "accuracy": metrics.accuracy(logits, batch["label"], batch["weight"]),
            "gradient_norm": optax.tree.norm(gradients),
        }
        new = state._replace(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            stats=stats,
            opt_state=opt_state,
        )
        kept = {} if keep is None else {name: getattr(state, name) for name in keep}
        return new._replace(**kept), measured

    return train_step


def make_train_step_same_mask_every_step(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, key_of=lambda state: state.key)


def make_train_step_without_dropout(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, key_of=lambda state: None)


def make_train_step_never_counts(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, keep=["step"])


def make_train_step_forgets_statistics(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, keep=["stats"])


def make_train_step_forgets_moments(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, keep=["opt_state"])


def make_train_step_uphill(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, sign=-1.0)


def make_train_step_without_the_mask(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss, mask_of=lambda batch: None)


def make_train_step_with_its_own_loss(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, None)


def make_train_step_in_eval_mode(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    parts = parts._replace(train_def=parts.eval_def)
    return _make(parts, optimizer, inputs_of, loss)


def make_train_step_by_its_own_gradient(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, inputs_of, loss)


# --- cross_entropy, again ---------------------------------------------------------------
def cross_entropy_log_of_softmax(logits, labels, weight, label_smoothing=0.0):  # log 0
    targets = labels if labels.ndim == 2 else jax.nn.one_hot(labels, logits.shape[-1])
    targets = optax.smooth_labels(targets, label_smoothing)
    losses = -jnp.sum(targets * jnp.log(jax.nn.softmax(logits)), axis=-1)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_of_class_numbers_only(logits, labels, weight, label_smoothing=0.0):
    losses = _row_losses(logits, labels, label_smoothing)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_of_the_largest_share(logits, labels, weight, label_smoothing=0.0):
    labels = labels.argmax(axis=-1) if labels.ndim == 2 else labels
    losses = _row_losses(logits, labels, label_smoothing)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_multiplied(logits, labels, weight, label_smoothing=0.0):  # 0 x NaN is NaN
    targets = labels if labels.ndim == 2 else jax.nn.one_hot(labels, logits.shape[-1])
    targets = optax.smooth_labels(targets, label_smoothing)
    losses = optax.softmax_cross_entropy(logits, targets)
    return jnp.sum(weight * losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_chosen_too_late(logits, labels, weight, label_smoothing=0.0):
    targets = labels if labels.ndim == 2 else jax.nn.one_hot(labels, logits.shape[-1])
    targets = optax.smooth_labels(targets, label_smoothing)
    losses = jnp.where(weight > 0, optax.softmax_cross_entropy(logits, targets), 0.0)
    return jnp.sum(losses) / jnp.maximum(jnp.sum(weight), 1.0)


def cross_entropy_of_nan_made_zero(logits, labels, weight, label_smoothing=0.0):
    return own_cross_entropy(jnp.nan_to_num(logits), labels, weight, label_smoothing)


def cross_entropy_by_if(logits, labels, weight, label_smoothing=0.0):
    if weight.sum() == 0:
        return jnp.zeros(())
    return own_cross_entropy(logits, labels, weight, label_smoothing)


def cross_entropy_in_numpy(logits, labels, weight, label_smoothing=0.0):
    if labels.ndim == 1:
        labels = jnp.eye(logits.shape[-1])[np.asarray(labels)]
    return own_cross_entropy(logits, labels, weight, label_smoothing)


def cross_entropy_of_chosen_rows(logits, labels, weight, label_smoothing=0.0):
    kept = weight > 0
    return own_cross_entropy(logits[kept], labels[kept], weight[kept], label_smoothing)


own_cross_entropy = step.cross_entropy  # before a check puts a wrong answer in its place


# --- make_train_step, again -------------------------------------------------------------
def make_train_step_compiled_inside(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return jax.jit(own_make_train_step(parts, optimizer, inputs_of, loss, differentiate))


def make_train_step_of_the_video(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    return _make(parts, optimizer, lambda batch: batch["pixels"] * 1.01, loss)


def make_train_step_kept_outside(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    kept = {}
    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)

    def train_step(state, batch):
        kept["state"], measured = own(kept.get("state", state), batch)
        return kept["state"], measured

    return train_step


def make_train_step_with_moments_kept_outside(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    kept = {}
    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)

    def train_step(state, batch):
        new, measured = own(state._replace(opt_state=kept.get("moments", state.opt_state)), batch)
        kept["moments"] = new.opt_state
        return new, measured

    return train_step


def make_train_step_with_statistics_kept_outside(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # of the first call
    kept = {}
    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)

    def train_step(state, batch):
        return own(state._replace(stats=kept.setdefault("stats", state.stats)), batch)

    return train_step


def make_train_step_counted_in_floats(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    def train_step(state, batch):
        new, measured = own(state, batch)
        return new._replace(step=state.step + 1.0), measured

    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)
    return train_step


def make_train_step_of_the_first_statistics(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)
    return lambda state, batch: own(state._replace(stats=parts.stats), batch)


def make_train_step_without_the_average(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    def train_step(state, batch):
        new, measured = own(state, batch)
        return new._replace(average={}), measured

    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)
    return train_step


def make_train_step_measured_afterwards(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    def train_step(state, batch):
        new, measured = own(state, batch)
        logits = states.merge(parts.train_def, new.params, state.stats)(
            inputs_of(batch), batch["mask"]
        )
        right = metrics.accuracy(logits, batch["label"], batch["weight"])
        return new, measured | {"accuracy": right}

    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)
    return train_step


def _make_with(parts, optimizer, inputs_of, loss, differentiate, change):
    """The right step, but its loss gets what `change` makes of its arguments and the step's."""

    def instead(loss_of, *, has_aux):
        def of(*ours):
            changed = lambda *given: loss_of(*change(given, ours))  # noqa: E731
            return differentiate(changed, has_aux=has_aux)(*ours)

        return of

    return own_make_train_step(parts, optimizer, inputs_of, loss, instead)


def make_train_step_of_the_whole_batch(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # and not of the rows given
    change = lambda given, ours: (*given[:2], ours[2], given[3])  # noqa: E731
    return _make_with(parts, optimizer, inputs_of, loss, differentiate, change)


def make_train_step_of_the_key_of_the_step(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # in every micro-batch
    change = lambda given, ours: (*given[:3], ours[3])  # noqa: E731
    return _make_with(parts, optimizer, inputs_of, loss, differentiate, change)


def make_train_step_of_the_statistics_of_the_step(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # in every micro-batch
    change = lambda given, ours: (given[0], ours[1], *given[2:])  # noqa: E731
    return _make_with(parts, optimizer, inputs_of, loss, differentiate, change)


def make_train_step_of_the_number_alone(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # the same in every run
    return _make(parts, optimizer, inputs_of, loss, key_of=lambda state: jax.random.key(state.step))


def make_train_step_without_the_parameters(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # weight decay finds nothing to take from
    def update(gradients, opt_state, params):
        return optimizer.update(gradients, opt_state, jax.tree.map(jnp.zeros_like, params))

    blind = optax.GradientTransformation(optimizer.init, update)
    return own_make_train_step(parts, blind, inputs_of, loss, differentiate)


own_make_train_step = step.make_train_step  # before a check puts a wrong answer in its place


def make_train_step_of_the_first_parameters(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):  # every step begins again
    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)
    return lambda state, batch: own(state._replace(params=parts.params), batch)


def make_train_step_added_to_the_first_parameters(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    own = own_make_train_step(parts, optimizer, inputs_of, loss, differentiate)

    def train_step(state, batch):
        new, measured = own(state, batch)
        params = jax.tree.map(lambda a, b, c: a + (b - c), parts.params, new.params, state.params)
        return new._replace(params=params), measured

    return train_step


def make_train_step_that_decays_the_first_parameters(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    def update(gradients, opt_state, params):
        return optimizer.update(gradients, opt_state, parts.params)

    of_the_first = optax.GradientTransformation(optimizer.init, update)
    return own_make_train_step(parts, of_the_first, inputs_of, loss, differentiate)


def make_train_step_with_the_gradient_of_the_first_parameters(
    parts, optimizer, inputs_of, loss=None, differentiate=jax.value_and_grad
):
    def elsewhere(loss_of, **options):
        gradient_of = differentiate(loss_of, **options)
        return lambda params, stats, batch, key: gradient_of(parts.params, stats, batch, key)

    return own_make_train_step(parts, optimizer, inputs_of, loss, elsewhere)
