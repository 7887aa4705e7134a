"""Metrics: loss and accuracies, counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.training import metrics

LOGITS = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [1.0, 2.0, 9.0], [7.0, 8.0, 6.0]], np.float32)
LABELS = np.array([0, 2, 2, 2], np.int32)

accuracy_exercise = pytest.mark.exercise("training.metrics.accuracy")


@accuracy_exercise
def test_accuracy_counts_rows_of_weight_one():
    """Rows 0 and 2 are right; without row 3, that is two of three, and of row 0 alone all."""
    logits, labels = jnp.asarray(LOGITS), jnp.asarray(LABELS)
    accuracy = metrics.accuracy(logits, labels, jnp.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(accuracy, 2 / 3, rtol=1e-6)
    assert metrics.accuracy(logits, labels, jnp.array([1.0, 0.0, 0.0, 0.0])) == 1.0


@accuracy_exercise
def test_accuracy_compiles():
    """As in a training step: rows 0 and 2 are right, and row 3 is left out."""
    weight = jnp.array([1.0, 1.0, 1.0, 0.0])
    accuracy = jax.jit(metrics.accuracy)(jnp.asarray(LOGITS), jnp.asarray(LABELS), weight)
    np.testing.assert_allclose(accuracy, 2 / 3, rtol=1e-6)


@accuracy_exercise
def test_accuracy_of_equal_logits_is_that_of_the_first():
    """A model that gives 0 for every class says class 0, and is right where that is the label."""
    accuracy = metrics.accuracy(jnp.zeros((4, 3)), jnp.array([0, 1, 2, 1]), jnp.ones(4))
    assert float(accuracy) == 0.25


@accuracy_exercise
def test_accuracy_of_no_rows_is_zero():
    """A batch in which nothing counts gives 0 and no NaN."""
    accuracy = metrics.accuracy(jnp.asarray(LOGITS), jnp.asarray(LABELS), jnp.zeros(4))
    assert float(accuracy) == 0.0


@accuracy_exercise
def test_the_label_of_a_mixed_clip_is_its_largest_share():
    """Mostly of classes 0, 2, 2 and 1, where logits are largest at 0, 1, 2 and 1.

    The largest share of three can be less than half. Row 0 has weight 0, so two of three are right.
    """
    shares = jnp.array([[0.4, 0.3, 0.3], [0.0, 0.4, 0.6], [0.3, 0.3, 0.4], [0.3, 0.7, 0.0]])
    accuracy = metrics.accuracy(jnp.asarray(LOGITS), shares, jnp.array([0.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(accuracy, 2 / 3, rtol=1e-6)


@accuracy_exercise
def test_accuracy_of_as_many_rows_as_classes():
    """Three class numbers of three rows are no shares: rows 0 and 2 are right."""
    accuracy = metrics.accuracy(jnp.asarray(LOGITS[:3]), jnp.asarray(LABELS[:3]), jnp.ones(3))
    np.testing.assert_allclose(accuracy, 2 / 3, rtol=1e-6)


@accuracy_exercise
def test_shares_are_compared_in_their_own_precision():
    """0.4999 and 0.5001 differ, though in bfloat16, which logits may have, both are 0.5."""
    logits, shares = jnp.asarray([[0.0, 1.0]], jnp.bfloat16), jnp.array([[0.4999, 0.5001]])
    assert metrics.accuracy(logits, shares, jnp.ones(1)) == 1.0


@accuracy_exercise
def test_accuracy_of_many_rows_in_half_precision():
    """Logits may be bfloat16, in which there is no 301: of 301 rows all but one are right."""
    logits = jnp.tile(jnp.asarray([1.0, 0.0], jnp.bfloat16), (301, 1))
    labels = (jnp.arange(301) == 7).astype(jnp.int32)
    accuracy = metrics.accuracy(logits, labels, jnp.ones(301))
    np.testing.assert_allclose(accuracy, 300 / 301, rtol=1e-5)


def test_probabilities_by_hand():
    """Of one label a softmax, of several a sigmoid each; in float64, whatever the logits are."""
    logits = np.array([[0.0, np.log(3), 0.0], [0.0, 0.0, np.log(2)]], np.float16)
    found = metrics.probabilities(logits)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(metrics.probabilities(logits[0]), found[0])
    np.testing.assert_allclose(found, [[0.2, 0.6, 0.2], [0.25, 0.25, 0.5]], atol=1e-3)
    found = metrics.probabilities(logits, multi_label=True)
    np.testing.assert_allclose(found, [[0.5, 0.75, 0.5], [0.5, 0.5, 2 / 3]], atol=1e-3)


def test_binary_loss_by_hand():
    """Minus the log of what is given to the truth, a class at a time; large logits stay finite."""
    logits, targets = np.array([[0.0, np.log(3)], [-np.log(3), 2e4]]), np.array([[1, 0], [0, 1]])
    expected = -np.log([0.5, 0.25, 0.75, 1.0]).mean()
    assert metrics.binary_loss(logits, targets.astype(float)) == pytest.approx(expected)


def test_binary_loss_of_half_precision():
    """A class that is as good as ruled out, rightly, costs log(1 + e^-16), not float16's next."""
    loss = metrics.binary_loss(np.full((1, 2), -16, np.float16), np.zeros((1, 2), np.float32))
    assert loss == pytest.approx(np.exp(-16.0), rel=1e-5)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_are_no_prediction(number):
    """The largest of NaN would be the first class."""
    metrics.refuse_no_numbers(np.ones((2, 3)))
    spoilt = np.array([[0.0, 1.0], [number, 0.0]])
    with pytest.raises(errors.UserError, match="^the model gives NaN"):
        metrics.refuse_no_numbers(spoilt)
    with pytest.raises(errors.UserError, match=r"^b\.mp4: the model gives NaN"):
        metrics.refuse_no_numbers(spoilt, ["a.mp4", "b.mp4"])
    with pytest.raises(errors.UserError, match=r"^b\\n\.mp4: the model gives NaN"):
        metrics.refuse_no_numbers(spoilt, ["a.mp4", "b\n.mp4"])
    with pytest.raises(errors.UserError, match="^the model gives NaN"):
        metrics.refuse_no_numbers(spoilt, ["a.mp4", None])


def test_a_loss_of_an_evaluation_is_watched_too():
    """It comes after those of the step."""
    numbers = {"gradient_norm": 1.0, "loss": 1.0, "validation loss": np.nan}
    assert metrics.not_finite(numbers) == "validation loss"
    assert metrics.not_finite(dict.fromkeys(numbers, np.nan)) == "loss"
    # An accuracy of nothing is NaN, and no reason to end a run.
    assert metrics.not_finite({"accuracy": np.nan, "loss": 1.0}) is None


@pytest.mark.parametrize(
    ("loss", "norm", "first"),
    [
        (1.0, 2.0, None),
        (np.nan, np.inf, "loss"),
        (1.0, np.inf, "gradient_norm"),
        (-np.inf, 2.0, "loss"),
    ],
)
def test_the_first_number_that_is_not_finite(loss, norm, first):
    """Of loss and gradient norm, in this order; None where both are numbers."""
    assert metrics.not_finite({"loss": loss, "gradient_norm": norm, "accuracy": 0.5}) == first


@pytest.mark.parametrize(("k", "expected"), [(1, 0.5), (2, 0.75), (3, 1.0), (5, 1.0)])
def test_top_k_accuracy(k, expected):
    """The label is first in rows 0 and 2, second in row 1, third in row 3."""
    assert metrics.top_k_accuracy(LOGITS, LABELS, k) == expected


@pytest.mark.parametrize(("k", "expected"), [(3, 0.0), (4, 0.25), (5, 0.5), (6, 0.75)])
def test_of_equal_logits_the_first_classes_count(k, expected):
    """As argmax has it: behind the three best of 400 come 0, 1 and 2 of those that are alike."""
    logits = np.zeros((4, 400), np.float32)
    logits[:, [3, 60, 90]] = 1.0
    assert metrics.top_k_accuracy(logits, np.array([0, 1, 2, 399]), k) == expected


def test_a_summary_can_be_written_as_json():
    """Logits are float32, which JSON does not know."""
    assert all(type(value) is float for value in metrics.summarise(LOGITS, LABELS).values())


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
    """Logits of 1e4 overflow an exponential that is not shifted first, each clip by its own."""
    logits = np.array([[1e4, 0.0], [0.0, 0.0]], np.float32)
    loss = metrics.summarise(logits, np.array([1, 0], np.int32))["loss"]
    assert loss == pytest.approx((1e4 + np.log(2)) / 2)
