"""The five schemes of attention on the motion videos: accuracy, multiply-adds, seconds a step.

    python tests/benchmarks/schemes.py                        the recipe of timesformer tiny, whole
    python tests/benchmarks/schemes.py --steps 20 --seeds 0   to see that it runs

All schemes get the same model otherwise, the same data in the same order and the same recipe, and
train through the command `flaxvid.train`; runs are kept under runs/schemes, and a finished one is
not repeated. Step times are measured afterwards, the schemes taking turns, and their medians
compared, so that a busy machine slows all alike.

Space attention averages frames and cannot tell a clip from its reverse: it stands at half of the
pairs, 50%, at best.
"""

import argparse
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import jax
import numpy as np
from flax import nnx

from flaxvid import train
from flaxvid.models import cost, schemes
from flaxvid.recipes import zoo
from flaxvid.runs import config, dry_run, metrics_log, parsing
from flaxvid.training import optimizer, step
from flaxvid.training import state as states

ROUNDS = 15
RUNS = pathlib.Path("runs") / "schemes"


def trained(scheme, seed, arguments):
    """The test accuracy of a run, made now if it is not there."""
    folder = RUNS / f"{scheme}-{seed}"
    log = folder / "metrics.jsonl"
    rows = metrics_log.read(log) if log.exists() else []
    if not any("test_accuracy" in row for row in rows):
        words = ["--resume", str(folder)] if rows else ["--out", str(folder)]
        words += ["--model.attention", scheme, "--data", arguments.data, "--seed", str(seed)]
        words += [] if arguments.steps is None else ["--steps", str(arguments.steps)]
        train.train(parsing.parse(words, ""))
        rows = metrics_log.read(log)
    return rows[-1]["test_accuracy"], config.load(folder)


def compiled(settings):
    """A training step of a run's model, its state and a batch; parameters and multiply-adds."""
    module = zoo.find(settings.arch, settings.size).module
    parts = states.split(module(settings.model, rngs=nnx.Rngs(0)))
    update = optimizer.create(settings.recipe, 100, parts.params)
    inputs_of = step.pixel_inputs(settings.preprocessing)
    batch = dry_run.random_batch(settings)
    state = states.create(parts, update, 0)
    train_step = (
        jax.jit(step.make_train_step(parts, update, inputs_of)).lower(state, batch).compile()
    )
    one = {name: jax.ShapeDtypeStruct((1, *a.shape[1:]), a.dtype) for name, a in batch.items()}
    forward = step.make_eval_step(parts, inputs_of)
    multiply_adds = cost.multiply_adds(forward, parts.params, parts.stats, one)
    return (train_step, state, batch), cost.count_parameters(parts.params), multiply_adds


def seconds_taken(train_step, state, batch):
    began = time.perf_counter()
    jax.block_until_ready(train_step(state, batch))
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="motion")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()

    accuracies, calls, sizes = {}, {}, {}
    for scheme in schemes.SCHEMES:
        found = [trained(scheme, seed, arguments) for seed in arguments.seeds]
        accuracies[scheme] = [accuracy for accuracy, _ in found]
        calls[scheme], *sizes[scheme] = compiled(found[0][1])
        seconds_taken(*calls[scheme])  # warm
    times = {scheme: [] for scheme in calls}
    for _ in range(ROUNDS):
        for scheme, call in calls.items():
            times[scheme].append(seconds_taken(*call))

    base = statistics.median(times["divided"])
    print(f"\n| {'attention':12} | test top-1 | parameters | GMACs a clip | step, divided = 1 |")
    print("|--------------|-----------:|-----------:|-------------:|------------------:|")
    for scheme, (parameters, multiply_adds) in sizes.items():
        accuracy, ratio = np.mean(accuracies[scheme]), statistics.median(times[scheme]) / base
        print(
            f"| {scheme:12} | {accuracy:10.1%} | {parameters:10,} | {multiply_adds / 1e9:12.4f} "
            f"| {ratio:17.2f} |"
        )
    print(f"\nthe median step of divided attention took {1000 * base:.0f} ms")


if __name__ == "__main__":
    main()
