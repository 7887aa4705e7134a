"""Mixup and CutMix: the clips of a batch are mixed in pairs before a training step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

TrainStep = Callable[..., tuple[Any, dict[str, Array]]]

MIXING = 2**31 - 1  # folded into the key of a step, apart from what dropout folds in


def mixed(
    train_step: TrainStep,
    num_classes: int,
    mixup: float,
    cutmix: float,
    axis: str | None = None,
) -> TrainStep:
    """Before each step the clips of the batch are mixed; see `mix`.

    Inside `pmap`, `axis` is the name of its axis: clips are mixed with those of other devices, as
    if the batch had not been cut.
    """

    def step(state, batch):
        key = jax.random.fold_in(jax.random.fold_in(state.key, state.step), MIXING)
        other = batch if axis is None else _of_opposite_device(batch, axis)
        return train_step(state, _mix(batch, other, key, num_classes, mixup, cutmix))

    return step


def _of_opposite_device(batch, axis):
    """The rows of the last device on the first, and so on: reversed, they are the whole batch's."""
    devices = jax.lax.axis_size(axis)
    pairs = [(device, devices - 1 - device) for device in range(devices)]
    return {name: jax.lax.ppermute(rows, axis, pairs) for name, rows in batch.items()}


def mix(
    batch: dict[str, Array], key: Any, num_classes: int, mixup: float = 0.0, cutmix: float = 0.0
) -> dict[str, Array]:
    """Every clip with the one opposite in the batch; the labels become shares of two classes, or of
    the classes that the two have.

    Mixup blends all pixels, or embeddings; cutmix pastes one box, the same in all frames. The part
    of the clip's own is drawn from Beta(alpha, alpha), once for a batch. A frame is real, and a
    row counts, where both are.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018); Yun et al., "CutMix"
    (2019).
    """
    return _mix(batch, batch, key, num_classes, mixup, cutmix)


def _mix(batch, rows, key, num_classes, mixup, cutmix):
    """The clips of `batch` with those of `rows`, the last of them first."""
    opposite = {name: values[::-1] for name, values in rows.items()}
    inputs = "video" if "video" in batch else "embedding"
    own, other = batch[inputs], opposite[inputs]
    which, amount, place = jax.random.split(key, 3)
    paste = jax.random.bernoulli(which, 0.5 if mixup and cutmix else float(cutmix > 0))
    alpha = jnp.where(paste, cutmix, mixup)
    share = jax.random.beta(amount, alpha, alpha)
    if inputs == "video":
        box = _box(place, share, own.shape[2:4])
        pasted = jnp.where(box[..., None], other, own)
        blended = _blend(own, other, share)
        mixed_inputs = jnp.where(paste, pasted, blended)
        share = jnp.where(paste, 1 - jnp.mean(box.astype(jnp.float32)), share)
    else:
        mixed_inputs = _blend(own, other, share)
    targets, others = (_shares(rows["label"], num_classes) for rows in (batch, opposite))
    return batch | {
        inputs: mixed_inputs,
        "mask": batch["mask"] & opposite["mask"],
        "label": share * targets + (1 - share) * others,
        "weight": batch["weight"] * opposite["weight"],
    }


def _shares(labels, num_classes):
    """Of every class, from class numbers; of several labels a clip, they are there already."""
    return labels if labels.ndim == 2 else jax.nn.one_hot(labels, num_classes)


def _blend(own, other, share):
    blended = share * own + (1 - share) * other
    return (jnp.round(blended) if own.dtype == jnp.uint8 else blended).astype(own.dtype)


def _box(key: Any, share: Float[Array, ""], size: tuple[int, int]) -> Bool[Array, "height width"]:
    """True in a box of about `1 - share` of the frame, cut off where it hangs over the edge."""
    centre = jax.random.uniform(key, (2,))
    half = jnp.sqrt(1 - share) / 2
    down, across = (
        jnp.abs((jnp.arange(n) + 0.5) / n - middle) <= half
        for n, middle in zip(size, centre, strict=True)
    )
    return down[:, None] & across[None, :]
