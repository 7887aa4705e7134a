"""A judged model as numbers and pages: report.json, report.md, confusion.png, calibration.png."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from flaxvid import errors, files, folders
from flaxvid.data import balance, manifest
from flaxvid.evaluation import average_precision, scores, wording
from flaxvid.figures import calibration as calibration_figure
from flaxvid.figures import confusion as confusion_figure
from flaxvid.training import metrics

NAMES = (
    "report.json",
    "report.md",
    "confusion.png",
    "calibration.png",
    "predictions.csv",
    "mistakes.png",
    "report.html",
)
LISTED = 20  # videos in report.md that could not be read; report.json has all
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


def refuse_place(folder: Path) -> None:
    """Refuses a folder for a report, before anything is judged.

    Raises:
        FileError: if it can't be written, or files of these names are there that are no report.
    """
    folders.refuse_strangers(folder, NAMES[0], NAMES)
    folders.refuse_unwritable(folder, "--out")


def write(report: dict, judged: Predictions, folder: Path, mistakes: str | None) -> list[str]:
    """Writes the report into `folder` in all its forms, and says how the files are called.

    `mistakes` is the name of their picture, if there is one.

    Raises:
        FileError: if it can't be written.
    """
    labels = [entry["label"] for entry in report["classes"]]
    files.write_json(folder / "report.json", report)
    files.write_text(folder / "report.md", markdown(report, mistakes))
    if judged.thresholds is None:
        counts = np.array(report["confusion"])
        axes = confusion_figure.draw(counts, labels, title="percent of each row")
        files.save_figure(folder / "confusion.png", axes.figure)
        found = scores.calibration(judged.probabilities, judged.labels)
    else:
        with errors.or_say_why(folder / "confusion.png", "removed", "permit it"):
            (folder / "confusion.png").unlink(missing_ok=True)  # of an earlier evaluation
        found = scores.calibration_of_each(judged.probabilities, judged.labels)
    axes = calibration_figure.draw(found, title="sure, and right?")
    files.save_figure(folder / "calibration.png", axes.figure)
    return [name for name in NAMES[:4] if name != "confusion.png" or "confusion" in report]


def markdown(report: dict, mistakes: str | None = None) -> str:
    """The report as a page: what was judged, the numbers, and a table of the classes.

    `mistakes` is the name of their picture, if there is one.
    """
    pictures = ["confusion"] if "confusion" in report else []
    measure, score = wording.measure(report), wording.score(report)
    lines = [
        f"# {wording.title(report)}",
        "",
        f"{report['videos']} videos of {wording.groups(report)}, {report['views']}; "
        f"checkpoint of step {report['step']}.",
        "",
        *([f"- {wording.by_class(report)}"] if report["uneven"] else []),
        f"- {measure} **{score:.1%}**, {wording.within(report)} (groups drawn)",
        f"- {wording.beside(report)}",
        *(
            f"- frames {order}: {measure} {left:.1%}, {left - score:+.1%}"
            for order, left in report["orders"].items()
        ),
        *([f"- {wording.beside_linear(report)}"] if "linear" in report else []),
        *(f"- {line}" for line in report.get("advice", [])),
        "",
        *_left_out(report["skipped"]),
        " ".join(f"![{name}]({name}.png)" for name in (*pictures, "calibration")),
        "",
        *_mistakes(report, mistakes),
    ]
    header, *rows = wording.class_table(report)
    lines += [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines) + "\n"


def _left_out(skipped):
    """The videos that could not be read, which no number counts."""
    if not skipped:
        return []
    listed = [f"- {errors.printable(reason)}" for reason in list(skipped.values())[:LISTED]]
    more = [f"- and {len(skipped) - LISTED} more"] if len(skipped) > LISTED else []
    said = f"{len(skipped)} files could not be read; their videos count in no number:"
    return [said, "", *listed, *more, ""]


def _mistakes(report, picture):
    said = wording.mistaken(report)
    if said is None:
        return ["No video was taken for something else.", ""]
    said = f"{said}: see "
    if picture is None:
        return [f"{said}predictions.csv.", ""]
    return [f"{said}predictions.csv. The surest of these mistakes:", "", f"![]({picture})", ""]
