"""Numbers about learning: loss and accuracies over the rows that count."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import special

from flaxvid import errors


def accuracy(
    logits: Float[Array, "batch classes"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    weight: Float[Array, " batch"],
) -> Float[Array, ""]:
    """The share of rows of weight 1 whose largest logit is the label's, 0 to 1.

    Of equal logits the first is the answer. Where `labels` are shares of every class, the
    largest of them is the label.
    """
    labels = jnp.argmax(labels, axis=-1) if labels.ndim == 2 else labels
    right = (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)
    return jnp.sum(weight * right) / jnp.maximum(jnp.sum(weight), 1.0)


def top_k_accuracy(
    logits: Float[np.ndarray, "clips classes"], labels: Int[np.ndarray, " clips"], k: int
) -> float:
    """The share of clips whose label is among the `k` largest logits, 0 to 1."""
    best = np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    return float(np.mean(np.any(best == labels[:, None], axis=-1)))


def summarise(
    logits: Float[np.ndarray, "clips classes"], labels: Int[np.ndarray, " clips"]
) -> dict[str, float]:
    """Loss in nats, top-1 and top-5 accuracy, over the clips of an evaluation."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return {
        "loss": float(-np.mean(log_probability[np.arange(len(labels)), labels])),
        "accuracy": top_k_accuracy(logits, labels, 1),
        "top5": top_k_accuracy(logits, labels, 5),
    }


def probabilities(
    logits: Float[np.ndarray, "*clips classes"], multi_label: bool = False
) -> Float[np.ndarray, "*clips classes"]:
    """Of every class, 0 to 1: the softmax; where a clip may have several labels, each sigmoid."""
    logits = np.asarray(logits, np.float64)
    return special.expit(logits) if multi_label else special.softmax(logits, axis=-1)


def binary_loss(
    logits: Float[np.ndarray, "clips classes"], targets: Float[np.ndarray, "clips classes"]
) -> float:
    """`step.binary_cross_entropy` over the clips of an evaluation, in nats a class."""
    logits = np.asarray(logits, np.float64)
    return float(np.mean(np.logaddexp(0, logits) - targets * logits))


def not_finite(mean: dict[str, float]) -> str | None:
    """The first of a step's losses and norms that is NaN or infinite; None if all are finite."""
    watched = sorted((k for k in mean if k.endswith(("loss", "norm"))), key=lambda k: k != "loss")
    return next((key for key in watched if not np.isfinite(mean[key])), None)


def refuse_no_numbers(
    outputs: Float[np.ndarray, "clips classes"], videos: Sequence[str | None] = ()
) -> None:
    """Refuses logits or probabilities that hold NaN: the largest of them would be the first class.

    Args:
        outputs: of the model.
        videos: the path of each clip's video, where there is one.

    Raises:
        UserError: saying of which video, and what may be the matter.
    """
    (spoilt,) = np.nonzero(~np.isfinite(outputs).all(axis=-1))
    if len(spoilt):
        path = videos[spoilt[0]] if videos else None
        of = "" if path is None else f"{errors.printable(path)}: "
        raise errors.UserError(
            f"{of}the model gives NaN or infinite numbers, and no class: its weights are spoilt, "
            "or these videos or embeddings are nothing like those it learnt from; take another "
            "checkpoint"
        )
