"""What a run learns and is judged by: one label a video, or several. It is chosen once, here."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array

from flaxvid.evaluation import average_precision
from flaxvid.runs import config
from flaxvid.training import metrics, step

NAMES = {"accuracy": "accuracy", "map": "mAP"}
"""Of a score, in words."""


class Objective(NamedTuple):
    """A loss, and scores of what was learnt by it."""

    loss: step.Loss
    summarise: Callable[..., dict[str, float]]
    """Logits and labels of all videos of a split -> its loss and scores, by name."""
    score: str
    """The score by which the best checkpoint is chosen."""
    measured: Callable[[dict[str, Array]], dict[str, Array]]
    """What is noted of a step, of what the step has measured."""


def of(settings: config.Settings) -> Objective:
    """The softmax and one label a video; with `--multi-label` a sigmoid for every class."""
    smoothing = settings.recipe.label_smoothing
    if settings.data.multi_label:
        loss = functools.partial(step.binary_cross_entropy, label_smoothing=smoothing)
        return Objective(loss, _summarise_several, "map", _without_accuracy)
    loss = functools.partial(step.cross_entropy, label_smoothing=smoothing)
    return Objective(loss, metrics.summarise, "accuracy", lambda measured: measured)


def measuring(train_step: Callable[..., Any], objective: Objective) -> Callable[..., Any]:
    """The same step, of which only what makes sense is noted."""

    def measured(state, batch):
        state, found = train_step(state, batch)
        return state, objective.measured(found)

    return measured


def _without_accuracy(found):
    """With several labels no class is the right one; mAP takes more clips than a batch has."""
    return {name: value for name, value in found.items() if name != "accuracy"}


def _summarise_several(logits, targets):
    return {
        "loss": metrics.binary_loss(logits, targets),
        "map": average_precision.mean(logits, targets),
    }
