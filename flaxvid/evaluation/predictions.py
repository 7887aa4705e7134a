"""What a model said of each video, as a table: `predictions.csv`."""

import dataclasses
from pathlib import Path

import numpy as np

from flaxvid import errors, files
from flaxvid.data import manifest
from flaxvid.evaluation import report

NAME = "predictions.csv"
COLUMNS = ("path", "start", "end", "group", "label", "predicted", "right")
HEADER = (*COLUMNS, "probability", "views", "top5")
OF_CLASS = "probability of "  # a column for each class, where a video may have several labels
TOP = 5
LARGEST = 2**30  # bytes of a table


def write(judged: report.Predictions, names: tuple[str, ...], folder: Path) -> None:
    """Writes a line for each video: whose it is, the label, and the likeliest classes.

    `probability` is that of the class predicted, the mean over the `views` of the video; `top5` has
    the five likeliest with theirs. Where a video may have several labels, a column for each class
    has its probability instead. What a spreadsheet would run as a formula has a ' before it.

    Raises:
        FileError: if it can't be written, or another table of this name is there.
    """
    if (folder / NAME).exists() and not _is_ours(folder / NAME):
        raise errors.FileError(
            f"{folder / NAME}: is not a table of an evaluation; move it, or choose another --out"
        )
    right, views = judged.right(), judged.number_of_views()
    several = judged.thresholds is not None
    lines = []
    for number, row in enumerate(judged.rows):
        odds = judged.probabilities[number]
        best = np.argsort(-odds, kind="stable")[:TOP]
        likeliest = "; ".join(f"{names[of]} {odds[of]:.3f}" for of in best)
        lines.append(
            [
                row.path,
                f"{row.start:g}",
                "" if row.end is None else f"{row.end:g}",
                row.group,
                *judged.is_and_said(number, names),
                "right" if right[number] else "wrong",
                *([] if several else [f"{odds.max():.6f}"]),
                int(views[number]),
                *(map(repr, odds.tolist()) if several else [likeliest]),
            ]
        )
    header = (*COLUMNS, "views", *(OF_CLASS + name for name in names)) if several else HEADER
    cells = [map(files.spreadsheet_cell, line) for line in lines]
    files.write_csv(folder / NAME, header, cells)


def _is_ours(path):
    header = files.read_text(path, largest=LARGEST).partition("\n")[0]
    several = ",".join((*COLUMNS, "views", OF_CLASS))
    return header == ",".join(HEADER) or header.replace('"', "").startswith(several)


@dataclasses.dataclass(frozen=True)
class Read:
    """Which videos a table is about, and which of them are right."""

    videos: tuple[tuple[str, str, str, str], ...]
    """Path, start, end and label of each."""
    groups: tuple[str, ...]
    right: np.ndarray
    probabilities: np.ndarray | None
    """`videos classes`, and
    targets: 1 for each class that a video has; None where each has one label."""
    targets: np.ndarray | None


def read(path: Path) -> Read:
    """A `predictions.csv` that `write` wrote.

    Raises:
        UserError: if it can't be read, or is no such table.
    """
    header, found = files.read_csv(path, largest=LARGEST)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise errors.UserError(f"{path}: has no column {missing[0]!r}; evaluate the run again")
    odds, targets = None, None
    classes = [name.removeprefix(OF_CLASS) for name in header if name.startswith(OF_CLASS)]
    if classes:
        with errors.damage_in(path, "evaluate the run again"):
            odds = np.array([[float(line[OF_CLASS + name]) for name in classes] for line in found])
            targets = np.array([_target(line["label"], classes) for line in found])
    return Read(
        tuple((line["path"], line["start"], line["end"], line["label"]) for line in found),
        tuple(line["group"] or line["path"] for line in found),
        np.array([line["right"] == "right" for line in found], bool),
        odds,
        targets,
    )


def _target(label, classes):
    names = manifest.names_of(label.removeprefix("'"))  # as of a formula
    if not set(names) <= set(classes):
        raise ValueError(f"{label} is of none of its classes")
    return np.isin(classes, names).astype(np.float64)
