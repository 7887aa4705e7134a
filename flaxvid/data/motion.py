"""The embedded data set: short real video files in which only the order of the frames tells.

Ten classes in five pairs. The two classes of a pair are the *same* clips, played forwards and
backwards, so no single frame and no set of frames tells them apart: a model that ignores order
is right half of the time. Three pairs change the sprite's place, two its appearance, because
features pooled over space lose place and keep appearance.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from flaxvid import atomic, errors, progress
from flaxvid.data import lock, manifest, manifest_file
from flaxvid.video import write as video_write

# A pair is (played as drawn, played backwards).
DIRECTION_PAIRS = (
    ("move_right", "move_left"),
    ("move_down", "move_up"),
    ("circle_clockwise", "circle_counterclockwise"),
)
APPEARANCE_PAIRS = (("grow", "shrink"), ("lighten", "darken"))
PAIRS = DIRECTION_PAIRS + APPEARANCE_PAIRS
CLASSES = tuple(sorted(name for pair in PAIRS for name in pair))

SIZE = 64  # pixels, height and width
NUM_FRAMES = 16
FPS = 8
CLIPS = {"train": 6000, "validation": 500, "test": 1000}
CORNERS = {"triangle": 3, "square": 4, "hexagon": 6, "disc": 24}

LEVELS = ("easy", "hard")
INDEX = "manifest.csv"


@dataclasses.dataclass(frozen=True)
class Track:
    """Where the sprite is and how it looks in every frame of a clip."""

    x: Float[np.ndarray, " time"]  # pixels from the left
    y: Float[np.ndarray, " time"]  # pixels from the top
    radius: Float[np.ndarray, " time"]  # pixels
    brightness: Float[np.ndarray, " time"]  # 0 to 1


def reverse_of(label: str) -> str:
    """The class whose clips are those of `label` played backwards.

    Raises:
        ValueError: if `label` is not a class of the motion set.
    """
    for forwards, backwards in PAIRS:
        if label in (forwards, backwards):
            return backwards if label == forwards else forwards
    raise ValueError(f"{label!r} is not one of {CLASSES}")


def draw_track(forwards: str, rng: np.random.Generator) -> Track:
    """The course of one sprite for a class that is played as drawn, `time` = NUM_FRAMES."""
    steps = np.linspace(0, 1, NUM_FRAMES)
    still = np.ones(NUM_FRAMES)
    radius = rng.uniform(7, 11)
    brightness = rng.uniform(0.7, 1.0)
    low, high = radius + 1, SIZE - radius - 1
    x, y = rng.uniform(low, high, 2)
    match forwards:
        case "move_right" | "move_down":
            length = rng.uniform(26, min(44, high - low))
            along = rng.uniform(low, high - length) + length * steps
            across = rng.uniform(low, high) * still
            x, y = (along, across) if forwards == "move_right" else (across, along)
        case "circle_clockwise":
            orbit = rng.uniform(14, 20)
            centre_x, centre_y = rng.uniform(SIZE / 2 - 4, SIZE / 2 + 4, 2)
            # From somewhere near the top. On a screen y grows downwards, so a growing angle is
            # clockwise.
            start = rng.uniform(-0.75, -0.25) * np.pi
            angle = start + rng.uniform(1.2, 1.8) * np.pi * steps
            x, y = centre_x + orbit * np.cos(angle), centre_y + orbit * np.sin(angle)
        case "grow":
            radius = np.linspace(rng.uniform(4, 7), rng.uniform(13, 18), NUM_FRAMES)
            x, y = rng.uniform(18, SIZE - 18, 2)
        case "lighten":
            brightness = np.linspace(rng.uniform(0.05, 0.25), rng.uniform(0.8, 1.0), NUM_FRAMES)
        case _:
            raise ValueError(f"{forwards!r} is not the first class of a pair: {PAIRS}")
    return Track(*(still * value for value in (x, y, radius, brightness)))


def draw_clip(
    forwards: str, rng: np.random.Generator, level: str = "easy"
) -> UInt8[np.ndarray, "time height width 3"]:
    """One clip of a class that is played as drawn, RGB.

    Shape, colour, place, size, speed and phase vary, and the camera jitters by up to a pixel.
    `hard` adds a textured background and sprites that stand still.
    """
    track = draw_track(forwards, rng)
    background = _background(rng, level)
    corners = CORNERS[rng.choice(list(CORNERS))]
    tilt, hue = rng.uniform(0, 2 * np.pi), rng.integers(180)
    jitter = rng.uniform(-1, 1, (NUM_FRAMES, 2))
    frames = []
    for t in range(NUM_FRAMES):
        colour = _rgb(hue, 220, 255 * track.brightness[t])
        centre = np.array([track.x[t], track.y[t]])
        frame = _sprite(background.copy(), centre, track.radius[t], corners, tilt, colour)
        shift = np.array([[1, 0, jitter[t, 0]], [0, 1, jitter[t, 1]]])
        frames.append(cv2.warpAffine(frame, shift, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT))
    return np.stack(frames)


def _background(rng, level):
    shade = rng.uniform(20, 100, 3)
    shade = shade.mean() + 0.25 * (shade - shade.mean())  # greyish: the sprite has the colour
    image = np.broadcast_to(shade, (SIZE, SIZE, 3))
    if level == "easy":
        return image.astype(np.uint8)
    texture = cv2.resize(
        rng.normal(0, 25, (12, 12, 3)), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
    )
    image = np.clip(image + texture, 0, 255).astype(np.uint8)
    for _ in range(2):
        colour = _rgb(rng.integers(180), 220, rng.uniform(100, 255))
        corners = CORNERS[rng.choice(list(CORNERS))]
        centre = rng.uniform(8, SIZE - 8, 2)
        image = _sprite(image, centre, rng.uniform(3, 6), corners, rng.uniform(0, 6), colour)
    return image


def _rgb(hue, saturation, value):
    pixel = np.array([[[hue, saturation, np.clip(value, 0, 255)]]], np.uint8)
    return tuple(int(v) for v in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])


def _sprite(image, centre, radius, corners, tilt, colour):
    angles = tilt + 2 * np.pi * np.arange(corners) / corners
    points = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    # Four fractional bits, so that slow motion does not jump from pixel to pixel.
    fixed = np.round(points * 16).astype(np.int32)
    return cv2.fillPoly(image, [fixed], colour, lineType=cv2.LINE_AA, shift=4)


def clip_rows(counts: Mapping[str, int]) -> Iterator[tuple[manifest.Row, manifest.Row]]:
    """The two rows of every drawn clip: as drawn and backwards, in one group and one split."""
    for split, count in counts.items():
        for index in range(count // 2):
            group = f"{split}_{index:05d}"
            pair = PAIRS[index % len(PAIRS)]
            yield tuple(
                manifest.Row(path=f"{label}/{group}.avi", label=label, group=group, split=split)
                for label in pair
            )


def open_or_draw(
    level: str = "easy",
    *,
    root: Path = Path("data"),
    counts: Mapping[str, int] = CLIPS,
    seed: int = 0,
) -> manifest.Manifest:
    """The motion set of a level under `root`, drawn first if it is not there.

    The folder appears only when it is whole: an interrupted run leaves nothing half-made.

    Raises:
        UserError: for an unknown level.
    """
    if level not in LEVELS:
        known = ", ".join((*LEVELS, "scenes"))
        raise errors.UserError(f"motion:{level}: the levels are {known}")
    folder = folder_of(level, Path(root))
    index = folder / INDEX
    if not index.exists():
        with lock.exclusive(folder):
            if not index.exists():
                _draw(folder, level, counts, seed)
    return manifest_file.read(index)


def folder_of(level: str = "easy", root: Path = Path("data")) -> Path:
    """Where the set of a level is kept, drawn or not."""
    return root / ("motion" if level == "easy" else f"motion_{level}")


def _draw(folder, level, counts, seed):
    def clip(forwards):
        return draw_clip(forwards.label, np.random.default_rng(_clip_seed(seed, forwards)), level)

    pairs = list(clip_rows(counts))
    write_set(folder, CLASSES, [(pair, functools.partial(clip, pair[0])) for pair in pairs], FPS)


def write_set(
    folder: Path,
    labels: Sequence[str],
    clips: Sequence[tuple[tuple[manifest.Row, ...], Callable[[], np.ndarray]]],
    fps: int,
) -> None:
    """Draws clips and writes them as videos, with their manifest; the folder appears when whole.

    Args:
        folder: of the set.
        labels: its classes.
        clips: a row and what draws its frames; with a second row, which gets them backwards.
        fps: frames a second.
    """
    with atomic.whole_folder(folder) as partial:
        for label in labels:
            (partial / label).mkdir()

        def draw(clip):
            rows, drawn = clip
            frames = drawn()
            for row, played in zip(rows, (frames, frames[::-1]), strict=False):
                video_write.write_video(partial / row.path, played, fps=fps, codec="MJPG")

        with futures.ThreadPoolExecutor() as threads:
            drawn = threads.map(draw, clips)
            for _ in progress.track(drawn, len(clips), f"drawing {folder}", "clip"):
                pass
        rows = tuple(row for rows, _ in clips for row in rows)
        manifest_file.write(
            manifest.Manifest(root=partial, rows=rows, labels=tuple(labels)), partial / INDEX
        )


def _clip_seed(seed, row):
    """From the clip's own split and number: the same clip whatever thread draws it, and when."""
    return [seed, manifest.SPLITS.index(row.split), int(row.group.rpartition("_")[2])]
