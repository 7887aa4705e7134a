"""Numbers about learning: accuracies over the rows that count, and the run's `metrics.jsonl`."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def accuracy(
    logits: Float[Array, "batch classes"],
    labels: Int[Array, " batch"],
    weight: Float[Array, " batch"],
) -> Float[Array, ""]:
    """The share of rows of weight 1 whose largest logit is the label's, 0 to 1."""
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


class Journal:
    """A run's `metrics.jsonl`: one JSON object a line, each with its `step`."""

    def __init__(self, path: Path, resume_step: int | None = None):
        """Opens the journal; on resume, what was written after `resume_step` is taken out."""
        self.path = Path(path)
        kept = []
        if resume_step is not None and self.path.exists():
            kept = [row for row in read_journal(self.path) if row["step"] <= resume_step]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in kept))

    def write(self, step: int, **values: int | float) -> None:
        """Adds one line; it is on disk when this returns."""
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_journal(path: Path) -> list[dict[str, int | float]]:
    """The rows of a `metrics.jsonl`; a last line cut off by a crash is left out."""
    rows = []
    for line in Path(path).read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
