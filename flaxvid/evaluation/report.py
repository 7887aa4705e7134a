"""An evaluated model in numbers: overall, by class, and with the frames in another order."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from flaxvid.data import balance, manifest
from flaxvid.evaluation import average_precision, scores
from flaxvid.training import metrics

DIGITS = 6  # of a number in report.json: what another batch size can't change


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Class probabilities of the readable videos of a split, and what they are."""

    probabilities: scores.Probabilities
    rows: tuple[manifest.Row, ...]
    labels: scores.Labels | scores.Targets
    views: Int[np.ndarray, " clips"] | None = None
    """Clips that were judged of each video; None: one."""
    thresholds: Float[np.ndarray, " classes"] | None = None
    """Above which a class is said, where a video may have several labels; None: it has one."""

    def predicted(self) -> Int[np.ndarray, " clips"]:
        """The likeliest class of each video."""
        return self.probabilities.argmax(axis=-1)

    def said(self) -> Bool[np.ndarray, "clips classes"]:
        """Which classes are above their thresholds, of videos that may have several labels."""
        return average_precision.said(self.probabilities, self.thresholds)

    def there(self) -> Bool[np.ndarray, "clips classes"]:
        """Which classes each video is of, if it may have several labels."""
        return self.labels > 0

    def right(self) -> Bool[np.ndarray, " clips"]:
        """Whether what is said of each video is what it is: of several labels, each."""
        if self.thresholds is None:
            return self.predicted() == self.labels
        return np.all(self.said() == self.there(), axis=-1)

    def is_and_said(self, number: int | np.integer, names: Sequence[str]) -> tuple[str, str]:
        """The label of a video and what is said of it; of several labels, with | between them."""
        if self.thresholds is None:
            return names[self.labels[number]], names[self.predicted()[number]]
        is_, said = (
            [name for name, one in zip(names, row, strict=True) if one]
            for row in (self.there()[number], self.said()[number])
        )
        return manifest.BETWEEN.join(is_) or "|", manifest.BETWEEN.join(said) or "|"

    def groups(self) -> np.ndarray:
        """The group of each video: itself, if it has none."""
        return np.array([row.group or row.path for row in self.rows])

    def number_of_views(self) -> Int[np.ndarray, " clips"]:
        """Clips that were judged of each video."""
        return np.ones(len(self.rows), np.int64) if self.views is None else self.views


def summarise(
    judged: Predictions, names: tuple[str, ...], orders: Mapping[str, Predictions]
) -> dict:
    """All numbers of a report: overall, by class, and with the frames in another order.

    Args:
        judged: on the videos as they are.
        names: of the classes.
        orders: by the name of the order, on the same videos.
    """
    right = judged.right()
    counts = scores.confusion(judged.labels, judged.predicted(), len(names))
    groups_of = judged.groups()
    per_class = scores.by_class(counts)
    at_label = judged.probabilities[np.arange(len(right)), judged.labels]
    there = counts.sum(axis=1) > 0
    found = {
        "videos": len(right),
        "groups": len(set(groups_of)),
        "top1": right.mean(),
        "interval": scores.reported_interval(right, groups_of),
        # Of the classes that have videos here, each counted alike.
        "mean_recall": per_class["recall"][there].mean(),
        "mean_f1": per_class["f1"][there].mean(),
        "top5": metrics.top_k_accuracy(judged.probabilities, judged.labels, 5),
        "loss": -np.mean(np.log(np.maximum(at_label, 1e-12))),
        "calibration_error": scores.calibration_error(judged.probabilities, judged.labels),
        "uneven": balance.is_uneven(judged.labels.tolist()),
        "orders": {order: changed.right().mean() for order, changed in orders.items()},
        "classes": [
            {"label": name, "videos": counts[number].sum()}
            | {key: values[number] for key, values in per_class.items()}
            | {"orders": _recalls(orders, number)}
            for number, name in enumerate(names)
        ],
    }
    # Whole numbers, and millions of them where classes are thousands.
    return _rounded(found) | {"confusion": counts.tolist()}


def summarise_several(
    judged: Predictions, names: tuple[str, ...], orders: Mapping[str, Predictions]
) -> dict:
    """The same where a video may have several labels: mAP in the place of top-1, no confusion."""
    odds, targets, groups_of = judged.probabilities, judged.labels, judged.groups()
    ranked = average_precision.by_class(odds, targets)
    per_class = average_precision.counted(judged.said(), targets)
    there = targets.any(axis=0)
    likely = np.clip(np.where(targets > 0, odds, 1 - odds), 1e-12, 1)
    of_orders = {
        order: average_precision.by_class(changed.probabilities, changed.labels)
        for order, changed in orders.items()
    }
    found = {
        "videos": len(targets),
        "groups": len(set(groups_of)),
        "map": average_precision.mean(odds, targets),
        "interval": average_precision.interval(odds, targets, groups_of),
        # What videos in any order reach.
        "chance": targets.mean(axis=0)[there].mean(),
        "mean_f1": per_class["f1"][there].mean(),
        "exact": judged.right().mean(),
        "loss": -np.mean(np.log(likely)),
        "calibration_error": scores.mean_gap(scores.calibration_of_each(odds, targets)),
        "uneven": False,  # each class has the same say in mAP
        "orders": {order: np.nanmean(changed) for order, changed in of_orders.items()},
        "classes": [
            {"label": name, "videos": int(targets[:, number].sum())}
            | {"average_precision": ranked[number] if there[number] else None}
            | {"threshold": judged.thresholds[number]}
            | {key: values[number] for key, values in per_class.items()}
            | {"orders": {o: changed[number] for o, changed in of_orders.items() if there[number]}}
            for number, name in enumerate(names)
        ],
    }
    return _rounded(found)


def linear(outputs: np.ndarray, videos: int, judged: Predictions) -> dict:
    """What a linear model on the same embeddings reaches on the same videos.

    Args:
        outputs: of it, of every class, for each video of `judged`.
        videos: that it learnt from.
        judged: the model it stands beside.
    """
    if judged.thresholds is None:
        right = outputs.argmax(axis=1) == judged.labels
        interval = scores.reported_interval(right, judged.groups())
        return _rounded({"top1": right.mean(), "interval": interval, "videos": videos})
    interval = average_precision.interval(outputs, judged.labels, judged.groups())
    found = average_precision.mean(outputs, judged.labels)
    return _rounded({"map": found, "interval": interval, "videos": videos})


def _recalls(orders, number):
    return {
        order: changed.right()[changed.labels == number].mean()
        for order, changed in orders.items()
        if np.any(changed.labels == number)
    }


def _rounded(value):
    """Plain JSON values, floats of `DIGITS` digits."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), DIGITS)
    return int(value) if isinstance(value, np.integer) else value
