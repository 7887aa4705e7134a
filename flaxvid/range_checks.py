"""Whether options, and settings from files, are what their declarations allow (`ranges`)."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import annotated_types as bounds
import tyro

from flaxvid import errors, ranges, stores

LONGEST = 4096  # characters of a text: the longest path of Linux


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a command, as it was given."""

    flag: str
    """`--batch-size`, or for a positional argument its name in --help."""
    value: Any
    metadata: tuple[Any, ...]
    """What its annotation says beside the type."""
    hint: Any
    """Its annotation."""
    owner: Any
    """The dataclass that it is a field of."""


def options(chosen: Any, prefix: str = "") -> Iterator[Option]:
    """Every option of a dataclass and of those inside it, named as tyro names them."""
    hints = _hints(type(chosen))
    for field in dataclasses.fields(chosen):
        value, hint = getattr(chosen, field.name), hints[field.name]
        metadata = getattr(hint, "__metadata__", ())
        if tyro.conf.Suppress in metadata:
            continue
        name = field.name.replace("_", "-")
        if dataclasses.is_dataclass(value):
            inside = prefix if tyro.conf.OmitArgPrefixes in metadata else f"{prefix}{name}."
            yield from options(value, inside)
        elif tyro.conf.Positional in metadata:
            told = [m.metavar for m in metadata if getattr(m, "metavar", None)]
            yield Option((told or [name.upper()])[0], value, metadata, hint, chosen)
        else:
            yield Option(f"--{prefix}{name}", value, metadata, hint, chosen)


@functools.cache
def _hints(kind):
    return typing.get_type_hints(kind, include_extras=True)


def check(chosen: Any, prefix: str = "", kept: Any = None) -> None:
    """Refuses the first option of a dataclass that is not what its declaration allows.

    Args:
        chosen: the dataclass.
        prefix: before the names of its fields, in messages.
        kept: the same dataclass with its defaults. Among these, a `Source` that is only started
            from may be gone: a run that is resumed does without it.

    Raises:
        UserError: `--option value: must be ...`.
    """
    before = {} if kept is None else {option.flag: option.value for option in options(kept, prefix)}
    for option in options(chosen, prefix):
        if option.value == before.get(option.flag) and _is_of_a_start(option):
            continue
        for value in option.value if isinstance(option.value, tuple) else (option.value,):
            problem = "" if value is None else _refuse(value, option)
            if problem:
                shown = errors.printable(stores.shown(str(value)))
                shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
                raise errors.UserError(f"{option.flag} {shown}: {problem}")


def _is_of_a_start(option):
    return any(isinstance(rule, ranges.Source) and rule.start for rule in option.metadata)


def check_kinds(made: Any) -> None:
    """Refuses a dataclass made from a file if a value is not of the type declared.

    Raises:
        TypeError: naming the field.
    """
    for name, hint in _hints(type(made)).items():
        value = getattr(made, name, None)
        if not _is_of(value, hint):
            raise TypeError(f"its {name} is {errors.printable(repr(value))[:60]}")


def check_numbers(made: Any) -> None:
    """Refuses a dataclass made from a file if a number is outside the range declared.

    Raises:
        ValueError: naming the field.
    """
    for option in options(made):
        rules = [rule for rule in option.metadata if isinstance(rule, bounds.Interval)]
        values = option.value if isinstance(option.value, tuple) else (option.value,)
        for value in filter(lambda value: isinstance(value, int | float), values):
            if not all(_inside(value, rule) for rule in rules):
                raise ValueError(f"its {option.flag[2:]} is {value}")


def _is_of(value, hint):
    """Whether a plain value is of the annotated type; what can't be told counts as such."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _is_of(value, inside[0])
    if origin is typing.Literal:
        return value in inside
    if origin in (typing.Union, types.UnionType):
        return any(_is_of(value, one) for one in inside)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = inside[:1] * len(value) if inside[-1:] == (Ellipsis,) else inside
        return len(value) == len(kinds) and all(map(_is_of, value, kinds))
    if isinstance(value, bool):
        return hint is bool or not isinstance(hint, type)
    if hint is float:
        return isinstance(value, int | float)
    return not isinstance(hint, type) or isinstance(value, hint)


def _refuse(value, option):
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, str | Path) and not str(value).strip():
        return "must not be empty"
    if isinstance(value, str | Path) and not str(value).isprintable():
        return "must be printable characters"
    if isinstance(value, str | Path) and len(str(value)) > LONGEST:
        return f"must not be longer than {LONGEST} characters"
    for rule in option.metadata:
        problem = ""
        if isinstance(rule, ranges.PLACES) and stores.is_elsewhere(value):
            return _in_a_store(value, rule)
        if isinstance(rule, bounds.Interval) and not isinstance(value, str):
            problem = "" if _inside(value, rule) else f"must be {_in_words(rule)}"
        elif hasattr(rule, "refuse"):
            problem = rule.refuse(value, option.owner)
        if problem:
            return problem
    return ""


def _in_a_store(value, rule):
    """Why a path in an object store or on a server can't be taken; empty if it can."""
    if not rule.stores or not stores.is_store(value):
        return ranges.ELSEWHERE
    return stores.refusal(value, write=isinstance(rule, ranges.NewFolder))


def _inside(value, rule):
    return (
        (rule.ge is None or value >= rule.ge)
        and (rule.gt is None or value > rule.gt)
        and (rule.le is None or value <= rule.le)
        and (rule.lt is None or value < rule.lt)
    )


def _in_words(rule):
    low = f"more than {rule.gt:,}" if rule.gt is not None else f"at least {rule.ge:,}"
    high = f"less than {rule.lt:,}" if rule.lt is not None else f"at most {rule.le:,}"
    return f"{low} and {high}"
