"""What a run would cost, measured on one step of random inputs."""

import collections
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np

from flaxvid import progress
from flaxvid.data import manifest
from flaxvid.models import cost
from flaxvid.runs import config, memory, trained_model
from flaxvid.training import optimizer, step
from flaxvid.training import state as states

STEPS, LONG = 5, 20.0  # steps to be measured, or seconds


def report(
    settings: config.Settings,
    videos: manifest.Manifest,
    parts: states.Parts,
    state: states.TrainState,
    train_step: Callable,
    put_batch: Callable,
    total: int,
) -> str:
    """Shapes, parameters, multiply-adds, memory and time, as lines for a terminal.

    `state` lies on the devices, `train_step` is compiled for them (`parallel.compiled`), and
    `put_batch` brings a batch there: what is measured is what would run.
    """
    batch = random_batch(settings)
    eval_step = step.make_eval_step(parts, trained_model.inputs_of(settings))
    multiply_adds = trained_model.multiply_adds(settings, parts)
    logits = jax.eval_shape(eval_step, parts.params, parts.stats, batch)

    own = settings.recipe.batch_size // jax.process_count()  # rows that this process brings
    placed = put_batch({name: values[:own] for name, values in batch.items()})
    compiled = train_step.lower(state, placed).compile()
    needed, there = compiled.memory_analysis(), memory.available()
    # The state and the batch are there already.
    fits = there is None or needed.temp_size_in_bytes <= there
    run = f"{total} steps"
    if fits:
        seconds = _seconds(compiled, state, placed)
        taken = f"{seconds:.3f} s, {settings.recipe.batch_size / seconds:,.1f} clips/s"
        run += f", {progress.duration(total * seconds)} without evaluation"
    else:
        taken = (
            f"not measured: it needs more than the {there / 2**20:,.0f} MiB that are free; try a "
            "smaller --batch-size, --accumulate or --remat"
        )

    shapes = ", ".join(f"{name} {a.dtype}{list(a.shape)}" for name, a in batch.items())
    lines = {
        "model": f"{settings.arch} {settings.size}",
        "data": f"{settings.data.data}: {len(videos.labels)} classes, {videos.splits()}",
        "batch": shapes,
        "logits": f"{logits.dtype}{list(logits.shape)}",
        "parameters": f"{cost.count_parameters(parts.params):,}",
        "learning": _groups(settings.recipe, parts.params),
        "multiply-adds": f"{multiply_adds / 1e9:,.2f} G a clip, forwards",
        "memory": f"{(needed.argument_size_in_bytes + needed.temp_size_in_bytes) / 2**20:,.0f} MiB "
        f"for a training step{_of_each()}",
        "step": taken,
        "run": run,
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())


def _seconds(compiled, state, placed):
    """The median of a few steps, or of the first if that is slow."""
    times = []
    while len(times) < STEPS and sum(times) < LONG:
        began = time.perf_counter()
        state, measured = compiled(state, placed)
        jax.block_until_ready(measured)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _of_each():
    return " on each device" if jax.device_count() > 1 else ""


def _groups(recipe, params):
    """How many parameters learn at which multiple of the rate."""
    counts = collections.Counter()
    by_leaf = optimizer.factors(recipe, params)
    for factor, leaf in zip(jax.tree.leaves(by_leaf), jax.tree.leaves(params), strict=True):
        counts[factor] += leaf.size
    return ", ".join(
        f"{counts[factor]:,} {'frozen' if factor == 0 else f'at {factor:g}x the rate'}"
        for factor in sorted(counts, reverse=True)
    )


def random_batch(settings: config.Settings) -> dict[str, np.ndarray]:
    """A batch of noise with the shapes and types of a real one."""
    rng = np.random.default_rng(0)
    rows, shown = settings.recipe.batch_size, settings.preprocessing
    if settings.embedding is None:
        shape = (rows, shown.num_frames, shown.crop_size, shown.crop_size, 3)
        inputs = {"video": rng.integers(0, 256, shape, np.uint8)}
    else:
        shape = (rows, settings.embedding.rows, settings.embedding.dim)
        inputs = {"embedding": rng.normal(size=shape).astype(np.float32)}
    return inputs | {
        "mask": np.ones(shape[:2], bool),
        "label": _labels(settings, rng, rows),
        "weight": np.ones(rows, np.float32),
    }


def _labels(settings, rng, rows):
    classes = settings.model.num_classes
    if settings.data.multi_label:
        return rng.integers(0, 2, (rows, classes)).astype(np.float32)
    return rng.integers(0, classes, rows).astype(np.int32)
