"""How much of a trained TimeSformer's attention lands on the sprite of the motion videos.

    python tests/benchmarks/attention.py runs/leaderboard/timesformer-0

For new clips of each pair: the share of the rollout inside the sprite's box, the share that the
box has of the picture, which is what chance would give, and in how many clips it is more. Aim:
twice chance in every pair.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import numpy as np

from flaxvid.data import motion
from flaxvid.prediction import clips, explain
from flaxvid.runs import trained_model
from flaxvid.video import sample, transform

CLIPS = 40  # of a pair
SEED = 9  # of no clip in the motion set


def shares(trained, heat_of, forwards, number):
    """Of attention, and of the picture, that lie in the sprite's box."""
    video = motion.draw_clip(forwards, np.random.default_rng([SEED, number]))
    track = motion.draw_track(forwards, np.random.default_rng([SEED, number]))
    shown = trained.settings.preprocessing
    chosen = clips.choose(len(video), shown)
    seen = transform.test_clips(video[chosen], shown)[0]
    heat = heat_of(clips.Clip(*sample.pad_clip(seen, shown.num_frames)))[: len(chosen)]
    inside = np.stack([box(track, frame, heat.shape[1]) for frame in chosen])
    return (heat * inside).sum() / heat.sum(), inside.mean()


def box(track, frame, rows):
    """How much of each patch lies in the box, 0 to 1."""
    side = motion.SIZE / rows
    lows, radius = side * np.arange(rows), track.radius[frame]

    def overlap(centre):
        ends = np.minimum(centre + radius, lows + side)
        return np.clip(ends - np.maximum(centre - radius, lows), 0, None) / side

    return np.outer(overlap(track.y[frame]), overlap(track.x[frame]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=pathlib.Path, help="of a timesformer on the motion videos")
    trained = trained_model.open_best(parser.parse_args().run)
    heat_of = explain.open_rollout(trained)
    print(f"{'pair of':<18}{'in the box':>12}{'by chance':>12}{'ratio':>8}{'clips above':>13}")
    for forwards, _ in motion.PAIRS:
        found = np.array([shares(trained, heat_of, forwards, n) for n in range(CLIPS)])
        share, chance = found.mean(axis=0)
        above = np.mean(found[:, 0] > found[:, 1])
        print(f"{forwards:<18}{share:>12.1%}{chance:>12.1%}{share / chance:>8.2f}{above:>13.0%}")


if __name__ == "__main__":
    main()
