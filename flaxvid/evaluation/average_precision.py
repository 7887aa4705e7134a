"""Average precision, where a clip may have several labels: with its interval, and with thresholds.

Every class ranks the clips by its own score. No class is taken for another, so that there is
neither a top-1 accuracy nor a confusion: what counts is how far up the clips stand that have it.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Shaped

from flaxvid import errors
from flaxvid.evaluation import scores

DRAWS = 2000
AT_ONCE = 2**24  # numbers of a table of draws and clips: 128 MiB


def by_class(
    ranks: Float[np.ndarray, "clips classes"], targets: scores.Targets
) -> Float[np.ndarray, " classes"]:
    """Average precision of every class, 0 to 1; NaN for one that no clip has.

    The precision at each clip of the class, mean over them, clips ranked by their score from the
    highest down; those with equal scores stand at one place.

    Args:
        ranks: the score of every class: any number that is higher for what is likelier.
        targets: 1 where the clip has the class.

    Source: `average_precision_score` of scikit-learn.
    """
    return _of_draws(ranks, targets, np.ones((1, len(ranks))))[0]


def mean(ranks: Float[np.ndarray, "clips classes"], targets: scores.Targets) -> float:
    """mAP: the mean over the classes that a clip has, 0 to 1.

    Raises:
        UserError: if no clip has any, of which there is no mean.
    """
    if not targets.any():
        raise errors.UserError(
            "none of these videos has a label, so that there is no average precision: judge on "
            "videos that have some"
        )
    return float(np.nanmean(by_class(ranks, targets)))


def interval(
    ranks: Float[np.ndarray, "clips classes"],
    targets: scores.Targets,
    groups: Shaped[np.ndarray, " clips"],
    *,
    share: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Between which mAP the true one lies, by bootstrap over groups as `scores.interval`.

    None: all draws are alike, as where no clip is ranked wrong, and nothing is known.
    """
    found = _mean_of_draws(groups, draws, seed, lambda times: _of_draws(ranks, targets, times))
    low, high = np.quantile(found, [(1 - share) / 2, (1 + share) / 2])
    return (float(low), float(high)) if low < high else None


def difference(
    first: Float[np.ndarray, "clips classes"],
    second: Float[np.ndarray, "clips classes"],
    targets: scores.Targets,
    groups: Shaped[np.ndarray, " clips"],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """By how much the first model's mAP is above the second's, and how likely that is by chance.

    The same groups are drawn for both. The chance is two-sided: twice the share of draws that fall
    on the other side of 0, or on it, and never below one draw's.
    """
    found = _mean_of_draws(
        groups,
        draws,
        seed,
        lambda times: _of_draws(first, targets, times) - _of_draws(second, targets, times),
    )
    beyond = min(np.mean(found <= 0), np.mean(found >= 0))
    return mean(first, targets) - mean(second, targets), float(min(1, max(2 * beyond, 1 / draws)))


def thresholds(
    probabilities: scores.Probabilities, targets: scores.Targets
) -> Float[np.ndarray, " classes"]:
    """For each class, above which probability it is said: where F1 is highest on these clips.

    In the middle between two neighbouring probabilities, or between the lowest and 0; of equally
    good places, the highest. 0.5 for a class that no clip has, of which nothing can be told.

    Source: Lipton et al., "Optimal Thresholding of Classifiers to Maximize F1 Measure" (2014).
    """
    found = np.full(probabilities.shape[1], 0.5)
    for number, there in enumerate(targets.T):
        if there.any():
            odds, hits, taken = _ranked(probabilities[:, number], there, np.ones((1, len(there))))
            best = np.argmax(2 * hits[0] / (taken[0] + there.sum()))
            found[number] = (odds[best] + np.append(odds, 0.0)[best + 1]) / 2
    return found


def said(
    probabilities: scores.Probabilities, limits: Float[np.ndarray, " classes"]
) -> Bool[np.ndarray, "clips classes"]:
    """Which classes are above their thresholds."""
    return probabilities > limits


def counted(
    taken: Bool[np.ndarray, "clips classes"], targets: scores.Targets
) -> dict[str, Float[np.ndarray, " classes"]]:
    """Precision, recall and F1 of what is said of every class; nothing out of nothing is 0."""
    right = (taken * targets).sum(axis=0)
    return {
        "precision": right / np.maximum(taken.sum(axis=0), 1),
        "recall": right / np.maximum(targets.sum(axis=0), 1),
        "f1": 2 * right / np.maximum(taken.sum(axis=0) + targets.sum(axis=0), 1),
    }


def _mean_of_draws(
    groups: Shaped[np.ndarray, " clips"],
    draws: int,
    seed: int,
    of_draws: Callable[[np.ndarray], np.ndarray],
) -> Float[np.ndarray, " kept"]:
    """The mean over classes in each draw of groups; those in which no class has a clip are left."""
    names, group = np.unique(groups, return_inverse=True)
    rng, count, found = np.random.default_rng(seed), len(names), []
    step = max(1, AT_ONCE // len(group))
    for first in range(0, draws, step):
        size = min(step, draws - first)
        times = rng.multinomial(count, np.full(count, 1 / count), size=size)
        classes = of_draws(times[:, group].astype(np.float64))
        some = ~np.isnan(classes).all(axis=1)
        found.append(np.nanmean(classes[some], axis=1))
    return np.concatenate(found)


def _of_draws(ranks, targets, times):
    """Average precision of every class where each clip counts `times`: `draws classes`."""
    found = []
    for scores_of, there in zip(ranks.T, targets.T, strict=True):
        _, hits, taken = _ranked(scores_of, there, times)
        steps = np.diff(hits, axis=1, prepend=0.0)
        total = np.sum(steps * hits / np.maximum(taken, 1), axis=1)
        with np.errstate(invalid="ignore"):  # nothing out of nothing is NaN
            found.append(total / hits[:, -1])
    return np.stack(found, axis=1)


def _ranked(scores_of, there, times):
    """The distinct scores from the highest down; clips of the class, and all, down to each."""
    order = np.argsort(-scores_of, kind="stable")
    ranked = scores_of[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # of those with equal scores
    hits = np.cumsum(times[:, order] * there[order], axis=1)[:, last]
    return ranked[last], hits, np.cumsum(times[:, order], axis=1)[:, last]
