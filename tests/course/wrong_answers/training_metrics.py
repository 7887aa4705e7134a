"""Wrong answers for the exercises of flaxvid.training.metrics."""

import jax.numpy as jnp


# --- accuracy ---------------------------------------------------------------------------
def _right(logits, labels):
    labels = jnp.argmax(labels, axis=-1) if labels.ndim == 2 else labels
    return (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)


def _count(weight):
    return jnp.maximum(jnp.sum(weight), 1.0)


def accuracy_of_any_of_the_largest(logits, labels, weight):  # all zeros are always right
    labels = jnp.argmax(labels, axis=-1) if labels.ndim == 2 else labels
    own = jnp.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
    return jnp.sum(weight * (own >= logits.max(axis=-1))) / _count(weight)


def accuracy_of_all_rows(logits, labels, weight):
    return jnp.mean(_right(logits, labels))


def accuracy_over_all_rows(logits, labels, weight):  # miscounted
    return jnp.mean(weight * _right(logits, labels))


def accuracy_in_percent(logits, labels, weight):
    return 100 * jnp.sum(weight * _right(logits, labels)) / _count(weight)


def accuracy_counted(logits, labels, weight):  # how many, not which share
    return jnp.sum(weight * _right(logits, labels))


def accuracy_of_class_numbers_only(logits, labels, weight):
    labels = labels.astype(jnp.int32)
    labels = labels[:, 0] if labels.ndim == 2 else labels
    return jnp.sum(weight * _right(logits, labels)) / _count(weight)


def accuracy_nothing_by_nothing(logits, labels, weight):
    return jnp.sum(weight * _right(logits, labels)) / jnp.sum(weight)


def accuracy_of_chosen_rows(logits, labels, weight):  # as in NumPy
    chosen = _right(logits, labels)[weight == 1]
    return jnp.sum(chosen) / max(1, len(chosen))


def accuracy_by_if(logits, labels, weight):
    if weight.sum() == 0:
        return jnp.float32(0)
    return jnp.sum(weight * _right(logits, labels)) / jnp.sum(weight)


def accuracy_of_a_share_above_half(logits, labels, weight):  # 0.4 can be the largest of three
    if labels.ndim == 2:
        shares = jnp.take_along_axis(labels, jnp.argmax(logits, axis=-1)[:, None], axis=1)
        return jnp.sum(weight * (shares[:, 0] > 0.5)) / _count(weight)
    return jnp.sum(weight * _right(logits, labels)) / _count(weight)


def accuracy_of_rounded_shares(logits, labels, weight):  # none of three may round to 1
    labels = jnp.round(labels) if labels.ndim == 2 else labels
    return jnp.sum(weight * _right(logits, labels)) / _count(weight)


def accuracy_of_shares_by_their_length(logits, labels, weight):  # three rows of three classes
    if labels.shape[-1] == logits.shape[-1]:
        labels = jnp.argmax(labels, axis=-1)
    right = (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)
    return jnp.sum(weight * right) / _count(weight)


def accuracy_of_shares_in_the_type_of_logits(logits, labels, weight):  # 0.4999 becomes 0.5
    labels = labels.astype(logits.dtype) if labels.ndim == 2 else labels
    return jnp.sum(weight * _right(logits, labels)) / _count(weight)


def accuracy_of_all_mixed_rows(logits, labels, weight):  # of shares, padded rows too
    weight = jnp.ones_like(weight) if labels.ndim == 2 else weight
    return jnp.sum(weight * _right(logits, labels)) / _count(weight)


def accuracy_in_the_type_of_logits(logits, labels, weight):  # bfloat16 has no 301
    right, weight = (x.astype(logits.dtype) for x in (_right(logits, labels), weight))
    return jnp.sum(weight * right) / jnp.maximum(jnp.sum(weight), 1)
