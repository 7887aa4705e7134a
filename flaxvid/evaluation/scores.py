"""What predictions are worth: by class, by confusion, by calibration, and how sure one can be."""

import numpy as np
from jaxtyping import Float, Int, Shaped

Probabilities = Float[np.ndarray, "clips classes"]
Labels = Int[np.ndarray, " clips"]
Targets = Float[np.ndarray, "clips classes"]
"""1 for each class that a clip has, else 0: where it may have several, or none."""


def confusion(
    labels: Labels, predicted: Labels, num_classes: int
) -> Int[np.ndarray, "classes classes"]:
    """How many clips of the class of a row were taken for the class of a column."""
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def by_class(
    counts: Int[np.ndarray, "classes classes"],
) -> dict[str, Float[np.ndarray, " classes"]]:
    """Precision, recall and their harmonic mean F1 of every class, from a confusion matrix.

    Precision is the share of clips taken for a class that are of it, recall the share of a
    class's clips that were taken for it. Nothing out of nothing counts as 0.
    """
    right, taken, there = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    return {
        "precision": right / np.maximum(taken, 1),
        "recall": right / np.maximum(there, 1),
        "f1": 2 * right / np.maximum(taken + there, 1),
    }


def calibration(
    probabilities: Probabilities, labels: Labels, bins: int = 10
) -> dict[str, Float[np.ndarray, " bins"]]:
    """Confidence and accuracy of the clips in each of `bins` equal ranges of confidence.

    Confidence is the probability of the class predicted. `share` is the share of clips in a bin;
    an empty bin has zeros.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 2.
    """
    return _binned(probabilities.max(axis=-1), probabilities.argmax(axis=-1) == labels, bins)


def calibration_of_each(
    probabilities: Probabilities, targets: Targets, bins: int = 10
) -> dict[str, Float[np.ndarray, " bins"]]:
    """The same of every class of every clip by itself: how likely, and how often there."""
    return _binned(probabilities.ravel(), targets.ravel(), bins)


def _binned(confidence, right, bins):
    # Upper ends belong to their bin: a confidence of 1 is in the last one.
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    some = np.maximum(count, 1)
    return {
        "confidence": np.bincount(bin_of, confidence, bins) / some,
        "accuracy": np.bincount(bin_of, right, bins) / some,
        "share": count / len(confidence),
    }


def calibration_error(probabilities: Probabilities, labels: Labels, bins: int = 10) -> float:
    """By how much confidence and accuracy differ in a bin, on average over the clips (ECE).

    Source: Guo et al. (2017), eq. 3.
    """
    return mean_gap(calibration(probabilities, labels, bins))


def mean_gap(found: dict[str, Float[np.ndarray, " bins"]]) -> float:
    """Of confidence and accuracy, over the bins by their shares."""
    return float(np.sum(found["share"] * np.abs(found["accuracy"] - found["confidence"])))


def interval(
    right: Shaped[np.ndarray, " clips"],
    groups: Shaped[np.ndarray, " clips"],
    *,
    share: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Between which accuracies the true one lies, in `share` of all cases, by bootstrap.

    Whole groups are drawn, with replacement: clips of one recording are right or wrong together,
    and intervals over single clips are too narrow.

    Args:
        right: whether each clip was right; or a number for each, such as -1, 0 or 1, by how much
            a second model did better.
        groups: the group of each clip.
        share: of the bootstrap distribution inside the interval.
        draws: of sets of groups.
        seed: of the draws; NumPy's global generator is left as it is.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13
    (percentile interval).
    """
    _, group = np.unique(groups, return_inverse=True)
    sizes, hits = np.bincount(group), np.bincount(group, weights=right)
    rng, count = np.random.default_rng(seed), len(sizes)
    # How often each group is drawn, a set of groups in a row.
    times = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    accuracies = (times @ hits) / (times @ sizes)
    low, high = np.quantile(accuracies, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def reported_interval(
    right: Shaped[np.ndarray, " clips"],
    groups: Shaped[np.ndarray, " clips"],
    *,
    share: float = 0.95,
) -> tuple[float, float]:
    """`interval`, but for results that a bootstrap can say nothing of, as all draws are alike.

    If all clips are right, or all wrong, the end on the other side is the exact bound for as many
    groups: the accuracy at which n groups without an exception have a chance of (1 - share) / 2.
    A single group with both tells nothing: 0 to 1.

    Source: Clopper and Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case
    of the Binomial" (1934).
    """
    count = len(np.unique(groups))
    bound = ((1 - share) / 2) ** (1 / count)
    if np.all(right):
        return bound, 1.0
    if not np.any(right):
        return 0.0, 1 - bound
    return (0.0, 1.0) if count == 1 else interval(right, groups, share=share)
