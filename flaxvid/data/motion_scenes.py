"""`motion:scenes`: the motion classes as people's own folders have them, with the truth known.

A hand moves before drawn backgrounds, filmed by a camera that shakes. Whole scenes are held out:
those of the test are in no other split. In training, and there only, scene and class may go
together (`motion:scenes:200:0.8`), as where each class was filmed on a day of its own: a model that
looks at the background is right in training, and at chance in the test.
"""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from flaxvid import errors
from flaxvid.data import drawn_scenes, lock, manifest, manifest_file, motion

NAME = "scenes"
STILL = "still"  # the hand stays where it is
CLASSES = tuple(sorted((*motion.CLASSES, STILL)))

SIZE = 112  # pixels, height and width
MARGIN = 16  # pixels of the scene beyond each edge, for the camera to shake into
NUM_FRAMES = 24
FPS = 12
CLIPS = 200  # to train on, unless said otherwise
HELD_OUT = {"validation": 5, "test": 20}  # scenes, with a clip of each class


@dataclasses.dataclass(frozen=True)
class Kind:
    """Which clips: `motion:scenes:CLIPS:DIAL`."""

    clips: int = CLIPS
    """For training."""
    dial: float = 0.0
    """Share of each class's training clips that are filmed in scenes of its own, 0 to 1."""

    @classmethod
    def parse(cls, text: str) -> "Kind":
        """From what stands after `motion:`, as `scenes:2000:0.8`.

        Raises:
            UserError: for what is no number of clips or share.
        """
        words = text.split(":")[1:]
        try:
            clips = int(words[0]) if words else CLIPS
            dial = float(words[1]) if words[1:] else 0.0
            if words[2:] or not (2 * len(CLASSES) <= clips <= 100_000 and 0 <= dial <= 1):
                raise ValueError
        except ValueError:
            raise errors.UserError(
                f"motion:{text}: give motion:scenes, or with the number of training clips "
                f"({2 * len(CLASSES)} to 100000) and the share of them whose scene tells their "
                "class (0 to 1), as motion:scenes:2000:0.8"
            ) from None
        return cls(clips, dial)

    @property
    def folder(self) -> str:
        """Name of the set's folder."""
        dial = f"_{self.dial:g}" if self.dial else ""
        return f"motion_scenes_{self.clips}{dial}"


def is_named(level: str) -> bool:
    """Whether a level of `motion` is this one, as `scenes:2000`."""
    return level.partition(":")[0] == NAME


def open_or_draw(
    text: str = "scenes", *, root: Path = Path("data"), seed: int = 0
) -> manifest.Manifest:
    """The set that `text`, as `scenes:2000:0.8`, names, drawn first if it is not there.

    Raises:
        UserError: for a text that names none.
    """
    kind = Kind.parse(text)
    folder = Path(root) / kind.folder
    if not (folder / motion.INDEX).exists():
        with lock.exclusive(folder):
            if not (folder / motion.INDEX).exists():
                clips = [((row,), functools.partial(frames_of, row, seed)) for row in rows(kind)]
                motion.write_set(folder, CLASSES, clips, fps=FPS)
    return manifest_file.read(folder / motion.INDEX)


def rows(kind: Kind) -> Iterator[manifest.Row]:
    """The clips of a set, by split and scene; the scene is the group.

    Each class has as many training clips as another, give or take one. Of these, the dial's share
    is filmed in the class's own scenes, which are every eleventh; the others in any, by chance.
    """
    scenes = max(len(CLASSES), kind.clips // len(CLASSES))
    for number, label in enumerate(CLASSES):
        count = len(range(number, kind.clips, len(CLASSES)))
        own = round(kind.dial * count)
        home = np.arange(number, scenes, len(CLASSES))
        rng = np.random.default_rng([17, number])
        anywhere = rng.permutation(np.arange(scenes).repeat(1 + count // scenes))[: count - own]
        for index, scene in enumerate((*np.resize(home, own), *anywhere)):
            yield _row("train", int(scene), label, index)
    for split, held_out in HELD_OUT.items():
        for scene in range(held_out):
            for label in CLASSES:
                yield _row(split, scene, label, 0)


def _row(split, scene, label, index):
    group = f"{split}_{scene:04d}"
    return manifest.Row(
        path=f"{label}/{group}_{index:04d}.avi", label=label, group=group, split=split
    )


def frames_of(row: manifest.Row, seed: int) -> UInt8[np.ndarray, "time height width 3"]:
    """The clip of a row: the same whatever thread draws it, and when."""
    split, number = manifest.SPLITS.index(row.split), int(row.group.rpartition("_")[2])
    index = int(Path(row.path).stem.rpartition("_")[2])
    shown = scene_of(seed, split, number)
    rng = np.random.default_rng([seed, split, number, CLASSES.index(row.label), index])
    return draw_clip(row.label, shown, rng)


@functools.lru_cache(maxsize=256)
def scene_of(seed: int, split: int, number: int) -> drawn_scenes.Scene:
    """The scene of a number in a split of a number: no two are the same."""
    return drawn_scenes.scene(np.random.default_rng([seed, split, number]), SIZE + 2 * MARGIN)


def draw_clip(
    label: str, shown: drawn_scenes.Scene, rng: np.random.Generator
) -> UInt8[np.ndarray, "time height width 3"]:
    """A clip of a class in a scene, RGB, from a shaking camera.

    The second class of a pair is drawn as the first, and played backwards.
    """
    backwards = label in {second for _, second in motion.PAIRS}
    poses = draw_poses(motion.reverse_of(label) if backwards else label, shown.hand, rng)
    elbow = (rng.uniform(0.2, 1.1) * SIZE + MARGIN, SIZE + 2.5 * MARGIN)
    exposure = rng.uniform(0.85, 1.15)
    frames = []
    for pose, camera in zip(poses, _camera(rng), strict=True):
        picture = shown.picture.copy()
        drawn_scenes.draw(shown, picture, pose, elbow)
        frame = cv2.warpAffine(picture, camera, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT)
        frames.append(cv2.convertScaleAbs(frame, alpha=exposure))
    clip = np.stack(frames)
    return clip[::-1] if backwards else clip


def draw_poses(label: str, hand: float, rng: np.random.Generator) -> list[drawn_scenes.Pose]:
    """A hand of radius `hand` that does what a class is, played as drawn; it trembles a little."""
    # It starts and stops within the clip, faster in the middle.
    start, length = rng.uniform(0, 0.15), rng.uniform(0.7, 0.85)
    steps = np.clip((np.linspace(0, 1, NUM_FRAMES) - start) / length, 0, 1)
    steps = steps**2 * (3 - 2 * steps)
    low, high = MARGIN + 20, MARGIN + SIZE - 20
    x, y = rng.uniform(low, high, 2)
    size, light = hand * rng.uniform(0.9, 1.1), np.ones(NUM_FRAMES)
    match label:
        case "move_right" | "move_down":
            length = rng.uniform(34, 60)
            along = rng.uniform(low, high - length) + length * steps
            x, y = (along, y) if label == "move_right" else (x, along)
        case "circle_clockwise":
            orbit = rng.uniform(14, 24)
            angle = rng.uniform(0, 2 * np.pi) + rng.uniform(1, 2) * 2 * np.pi * steps
            middle = rng.uniform(low + 18, high - 18, 2)
            x, y = middle[0] + orbit * np.cos(angle), middle[1] + orbit * np.sin(angle)
        case "grow":
            size = size * (1 + steps * rng.uniform(0.8, 1.3)) * 0.75
        case "lighten":
            light = np.interp(steps, [0, 1], [rng.uniform(0.15, 0.35), rng.uniform(0.9, 1.1)])
        case "still":
            pass
        case _:
            raise ValueError(f"{label!r} is not {STILL} or the first class of a pair")
    tilt = rng.normal(0, 0.3) + 0.12 * _tremor(rng)
    tracks = (x + _tremor(rng), y + _tremor(rng), size * (1 + 0.03 * _tremor(rng)), tilt, light)
    return [drawn_scenes.Pose(*map(float, moment)) for moment in zip(*tracks, strict=True)]


def _tremor(rng) -> Float[np.ndarray, " time"]:
    """A slow random course around 0, of spread 1 or so."""
    knots = rng.normal(0, 1, 6)
    return np.interp(np.linspace(0, 5, NUM_FRAMES), np.arange(6), knots)


def _camera(rng) -> list[Float[np.ndarray, "2 3"]]:
    """From where in the scene each frame is seen: another place in each clip, and it shakes."""
    middle = SIZE / 2 + MARGIN
    place, zoom = rng.uniform(-MARGIN / 2, MARGIN / 2, 2), rng.uniform(0.95, 1.1)
    across, down, turn = _tremor(rng), _tremor(rng), 0.7 * _tremor(rng)  # pixels and degrees
    matrices = []
    for t in range(NUM_FRAMES):
        matrix = cv2.getRotationMatrix2D((middle, middle), turn[t], zoom)
        matrix[:, 2] += SIZE / 2 - middle + place + 1.5 * np.array([across[t], down[t]])
        matrices.append(matrix)
    return matrices
