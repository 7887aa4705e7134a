"""Logits and probabilities for every clip of a manifest, each counted once."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Float, Int, PyTree

from flaxvid import errors, progress
from flaxvid.data import batches, views
from flaxvid.evaluation import report
from flaxvid.training import metrics, parallel


def logits_of(
    eval_step: Callable,
    params: PyTree,
    stats: PyTree,
    loader: batches.Rows,
    batch_size: int,
    mesh: jax.sharding.Mesh,
    *,
    threads: int = 2,
) -> tuple[
    Float[np.ndarray, "clips classes"],
    Int[np.ndarray, " clips"] | Float[np.ndarray, "clips classes"],
]:
    """Logits and labels of all readable videos of the loader's manifest, in its order.

    Raises:
        UserError: if none of them can be read.
    """
    logits, labels = [], []
    shares = dict(process=jax.process_index(), processes=jax.process_count())
    for batch in batches.test_batches(loader, batch_size, threads=threads, **shares):
        placed = parallel.put_batch(batch, mesh)
        out = eval_step(params, stats, placed)
        counts = parallel.gather(placed["weight"]) > 0
        logits.append(parallel.gather(out)[counts])
        labels.append(parallel.gather(placed["label"])[counts])
    if not any(map(len, labels)):
        rows = loader.manifest.rows
        raise errors.UserError(
            f"{loader.manifest.root}: none of the {len(rows)} {rows[0].split} videos can be read: "
            f"{next(iter(loader.skipped.reasons().values()))}"
        )
    return np.concatenate(logits), np.concatenate(labels)


def compile_first(
    logits: Callable[[batches.Batch], jax.Array],
    loader: batches.Rows,
    batch_size: int,
    mesh: jax.sharding.Mesh,
) -> None:
    """Runs one batch, so that clips a second are not those of a compiler."""
    row = {name: np.asarray(value)[None] for name, value in loader.test_row(0).items()}
    jax.block_until_ready(logits(parallel.put_batch(batches.fill(row, batch_size), mesh)))


def over_views(
    logits: Callable[[batches.Batch], jax.Array],
    loader: batches.Rows,
    order: str | None,
    *,
    num_classes: int,
    batch_size: int,
    mesh: jax.sharding.Mesh,
    thresholds: Sequence[float] | None = None,
    windows: int = 1,
    crops: int = 1,
    threads: int = 2,
) -> report.Predictions:
    """Probabilities of every readable video: the mean over its views.

    Args:
        logits: of a batch.
        loader: of the videos.
        order: of their frames, one of `views.ORDERS`; None: as they are.
        num_classes: of the model.
        batch_size: clips at a time.
        mesh: devices that share them.
        thresholds: of every class, where a video may have several labels; None: it has one.
        windows: of time, of each video.
        crops: of each window, 1 or 3.
        threads: that decode.

    Raises:
        UserError: if none of the videos can be read, or the model gives NaN.
    """
    rows = loader.manifest.rows
    total = np.zeros((len(rows), num_classes))
    counted = np.zeros(len(rows))
    clips = views.view_batches(
        loader, batch_size, windows=windows, crops=crops, order=order, threads=threads
    )
    number = -(-len(rows) * windows * crops // batch_size)
    for batch in progress.track(clips, number, order or "as they are", "step"):
        row, weight = batch.pop("row"), batch["weight"]
        out = np.asarray(logits(parallel.put_batch(batch, mesh)))
        counts = weight > 0
        paths = [rows[number].path for number in row[counts]]
        metrics.refuse_no_numbers(out[counts], paths)
        odds = metrics.probabilities(out, thresholds is not None)
        np.add.at(total, row, weight[:, None] * odds)
        np.add.at(counted, row, weight)
    read = counted > 0
    if not read.any():
        raise errors.UserError(
            f"{loader.manifest.root}: none of its {len(rows)} videos can be read: "
            f"{next(iter(loader.skipped.reasons().values()), 'as their embeddings say')}"
        )
    labels = np.stack([loader.manifest.target(row) for row in rows])
    kept = tuple(row for row, there in zip(rows, read, strict=True) if there)
    views_of = counted[read].astype(np.int64)
    return report.Predictions(
        total[read] / counted[read, None],
        kept,
        labels[read] if thresholds is None else labels[read].astype(np.float64),
        views_of,
        None if thresholds is None else np.array(thresholds),
    )
