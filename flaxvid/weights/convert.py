"""Arrays under their old names to the parameters of a model here: all of them, or an error.

rules = [convert.Rule(r"fc(\\d)\\.weight", r"layers/\\1/kernel", np.transpose)]
params, report = convert.convert(arrays, params, rules)
print(report)
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from flaxvid.weights import read

SHOWN = 3  # names in an error, of each kind
_NUMBER = re.compile(r"(?<![^./])\d+(?![^./])")  # of a block: a whole part of a name


def _unchanged(array: np.ndarray) -> np.ndarray:
    return array


@dataclasses.dataclass(frozen=True)
class Rule:
    """Where arrays of some name go, and how their layout changes on the way."""

    source: str
    """Regular expression of the whole old name."""
    target: str
    """Name of the leaf, as `blocks/0/norm/scale`; `\\1` stands for the first group of `source`."""
    transform: Callable[[np.ndarray], np.ndarray | jax.Array] = _unchanged
    note: str = ""
    """What the report is to say beside the row."""


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one array of the file, or of one leaf of the model."""

    fate: Literal["loaded", "ignored", "fresh"]
    source: str = ""
    source_shape: tuple[int, ...] | None = None
    target: str = ""
    target_shape: tuple[int, ...] | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of every array and every leaf; printed, a table."""

    rows: tuple[Row, ...]

    def __str__(self) -> str:
        """All rows as a table; those that differ in the number of a block only are folded."""
        return _table(self.rows, self.summary())

    def brief(self) -> str:
        """What was not simply loaded as it is, as a table."""
        unusual = [row for row in self.rows if row.fate != "loaded" or row.note]
        return _table(unusual, self.summary())

    def fresh(self) -> tuple[str, ...]:
        """The names of the leaves that the file gave nothing for."""
        return tuple(row.target for row in self.rows if row.fate == "fresh")

    def summary(self) -> str:
        """How many leaves were loaded and start fresh, and how many arrays were ignored."""
        fates = [row.fate for row in self.rows]
        return ", ".join(f"{fates.count(fate)} {fate}" for fate in ("loaded", "ignored", "fresh"))


def join_qkv(arrays: Mapping[str, np.ndarray], projection: str) -> dict[str, np.ndarray]:
    """Query, key and value, where they are three layers, as the one layer that they are here.

    Args:
        arrays: of a file.
        projection: regular expression of the whole name of such an array, with three groups:
            what comes before, `query`, `key` or `value`, and what comes behind.

    Returns:
        The same arrays, with those of a projection joined along their first axis, under a name
        that has `qkv` for its part. Where one of the three is missing, the others stay.
    """
    joined = {}
    for name, array in arrays.items():
        part = re.fullmatch(projection, name)
        words = ("query", "key", "value") if part else ()
        names = [name[: part.start(2)] + word + name[part.end(2) :] for word in words]
        if not part or not all(name in arrays for name in names):
            joined[name] = array
        elif part[2] == "query":
            joined[f"{part[1]}qkv{part[3]}"] = np.concatenate([arrays[name] for name in names])
    return joined


def convert(
    source: Mapping[str, np.ndarray],
    target: PyTree,
    rules: Sequence[Rule],
    *,
    ignore: Sequence[str] = (),
    fresh: Sequence[str] = (),
    origin: str = "the weights",
) -> tuple[PyTree, Report]:
    """Fills a tree of parameters from arrays under other names, completely or not at all.

    `target` is a tree of arrays or of `jax.ShapeDtypeStruct`s. Every rule that matches a name
    is applied to it, so that one array can fill several leaves. Names that match `ignore` are
    passed over; leaves that match `fresh` may be left out, and come back as they are in
    `target`. `ignore` and `fresh` are regular expressions of whole names. Floating-point numbers
    take the type of the leaf. `origin` names the file in errors.

    Raises:
        WeightsError: if an array has no place, a leaf no array or two, a shape differs, or a number
            is NaN or infinite.
    """
    leaves = by_name(target)
    claims, ignored, homeless = _match(source, leaves, rules, ignore)
    values, rows, twice, unfit, no_numbers = {}, [], [], [], []
    for place, [(name, rule), *others] in claims.items():
        leaf, shape = leaves[place], source[name].shape
        if others:
            twice.append(f"{place} (from {name} and {others[0][0]})")
        try:
            values[place] = _fit(source[name], rule.transform, leaf)
        except (ValueError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            unfit.append(f"{name} {shape} for {place} {leaf.shape}: {reason}")
        else:
            if not np.isfinite(values[place]).all():
                no_numbers.append(name)
        rows.append(Row("loaded", name, shape, place, leaf.shape, rule.note))
    rows += [Row("ignored", name, source[name].shape) for name in ignored]
    unfilled = [place for place in leaves if place not in claims]
    rows += [Row("fresh", target=place, target_shape=leaves[place].shape) for place in unfilled]

    wrong = {
        "without a place in the model": homeless,
        "of the model without an array": [p for p in unfilled if not _matches(p, fresh)],
        "filled twice": twice,
        "of another shape": unfit,
        "with NaN or infinite numbers": no_numbers,
    }
    if any(wrong.values()):
        found = "; ".join(_some(what, names) for what, names in wrong.items() if names)
        raise read.WeightsError(f"{origin}: does not fit the model: {found}")
    # All in NumPy till here: JAX would compile programs for each shape, and take seconds.
    filled = list((leaves | jax.device_put(values)).values())
    return jax.tree.unflatten(jax.tree.structure(target), filled), Report(tuple(rows))


def by_name(tree: PyTree) -> dict[str, Any]:
    """The leaves of a tree under names like `blocks/0/norm/scale`, in the order of the tree."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in paths}


def _match(source, leaves, rules, ignore):
    """For every leaf the names and rules that would fill it; names to ignore; names left over."""
    claims, ignored, homeless = {}, [], []
    # Compiled here: re's own memory of patterns is shorter than some tables.
    patterns = [(re.compile(rule.source), rule) for rule in rules]
    for name in source:
        matches = [(pattern.fullmatch(name), rule) for pattern, rule in patterns]
        places = [(match.expand(rule.target), rule) for match, rule in matches if match]
        places = [(place, rule) for place, rule in places if place in leaves]
        if _matches(name, ignore):
            ignored.append(name)
        elif not places:
            homeless.append(name)
        else:
            for place, rule in places:
                claims.setdefault(place, []).append((name, rule))
    return claims, ignored, homeless


def _matches(name, patterns):
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def _fit(array, transform, leaf):
    value = np.asarray(transform(array))
    if value.shape != leaf.shape:
        raise ValueError(f"becomes {value.shape}")
    if value.dtype != leaf.dtype and not _both_floating(value, leaf):
        raise ValueError(f"{value.dtype} is no {leaf.dtype}")
    with np.errstate(over="ignore"):  # infinite, and refused as that
        return np.array(value, leaf.dtype)  # a copy: the file may be mapped into memory


def _both_floating(*arrays):
    return all(jnp.issubdtype(array.dtype, jnp.floating) for array in arrays)


def _some(what, names):
    more = ", ..." if len(names) > SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:SHOWN])}{more})"


def _table(rows, last_line):
    lines = [_cells(fold) for fold in _folds(rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join([*padded, last_line])


def _folds(rows):
    """Rows that differ in the number of a block only, together."""
    folds = {}
    for row in rows:
        source, target = (_NUMBER.sub("#", name) for name in (row.source, row.target))
        folds.setdefault(dataclasses.replace(row, source=source, target=target), []).append(row)
    return folds.values()


def _cells(fold):
    first = fold[0]
    return (
        first.fate,
        _span([row.source for row in fold]),
        _shape(first.source_shape),
        _span([row.target for row in fold]),
        _shape(first.target_shape),
        first.note,
    )


def _span(names):
    """`blocks.{0-11}.norm1.weight` for the names of a fold."""
    columns = zip(*(map(int, _NUMBER.findall(name)) for name in names), strict=True)
    ends = iter([(min(column), max(column)) for column in columns])

    def span(match):
        low, high = next(ends)
        return match[0] if low == high else f"{{{low}-{high}}}"

    return _NUMBER.sub(span, names[0])


def _shape(shape):
    return "" if shape is None else "x".join(map(str, shape)) or "scalar"
