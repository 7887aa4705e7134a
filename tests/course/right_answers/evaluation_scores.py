"""Right answers for the exercises of flaxvid.evaluation.scores, in other ways."""

import numpy as np

from flaxvid.evaluation import scores


# --- calibration_error ------------------------------------------------------------------
def calibration_error_bin_by_bin(probabilities, labels, bins=10):
    found, error = scores.calibration(probabilities, labels, bins), 0.0
    for share, accuracy, confidence in zip(
        found["share"], found["accuracy"], found["confidence"], strict=True
    ):
        error += float(share) * abs(float(accuracy) - float(confidence))
    return error


def calibration_error_as_a_product(probabilities, labels, bins=10):
    found = scores.calibration(probabilities, labels, bins)
    return float(found["share"] @ np.abs(found["confidence"] - found["accuracy"]))


def calibration_error_as_an_average(probabilities, labels, bins=10):
    found = scores.calibration(probabilities, labels, bins)
    gaps = np.abs(found["confidence"] - found["accuracy"])
    return float(np.average(gaps, weights=found["share"]))


# --- interval ---------------------------------------------------------------------------
def _ends(accuracies, share):
    outside = (1 - share) / 2
    return float(np.quantile(accuracies, outside)), float(np.quantile(accuracies, 1 - outside))


def interval_by_drawing_numbers(right, groups, *, share=0.95, draws=2000, seed=0):
    names, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    hits = np.bincount(group, weights=np.asarray(right, float))
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    return _ends(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), share)


def interval_by_choice_in_a_loop(right, groups, *, share=0.95, draws=2000, seed=0):
    members = [np.asarray(right)[np.asarray(groups) == name] for name in np.unique(groups)]
    hits = np.array([found.sum() for found in members])
    sizes = np.array([len(found) for found in members])
    rng, accuracies = np.random.default_rng(seed), []
    for _ in range(draws):
        chosen = rng.choice(len(members), len(members))
        accuracies.append(hits[chosen].sum() / sizes[chosen].sum())
    return _ends(accuracies, share)


def interval_by_percentile(right, groups, *, share=0.95, draws=2000, seed=0):
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    hits = np.zeros(len(sizes))
    np.add.at(hits, group, right)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(sizes), [1 / len(sizes)] * len(sizes), draws)
    accuracies = (times * hits).sum(axis=1) / (times * sizes).sum(axis=1)
    return tuple(map(float, np.percentile(accuracies, [50 * (1 - share), 50 * (1 + share)])))
