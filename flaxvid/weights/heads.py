"""A head of other people: kept only where its classes are those of the data.

As many classes are not the same classes: a head for others would start from what is wrong.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from flaxvid.weights import convert


def as_labelled(
    filled: PyTree,
    fresh: PyTree,
    report: convert.Report,
    last: str,
    known: tuple[str, ...] | None,
    labels: tuple[str, ...],
) -> tuple[PyTree, convert.Report]:
    """The last layer for the data's classes: as it is, in another order, or fresh.

    Args:
        filled: the parameters with those of a file.
        fresh: the parameters as they were before.
        report: of the loading.
        last: where the last layer is, as `head/linear`.
        known: what the file calls its classes, in order; None: nothing says it.
        labels: of the data, in order.
    """
    loaded = {row.target for row in report.rows if row.fate == "loaded"}
    if f"{last}/kernel" not in loaded:
        return filled, report
    if known == labels:
        return filled, report
    same = known is not None and sorted(known) == sorted(labels)
    note = "its classes are in another order" if same else "its classes are not those of the data"
    if known is None:
        note = "no config.json names its classes"
    place, *rest = last.split("/")

    def changed(tree, start, rest):
        if rest:
            return {**tree, rest[0]: changed(tree[rest[0]], start[rest[0]], rest[1:])}
        if not same:
            return start
        order = np.array([known.index(label) for label in labels])
        return {name: jnp.asarray(leaf)[..., order] for name, leaf in tree.items()}

    filled = {**filled, place: changed(filled[place], fresh[place], rest)}
    rows = []
    for row in report.rows:
        if not row.target.startswith(f"{last}/"):
            rows.append(row)
        elif same:
            rows.append(dataclasses.replace(row, note=note))
        else:
            rows.append(convert.Row("ignored", row.source, row.source_shape, note=note))
            rows.append(convert.Row("fresh", target=row.target, target_shape=row.target_shape))
    return filled, convert.Report(tuple(rows))
