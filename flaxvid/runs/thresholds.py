"""Above which probability each class is said, where a video may have several labels."""

import dataclasses

import numpy as np
from jaxtyping import Float

from flaxvid.evaluation import average_precision
from flaxvid.runs import config
from flaxvid.training import distributed, metrics


def choose(
    settings: config.Settings,
    logits: Float[np.ndarray, "clips classes"],
    targets: Float[np.ndarray, "clips classes"],
    split: str,
) -> config.Settings:
    """The settings with a threshold for each class, in the run's `config.json` too.

    Args:
        settings: of a run that has ended.
        logits: of its best checkpoint, for the videos of a split.
        targets: 1 for each class of a video, else 0.
        split: its name, for what is said.
    """
    found = average_precision.thresholds(metrics.probabilities(logits, True), targets)
    settings = dataclasses.replace(settings, thresholds=tuple(found.tolist()))
    if distributed.first():
        saved = config.load(settings.run.out)  # with what was changed on the way
        config.write(settings.run.out, dataclasses.replace(saved, thresholds=settings.thresholds))
        some = dict(zip(settings.labels, targets.any(axis=0), strict=True))
        missing = [name for name, there in some.items() if not there]
        unknown = f"; 0.5 for {', '.join(missing)}, of which it has none" if missing else ""
        print(f"thresholds of the classes: where F1 is highest on the {split} videos{unknown}")
    return settings
