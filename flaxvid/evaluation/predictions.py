"""What a model said of each video, as a table: `predictions.csv`."""

import dataclasses
from pathlib import Path

import numpy as np

from flaxvid import errors, files
from flaxvid.evaluation import report

NAME = "predictions.csv"
COLUMNS = ("path", "start", "end", "group", "label", "predicted", "right", "probability", "views")
HEADER = (*COLUMNS, "top5")
TOP = 5
LARGEST = 2**30  # bytes of a table


def write(judged: report.Predictions, names: tuple[str, ...], folder: Path) -> None:
    """Writes a line for each video: whose it is, the label, and the likeliest classes.

    `probability` is that of the class predicted, the mean over the `views` of the video; `top5` has
    the five likeliest with theirs. What a spreadsheet would run as a formula has a ' before it.

    Raises:
        FileError: if it can't be written, or another table of this name is there.
    """
    if (folder / NAME).exists() and not _is_ours(folder / NAME):
        raise files.FileError(
            f"{folder / NAME}: is no table of an evaluation; move it away, or choose another --out"
        )
    right, predicted, views = judged.right(), judged.predicted(), judged.number_of_views()
    lines = []
    for number, row in enumerate(judged.rows):
        odds = judged.probabilities[number]
        best = np.argsort(-odds, kind="stable")[:TOP]
        lines.append(
            [
                row.path,
                f"{row.start:g}",
                "" if row.end is None else f"{row.end:g}",
                row.group,
                names[judged.labels[number]],
                names[predicted[number]],
                "right" if right[number] else "wrong",
                f"{odds[predicted[number]]:.6f}",
                int(views[number]),
                "; ".join(f"{names[of]} {odds[of]:.3f}" for of in best),
            ]
        )
    cells = [map(files.spreadsheet_cell, line) for line in lines]
    files.write_csv(folder / NAME, HEADER, cells)


def _is_ours(path):
    return files.read_text(path, largest=LARGEST).partition("\n")[0] == ",".join(HEADER)


@dataclasses.dataclass(frozen=True)
class Read:
    """Which videos a table is about, and which of them are right."""

    videos: tuple[tuple[str, str, str, str], ...]
    """Path, start, end and label of each."""
    groups: tuple[str, ...]
    right: np.ndarray


def read(path: Path) -> Read:
    """A `predictions.csv` that `write` wrote.

    Raises:
        UserError: if it can't be read, or is no such table.
    """
    header, found = files.read_csv(path, largest=LARGEST)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise errors.UserError(f"{path}: has no column {missing[0]!r}; evaluate the run again")
    return Read(
        tuple((line["path"], line["start"], line["end"], line["label"]) for line in found),
        tuple(line["group"] or line["path"] for line in found),
        np.array([line["right"] == "right" for line in found], bool),
    )
