"""Where in the frames a model looked: the rollout of its attention, for one clip."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

from flaxvid import errors
from flaxvid.models import attention, rollout, timesformer, timesformer_schemes
from flaxvid.prediction import clips
from flaxvid.runs import trained_model
from flaxvid.training import state as states
from flaxvid.training import step

Heat = Float[np.ndarray, "time rows columns"]


def possible(trained: trained_model.Trained) -> bool:
    """Whether the model has attention between patches."""
    kinds = timesformer.TimeSformer, timesformer_schemes.SchemeTimeSformer
    return isinstance(trained.module, kinds)


def open_rollout(trained: trained_model.Trained) -> Callable[[clips.Clip], Heat]:
    """The function from a clip to the share that every patch has in what the model made of it.

    Raises:
        UserError: for a model without attention between patches.
    """
    settings, model = trained.settings, trained.module
    if not possible(trained):
        raise errors.UserError(
            f"--explain: {settings.arch} {settings.size} has no attention maps over patches to "
            "show; a timesformer, tiny or base, has"
        )
    parts, inputs_of = states.split(model), step.pixel_inputs(settings.preprocessing)

    @jax.jit
    def roll(params, stats, batch):
        model = states.merge(parts.eval_def, params, stats)
        maps = attention.maps(model, inputs_of(batch), batch["mask"])
        scheme, grid = model.config.attention, model.config.grid()
        return rollout.rollout(maps, scheme, grid, batch["mask"])[0]

    def heat(clip):
        batch = {"video": clip.video[None], "mask": clip.mask[None]}
        return np.asarray(roll(parts.params, parts.stats, batch))

    return heat
