"""Predictions as files, by their ending: .json, .csv, .png, .gif, .mp4."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from flaxvid import errors, files
from flaxvid.figures import attention, frames, timeline
from flaxvid.prediction import clips, pictures
from flaxvid.video import write

TABLES, MOVING = (".json", ".csv"), (".gif", ".mp4")
ENDINGS = (*TABLES, ".png", *MOVING)
COLUMNS = ("path", "start", "end", "rank", "label", "probability")
THRESHOLD = "threshold"  # one column more where a video may have several labels


def check(path: Path) -> str:
    """The ending of a file to be written, in lower case.

    Raises:
        UserError: if nothing can be written under that name.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise errors.UserError(f"--out {path}: give a name that ends in {', '.join(ENDINGS)}")
    if not path.absolute().parent.is_dir():
        raise errors.UserError(f"--out {path}: there is no folder {path.parent}: make it first")
    return ending


def likeliest(prediction: clips.Prediction, top: int) -> np.ndarray:
    """The numbers of the `top` likeliest classes, the likeliest first."""
    return np.argsort(-prediction.probabilities, kind="stable")[:top]


def write_table(
    path: Path,
    said: Sequence[clips.Prediction],
    top: int,
    skipped: Mapping[str, str],
) -> None:
    """Writes the `top` classes of every prediction: JSON with what was skipped, or CSV.

    Where a video may have several labels, each stands beside its threshold.
    """
    rows = [
        {
            "path": str(one.path),
            "start": round(one.start, 3),
            "end": None if one.end is None else round(one.end, 3),
            "rank": rank,
            "label": one.labels[number],
            "probability": round(float(one.probabilities[number]), 6),
        }
        | ({} if one.thresholds is None else {THRESHOLD: round(one.thresholds[number], 6)})
        for one in said
        for rank, number in enumerate(likeliest(one, top), start=1)
    ]
    if path.suffix.lower() == ".json":
        content = {"predictions": rows, "skipped": dict(skipped)}
        files.write_json(path, content)
        return
    header = (*COLUMNS, THRESHOLD) if rows and THRESHOLD in rows[0] else COLUMNS
    files.write_csv(path, header, [map(files.spreadsheet_cell, row.values()) for row in rows])


def write_timeline(path: Path, said: Sequence[clips.Prediction]) -> None:
    """Draws the windows of one video over its time."""
    edges = np.array([[one.start, one.end] for one in said])
    odds = np.stack([one.probabilities for one in said])
    limits = None if said[0].thresholds is None else np.array(said[0].thresholds)
    title = said[0].path.name
    axes = timeline.draw(edges, odds, said[0].labels, title=title, thresholds=limits)
    files.save_figure(path, axes.figure)


def write_strip(
    path: Path,
    prediction: clips.Prediction,
    clip: clips.Clip,
    heat: np.ndarray | None = None,
) -> None:
    """Draws the frames that the model saw side by side, with heat over them if there is any."""
    film, title = pictures.enlarge(clip.real()), pictures.words(prediction)
    if heat is None:
        axes = frames.film_strip(film, title=title)
    else:
        axes = attention.film_strip(film, heat[clip.mask], title=title)
    files.save_figure(path, axes.figure)


def write_moving(path: Path, film: pictures.Frames) -> None:
    """Writes a GIF or a video of captioned frames.

    Raises:
        VideoError: if the file can't be written.
    """
    writer = write.write_gif if path.suffix.lower() == ".gif" else write.write_video
    writer(path, film, pictures.FPS)
