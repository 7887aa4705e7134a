"""Ridge regression: a linear classifier in closed form, its strength chosen by the training data.

It is what any model over the same numbers has to beat.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

STRENGTHS = tuple(10.0**power for power in range(-4, 3))
FOLDS = 5


class Ridge(NamedTuple):
    """A linear classifier: `features @ kernel + bias` is highest for the likeliest class."""

    kernel: Float[np.ndarray, "dim classes"]
    bias: Float[np.ndarray, " classes"]
    strength: float
    """Of the penalty, as a share of a row's mean squared length."""
    validated: float
    """Accuracy on held-out groups of the training data, by which the strength was chosen."""


def fit(
    features: Float[np.ndarray, "row dim"],
    labels: Int[np.ndarray, " row"],
    groups: Shaped[np.ndarray, " row"],
    num_classes: int,
) -> Ridge:
    """Least squares on class membership, with the squared weights penalised.

    The strength is that of `STRENGTHS` which does best on whole groups left out in turn, `FOLDS`
    of them together; the strongest of equals. With one group, rows are left out.

    Source: Hoerl and Kennard, "Ridge Regression" (1970); solved in the space of rows, of which
    there are fewer than numbers in a row.
    """
    centre = features.mean(axis=0)
    centred = features - centre
    products = (centred @ centred.T).astype(np.float64)
    size = np.mean(np.diag(products)) or 1.0
    targets = np.eye(num_classes)[labels]
    folds = _folds(groups)
    validated = {
        strength: np.mean(
            [
                right
                for fold in np.unique(folds)
                for right in _held_out(products, targets, labels, folds == fold, strength * size)
            ]
        )
        for strength in STRENGTHS
    }
    strength = max(STRENGTHS, key=lambda strength: (validated[strength], strength))
    bias = targets.mean(axis=0)
    kernel = centred.T @ _solve(products, targets - bias, strength * size)
    return Ridge(
        kernel.astype(np.float32),
        (bias - centre @ kernel).astype(np.float32),
        strength,
        float(validated[strength]),
    )


def _solve(products, targets, penalty):
    return np.linalg.solve(products + penalty * np.eye(len(products)), targets)


def _held_out(products, targets, labels, out, penalty):
    """Whether each row left out gets its class from the others."""
    kept = ~out
    bias = targets[kept].mean(axis=0)
    weights = _solve(products[np.ix_(kept, kept)], targets[kept] - bias, penalty)
    scores = products[np.ix_(out, kept)] @ weights + bias
    return scores.argmax(axis=1) == labels[out]


def _folds(groups):
    names, number = np.unique(groups, return_inverse=True)
    if len(names) == 1:
        number = np.arange(len(groups))
    # Of neighbouring names, as of scene_1 and scene_2, each goes to another fold.
    return number % min(FOLDS, number.max() + 1)
