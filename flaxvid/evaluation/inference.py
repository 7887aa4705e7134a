"""Logits for every clip of a manifest, each counted once."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float, Int, PyTree

from flaxvid import errors
from flaxvid.data import batches
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
) -> tuple[Float[np.ndarray, "clips classes"], Int[np.ndarray, " clips"]]:
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


def judge(
    eval_step: Callable,
    params: PyTree,
    stats: PyTree,
    loader: batches.Rows,
    *,
    batch_size: int,
    mesh: jax.sharding.Mesh,
    threads: int = 2,
) -> dict[str, float]:
    """Loss, top-1 and top-5 accuracy over the loader's manifest."""
    logits, labels = logits_of(eval_step, params, stats, loader, batch_size, mesh, threads=threads)
    return metrics.summarise(logits, labels)
