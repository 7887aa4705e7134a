"""What trackers are shown of a run at its end: confusion, and what a few clips are taken for."""

from collections.abc import Sequence

import jax
import matplotlib.figure
import numpy as np
from jaxtyping import Float, Int

from flaxvid.data import batches
from flaxvid.evaluation import scores
from flaxvid.figures import confusion, mistakes

SHOWN = 4  # clips, spread over the videos


def figures(
    loader: batches.Rows,
    labels: Sequence[str],
    logits: Float[np.ndarray, "clips classes"],
    truth: Int[np.ndarray, " clips"],
) -> dict[str, matplotlib.figure.Figure]:
    """`confusion`, and `predictions` where the loader has pixels and no video was left out.

    Args:
        loader: of the videos that were judged.
        labels: names of the classes.
        logits: of each video, as `evaluation.inference.logits_of` gives them.
        truth: the classes that they are of.
    """
    counts = scores.confusion(truth, logits.argmax(-1), len(labels))
    found = {"confusion": confusion.draw(counts, labels).figure}
    rows = loader.manifest.rows
    same = [loader.manifest.label_index(row) for row in rows] == truth.tolist()
    if not same or not isinstance(loader, batches.VideoRows):
        return found  # which logits are of which row isn't known, or there is nothing to look at
    clips, titles = [], []
    for row in sorted(set(np.linspace(0, len(rows) - 1, SHOWN).astype(int).tolist())):
        clip, odds = loader.test_row(row), np.asarray(jax.nn.softmax(logits[row]))
        clips.append((clip["video"], clip["mask"]))
        best = int(odds.argmax())
        titles.append(f"{labels[truth[row]]}, taken for {labels[best]} ({odds[best]:.0%})")
    return found | {"predictions": mistakes.draw(clips, titles)}
