"""Models over embeddings, trained and judged in one process, many of them in a few minutes.

    python tests/benchmarks/over_embeddings.py --data motion:scenes --seeds 3
    python tests/benchmarks/over_embeddings.py --data data/real_clips --leave-out group --seeds 3

It does what `train` does with an architecture's recipe for videos of one's own, but from memory and
without checkpoints: embeddings are made once. For each architecture it prints the accuracy in
training, that on the test videos, and what is left of it when their frames are shown backwards,
shuffled, or one of them alone; beside it, what the linear model and the most frequent class reach.
With `--leave-out group` each group is the test once, with all others to train on, and the interval
is that over groups. A field of the model or the recipe may be changed: `tcn:depth=3,epochs=20`.
"""

import argparse
import ast
import collections
import contextlib
import dataclasses
import functools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid import errors
from flaxvid.data import embeddings, views
from flaxvid.evaluation import scores
from flaxvid.models import embedding_inputs, linear
from flaxvid.recipes import zoo
from flaxvid.runs import baseline, datasets, embed, encoding, options
from flaxvid.training import optimizer, ridge, step
from flaxvid.training import state as states

LEARNT = ("linear", "tcn", "embedding_transformer", "bilstm", "bert", "roberta")


@dataclasses.dataclass(frozen=True)
class Videos:
    """Embeddings in memory; a view is a row too, of its video's number."""

    array: np.ndarray
    mask: np.ndarray
    source: np.ndarray
    """The video of each row."""
    label: np.ndarray
    group: np.ndarray
    split: np.ndarray
    """Of each video, as the three before."""
    classes: int


# ------------------------------------------------------------------ what is looked at
def open_videos(chosen):
    """The embeddings, made if they are not there; with `--leave-out`, views of all videos."""
    if embeddings.is_stored(pathlib.Path(chosen.data)):
        stored = embeddings.read(pathlib.Path(chosen.data))
    else:
        videos = datasets.open_data(options.Data(data=chosen.data), seed=0)
        if chosen.leave_out:
            rows = [dataclasses.replace(row, split="train") for row in videos.rows]
            videos = dataclasses.replace(videos, rows=tuple(rows))
        encoder = encoding.open_encoder(
            "lite0", num_frames=16, image_size=112, stage=chosen.stage, grid=chosen.grid
        )
        about = embed.describe(videos, encoder, views=chosen.views)
        folder = embed.cache_folder(chosen.data, about)
        made = embeddings.is_stored(folder)
        stored = embeddings.read(folder) if made else embed.make(folder, videos, encoder, about)
    rows, found = stored.manifest.rows, stored.manifest
    shown = embeddings.view_rows(found, stored.about.views)
    kept = stored.lengths > 0
    source = np.array([*range(len(rows)), *(video for video, _ in shown)])
    return Videos(
        array=np.asarray(stored.array, np.float32)[kept],
        mask=(np.arange(stored.array.shape[1]) < stored.lengths[:, None])[kept],
        source=source[kept],
        label=np.array([found.label_index(row) for row in rows]),
        group=np.array([row.group or row.path for row in rows]),
        split=np.array([row.split for row in rows]),
        classes=len(found.labels),
    )


def folds(videos, chosen):
    """Pairs of training and test videos."""
    if not chosen.leave_out:
        yield np.flatnonzero(videos.split == "train"), np.flatnonzero(videos.split == "test")
        return
    for group in np.unique(videos.group):
        yield np.flatnonzero(videos.group != group), np.flatnonzero(videos.group == group)


# ------------------------------------------------------------------ a model
def settle(spec, videos):
    """The preset for videos of one's own, its config and recipe with the changes of a spec."""
    name, _, changes = spec.partition(":")
    preset = zoo.find(name).own
    shape = dict(num_frames=videos.array.shape[1], embedding_dim=videos.array.shape[2])
    config, recipe = preset.config(num_classes=videos.classes, **shape), preset.recipe
    for change in filter(None, changes.split(",")):
        field, _, value = change.partition("=")
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(value)
        if hasattr(config, field):
            config = dataclasses.replace(config, **{field: value})
        else:
            recipe = dataclasses.replace(recipe, **{field: value})
    return preset.module, config, recipe


def learn(module, config, recipe, videos, train, seed):
    """A function from embeddings and mask to logits, and the accuracy of the last steps."""
    parts = states.split(module(config, rngs=nnx.Rngs(seed)))
    plain = np.isin(np.arange(len(videos.source)), first_rows(videos, train))
    if "prepare" in parts.stats:
        found = embedding_inputs.statistics(videos.array[plain], videos.mask[plain], config.center)
        parts = parts._replace(stats=parts.stats | {"prepare": jax.tree.map(jnp.asarray, found)})
    if isinstance(config, linear.LinearConfig):
        parts = parts._replace(params=solved(parts, config, videos, plain))
        return judge_of(parts, parts.params, parts.stats), float("nan")
    total = optimizer.total_steps(recipe, len(train), recipe.batch_size)
    update = optimizer.create(recipe, total, parts.params)
    train_step = step.make_train_step(
        parts,
        update,
        lambda batch: batch["embedding"],
        functools.partial(step.cross_entropy, label_smoothing=recipe.label_smoothing),
    )
    rows = drawn(videos, train, total * recipe.batch_size, seed).reshape(total, -1)
    array, mask, label = map(jnp.asarray, (videos.array, videos.mask, videos.label[videos.source]))

    @jax.jit
    def run(state, rows):
        def one(state, numbers):
            batch = {
                "embedding": array[numbers],
                "mask": mask[numbers],
                "label": label[numbers],
                "weight": jnp.ones(len(numbers)),
            }
            return train_step(state, batch)

        return jax.lax.scan(one, state, rows)

    state, measured = run(states.create(parts, update, seed), jnp.asarray(rows))
    return judge_of(parts, state.params, state.stats), float(measured["accuracy"][-40:].mean())


def solved(parts, config, videos, plain):
    """The linear model's parameters in closed form."""
    source = videos.source[plain]
    seen = videos.array[plain], videos.mask[plain]
    features = baseline.features(*seen, parts.stats.get("prepare"), config)
    found = ridge.fit(features, videos.label[source], videos.group[source], videos.classes)
    head = {"kernel": jnp.asarray(found.kernel), "bias": jnp.asarray(found.bias)}
    return parts.params | {"head": head}


def first_rows(videos, numbers):
    """The row of each video as it is."""
    return np.array([np.flatnonzero(videos.source == number)[0] for number in numbers])


def drawn(videos, train, count, seed):
    """Rows to learn from: each video once an epoch, as it is or a view of it."""
    rng, rows = np.random.default_rng(seed), []
    shown = {number: np.flatnonzero(videos.source == number) for number in train}
    while len(rows) < count:
        rows += [rng.choice(shown[number]) for number in rng.permutation(train)]
    return np.array(rows[:count])


def judge_of(parts, params, stats):
    eval_step = jax.jit(step.make_eval_step(parts, lambda batch: batch["embedding"]))
    return lambda array, mask: np.asarray(
        eval_step(params, stats, {"embedding": jnp.asarray(array), "mask": jnp.asarray(mask)})
    )


# ------------------------------------------------------------------ all of them
def right_in(order, videos, rows, judge):
    """Whether each row is told right, with its frames in an order."""
    array, mask = videos.array[rows], videos.mask[rows]
    if order is not None:
        shown = [
            views.reorder(*clip, order, np.random.default_rng(number))
            for number, clip in enumerate(zip(array, mask, strict=True))
        ]
        array, mask = (np.stack(parts) for parts in zip(*shown, strict=True))
    return judge(array, mask).argmax(axis=-1) == videos.label[videos.source[rows]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="motion:scenes", help="as of train, or embeddings")
    parser.add_argument("--only", nargs="+", default=list(LEARNT), help="ARCH[:FIELD=VALUE,...]")
    parser.add_argument("--seeds", type=int, default=3, help="how many; 3 unless given")
    parser.add_argument("--views", type=int, default=10, help="of each training video")
    parser.add_argument("--leave-out", choices=["group"], help="each group is the test once")
    parser.add_argument("--stage", default="middle", help="of the encoder")
    parser.add_argument("--grid", type=int, help="cells along each side")
    chosen = parser.parse_args()
    with errors.one_line_errors():
        videos = open_videos(chosen)
        pairs = list(folds(videos, chosen))
        rows = np.concatenate([first_rows(videos, test) for _, test in pairs])
        labels, groups = videos.label[videos.source[rows]], videos.group[videos.source[rows]]
        counts = collections.Counter(labels.tolist())
        print(
            f"{len(rows)} test videos of {len(set(groups))} groups; the most frequent class "
            f"{max(counts.values()) / len(rows):.1%}, {videos.classes} classes"
        )
        print("| model | in training | test | 95% interval | shuffled | reversed | single |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for spec in chosen.only:
            module, config, recipe = settle(spec, videos)
            seeds = 1 if isinstance(config, linear.LinearConfig) else chosen.seeds
            learnt, found = [], collections.defaultdict(list)
            for seed in range(seeds):
                by_order = collections.defaultdict(list)
                for train, test in pairs:
                    judge, share = learn(module, config, recipe, videos, train, seed)
                    learnt.append(share)
                    for order in (None, "shuffled", "reversed", "single"):
                        numbers = first_rows(videos, test)
                        by_order[order].append(right_in(order, videos, numbers, judge))
                for order, parts in by_order.items():
                    found[order].append(np.concatenate(parts))
            low, high = scores.interval(np.mean(found[None], axis=0), groups)
            means = {order: np.mean(right) for order, right in found.items()}
            each = [right.mean() for right in found[None]]
            spread = f" ({min(each):.1%} to {max(each):.1%})" if len(each) > 1 else ""
            print(
                f"| {spec} | {np.mean(learnt):.1%} | {means[None]:.1%}{spread} | {low:.1%} to "
                f"{high:.1%} | {means['shuffled']:.1%} | {means['reversed']:.1%} | "
                f"{means['single']:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
