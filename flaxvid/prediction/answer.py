"""What a model says of an uploaded video, in all that a page can show of it."""

import contextlib
import dataclasses
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from flaxvid import errors, files, progress
from flaxvid.figures import attention, timeline
from flaxvid.prediction import clips, explain, occlusion, pictures
from flaxvid.runs import trained_model
from flaxvid.video import decode, header

LONGEST = 600  # seconds: what is decoded while somebody waits
WINDOW, MOST = 2.0, 40  # seconds of a window of the timeline, at least; windows, at most
SEVERAL = 3  # windows that a video must have to be worth a timeline

Pictures = UInt8[np.ndarray, "real_time height width 3"]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the page shows of one video."""

    top: dict[str, float]
    """The five likeliest classes and their probabilities."""
    note: str
    """The video, and how much of it the model sees."""
    seen: Pictures
    """The frames the model saw, enlarged."""
    looked: Pictures
    """The same with `heat_of` over them."""
    shares: tuple[str, ...]
    """The share of the heat that each frame has, in percent."""
    timeline: UInt8[np.ndarray, "drawn_height drawn_width 3"] | None
    """What is said from window to window; None: the video is too short to have several."""


def heat_of(trained: trained_model.Trained) -> str:
    """What is laid over the frames, in words."""
    if explain.possible(trained):
        return "where it looked (attention), and the share of each frame"
    return "where it is less sure when that is hidden, and the share of each frame"


def open_answering(trained: trained_model.Trained) -> Callable[[str], Answer]:
    """The function from the path of an uploaded file to what is shown.

    It raises a UserError whose message is for the one who uploaded: for a file that is no video,
    a broken one, or one of more than `LONGEST` seconds.
    """
    possible = explain.possible(trained)
    heat = explain.open_rollout(trained) if possible else occlusion.open_occlusion(trained)

    def answer(path):
        with named_as_uploaded(path):
            info = header.probe(path)
            _refuse_long(info)
            ((prediction, clip),) = clips.whole_videos(trained, [Path(path)])
            drawn = _timeline(trained, path, info)
        seen, hot = pictures.enlarge(clip.real()), heat(clip)[clip.mask]
        shares = hot.sum((1, 2)) / (hot.sum() or 1.0)
        return Answer(
            dict(prediction.top(5)),
            _said(prediction) + _note(info, clip, trained.settings.preprocessing),
            seen,
            attention.overlay(seen, hot),
            tuple(f"{share:.0%}" for share in shares),
            drawn,
        )

    return answer


@contextlib.contextmanager
def named_as_uploaded(path: str) -> Iterator[None]:
    """Inside, what is wrong with a file is told by its name: where it was put is nobody's business.

    Raises:
        UserError: in the place of a VideoError.
    """
    try:
        yield
    except decode.VideoError as error:
        problem = error.problem.replace(str(Path(path).absolute()), Path(path).name)
        raise errors.UserError(f"{Path(path).name}: {problem}") from None


def _refuse_long(info):
    if info.seconds > LONGEST:
        raise decode.VideoError(
            info.path,
            f"lasts {progress.duration(info.seconds)}, and this page takes {LONGEST // 60} min at "
            f"most: cut out what matters, or look at all of it with "
            f"`python -m flaxvid.predict RUN {errors.argument(Path(info.path).name)} --window 10`",
        )


def _timeline(trained, path, info):
    if not info.fps or info.seconds < SEVERAL * WINDOW:
        return None
    window = max(WINDOW, info.seconds / MOST)
    said = [one for one, _ in clips.windows(trained, Path(path), window, window)]
    edges = np.array([[one.start, one.end] for one in said])
    odds = np.stack([one.probabilities for one in said])
    limits = None if said[0].thresholds is None else np.array(said[0].thresholds)
    title = "from beginning to end"
    axes = timeline.draw(edges, odds, trained.settings.labels, title=title, thresholds=limits)
    drawn = Image.open(io.BytesIO(files.png(axes.figure, dpi=100)))
    return np.asarray(drawn.convert("RGB"))


def _said(prediction):
    """Of several labels, which are said; the likeliest stand in a list anyway."""
    return "" if prediction.thresholds is None else f"**{pictures.words(prediction)}**\n\n"


def _note(info, clip, shown):
    """The video in words, and what of its picture is cut away."""
    shape = "upright" if info.height > info.width else "wide" if info.width > info.height else ""
    length = f"{info.seconds:.1f} s, " if info.seconds else ""
    share = _share_seen(info, shown)
    return (
        f"{length}{info.width} x {info.height} pixels{f', {shape}' if shape else ''}. The model "
        f"saw {len(clip.real())} frames of {shown.crop_size} x {shown.crop_size} pixels: "
        + ("the whole picture." if share > 0.99 else f"the middle {share:.0%} of the picture.")
    )


def _share_seen(info, shown):
    """Of the area of the picture, after cropping."""
    if not isinstance(shown.resize, int):
        return shown.crop_size**2 / (shown.resize[0] * shown.resize[1])
    short, long = sorted((info.width, info.height))
    return (shown.crop_size / shown.resize) ** 2 * short / long
