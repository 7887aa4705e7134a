"""The worst mistakes of a model as pictures: what it was surest of and wrong about."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt8

from flaxvid import errors, files
from flaxvid.data import manifest
from flaxvid.evaluation import report
from flaxvid.figures import mistakes as figure
from flaxvid.video import decode

NAME = "mistakes.png"
SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A video that the model took for something else."""

    title: str
    """What it is, and what it was taken for."""
    video: UInt8[np.ndarray, "time height width 3"]
    mask: Bool[np.ndarray, " time"]
    """True for real frames."""

    def film(self) -> UInt8[np.ndarray, "time height width 3"]:
        """The real frames, to be played."""
        return self.video[self.mask]


def worst(judged: report.Predictions, count: int = SHOWN) -> Int[np.ndarray, " mistakes"]:
    """The numbers of the videos that are wrong, those first that the model was surest of.

    Of several labels a video, those first that have a class furthest on the wrong side.
    """
    (wrong,) = np.nonzero(~judged.right())
    sure = judged.probabilities.max(axis=-1)[wrong]
    if judged.thresholds is not None:
        sure = np.abs(judged.probabilities - judged.labels).max(axis=-1)[wrong]
    return wrong[np.argsort(-sure, kind="stable")[:count]]


def clips(
    judged: report.Predictions,
    names: tuple[str, ...],
    clip_of: Callable[[manifest.Row], dict[str, np.ndarray]],
) -> list[Mistake]:
    """The worst mistakes, as the model saw them; those that can't be read are left out.

    Args:
        judged: the predictions.
        names: of the classes.
        clip_of: gives the `video` and `mask` of a row; a VideoError leaves it out.
    """
    found = []
    for number in worst(judged):
        row, odds = judged.rows[number], judged.probabilities[number]
        try:
            clip = clip_of(row)
        except decode.VideoError:
            continue
        label, taken = judged.is_and_said(number, names)
        part = f" {row.start:.1f} to {row.end:.1f} s" if row.end is not None else ""
        title = f"{row.path}{part}: {label}, taken for {taken}"
        if judged.thresholds is None:
            title += f" with {odds.max():.0%} ({odds[judged.labels[number]]:.0%} for {label})"
        else:
            far = int(np.abs(odds - judged.labels[number]).argmax())
            title += f" ({odds[far]:.0%} for {names[far]})"
        found.append(Mistake(errors.printable(title), clip["video"], clip["mask"]))
    return found


def write(shown: list[Mistake], folder: Path) -> str | None:
    """Draws mistakes into `mistakes.png`, and gives its name; None: there are none.

    A picture of an earlier evaluation is taken away where there is nothing to draw.

    Raises:
        FileError: if it can't be written.
    """
    if not shown:
        with errors.naming(folder / NAME, "removed", "permit it"):
            (folder / NAME).unlink(missing_ok=True)
        return None
    titles = [mistake.title.replace("$", r"\$") for mistake in shown]
    drawn = figure.draw([(mistake.video, mistake.mask) for mistake in shown], titles)
    files.save_figure(folder / NAME, drawn)
    return NAME
