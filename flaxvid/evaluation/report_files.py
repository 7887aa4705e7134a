"""The report of an evaluation as files: report.json, report.md, confusion.png, calibration.png."""

from pathlib import Path

import numpy as np

from flaxvid import errors, files, folders
from flaxvid.evaluation import report as reports
from flaxvid.evaluation import scores, wording
from flaxvid.figures import calibration as calibration_figure
from flaxvid.figures import confusion as confusion_figure

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


def refuse_place(folder: Path) -> None:
    """Refuses a folder for a report, before the evaluation.

    Raises:
        FileError: if it can't be written, or holds files of these names that are not a report's.
    """
    folders.refuse_strangers(folder, NAMES[0], NAMES)
    folders.refuse_unwritable(folder, "--out")


def write(
    report: dict, judged: reports.Predictions, folder: Path, mistakes: str | None
) -> list[str]:
    """Writes the report into `folder`, and returns the names of its files.

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
        with errors.naming(folder / "confusion.png", "removed", "permit it"):
            (folder / "confusion.png").unlink(missing_ok=True)  # of an earlier evaluation
        found = scores.calibration_of_each(judged.probabilities, judged.labels)
    axes = calibration_figure.draw(found, title="sure, and right?")
    files.save_figure(folder / "calibration.png", axes.figure)
    return [name for name in NAMES[:4] if name != "confusion.png" or "confusion" in report]


def markdown(report: dict, mistakes: str | None = None) -> str:
    """The report in Markdown: what was evaluated, the numbers, and a table of the classes.

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
    """The videos that could not be read, which are in none of the numbers."""
    if not skipped:
        return []
    listed = [f"- {errors.printable(reason)}" for reason in list(skipped.values())[:LISTED]]
    more = [f"- and {len(skipped) - LISTED} more"] if len(skipped) > LISTED else []
    said = f"{len(skipped)} files could not be read; their videos are not in the numbers:"
    return [said, "", *listed, *more, ""]


def _mistakes(report, picture):
    said = wording.mistaken(report)
    if said is None:
        return ["No video was taken for something else.", ""]
    said = f"{said}: see "
    if picture is None:
        return [f"{said}predictions.csv.", ""]
    return [f"{said}predictions.csv. The surest of these mistakes:", "", f"![]({picture})", ""]
