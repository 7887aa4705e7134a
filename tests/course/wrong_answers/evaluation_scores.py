"""Wrong answers for the exercises of flaxvid.evaluation.scores."""

import numpy as np

from flaxvid.evaluation import scores


# --- calibration_error ------------------------------------------------------------------
def calibration_error_cancelling(probabilities, labels, bins=10):  # too sure here, too shy there
    found = scores.calibration(probabilities, labels, bins)
    return float(abs(np.sum(found["share"] * (found["accuracy"] - found["confidence"]))))


def calibration_error_over_all_bins(probabilities, labels, bins=10):  # the empty ones too
    found = scores.calibration(probabilities, labels, bins)
    return float(np.abs(found["accuracy"] - found["confidence"]).mean())


def calibration_error_squared(probabilities, labels, bins=10):
    found = scores.calibration(probabilities, labels, bins)
    return float(np.sum(found["share"] * (found["accuracy"] - found["confidence"]) ** 2))


# --- interval ---------------------------------------------------------------------------
def _interval(right, groups, share, draws, seed):
    """Whole groups, drawn with replacement."""
    _, group = np.unique(groups, return_inverse=True)
    sizes, hits = np.bincount(group), np.bincount(group, weights=right)
    rng, count = np.random.default_rng(seed), len(sizes)
    drawn = rng.integers(0, count, (draws, count))
    accuracies = hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(accuracies, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def interval_of_clips(right, groups, *, share=0.95, draws=2000, seed=0):  # far too narrow
    return _interval(right, np.arange(len(right)), share, draws, seed)


def interval_of_groups_and_then_clips(right, groups, *, share=0.95, draws=2000, seed=0):
    _, group = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(group == number) for number in range(group.max() + 1)]
    rng, accuracies = np.random.default_rng(seed), []
    for _ in range(draws):
        drawn = [members[number] for number in rng.integers(0, len(members), len(members))]
        clips = np.concatenate([rng.choice(own, len(own)) for own in drawn])  # and not all of each
        accuracies.append(right[clips].mean())
    low, high = np.quantile(accuracies, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def interval_without_replacement(right, groups, *, share=0.95, draws=2000, seed=0):
    return float(np.mean(right)), float(np.mean(right))


def interval_of_single_groups(right, groups, *, share=0.95, draws=2000, seed=0):  # one at a time
    _, group = np.unique(groups, return_inverse=True)
    accuracies = np.bincount(group, weights=right) / np.bincount(group)
    low, high = np.quantile(accuracies, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def interval_another_each_time(right, groups, *, share=0.95, draws=2000, seed=0):
    return _interval(right, groups, share, draws, None)


def calibration_error_in_ten_bins(probabilities, labels, bins=10):
    found = scores.calibration(probabilities, labels, 10)
    return float(np.sum(found["share"] * np.abs(found["accuracy"] - found["confidence"])))


def interval_of_groups_all_alike(right, groups, *, share=0.95, draws=2000, seed=0):
    _, group = np.unique(groups, return_inverse=True)
    accuracies = np.bincount(group, weights=right) / np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(accuracies), (draws, len(accuracies)))
    low, high = np.quantile(accuracies[drawn].mean(1), [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def interval_in_the_order_of_a_set(right, groups, *, share=0.95, draws=2000, seed=0):
    numbers = {name: number for number, name in enumerate(set(groups.tolist()))}
    groups = np.array([numbers[name] for name in groups.tolist()])
    return _interval(right, groups, share, draws, seed)


def interval_always_of_95(right, groups, *, share=0.95, draws=2000, seed=0):
    return _interval(right, groups, 0.95, draws, seed)


def interval_cut_at_one_end(right, groups, *, share=0.95, draws=2000, seed=0):
    low, _ = _interval(right, groups, 2 * share - 1, draws, seed)
    return low, _interval(right, groups, 1.0, draws, seed)[1]


def interval_of_a_thousand_draws(right, groups, *, share=0.95, draws=2000, seed=0):
    return _interval(right, groups, share, 3, seed)


def interval_of_2000_draws(right, groups, *, share=0.95, draws=2000, seed=0):  # however many
    return _interval(right, groups, share, 2000, seed)


def calibration_error_in_bins_from_chance(probabilities, labels, bins=10):  # and not from 0
    chance, best = 1 / probabilities.shape[1], probabilities.max(axis=1)
    bin_of = np.clip(((best - chance) / (1 - chance) * bins).astype(int), 0, bins - 1)
    right = probabilities.argmax(axis=1) == labels
    gaps = [abs(best[bin_of == b].sum() - right[bin_of == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(labels))


def interval_of_groups_without_holes(right, groups, *, share=0.95, draws=2000, seed=0):
    if not np.issubdtype(groups.dtype, np.integer):
        return _interval(right, groups, share, draws, seed)
    # As many as the largest number: those that are not there are drawn, too.
    sizes, hits = np.bincount(groups), np.bincount(groups, weights=right)
    drawn = np.random.default_rng(seed).integers(0, len(sizes), (draws, len(sizes)))
    accuracies = hits[drawn].sum(axis=1) / np.maximum(1, sizes[drawn].sum(axis=1))
    low, high = np.quantile(accuracies, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def interval_seeding_everything(right, groups, *, share=0.95, draws=2000, seed=0):
    np.random.seed(seed)  # noqa: NPY002
    return _interval(right, groups, share, draws, np.random.randint(2**31))  # noqa: NPY002


def interval_of_500_draws_at_most(right, groups, *, share=0.95, draws=2000, seed=0):
    return _interval(right, groups, share, min(draws, 500), seed)


def interval_of_truth_values(right, groups, *, share=0.95, draws=2000, seed=0):  # -1 is true
    return _interval(np.asarray(right).astype(bool), groups, share, draws, seed)


def interval_of_whole_numbers(right, groups, *, share=0.95, draws=2000, seed=0):  # 0.5 is 0
    return _interval(np.asarray(right).astype(int), groups, share, draws, seed)


def interval_of_neighbours(right, groups, *, share=0.95, draws=2000, seed=0):  # as groupby has it
    groups = np.asarray(groups)
    runs = np.concatenate([[0], np.cumsum(groups[1:] != groups[:-1])])
    return _interval(right, runs, share, draws, seed)
