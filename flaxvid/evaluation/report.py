"""A judged model as numbers and pages: report.json, report.md, confusion.png, calibration.png."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from flaxvid import errors, files
from flaxvid.data import balance, manifest
from flaxvid.evaluation import scores
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
    labels: scores.Labels
    views: Int[np.ndarray, " clips"] | None = None
    """Clips that were judged of each video; None: one."""

    def predicted(self) -> Int[np.ndarray, " clips"]:
        """The likeliest class of each video."""
        return self.probabilities.argmax(axis=-1)

    def right(self) -> Bool[np.ndarray, " clips"]:
        """Whether the likeliest class is the label, for each video."""
        return self.predicted() == self.labels

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


def linear(right: np.ndarray, videos: int, judged: Predictions) -> dict:
    """What a linear model on the same embeddings reaches on the same videos.

    Args:
        right: whether it is, for each video of `judged`.
        videos: that it learnt from.
        judged: the model it stands beside.
    """
    interval = scores.reported_interval(right, judged.groups())
    found = {"top1": right.mean(), "interval": interval, "videos": videos}
    return _rounded(found)


def by_class(report: dict) -> str | None:
    """The means over classes, each counted alike, in a line; None where classes are of a size."""
    if not report["uneven"]:
        return None
    sizes = [entry["videos"] for entry in report["classes"] if entry["videos"]]
    return (
        f"mean over classes: recall {report['mean_recall']:.1%}, F1 {report['mean_f1']:.1%} (they "
        f"have {min(sizes)} to {max(sizes)} videos, and top-1 is that of the large ones above all)"
    )


def beside_linear(report: dict) -> str:
    """The linear model's accuracy in a line, and what to try if it is the better one."""
    found = report["linear"]
    low, high = found["interval"]
    line = (
        f"a linear model on the same embeddings, of {found['videos']} training videos: "
        f"top-1 {found['top1']:.1%} ({low:.1%} to {high:.1%})"
    )
    if report["top1"] < found["top1"]:
        line += ", which is more: try --arch linear, more --views or more --least-steps"
    return line


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
    files.refuse_strangers(folder, NAMES[0], NAMES)
    files.refuse_unwritable(folder, "--out")


def write(report: dict, judged: Predictions, folder: Path, mistakes: str | None) -> list[str]:
    """Writes the report into `folder` in all its forms, and says how the files are called.

    `mistakes` is the name of their picture, if there is one.

    Raises:
        FileError: if it can't be written.
    """
    labels = [entry["label"] for entry in report["classes"]]
    files.write_json(folder / "report.json", report)
    files.write_text(folder / "report.md", markdown(report, mistakes))
    counts = np.array(report["confusion"])
    axes = confusion_figure.draw(counts, labels, title="percent of each row")
    files.save_figure(folder / "confusion.png", axes.figure)
    found = scores.calibration(judged.probabilities, judged.labels)
    axes = calibration_figure.draw(found, title="sure, and right?")
    files.save_figure(folder / "calibration.png", axes.figure)
    return list(NAMES[:4])


def markdown(report: dict, mistakes: str | None = None) -> str:
    """The report as a page: what was judged, the numbers, and a table of the classes.

    `mistakes` is the name of their picture, if there is one.
    """
    low, high = report["interval"]
    lines = [
        f"# {report['model']} on the {report['split']} split of {report['data']}",
        "",
        f"{report['videos']} videos of {groups(report)}, {report['views']}; "
        f"checkpoint of step {report['step']}.",
        "",
        *([f"- {by_class(report)}"] if report["uneven"] else []),
        f"- top-1 **{report['top1']:.1%}**, 95% interval {low:.1%} to {high:.1%} (groups drawn)",
        f"- {top5(report)}loss {report['loss']:.3f} nats, "
        f"calibration error {report['calibration_error']:.1%}",
        *(
            f"- frames {order}: top-1 {top1:.1%}, {top1 - report['top1']:+.1%}"
            for order, top1 in report["orders"].items()
        ),
        *([f"- {beside_linear(report)}"] if "linear" in report else []),
        *(f"- {line}" for line in report.get("advice", [])),
        "",
        *_left_out(report["skipped"]),
        "![confusion](confusion.png) ![calibration](calibration.png)",
        "",
        *_mistakes(report, mistakes),
    ]
    orders = list(report["orders"])
    header = ["class", "videos", "precision", "recall", "F1", *(f"recall {o}" for o in orders)]
    lines += [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    for entry in report["classes"]:
        cells = [entry["label"], str(entry["videos"])]
        cells += [f"{entry[key]:.1%}" for key in ("precision", "recall", "f1")]
        cells += [f"{entry['orders'][o]:.1%}" if o in entry["orders"] else "–" for o in orders]
        lines.append(f"| {' | '.join(cells)} |")
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
    wrong = report["videos"] - round(report["videos"] * report["top1"])
    if not wrong:
        return ["No video was taken for something else.", ""]
    said = f"{wrong} of {report['videos']} videos were taken for something else: see "
    if picture is None:
        return [f"{said}predictions.csv.", ""]
    return [f"{said}predictions.csv. The surest of these mistakes:", "", f"![]({picture})", ""]


def groups(report: Mapping[str, Any]) -> str:
    """How many groups the videos are of, in words: `1 group`, `12 groups`."""
    return f"{report['groups']} group{'' if report['groups'] == 1 else 's'}"


def top5(report: Mapping[str, Any]) -> str:
    """`top-5 98.0%, `; empty where there are no more than five classes, of which one always is."""
    return f"top-5 {report['top5']:.1%}, " if len(report["confusion"]) > 5 else ""
