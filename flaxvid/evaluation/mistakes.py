"""The worst mistakes of a model as pictures: what it was surest of and wrong about."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from flaxvid import errors, files
from flaxvid.data import manifest
from flaxvid.evaluation import report
from flaxvid.figures import mistakes as figure
from flaxvid.video import decode

NAME = "mistakes.png"
SHOWN = 8


def worst(judged: report.Predictions, count: int = SHOWN) -> Int[np.ndarray, " mistakes"]:
    """The numbers of the videos that are wrong, those first that the model was surest of."""
    (wrong,) = np.nonzero(~judged.right())
    sure = judged.probabilities.max(axis=-1)[wrong]
    return wrong[np.argsort(-sure, kind="stable")[:count]]


def write(
    judged: report.Predictions,
    names: tuple[str, ...],
    clip_of: Callable[[manifest.Row], dict[str, np.ndarray]],
    folder: Path,
) -> str | None:
    """Draws the worst mistakes, as the model saw them, into `mistakes.png`.

    A picture of an earlier evaluation is taken away where there is nothing to draw.

    Args:
        judged: the predictions.
        names: of the classes.
        clip_of: gives the `video` and `mask` of a row; a VideoError leaves it out.
        folder: of the report.

    Returns:
        The name of the picture; None: nothing is wrong, or no video can be read.

    Raises:
        FileError: if it can't be written.
    """
    shown = list(_shown(judged, names, clip_of))
    if not shown:
        (folder / NAME).unlink(missing_ok=True)
        return None
    clips, titles = zip(*shown, strict=True)
    titles = [title.replace("$", r"\$") for title in titles]
    files.save_figure(folder / NAME, figure.draw(clips, titles))
    return NAME


def films(
    judged: report.Predictions,
    names: tuple[str, ...],
    clip_of: Callable[[manifest.Row], dict[str, np.ndarray]],
) -> list[tuple[str, UInt8[np.ndarray, "time height width 3"]]]:
    """The worst mistakes to be played: what is said of each, and the frames that the model saw.

    The arguments are those of `write`.
    """
    shown = _shown(judged, names, clip_of)
    return [(title, video[mask]) for (video, mask), title in shown]


def _shown(judged, names, clip_of):
    """The clip and the title of each of the worst mistakes that can be read."""
    for number in worst(judged):
        row, odds = judged.rows[number], judged.probabilities[number]
        try:
            clip = clip_of(row)
        except decode.VideoError:
            continue
        label, taken = names[judged.labels[number]], int(odds.argmax())
        title = (
            f"{row.path}: {label}, taken for {names[taken]} with {odds[taken]:.0%} "
            f"({odds[judged.labels[number]]:.0%} for {label})"
        )
        yield (clip["video"], clip["mask"]), errors.printable(title)
