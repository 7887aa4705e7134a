"""Ridge regression: a linear classifier in closed form, its strength chosen by the training data.

It is what any model over the same numbers has to beat.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

STRENGTHS = tuple(10.0**power for power in range(-4, 3))
FOLDS = 5
USUAL = 0.01  # where there is nothing to choose by


class Ridge(NamedTuple):
    """A linear classifier: `features @ kernel + bias` is highest for the likeliest class."""

    kernel: Float[np.ndarray, "dim classes"]
    bias: Float[np.ndarray, " classes"]
    strength: float
    """Of the penalty, as a share of a row's mean squared length."""
    validated: float
    """The score on held-out groups of the training data, by which the strength was chosen; NaN if
    the strength is `USUAL`, as no group left out had a class of the others."""


def accuracy(outputs: Float[np.ndarray, "row classes"], labels: Int[np.ndarray, " row"]) -> float:
    """The share of rows whose highest output is the label's."""
    return float(np.mean(outputs.argmax(axis=1) == labels))


def fit(
    features: Float[np.ndarray, "row dim"],
    labels: Int[np.ndarray, " row"] | Float[np.ndarray, "row classes"],
    groups: Shaped[np.ndarray, " row"],
    num_classes: int,
    score: Callable[..., float] = accuracy,
) -> Ridge:
    """Least squares on class membership, with the squared weights penalised.

    The strength is that of `STRENGTHS` with the highest `score(outputs, labels)` on whole groups
    left out in turn, `FOLDS` of them together; the strongest of equals. With one group, rows are
    left out; where those left out never have a class of the others, the strength is `USUAL`.
    `labels` are class numbers, or 1 for each class of a row and 0 for the others.

    Source: Hoerl and Kennard, "Ridge Regression" (1970); folds as scikit-learn's
    StratifiedGroupKFold makes them.
    """
    centred = features - features.mean(axis=0)
    products = centred @ centred.T
    size = np.mean(np.diag(products), dtype=np.float64) or 1.0
    targets = labels if labels.ndim == 2 else np.eye(num_classes)[labels]
    folds = _folds(targets, groups)
    validated = {USUAL: math.nan}
    if _share_a_class(targets, folds):
        validated = {
            strength: score(_held_out(products, targets, folds, strength * size), labels)
            for strength in STRENGTHS
        }
    strength = max(validated, key=lambda strength: (validated[strength], strength))
    kernel, bias = solve(features, targets, strength * size)
    return Ridge(kernel, bias, strength, float(validated[strength]))


def solve(
    features: Float[np.ndarray, "row dim"],
    targets: Float[np.ndarray, "row classes"],
    penalty: float,
) -> tuple[Float[np.ndarray, "dim classes"], Float[np.ndarray, " classes"]]:
    """The linear function `features @ kernel + bias` that fits the targets best, in float32.

    The squared errors of all rows and classes are added up, and `penalty` times the sum of the
    squared kernel; the bias is not penalised. One system of equations is solved, with an unknown
    for each row, of which there are fewer than numbers in a row.

    Args:
        features: in float32 or float64; the equations are in float64.
        targets: what each class is to get, such as 1 for the row's own and 0 for the others.
        penalty: above 0.

    Source: Hoerl and Kennard, "Ridge Regression" (1970).
    """
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    centred = features - centre
    kernel = centred.T @ _weights(centred @ centred.T, targets - mean, penalty)
    return kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32)


def _weights(products, targets, penalty):
    """How much of each row is in the kernel, from the inner products of rows."""
    # np.eye is of float64, and so is their sum.
    return np.linalg.solve(products + penalty * np.eye(len(products)), targets)


def _held_out(products, targets, folds, penalty):
    """What each row gets from those of the other folds."""
    outputs = np.empty_like(targets)
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        bias = targets[kept].mean(axis=0)
        weights = _weights(products[np.ix_(kept, kept)], targets[kept] - bias, penalty)
        outputs[out] = products[np.ix_(out, kept)] @ weights + bias
    return outputs


def _share_a_class(targets, folds):
    """Whether rows of two folds have a class in common, so that one can tell what the other is."""
    there = np.stack([(targets[folds == fold] > 0).any(axis=0) for fold in np.unique(folds)])
    return bool((there.sum(axis=0) > 1).any())


def _folds(targets, groups):
    """The fold of each row: whole groups, each put where its classes are fewest as yet.

    Groups may come class by class, or in turn, so that every fifth is of one class.
    """
    names, number = np.unique(groups, return_inverse=True)
    if len(names) == 1:
        number = np.arange(len(groups))
    counts = np.zeros((number.max() + 1, targets.shape[1]))
    np.add.at(counts, number, targets)
    held = np.zeros((min(FOLDS, len(counts)), targets.shape[1]))
    found = []
    for own in counts:
        fold = min(range(len(held)), key=lambda fold: (held[fold] @ own, held[fold].sum()))
        held[fold] += own
        found.append(fold)
    return np.array(found)[number]
