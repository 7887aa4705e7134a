"""How much worse features are that a PyTorch notebook makes: pixels / 255, without the last ReLU.

    python tests/benchmarks/notebook_features.py [--encoder densenet121]

The notebook takes neither ImageNet's mean nor its deviation out of the pixels, and pools the maps
before the last rectifier. Four ways, each half of it alone and both, are judged by what features
are for, on twelve photos of scikit-image's as in lesson 5: a linear classifier learns each photo
from a few windows, and is asked about others, moved by up to 32 pixels and a half to one and a half
times as bright; and the nearest of drawings is asked for their shape. Lite0's weights come with a
package; those of DenseNet121, which the notebook takes, from the hub.

Measured with Lite0's: each kind of features by itself tells all photos, and 97% to 98% of the
shapes. The price is in mixing them: a classifier that learnt from features as the weights expect is
right about 81% of the photos when it is asked about the notebook's.
"""

import argparse
import importlib.util
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import cv2
import jax
import numpy as np
from flax import nnx

from flaxvid.data import motion
from flaxvid.models import convnet, cost, frame_encoders
from flaxvid.training import state as states
from flaxvid.video import preprocess, transform
from flaxvid.weights import frame_encoders as weights
from flaxvid.weights import read

SIZE, BLOCK = 128, 16
PHOTOS = ["astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "retina"]
PHOTOS += ["ihc", "camera", "brick", "grass", "coins", "moon"]


# ---------------------------------------------------------------------- pictures
def photo(name):
    data = pathlib.Path(importlib.util.find_spec("skimage").origin).parent / "data"
    (path,) = data.glob(f"{name}.*")
    rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return transform.resize_short_side(rgb[None], SIZE + 64)[0]


def windows(count, farthest, rng):
    """`count` windows of every photo, from its middle up to `farthest` pixels, and their photo."""
    found = []
    for one in map(photo, PHOTOS):
        middle = (np.array(one.shape[:2]) - SIZE) // 2
        for _ in range(count):
            top, left = middle + rng.integers(-farthest, farthest + 1, 2)
            light = rng.uniform(0.5, 1.5) if farthest > 4 else 1.0
            found.append(np.clip(light * one[top : top + SIZE, left : left + SIZE], 0, 255))
    return np.stack(found).astype(np.uint8), np.repeat(np.arange(len(PHOTOS)), count)


def drawings(count, rng):
    """Shapes of any colour, place, size and tilt before grey."""
    kinds, found = np.arange(count) % len(motion.CORNERS), []
    for kind in kinds:
        corners, radius = list(motion.CORNERS.values())[kind], rng.uniform(14, 30)
        angles = rng.uniform(0, 6.3) + 2 * np.pi * np.arange(corners) / corners
        centre = rng.uniform(32, SIZE - 32, 2)
        points = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        picture = np.full((SIZE, SIZE, 3), rng.uniform(20, 100), np.uint8)
        colour = rng.integers(0, 256, 3).tolist()
        found.append(cv2.fillPoly(picture, [np.round(points).astype(np.int32)], colour))
    return np.stack(found), kinds


# ---------------------------------------------------------------------- features
def features_of(name):
    """A function from pictures to their features with the last ReLU and without it."""
    entry = frame_encoders.find(name)
    rectified = cost.abstract_model(lambda: frame_encoders.create(name, rngs=nnx.Rngs(0)))
    parts = states.split(rectified)
    arrays = read.read(weights.locate(entry.weights))
    params, stats, _ = weights.load(name, arrays, parts.params, parts.stats)

    @jax.jit
    def both(params, stats, inputs):
        model = states.merge(parts.eval_def, params, stats)
        if name == "lite0":
            before = model.top_norm(model.top(model.maps(inputs, stage=7)))
            return tuple(map(convnet.global_average_pool, (jax.nn.relu6(before), before)))
        unrectified = frame_encoders.find("densenet121_writeup").config()
        after, model.config = model.maps(inputs), unrectified
        return tuple(map(convnet.global_average_pool, (after, model.maps(inputs))))

    def features(pictures, preprocessing):
        found = []
        for start in range(0, len(pictures), BLOCK):
            some = pictures[start : start + BLOCK]
            full = np.concatenate([some, some[-1:].repeat(BLOCK - len(some), axis=0)])
            inputs = transform.normalise(full, preprocessing)
            found.append(np.stack(both(params, stats, inputs))[:, : len(some)])
        return np.concatenate(found, axis=1)

    return features, next(iter(entry.preprocessings.values()))


# ---------------------------------------------------------------------- judged
def linear(train, labels, test, wanted, ridge=0.1):
    """Share of the test pictures that ridge regression on one-hot labels gets right."""
    middle = train.mean(axis=0)
    train, test = train - middle, test - middle
    scale = np.sqrt((train**2).sum(axis=1).mean())
    train, test = train / scale, test / scale
    kernel = train @ train.T + ridge * np.eye(len(train))
    share = np.linalg.solve(kernel, np.eye(labels.max() + 1)[labels] - 1 / (labels.max() + 1))
    return ((test @ train.T @ share).argmax(axis=1) == wanted).mean()


def nearest(vectors, kinds):
    """Share of the vectors whose nearest other one, by cosine, is of their kind."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = units @ units.T
    np.fill_diagonal(alike, -2)
    return (kinds[alike.argmax(axis=1)] == kinds).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", choices=["lite0", "densenet121"], default="lite0")
    parser.add_argument("--drawings", type=int, default=240)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    known, which = windows(3, 4, rng)
    asked, wanted = windows(10, 32, rng)
    shapes, kinds = drawings(args.drawings, rng)
    features, contract = features_of(args.encoder)
    plain = preprocess.Preprocessing(mean=(0.0,) * 3, std=(1.0,) * 3)
    learnt = None  # from features as the weights expect
    for shown, told in ((contract, "as the weights expect"), (plain, "0 to 1")):
        sets = [features(one, shown) for one in (known, asked, shapes)]
        for row, pooled in enumerate(("after the last ReLU", "before it")):
            train, test, drawn = (one[row] for one in sets)
            learnt = train if learnt is None else learnt
            print(
                f"pixels {told:<21} pooled {pooled:<19}  photo, moved and shaded: "
                f"{linear(train, which, test, wanted):6.1%}, learnt from features of the first "
                f"row: {linear(learnt, which, test, wanted):6.1%}   "
                f"shape: {nearest(drawn, kinds):.1%}"
            )


if __name__ == "__main__":
    main()
