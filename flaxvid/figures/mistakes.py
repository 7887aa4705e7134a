"""Videos that a model took for something else, as strips of film under one another."""

from collections.abc import Sequence

import matplotlib.figure
import numpy as np
from jaxtyping import Bool, UInt8

from flaxvid.figures import frames

WIDTH = 12.0  # inches
SIDE = 96  # pixels; smaller frames are enlarged, each pixel to a square
MOST = 12  # frames of a strip; of more, these are spread over it


def draw(
    clips: Sequence[tuple[UInt8[np.ndarray, "time height width 3"], Bool[np.ndarray, " time"]]],
    titles: Sequence[str],
) -> matplotlib.figure.Figure:
    """Draws a strip for each clip, its title above it, without the padded frames.

    Args:
        clips: one or more; frames in RGB, and False where a frame is padding.
        titles: what stands above each.
    """
    strips = [_readable(video[mask]) for video, mask in clips]
    # Strips fill the width, up to a height from which fewer of them would fit on a screen.
    heights = [min(2.2, WIDTH * film.shape[1] / (len(film) * film.shape[2])) for film in strips]
    figure = matplotlib.figure.Figure(
        figsize=(WIDTH, sum(heights) + 0.6 * len(strips)), layout="constrained"
    )
    places = figure.subplots(len(strips), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, film, title in zip(places, strips, titles, strict=True):
        frames.film_strip(film, axes, title=title)
        axes.set_xticks([])
    return figure


def _readable(film):
    if len(film) > MOST:
        film = film[np.linspace(0, len(film) - 1, MOST).round().astype(int)]
    times = max(1, -(-SIDE // min(film.shape[1:3])))
    return film.repeat(times, axis=1).repeat(times, axis=2)
