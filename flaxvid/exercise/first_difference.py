"""The first place where two arrays of a failed comparison differ, by the names of its axes."""

import re
import types

import numpy as np

COMPARISONS = ("assert_allclose", "assert_array_equal")


def place(traceback: types.TracebackType, result: object, annotation: object) -> str:
    """Where the arrays of the comparison that failed differ first, and what stands there.

    `at batch 1, frame 2: gave 0.5, expected 1.0 (3 of 24 numbers differ)`; nothing if no
    comparison of NumPy's failed, or if it was one of shapes or of single numbers.

    Args:
        traceback: of the failed test.
        result: what the learner's version gave.
        annotation: of the result; its axes name the place, if what was compared has as many.
    """
    compared = _compared(traceback)
    if compared is None:
        return ""
    given, due, tolerance = compared
    try:
        given, due = np.broadcast_arrays(np.asarray(given), np.asarray(due))
        wrong = ~np.isclose(given, due, **tolerance, equal_nan=True)
    except (TypeError, ValueError):
        return ""
    if wrong.ndim == 0 or wrong.size == 1 or not wrong.any():
        return ""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    names = _axes(annotation) if getattr(result, "shape", None) == wrong.shape else []
    if len(names) == len(index):
        told = ", ".join(f"{name} {i}" for name, i in zip(names, index, strict=True))
    else:
        told = str(list(index))
    gave, expected = (f"{number:.7g}" for number in (given[index], due[index]))
    count = f"{int(wrong.sum())} of {wrong.size} numbers differ"
    return f"{told}: gave {gave}, expected {expected} ({count})"


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


def _axes(annotation) -> list[str]:
    """The names of the axes that jaxtyping gives an array: `batch`, `time`, ..."""
    text = getattr(annotation, "dim_str", "")
    names = text.split()
    return names if all(re.fullmatch(r"[a-z_]+", name) for name in names) else []
