"""What trackers are shown of a run at its end: confusion, and what a few clips are taken for."""

import matplotlib.figure
import numpy as np
from jaxtyping import Float, Int

from flaxvid.data import batches
from flaxvid.evaluation import scores
from flaxvid.figures import confusion, mistakes
from flaxvid.runs import config
from flaxvid.training import metrics

SHOWN = 4  # clips, spread over the videos


def figures(
    loader: batches.Rows,
    settings: config.Settings,
    logits: Float[np.ndarray, "clips classes"],
    truth: Int[np.ndarray, " clips"] | Float[np.ndarray, "clips classes"],
) -> dict[str, matplotlib.figure.Figure]:
    """`confusion` of one label a video, and `predictions` where the loader has pixels and no video
    was left out.

    Args:
        loader: of the videos that were judged.
        settings: of the run.
        logits: of each video, as `evaluation.inference.logits_of` gives them.
        truth: the classes that they are of.
    """
    labels, limits, found = settings.labels, settings.limits(), {}
    if limits is None:
        counts = scores.confusion(truth, logits.argmax(-1), len(labels))
        found["confusion"] = confusion.draw(counts, labels).figure
    rows = loader.manifest.rows
    same = [loader.manifest.target(row).tolist() for row in rows] == truth.tolist()
    if not same or not isinstance(loader, batches.VideoRows):
        return found  # which logits are of which row isn't known, or there is nothing to look at
    clips, titles = [], []
    for row in sorted(set(np.linspace(0, len(rows) - 1, SHOWN).astype(int).tolist())):
        clip, odds = loader.test_row(row), metrics.probabilities(logits[row], limits is not None)
        clips.append((clip["video"], clip["mask"]))
        said = f"{labels[odds.argmax()]} ({odds.max():.0%})"
        if limits is not None:
            above = zip(labels, odds, limits, strict=True)
            said = ", ".join(f"{n} ({p:.0%})" for n, p, limit in above if p > limit) or "nothing"
        titles.append(
            f"{', '.join(loader.manifest.names(rows[row])) or 'nothing'}, taken for {said}"
        )
    return found | {"predictions": mistakes.draw(clips, titles)}
