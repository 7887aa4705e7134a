"""Name the action in a video file: `python -m flaxvid.predict RUN VIDEO`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from flaxvid import errors
from flaxvid.data import batches, manifest
from flaxvid.training import run

BAR = 30  # characters


@dataclasses.dataclass(frozen=True)
class Options:
    """What to predict, and with what."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run directory that `flaxvid.train` left."""
    video: Annotated[Path, tyro.conf.Positional]
    """Video file."""
    top: int = 5
    """Classes to show."""


def main() -> None:
    """The command `python -m flaxvid.predict`."""
    chosen = tyro.cli(Options, prog="python -m flaxvid.predict", description=__doc__)
    with errors.one_line_errors():
        trained = run.open_best(chosen.run)
        probabilities = predict(trained, chosen.video)
        print(table(trained.settings.labels, probabilities, chosen.top))


def predict(trained: run.Trained, video: Path) -> np.ndarray:
    """The probability of every class for the middle clip of a video file, `classes`.

    Raises:
        VideoError: if the file can't be read as a video.
    """
    settings = trained.settings
    row = manifest.Row(path=str(Path(video).absolute()), label=settings.labels[0], split="test")
    videos = manifest.Manifest(root=Path(), rows=(row,), labels=settings.labels)
    (batch,) = batches.test_batches(batches.Loader(videos, settings.preprocessing), batch_size=1)
    logits = np.asarray(trained.logits(batch))[0]
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def table(labels: tuple[str, ...], probabilities: np.ndarray, top: int) -> str:
    """The likeliest classes, one a line, with a bar."""
    best = np.argsort(-probabilities, kind="stable")[:top]
    width = max(len(labels[index]) for index in best)
    return "\n".join(
        f"{labels[i]:<{width}}  {probabilities[i]:6.1%}  {'█' * round(BAR * probabilities[i])}"
        for i in best
    )


if __name__ == "__main__":
    main()
