"""Numbers about learning: accuracies over the rows that count, and the run's `metrics.jsonl`."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from flaxvid import errors


def accuracy(
    logits: Float[Array, "batch classes"],
    labels: Int[Array, " batch"] | Float[Array, "batch classes"],
    weight: Float[Array, " batch"],
) -> Float[Array, ""]:
    """The share of rows of weight 1 whose largest logit is the label's, 0 to 1.

    Where `labels` are shares of every class, the largest of them is the label.
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


def nonsense(mean: dict[str, float]) -> str | None:
    """Which of a step's numbers is no number any more: NaN or infinite; None: all is well."""
    return next((key for key in ("loss", "gradient_norm") if not np.isfinite(mean[key])), None)


class Journal:
    """A run's `metrics.jsonl`: one JSON object a line, each with its `step`."""

    def __init__(
        self,
        path: Path,
        resume_step: int | None = None,
        *,
        writes: bool = True,
        tensorboard: Path | None = None,
    ):
        """Opens the journal; on resume, what was written after `resume_step` is taken out.

        Args:
            path: of the file.
            resume_step: the step that the run goes on from.
            writes: False for a process that keeps none.
            tensorboard: folder for TensorBoard's own files, if they are wanted.

        Raises:
            UserError: if TensorBoard's are wanted, and the extra is not installed.
        """
        self.path, self._writes = Path(path), writes
        self._board = _board(tensorboard) if writes and tensorboard else None
        self.rewind(-1 if resume_step is None else resume_step)

    def rewind(self, step: int) -> None:
        """Takes out what was written after `step`."""
        if self._writes:
            kept = [row for row in self.read() if row["step"] <= step]
            self.path.write_text("".join(json.dumps(row) + "\n" for row in kept))

    def write(self, step: int, **values: int | float) -> None:
        """Adds one line; it is on disk when this returns."""
        if not self._writes:
            return
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name.replace("_", "/", 1), value, step)
            self._board.flush()

    def read(self) -> list[dict[str, int | float]]:
        """All lines so far."""
        return read_journal(self.path) if self.path.exists() else []


def _board(folder):
    try:
        import tensorboardX
    except ImportError:
        raise errors.UserError(
            '--tensorboard: needs an extra; `pip install "flaxvid[tensorboard]"`'
        ) from None
    return tensorboardX.SummaryWriter(str(folder))


def training_seconds(rows: list[dict[str, int | float]]) -> float | None:
    """Seconds that the steps of a journal took, decoding included and evaluations not.

    None: it does not say, as none was written before steps were timed.
    """
    taken = [row["seconds"] for row in rows if "seconds" in row]
    return sum(taken) if taken else None


def read_journal(path: Path) -> list[dict[str, int | float]]:
    """The rows of a `metrics.jsonl`; a last line cut off by a crash is left out."""
    rows = []
    for line in Path(path).read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
