"""Weights from elsewhere, as a model that predicts."""

import sys

import jax

from flaxvid.models import cost
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, options, trained_model
from flaxvid.training import state as states
from flaxvid.training import step
from flaxvid.weights import pretrained, provenance


def open_weights(spec: str) -> trained_model.Trained:
    """A model with weights from elsewhere, head and all, as if it had been trained here.

    Where the preparation of its pixels is from, and the licence, is printed.

    Raises:
        WeightsError: if they are of no model that is known, or have no head, or one for pictures.
    """
    found = pretrained.open_pretrained(spec)
    print(f"{spec}:\n{provenance.told(spec, found.preprocessing)}", file=sys.stderr)
    settings = config.Settings(
        arch=found.arch,
        size=_size(found),
        model=found.model.config,
        preprocessing=found.preprocessing,
        data=options.Data(),
        recipe=recipes.Recipe(),
        run=options.Run(weights=spec),
        labels=found.labels,
        manifest="",
    )
    parts = states.split(found.model)
    eval_step = jax.jit(step.make_eval_step(parts, step.pixel_inputs(found.preprocessing)))
    return trained_model.Trained(
        settings,
        step=0,
        parameters=cost.count_parameters(parts.params),
        logits=lambda batch: eval_step(parts.params, parts.stats, batch),
        module=found.model,
    )


def _size(found):
    """The preset that the model is of; of none of them, the first that is published."""
    sizes = zoo.ARCHITECTURES[found.arch].sizes
    made_of = found.model.config
    for size, preset in sizes.items():
        fields = ("dim", "depth", "num_frames", "image_size")
        known = preset.config(num_classes=1)
        if all(getattr(known, name, None) == getattr(made_of, name) for name in fields):
            return size
    return "base" if "base" in sizes else list(sizes)[1]
