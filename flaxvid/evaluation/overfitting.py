"""Training videos learnt by heart: told from the numbers of a run, and said with what to try."""

import collections
import dataclasses
import math

from flaxvid.data import manifest

BY_HEART = 0.95  # accuracy on the training videos from which on it is said
GAP = 0.2  # between the two accuracies, at least: of two videos chance explains everything
ERRORS = 2  # standard errors within which an accuracy is not told from chance


@dataclasses.dataclass(frozen=True)
class Chance:
    """What a split gives away to a model that knows nothing of its videos."""

    videos: int
    most_frequent: float
    """Share of the most frequent class: what naming it always would reach."""

    def explains(self, accuracy: float) -> bool:
        """Whether an accuracy on the split can't be told from that."""
        share = self.most_frequent
        error = math.sqrt(share * (1 - share) / self.videos)
        return accuracy <= share + ERRORS * error


def chance(videos: manifest.Manifest) -> Chance:
    """Of the rows of a split; there is one or more."""
    counts = collections.Counter(name for row in videos.rows for name in videos.names(row))
    return Chance(len(videos.rows), max(counts.values(), default=0) / len(videos.rows))


def training_accuracy(rows: list[dict]) -> float | None:
    """The mean over the steps before the last evaluation of a run, back to the one before it.

    Args:
        rows: of its `metrics.jsonl`.

    Returns:
        None, if none of those steps were logged.
    """
    total, steps, step = 0.0, 0, 0
    since = []  # accuracy, and the number of steps that it is the mean of
    for row in rows:
        if "accuracy" in row:
            since.append((row["accuracy"], row["step"] - step))
            step = row["step"]
        elif "validation_accuracy" in row:
            total, steps = sum(share * count for share, count in since), sum(n for _, n in since)
            since = []
    return total / steps if steps else None


def warning(
    learnt: float | None, split: str, accuracy: float, by: Chance, *, arch: str, pixels: bool
) -> str | None:
    """A sentence, if the training videos are known by heart and those of a split not at all.

    Args:
        learnt: accuracy in training, of late; None: not known.
        split: that was judged.
        accuracy: on it.
        by: what chance would reach there.
        arch: the architecture, and
        pixels: whether the model sees them, and not embeddings.
    """
    if learnt is None or learnt < BY_HEART or accuracy > learnt - GAP or not by.explains(accuracy):
        return None
    return (
        f"warning: {learnt:.0%} right in training, but {accuracy:.0%} of {by.videos} {split} "
        f"videos, which chance alone may reach (one class for all: {by.most_frequent:.0%}): the "
        f"training videos are learnt by heart. {_remedies(arch, pixels)}"
    )


def _remedies(arch, pixels):
    check = "If more videos don't help, check the labels (`prepare check`)"
    if arch == "linear":  # solved in closed form: there is no way of training it to choose
        return f"Try another --encoder, --encoder-stage or --encoder-grid. {check}"
    if not pixels:
        return f"Try --arch linear, more --views, --mixup 0.8, or another --encoder. {check}"
    return (
        "Few videos are best learnt from features of ImageNet: --arch embedding_transformer, or "
        f"published --weights; or try --augment 2 --mixup 0.8. {check}"
    )
