"""The first place where two arrays of a failed comparison differ, by the names of its axes."""

import re
import types
import typing

import numpy as np

COMPARISONS = ("assert_allclose", "assert_array_equal")
STEP = {"time": "frame"}  # what one step along an axis is called, where it has another name


def place(traceback: types.TracebackType, result: object, annotation: object) -> str:
    """Where the arrays of the comparison that failed differ first, and what stands there.

    `at batch 1, frame 2: gave 0.5, expected 1.0 (3 of 24 numbers differ)`; nothing if no
    comparison of NumPy's failed, or if it was one of shapes or of single numbers.

    Args:
        traceback: of the failed test.
        result: what the learner's version gave.
        annotation: of the result; its axes name the place, if what was compared has its shape.
    """
    compared = _compared(traceback)
    if compared is None:
        return ""
    given, due, tolerance = compared
    return between(given, due, result, annotation, **tolerance)


def between(
    given: object,
    due: object,
    result: object,
    annotation: object,
    rtol: float | int = 0,
    atol: float | int = 0,
) -> str:
    """`place` for two that were compared, arrays or nested lists; nothing if they are neither."""
    try:
        given, due = np.broadcast_arrays(np.asarray(given), np.asarray(due))
        wrong = ~np.isclose(given, due, rtol=rtol, atol=atol, equal_nan=True)
    except (TypeError, ValueError):
        return ""
    if wrong.ndim == 0 or wrong.size == 1 or not wrong.any():
        return ""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    names = _axes(given, result, annotation)
    if names:
        told = ", ".join(f"{name} {i}" for name, i in zip(names, index, strict=True))
    else:
        told = str(list(index))
    gave, expected = (_number(array[index]) for array in (given, due))
    count = f"{int(wrong.sum())} of {wrong.size} numbers differ"
    return f"{told}: gave {gave}, expected {expected} ({count})"


def _number(value) -> str:
    return str(value) if value.dtype.kind == "b" else f"{value:.7g}"


def _compared(traceback):
    """What the innermost of NumPy's comparisons was given: actual, desired and tolerances."""
    found = None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_name in COMPARISONS and "desired" in frame.f_locals:
            local = frame.f_locals
            tolerance = {key: local.get(key, 0) for key in ("rtol", "atol")}
            found = local["actual"], local["desired"], tolerance
        traceback = traceback.tb_next
    return found


def _axes(given, result, annotation) -> list[str]:
    """What the axes of a compared array are called: those of the result, or of that part of it
    which is this array, or at least has its shape; nothing if no part has."""
    parts = [(result, annotation)]
    if isinstance(result, tuple):
        parts = list(zip(result, typing.get_args(annotation), strict=False))
    alike = [(part, kind) for part, kind in parts if getattr(part, "shape", None) == given.shape]
    if not alike:
        return []
    _, kind = next((one for one in alike if _same(one[0], given)), alike[0])
    return _names(getattr(kind, "dim_str", ""), given.ndim)


def _same(part, given):
    try:
        return np.array_equal(np.asarray(part), given)
    except TypeError:  # traced
        return False


def _names(text, number) -> list[str]:
    """The names of so many axes, from jaxtyping's text: `*batch height width 3`."""
    names = text.split()
    many = [place for place, name in enumerate(names) if name[0] == "*" or name == "..."]
    if many:
        (first,) = many
        names[first : first + 1] = ["?"] * (number - len(names) + 1)
    if not names or len(names) != number:
        return []
    return [
        STEP.get(name, name) if re.fullmatch(r"[a-z][a-z_]*", name) else f"axis {place}"
        for place, name in enumerate(names)
    ]
