"""Metrics: accuracies counted by hand, and a journal that survives being cut off."""

import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid.training import metrics

LOGITS = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [1.0, 2.0, 9.0], [7.0, 8.0, 6.0]], np.float32)
LABELS = np.array([0, 2, 2, 2], np.int32)


def test_accuracy_counts_rows_of_weight_one():
    """Rows 0 and 2 are right; without row 3, that is two of three."""
    weight = jnp.array([1.0, 1.0, 1.0, 0.0])
    accuracy = metrics.accuracy(jnp.asarray(LOGITS), jnp.asarray(LABELS), weight)
    np.testing.assert_allclose(accuracy, 2 / 3, rtol=1e-6)


def test_accuracy_of_no_rows_is_zero():
    """A batch in which nothing counts gives 0 and no NaN."""
    accuracy = metrics.accuracy(jnp.asarray(LOGITS), jnp.asarray(LABELS), jnp.zeros(4))
    assert float(accuracy) == 0.0


@pytest.mark.parametrize(("k", "expected"), [(1, 0.5), (2, 0.75), (3, 1.0), (5, 1.0)])
def test_top_k_accuracy(k, expected):
    """The label is first in rows 0 and 2, second in row 1, third in row 3."""
    assert metrics.top_k_accuracy(LOGITS, LABELS, k) == expected


def test_summary_has_the_loss_of_a_loop():
    """The mean of -log softmax at the label, computed clip by clip."""
    losses = []
    for logits, label in zip(LOGITS.astype(np.float64), LABELS, strict=True):
        odds = np.exp(logits)
        losses.append(-np.log(odds[label] / odds.sum()))
    summary = metrics.summarise(LOGITS, LABELS)
    np.testing.assert_allclose(summary["loss"], np.mean(losses), rtol=1e-6)
    assert (summary["accuracy"], summary["top5"]) == (0.5, 1.0)


def test_loss_of_large_logits_is_finite():
    """Logits of 1e4 overflow an exponential that is not shifted first."""
    logits = np.array([[1e4, 0.0]], np.float32)
    assert metrics.summarise(logits, np.array([1], np.int32))["loss"] == pytest.approx(1e4)


def test_journal_is_read_back(tmp_path):
    """What was written comes back, a line for each step."""
    journal = metrics.Journal(tmp_path / "metrics.jsonl")
    journal.write(20, loss=1.5)
    journal.write(40, loss=0.5, accuracy=0.25)
    rows = [{"step": 20, "loss": 1.5}, {"step": 40, "loss": 0.5, "accuracy": 0.25}]
    assert metrics.read_journal(journal.path) == rows


def test_training_time_is_that_of_the_timed_lines():
    """Lines of evaluations have none; a journal without any says nothing."""
    rows = [{"step": 1, "seconds": 2.5}, {"step": 1, "validation_loss": 1.0}]
    assert metrics.training_seconds([*rows, {"step": 2, "seconds": 1.0}]) == 3.5
    assert metrics.training_seconds(rows[1:]) is None


def test_resumed_journal_forgets_what_came_after_the_checkpoint(tmp_path):
    """Lines after the step resumed from are taken out: they will be written again."""
    path = tmp_path / "metrics.jsonl"
    journal = metrics.Journal(path)
    for step in (10, 20, 30):
        journal.write(step, loss=float(step))
    metrics.Journal(path, resume_step=20)
    assert [row["step"] for row in metrics.read_journal(path)] == [10, 20]


def test_line_cut_off_by_a_crash_is_left_out(tmp_path):
    """Half a last line does not hide the whole ones."""
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert metrics.read_journal(path) == [{"step": 1, "loss": 2.0}]
