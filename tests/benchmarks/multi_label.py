"""Several labels a video: drawn clips in which up to three things move at once, told apart.

    python tests/benchmarks/multi_label.py                 draw, train, evaluate
    python tests/benchmarks/multi_label.py --steps 20      to see that it runs

Each clip has none to three of the classes of `motion`, each a shape of its own, laid over each
other. The videos, and the run, are kept under runs/multi_label. Six classes in three pairs: played
backwards, a clip is of the other class of each of its pairs.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import numpy as np

from flaxvid import evaluate, train
from flaxvid.data import manifest, manifest_file, motion
from flaxvid.runs import parsing
from flaxvid.video import write

CLASSES = ("move_left", "move_right", "move_up", "move_down", "grow", "shrink")
COUNTS = {"train": 4000, "validation": 400, "test": 800}
PLACE = pathlib.Path("runs") / "multi_label"


def draw(labels: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """A clip of all these classes: what is brightest of each is seen. RGB `time height width 3`."""
    first_of_pair = {second: first for first, second in motion.PAIRS}
    layers = [motion.draw_clip(first_of_pair.get(name, name), rng) for name in labels]
    played = [
        layer[::-1] if name in first_of_pair else layer
        for name, layer in zip(labels, layers, strict=True)
    ]
    shade = rng.integers(20, 60, (1, 1, 1, 3))
    nothing = np.broadcast_to(shade, (motion.NUM_FRAMES, motion.SIZE, motion.SIZE, 3))
    return np.maximum.reduce([nothing.astype(np.uint8), *played])


def draw_set(
    folder: pathlib.Path, counts: dict[str, int], classes: tuple[str, ...] = CLASSES, seed: int = 0
) -> pathlib.Path:
    """Videos with their manifest, whose place is returned; nothing is done if it is there."""
    table = folder / "manifest.csv"
    if table.exists():
        return table
    rng, rows = np.random.default_rng(seed), []
    for split, count in counts.items():
        (folder / split).mkdir(parents=True)
        for number in range(count):
            shown = rng.permutation(len(classes))[: rng.integers(4)]
            labels = tuple(classes[index] for index in sorted(shown))
            path = f"{split}/{number:05d}.avi"
            write.write_video(folder / path, draw(labels, rng), fps=motion.FPS, codec="MJPG")
            label = manifest.BETWEEN.join(labels) or manifest.BETWEEN
            rows.append(manifest.Row(path, label, path, split))
    manifest_file.write(manifest.of_rows(folder, rows), table)
    return table


def main() -> None:
    """Draws, trains and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1600)
    chosen = parser.parse_args()
    table = draw_set(PLACE / "videos", COUNTS)
    words = ["--arch", "conv_lstm", "--data", str(table), "--multi-label"]
    words += ["--steps", str(chosen.steps), "--out", str(PLACE / "run")]
    folder = train.train(parsing.parse(words, ""))
    evaluate.evaluate(evaluate.EvaluateOptions(run=folder))


if __name__ == "__main__":
    main()
