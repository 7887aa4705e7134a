"""Where a model looks that has no attention to show: what it is less sure without."""

from collections.abc import Callable

import einops
import numpy as np
from jaxtyping import Float, UInt8

from flaxvid.prediction import clips
from flaxvid.runs import trained_model

STRETCHES, GRID = 4, 4  # of the clip's time, and along each side of the picture


def open_occlusion(
    trained: trained_model.Trained,
) -> Callable[[clips.Clip], Float[np.ndarray, "time rows columns"]]:
    """The function from a clip to how much less likely its likeliest class is with a part hidden.

    Each of `GRID` x `GRID` cells is hidden for each of `STRETCHES` stretches of time, under the
    mean colour of the clip. What makes the class likelier counts as 0.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014),
    section 4.2, with time as a third axis.
    """

    def heat(clip):
        (odds,) = clips.probabilities(trained, clip.video[None], clip.mask[None])
        said = int(odds.argmax())
        hidden, stretch = occluded(clip)
        left = []
        for first in range(0, len(hidden), clips.BATCH):
            batch = hidden[first : first + clips.BATCH]
            mask = np.repeat(clip.mask[None], len(batch), axis=0)
            left.append(clips.probabilities(trained, batch, mask)[:, said])
        drops = np.maximum(odds[said] - np.concatenate(left), 0.0)
        return einops.rearrange(drops, "(s r c) -> s r c", r=GRID, c=GRID)[stretch]

    return heat


def occluded(
    clip: clips.Clip,
) -> tuple[UInt8[np.ndarray, "parts time height width 3"], np.ndarray]:
    """The clip with each part hidden, stretch by stretch, row by row; each frame's stretch."""
    time, height, width, _ = clip.video.shape
    colour = clip.real().mean(axis=(0, 1, 2)).round().astype(np.uint8)
    real = int(clip.mask.sum())
    stretch = np.minimum(np.arange(time) * STRETCHES // real, STRETCHES - 1)
    cell = (np.equal.outer(range(GRID), np.arange(n) * GRID // n) for n in (height, width))
    in_stretch = np.equal.outer(range(STRETCHES), stretch)
    hidden = np.einsum("st,rh,cw->srcthw", in_stretch, *cell)
    hidden = einops.rearrange(hidden, "s r c t h w -> (s r c) t h w 1")
    return np.where(hidden, colour, clip.video), stretch
