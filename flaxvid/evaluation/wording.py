"""The numbers of a report in words and tables, wherever they are shown: terminal, pages, cards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def data_name(data: str) -> str:
    """What `--data` named, without the folders above it, which are nobody's business on a page.

    `my_videos` of `/home/ann/my_videos/manifest.csv`; `motion:hard` stays.
    """
    place = Path(data)
    if place.suffix in (".csv", ".json") and place.stem == "manifest":
        place = place.absolute().parent
    return place.name or data


def title(report: Mapping[str, Any]) -> str:
    """Which model was judged on what."""
    return f"{report['model']} on the {report['split']} split of {data_name(report['data'])}"


def measure(report: Mapping[str, Any]) -> str:
    """What the report's `score` is: top-1 or, where a video may have several labels, mAP."""
    return "mAP" if "map" in report else "top-1"


def score(report: Mapping[str, Any]) -> float:
    """The number that counts above all, 0 to 1: see `measure`."""
    return report["map"] if "map" in report else report["top1"]


def within(report: Mapping[str, Any]) -> str:
    """The interval of the score in words."""
    if report["interval"] is None:
        return "no interval, as all draws of groups are alike"
    low, high = report["interval"]
    return f"95% interval {low:.1%} to {high:.1%}"


def beside(report: Mapping[str, Any]) -> str:
    """What stands beside the score in a line."""
    loss = f"loss {report['loss']:.3f}"
    line = f"{loss}, calibration error {report['calibration_error']:.1%}"
    if "map" not in report:
        return top5(report) + line
    right = f"all labels right of {report['exact']:.1%}"
    return f"mean F1 {report['mean_f1']:.1%}, {right}, {line}"


def by_class(report: Mapping[str, Any]) -> str | None:
    """The means over classes, each counted alike, in a line; None where classes are of a size."""
    if not report["uneven"]:
        return None
    sizes = [entry["videos"] for entry in report["classes"] if entry["videos"]]
    return (
        f"mean over classes: recall {report['mean_recall']:.1%}, F1 {report['mean_f1']:.1%} (they "
        f"have {min(sizes)} to {max(sizes)} videos, and top-1 is that of the large ones above all)"
    )


def beside_linear(report: Mapping[str, Any]) -> str:
    """The linear model's accuracy in a line, and what to try if it is the better one."""
    found = report["linear"]
    line = (
        f"a linear model on the same embeddings, of {found['videos']} training videos: "
        f"{measure(report)} {score(found):.1%} ({within(found).removeprefix('95% interval ')})"
    )
    if score(report) < score(found):
        line += ", which is more: try --arch linear, more --views or more --least-steps"
    return line


def class_table(report: Mapping[str, Any], orders: bool = True) -> list[list[str]]:
    """The classes as rows of texts, the header first; with the orders of frames, or without."""
    several = "map" in report
    columns = {"average_precision": "AP", "threshold": "threshold"} if several else {}
    columns |= {"precision": "precision", "recall": "recall", "f1": "F1"}
    shown = list(report["orders"]) if orders else []
    per_order = "AP" if several else "recall"
    table = [["class", "videos", *columns.values(), *(f"{per_order} {o}" for o in shown)]]
    for entry in report["classes"]:
        values = [*(entry[key] for key in columns), *(entry["orders"].get(o) for o in shown)]
        cells = ["–" if value is None else f"{value:.1%}" for value in values]
        table.append([entry["label"], str(entry["videos"]), *cells])
    return table


def mistaken(report: Mapping[str, Any]) -> str | None:
    """How many videos were taken for something else, in words; None: no one."""
    right = report.get("exact", report.get("top1"))
    wrong = report["videos"] - round(report["videos"] * right)
    return f"{wrong} of {report['videos']} videos were taken for something else" if wrong else None


def groups(report: Mapping[str, Any]) -> str:
    """How many groups the videos are of, in words: `1 group`, `12 groups`."""
    return f"{report['groups']} group{'' if report['groups'] == 1 else 's'}"


def top5(report: Mapping[str, Any]) -> str:
    """`top-5 98.0%, `; empty where there are no more than five classes, of which one always is."""
    return f"top-5 {report['top5']:.1%}, " if len(report["confusion"]) > 5 else ""
