"""Every sequence model on the motion set, with the same budget: what each of them can learn.

    python tests/benchmarks/sequence_models.py                    all: about an hour
    python tests/benchmarks/sequence_models.py --steps 100 --clips 600 --seeds 1 --only bilstm

The models over embeddings are given, frame by frame, what Lite0 of ImageNet says: pooled over
space, so that the place of a thing is all but lost. And then what the encoder of a trained
conv_lstm says, which keeps places. The others are given pixels, and train their own encoder. All
see the same clips, in the same order, as often; the learning rate is that of each one's recipe.

Two accuracies over the test clips, each the mean and the range of the seeds: that of the pairs of
classes that differ in appearance (grow and shrink, lighten and darken), and that of the pairs that
differ in direction. Without a sense of order it would be 50% of either. Time is that of the
training steps alone.

Aim: models from pixels learn both, 90% or more; over Lite0's embeddings, appearance only.
"""

import argparse
import functools
import itertools
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import jax
import numpy as np
from flax import nnx

from flaxvid import progress
from flaxvid.data import batches, embeddings, motion
from flaxvid.models import cost, frame_encoders, zoo
from flaxvid.training import config, embed, optimizer, options, step
from flaxvid.training import state as states

MODELS = (
    *("bilstm", "bert", "roberta", "embedding_transformer"),
    *("conv_lstm", "conv_transformer", "timesformer"),
)
BATCH = 32
KINDS = {"appearance": motion.APPEARANCE_PAIRS, "direction": motion.DIRECTION_PAIRS}


# ------------------------------------------------------------------ clips and what is seen of them
def read_clips(limits):
    """Clips of each split in memory, as the batch that they all make: the first so many."""
    preprocessing, videos = zoo.find("conv_lstm").preprocessing, motion.open_or_draw()
    loaders = [batches.Loader(videos.split(split), preprocessing) for split in limits]
    return [
        columns(progress.track(map(loader.test_row, range(n)), n, "reading", "clip"))
        for loader, n in counted(loaders, limits)
    ]


def counted(loaders, limits):
    """Each loader with the number of its rows that are wanted and there."""
    return [
        (loader, min(limit, len(loader.manifest.rows)))
        for loader, limit in zip(loaders, limits.values(), strict=True)
    ]


def columns(rows):
    """Rows of a batch as one batch."""
    rows = list(rows)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def read_embeddings(limits):
    """Lite0's embeddings of the clips, made by `train` and kept under data/embeddings."""
    wanted = options.from_recipe("bilstm", "tiny")
    stored = embed.for_training(wanted, motion.open_or_draw())
    loaders = [embeddings.Loader(stored, split) for split in limits]
    return [columns(map(loader.test_row, range(n))) for loader, n in counted(loaders, limits)]


def encode(encoder, clips):
    """The clips with `embedding`, from a trained encoder, in place of `video`."""
    prepare = pixels_of(zoo.find("conv_lstm"))
    call = jax.jit(lambda batch: frame_encoders.time_distributed(encoder, prepare(batch)))
    chunks = range(0, len(clips["label"]), BATCH)
    rows = [call(batches.fill(take(clips, np.arange(i, i + BATCH)), BATCH)) for i in chunks]
    embedding = np.concatenate(rows)[: len(clips["label"])]
    return {name: clips[name] for name in clips if name != "video"} | {"embedding": embedding}


def take(clips, rows):
    """Some rows of the clips; those beyond the last are left out."""
    rows = rows[rows < len(clips["label"])]
    return {name: values[rows] for name, values in clips.items()}


# ------------------------------------------------------------------ learning
def train(arch, train_clips, test_clips, steps, seed):
    """Accuracies by kind of pair, parameters, and milliseconds a step; and the trained model."""
    preset = zoo.find(arch)
    recipe = {k: v for k, v in preset.recipe.items() if k not in ("batch_size", "encoder")}
    recipe = config.Recipe(**recipe | dict(steps=steps))
    shape = train_clips["embedding"].shape if "embedding" in train_clips else None
    fields = dict(num_frames=8) | (dict(embedding_dim=shape[-1]) if shape else {})
    model = zoo.create(arch, num_classes=10, rngs=nnx.Rngs(seed), **fields)
    parts = states.take_apart(model)
    update = optimizer.create(recipe, steps, parts.params)
    prepare = (lambda batch: batch["embedding"]) if shape else pixels_of(preset)
    train_step = jax.jit(step.make_train_step(parts, update, prepare), donate_argnums=0)
    state = states.create(parts, update, seed)

    order = np.random.default_rng(seed)
    shuffled = (order.permutation(len(train_clips["label"])) for _ in itertools.count())
    rows = itertools.chain.from_iterable(shuffled)
    seconds = []
    for _ in range(steps):
        batch = take(train_clips, np.fromiter(itertools.islice(rows, BATCH), int))
        began = time.perf_counter()
        state, measured = train_step(state, batch)
        jax.block_until_ready(measured)
        seconds.append(time.perf_counter() - began)

    eval_step = jax.jit(step.make_eval_step(parts, prepare))
    judge = functools.partial(eval_step, state.params, state.stats)
    predicted = []
    for i in range(0, len(test_clips["label"]), BATCH):
        batch = batches.fill(take(test_clips, np.arange(i, i + BATCH)), BATCH)
        predicted.append(np.argmax(judge(batch), axis=1)[batch["weight"] > 0])
    right = np.concatenate(predicted) == test_clips["label"]
    accuracy = {kind: right[of_pairs(pairs, test_clips)].mean() for kind, pairs in KINDS.items()}
    trained = states.put_together(parts.eval_def, state.params, state.stats)
    parameters = cost.count_parameters(parts.params)
    return accuracy, parameters, 1000 * statistics.median(seconds), trained


def pixels_of(preset):
    return step.prepare_pixels(preset.preprocessing)


def of_pairs(pairs, clips):
    """True for the clips of these pairs of classes."""
    classes = [motion.CLASSES.index(name) for pair in pairs for name in pair]
    return np.isin(clips["label"], classes)


# ------------------------------------------------------------------ the table
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--clips", type=int, default=6000, help="to train on")
    parser.add_argument("--test-clips", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=MODELS, help="architectures")
    chosen = parser.parse_args()
    limits = {"train": chosen.clips, "test": chosen.test_clips}
    pixels = read_clips(limits)
    seen = {"pixels": pixels}
    if any(zoo.ARCHITECTURES[name].inputs == "embedding" for name in chosen.only):
        seen["Lite0"] = read_embeddings(limits)
        *_, trained = train("conv_lstm", *pixels, chosen.steps, seed=chosen.seeds)
        seen["trained conv"] = [encode(trained.encoder, part) for part in pixels]

    print(
        f"\n{chosen.steps} steps of {BATCH} out of {len(pixels[0]['label'])} clips, "
        f"{chosen.seeds} seeds, {len(pixels[1]['label'])} test clips\n"
    )
    print(f"{'model':<22}{'sees':<14}{'parameters':>11}{'ms/step':>9}", end="")
    print("".join(f"{kind + ' pairs':>24}" for kind in KINDS), flush=True)
    for name in chosen.only:
        kind = zoo.ARCHITECTURES[name].inputs
        for what in ("pixels",) if kind == "video" else ("Lite0", "trained conv"):
            runs = [
                train(name, *seen[what], chosen.steps, seed)[:3] for seed in range(chosen.seeds)
            ]
            accuracies, parameters, milliseconds = zip(*runs, strict=True)
            print(f"{name:<22}{what:<14}{parameters[0]:>11,}", end="")
            print(f"{statistics.median(milliseconds):>9.1f}", end="")
            for pairs in KINDS:
                values = [100 * accuracy[pairs] for accuracy in accuracies]
                span = f"{statistics.mean(values):.1f}% ({min(values):.1f}-{max(values):.1f})"
                print(f"{span:>24}", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
