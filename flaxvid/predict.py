"""Name the action in a video file: `python -m flaxvid.predict RUN VIDEO`.

With published weights in place of a run: `python -m flaxvid.predict --weights PATH VIDEO`.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro

from flaxvid import errors
from flaxvid.data import batches, manifest
from flaxvid.models import cost
from flaxvid.training import config, run, step
from flaxvid.training import state as states
from flaxvid.weights import pretrained

BAR = 30  # characters


@dataclasses.dataclass(frozen=True)
class Options:
    """What to predict, and with what."""

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN] VIDEO")]
    """Run directory that `flaxvid.train` left, unless there are --weights; and a video file."""
    weights: str | None = None
    """Weights of a TimeSformer or image ViT: a file, a folder or hf:owner/name[@revision]."""
    top: int = 5
    """Classes to show."""


def main() -> None:
    """The command `python -m flaxvid.predict`."""
    chosen = tyro.cli(Options, prog="python -m flaxvid.predict", description=__doc__)
    with errors.one_line_errors():
        if len(chosen.paths) != (2 if chosen.weights is None else 1):
            raise errors.UserError(
                f"{' '.join(map(str, chosen.paths)) or 'nothing'}: give a run directory and a "
                "video file, or --weights and a video file"
            )
        *folder, video = chosen.paths
        trained = run.open_best(*folder) if folder else open_weights(chosen.weights)
        probabilities = predict(trained, video)
        print(table(trained.settings.labels, probabilities, chosen.top))


def open_weights(spec: str) -> run.Trained:
    """A model with weights from elsewhere, head and all, as if it had been trained here.

    Raises:
        WeightsError: if they are of no TimeSformer, or have no head.
    """
    found = pretrained.open_pretrained(spec)
    shown = found.preprocessing
    if not found.known:
        print(
            f"{spec}: is not among the published files, so it is shown {shown.num_frames} frames "
            f"of the whole video as Kinetics' are: RGB, mean {shown.mean[0]}, std {shown.std[0]}",
            file=sys.stderr,
        )
    settings = run.Settings(
        arch="timesformer",
        size="base",
        model=found.model.config,
        preprocessing=shown,
        data=config.Data(),
        recipe=config.Recipe(),
        run=config.Run(weights=spec),
        labels=found.labels,
        manifest="",
    )
    parts = states.take_apart(found.model)
    eval_step = jax.jit(step.make_eval_step(parts, step.prepare_pixels(shown)))
    return run.Trained(
        settings,
        step=0,
        parameters=cost.count_parameters(parts.params),
        logits=lambda batch: eval_step(parts.params, parts.stats, batch),
    )


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
