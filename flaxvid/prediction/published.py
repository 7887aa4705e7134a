"""Weights from elsewhere, as a model that predicts."""

import sys

import jax

from flaxvid.models import cost
from flaxvid.recipes import recipe as recipes
from flaxvid.runs import config, options, trained_model
from flaxvid.training import state as states
from flaxvid.training import step
from flaxvid.weights import pretrained


def open_weights(spec: str) -> trained_model.Trained:
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
    settings = config.Settings(
        arch="timesformer",
        size="base",
        model=found.model.config,
        preprocessing=shown,
        data=options.Data(),
        recipe=recipes.Recipe(),
        run=options.Run(weights=spec),
        labels=found.labels,
        manifest="",
    )
    parts = states.split(found.model)
    eval_step = jax.jit(step.make_eval_step(parts, step.pixel_inputs(shown)))
    return trained_model.Trained(
        settings,
        step=0,
        parameters=cost.count_parameters(parts.params),
        logits=lambda batch: eval_step(parts.params, parts.stats, batch),
        module=found.model,
    )
