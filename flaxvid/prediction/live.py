"""What a model says of what a camera sees, while it sees it."""

import collections
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from flaxvid.prediction import clips
from flaxvid.runs import trained_model
from flaxvid.video import selection, transform

Frame = UInt8[np.ndarray, "height width 3"]


def predictions(
    trained: trained_model.Trained,
    frames: Iterable[tuple[float, Frame]],
    seconds: float,
    every: float,
) -> Iterator[clips.Said]:
    """A prediction of the last `seconds`, each time that `every` seconds have passed.

    Args:
        trained: the model.
        frames: as they come, each with its time in seconds, as `video/camera.py` gives them.
        seconds: that the model sees; the first prediction comes when they have passed.
        every: seconds from one prediction to the next.
    """
    shown = trained.settings.preprocessing
    kept, due = collections.deque(), seconds
    for time, frame in frames:
        kept.append((time, transform.test_clips(frame[None], shown)[0, 0]))
        if time < due:
            continue
        while kept[0][0] < time - seconds:
            kept.popleft()
        recent = np.stack([kept[index][1] for index in clips.choose(len(kept), shown)])
        clip = clips.Clip(*selection.pad_clip(recent, shown))
        (odds,) = clips.probabilities(trained, clip.video[None], clip.mask[None])
        start = max(0.0, time - seconds)
        yield clips.prediction_of(trained, Path("camera"), start, time, odds), clip
        due = time + every
