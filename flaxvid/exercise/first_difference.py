"""The first place where two arrays of a failed comparison differ, by the names of its axes."""

import dataclasses
import re
import types
import typing

import numpy as np

COMPARISONS = ("assert_allclose", "assert_array_equal")
# What one step along an axis is called, where it has another name.
STEP = {"time": "frame", "classes": "class", "views": "view", "samples": "sample"}


@dataclasses.dataclass(frozen=True)
class Difference:
    """Two arrays that were compared, and where they differ."""

    given: np.ndarray
    due: np.ndarray
    wrong: np.ndarray
    """True where they differ by more than the comparison allows; at two numbers at least."""
    axes: tuple[str, ...]
    """What the axes are called; none if that is not known."""

    @property
    def first(self) -> tuple[int, ...]:
        """The index of the first place."""
        return tuple(int(i) for i in np.argwhere(self.wrong)[0])

    def told(self) -> str:
        """`batch 1, frame 2: gave 0.5, expected 1.0 (3 of 24 numbers differ)`."""
        gave, expected = (_number(array[self.first]) for array in (self.given, self.due))
        count = f"{int(self.wrong.sum())} of {self.wrong.size} numbers differ"
        return f"{self.named(self.first)}: gave {gave}, expected {expected} ({count})"

    def named(self, index: tuple[int, ...]) -> str:
        """A place, or the first numbers of one, by the names of its axes."""
        if all(name.startswith("axis ") for name in self.axes):
            return str(list(index))
        return ", ".join(f"{name} {i}" for name, i in zip(self.axes, index, strict=False))


def of_test(
    traceback: types.TracebackType, result: object, annotation: object
) -> Difference | None:
    """How the arrays of the comparison that failed differ.

    None if no comparison of NumPy's failed, or if it was one of shapes or of single numbers.

    Args:
        traceback: of the failed test.
        result: what the learner's version gave.
        annotation: of the result; its axes name the place, if what was compared has its shape.
    """
    compared = _compared(traceback)
    if compared is None:
        return None
    given, due, tolerance = compared
    return between(given, due, result, annotation, **tolerance)


def between(
    given: object,
    due: object,
    result: object,
    annotation: object,
    rtol: float | int = 0,
    atol: float | int = 0,
) -> Difference | None:
    """`of_test` for two that were compared, arrays or nested lists; None if they are neither."""
    try:
        given, due = np.broadcast_arrays(np.asarray(given), np.asarray(due))
        wrong = ~np.isclose(given, due, rtol=rtol, atol=atol, equal_nan=True)
    except (TypeError, ValueError):
        return None
    if wrong.ndim == 0 or wrong.size == 1 or not wrong.any():
        return None
    return Difference(given, due, wrong, tuple(_axes(given, result, annotation)))


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
    if names[-3:] == ["{size}", "{size}", "3"]:  # a square of pixels
        names[-3:-1] = ["height", "width"]
    if names[-1] == "3":  # red, green and blue
        names[-1] = "channel"
    return [
        STEP.get(name, name) if re.fullmatch(r"[a-z][a-z_]*", name) else f"axis {place}"
        for place, name in enumerate(names)
    ]
