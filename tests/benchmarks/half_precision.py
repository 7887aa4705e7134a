"""Whether a model learns in bfloat16 as it does in float32: losses of the same steps, side by side.

    python tests/benchmarks/half_precision.py
    python tests/benchmarks/half_precision.py --only c3d timesformer --seeds 5 --steps 500

Every architecture that works in bfloat16, tiny and by its recipe, learns the motion set: the same
batches and the same start in either type, once for each seed. What is printed is the mean loss of
the last 20 steps, and the accuracy on the test videos, with the lowest and the highest of the
seeds: a type that costs something lies outside of what seeds do. Parameters and the optimizer's
state are float32 in both.

Measured: results/half_precision.md.
"""

import argparse
import functools
import itertools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.data import batches, motion
from flaxvid.recipes import zoo
from flaxvid.training import optimizer, step
from flaxvid.training import state as states

PIXELS = ("c3d", "timesformer", "videomae", "vivit", "vjepa2", "videoprism")
PIXELS += ("conv_lstm", "conv_transformer")
LAST = 20  # steps whose losses are averaged


def stacked(some):
    """Batches as one, with an axis in front."""
    return jax.tree.map(lambda *arrays: jnp.asarray(np.stack(arrays)), *some)


def seen(arch, videos, steps, seed, threads):
    """Training batches, on the device."""
    preset = zoo.find(arch)
    rows = batches.VideoRows(videos.split("train"), preset.preprocessing)
    size = preset.recipe.batch_size
    drawn = batches.train_batches(rows, size, seed=seed, threads=threads)
    return stacked(itertools.islice(drawn, steps))


def judged(arch, videos, threads):
    """All test clips as batches, on the device."""
    rows = batches.VideoRows(videos.split("test"), zoo.find(arch).preprocessing)
    return stacked(batches.test_batches(rows, 100, threads=threads))


def learn(arch, dtype, seed, drawn, test, classes):
    """The losses of all steps, and the accuracy on the test videos."""
    preset = zoo.find(arch)
    recipe, steps = preset.recipe, len(drawn["label"])
    model = zoo.create(arch, num_classes=classes, rngs=nnx.Rngs(seed), dtype=dtype)
    parts, inputs_of = states.split(model), step.pixel_inputs(preset.preprocessing)
    update = optimizer.create(recipe, steps, parts.params)
    smooth = functools.partial(step.cross_entropy, label_smoothing=recipe.label_smoothing)
    train_step = step.make_train_step(parts, update, inputs_of, smooth)
    eval_step = step.make_eval_step(parts, inputs_of)
    state, measured = jax.jit(functools.partial(jax.lax.scan, train_step))(
        states.create(parts, update, seed), drawn
    )
    types = {str(leaf.dtype) for leaf in jax.tree.leaves(state.params)}
    assert types == {"float32"}, f"parameters are {types}"
    judge = jax.jit(lambda batch: eval_step(state.params, state.stats, batch).argmax(-1))
    right = jax.lax.map(judge, {name: test[name] for name in ("video", "mask")}) == test["label"]
    right = right & (test["weight"] > 0)
    return np.asarray(measured["loss"]), float(right.sum() / (test["weight"] > 0).sum())


def cell(numbers, form):
    """The mean, the lowest and the highest."""
    return f"{np.mean(numbers):{form}} ({min(numbers):{form}} to {max(numbers):{form}})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=list(PIXELS), choices=PIXELS)
    parser.add_argument("--seeds", type=int, default=3, help="how many; 3 unless given")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2, help="that decode")
    chosen = parser.parse_args()
    with errors.one_line_errors():
        videos = motion.open_or_draw()
        print(f"{jax.devices()[0].device_kind}, {chosen.steps} steps, {chosen.seeds} seeds")
        print("| model | loss, float32 | loss, bfloat16 | test, float32 | test, bfloat16 |")
        print("|---|---:|---:|---:|---:|")
        for arch in chosen.only:
            found = {dtype: [] for dtype in ("float32", "bfloat16")}
            test = judged(arch, videos, chosen.threads)
            for seed in range(chosen.seeds):
                clips = seen(arch, videos, chosen.steps, seed, chosen.threads)
                for dtype, runs in found.items():
                    runs.append(learn(arch, dtype, seed, clips, test, len(videos.labels)))
            cells = [
                cell([losses[-LAST:].mean() for losses, _ in r], ".3f") for r in found.values()
            ]
            cells += [cell([right for _, right in runs], ".1%") for runs in found.values()]
            print(f"| {arch} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
