"""The last screen of `train`: what came of it, how fast it was, and what to do next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from flaxvid import errors, files, progress
from flaxvid.data import batches
from flaxvid.models import cost
from flaxvid.runs import config, options


def text(
    settings: config.Settings,
    judged: Mapping[str, float],
    *,
    split: str,
    watched: str,
    best: int,
    seconds: float,
    example: Path,
) -> str:
    """Accuracy on a split, where the run lies, and two commands to go on with.

    Args:
        settings: of the run.
        judged: as `objective.Objective.summarise` gives it.
        split: that was judged.
        watched: the split that the checkpoint was chosen on.
        best: step of the checkpoint.
        seconds: that the run took.
        example: a video of the split.
    """
    chosen = settings.recipe.keep == "best" and settings.arch != "linear"
    kept = f"best on {watched}" if chosen else "the last"
    if settings.data.multi_label:
        score = f"mAP {judged['map']:.1%}"
    else:
        # Of five classes or fewer, one of the five likeliest is right always.
        top5 = f", top-5 {judged['top5']:.1%}" if len(settings.labels) > 5 else ""
        score = f"top-1 {judged['accuracy']:.1%}{top5}"
    out = settings.run.out
    return (
        f"{split} {score} "
        f"(checkpoint of step {best}, {kept}) after {progress.duration(seconds)}\n"
        f"{out}: config.json, metrics.jsonl, curves.png, checkpoints/\n"
        f"try  python -m flaxvid.evaluate {errors.argument(out)}\n"
        f"     python -m flaxvid.predict {errors.argument(out)} {errors.argument(example)}"
    )


def speed(rows: Sequence[Mapping[str, Any]], settings: config.Settings, multiply_adds: int) -> str:
    """How fast the run was, and how much of the devices that took, where their peak is known.

    Args:
        rows: of the run's log.
        settings: of the run.
        multiply_adds: of a clip, forwards.
    """
    clips = np.median([row["clips_per_second"] for row in rows if "clips_per_second" in row])
    flops = cost.training_flops(multiply_adds) * clips
    kind, dtype = jax.devices()[0].device_kind, options.DTYPES[settings.machine.precision]
    peak = cost.peak_flops(kind, dtype)
    share = f", {flops / peak / jax.device_count():.1%} of the peak (MFU)" if peak else ""
    return f"{clips:.1f} clips/s, {flops / 1e9:,.2f} GFLOP/s of the model{share}"


def list_skipped(skipped: batches.Skipped, folder: Path) -> None:
    """Writes down which videos could not be read and why, and says where; if there are any."""
    reasons = skipped.reasons()
    if reasons:
        path = folder / "skipped.json"
        files.write_json(path, reasons)
        several = "1 video" if len(reasons) == 1 else f"{len(reasons)} videos"
        print(f"left out {several} that could not be read: {errors.some(reasons)}; see {path}")
