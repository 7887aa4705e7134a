"""A clip as people see it: large enough, with what the model says of it underneath."""

import numpy as np
from jaxtyping import Float, UInt8

from flaxvid.figures import attention
from flaxvid.prediction import clips
from flaxvid.video import write

SIDE = 224  # pixels, at least; models may see far fewer
FPS = 4

Frames = UInt8[np.ndarray, "time height width 3"]
Larger = UInt8[np.ndarray, "time new_height new_width 3"]


def enlarge(frames: Frames) -> Larger:
    """Frames of at least `SIDE` pixels: each pixel becomes a square of equal ones."""
    times = -(-SIDE // min(frames.shape[1:3]))
    return frames.repeat(times, axis=1).repeat(times, axis=2)


def even(frames: Frames) -> Larger:
    """The same without the last row or column where that makes the sizes even, as video wants."""
    height, width = frames.shape[1:3]
    return frames[:, : height - height % 2, : width - width % 2]


def captioned(
    prediction: clips.Prediction,
    clip: clips.Clip,
    heat: Float[np.ndarray, "time rows columns"] | None = None,
) -> UInt8[np.ndarray, "real_time new_height new_width 3"]:
    """The frames the model saw, with their window and the likeliest class under them.

    With `heat` from a rollout of attention, the same frames stand beside them with it laid over.
    """
    frames = even(enlarge(clip.real()))
    if heat is not None:
        hot = attention.overlay(frames, heat[clip.mask])
        frames = np.concatenate([frames, hot], axis=2)
    return write.caption(frames, words(prediction))


def joined(films: list[np.ndarray]) -> Frames:
    """One film after the other; where a caption took more lines, the others get a strip too."""
    height = max(film.shape[1] for film in films)
    padded = [np.pad(film, [(0, 0), (0, height - film.shape[1]), (0, 0), (0, 0)]) for film in films]
    return np.concatenate(padded)


def words(prediction: clips.Prediction) -> str:
    """The window, if it is one, and what is said: the likeliest class, or all above thresholds."""
    said = ", ".join(f"{name} {odds:.1%}" for name, odds in prediction.said())
    if not said:
        name, odds = prediction.top(1)[0]
        said = f"nothing above its threshold (likeliest {name} {odds:.1%})"
    return said if prediction.end is None else f"{extent(prediction)}  {said}"


def extent(prediction: clips.Prediction) -> str:
    """From when to when, to a tenth of a second, with minutes and hours where there are any."""
    return f"{clock(prediction.start)}–{clock(prediction.end)}"


def clock(seconds: float) -> str:
    """As players show it: 0:07.5, 12:30.0, 1:02:03.0."""
    tenths = round(10 * seconds)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"
