"""What an option may be, stated where it is declared, and checked in one place.

    threads: Annotated[int, ranges.between(1, 1024)] = 2
    out: Annotated[Path | None, ranges.NewFile((".csv", ".json"))] = None

Bounds of numbers are those of `annotated_types`. Without any, a float must be finite, and a text
must not be empty.
"""

import dataclasses
import errno
import functools
import math
import os
import re
import stat
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import annotated_types as bounds
import tyro

from flaxvid import errors, folders, stores

LONGEST = 4096  # letters of a text: the longest path of Linux


def between(low: float | int, high: float | int) -> bounds.Interval:
    """From `low` to `high`, both allowed."""
    return bounds.Interval(ge=low, le=high)


def above(low: float | int, high: float | int) -> bounds.Interval:
    """More than `low`, up to `high`."""
    return bounds.Interval(gt=low, le=high)


def below(low: float | int, high: float | int) -> bounds.Interval:
    """From `low`, less than `high`."""
    return bounds.Interval(ge=low, lt=high)


THREADS = between(1, 1024)
SEED = between(0, 2**32 - 1)
PROBABILITY = between(0, 1)
SHARE = between(0, 1)
STEPS = between(1, 10**12)
WIDTH = between(1, 2**16)  # of a layer
DEPTH = between(1, 1000)  # layers
BATCH = between(1, 2**16)  # clips
FRAMES = between(1, 10_000)
PIXELS = between(1, 8192)
SECONDS = above(0, 1e6)
FPS = above(0, 10_000)  # frames a second


@dataclasses.dataclass(frozen=True)
class Text:
    """A text of a certain form."""

    pattern: str
    meaning: str
    """The form in words, as `HOST:PORT`."""

    def refuse(self, value: str, _owner: Any) -> str:
        return "" if re.fullmatch(self.pattern, value) else f"must be {self.meaning}"


@dataclasses.dataclass(frozen=True)
class File:
    """A file that is there."""

    stores: bool = False
    """Whether it may lie in an object store, as with the others below."""

    def refuse(self, value: Path | str, _owner: Any) -> str:
        return _standing(value, stat.S_ISREG, "a file")


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder that is there."""

    stores: bool = False

    def refuse(self, value: Path | str, _owner: Any) -> str:
        return _standing(value, stat.S_ISDIR, "a folder")


@dataclasses.dataclass(frozen=True)
class Source:
    """A file or folder that is there, or a text that begins with one of some words."""

    words: tuple[str, ...] = ()
    start: bool = False
    """Only a start is made from it: a run that goes on does without it."""
    stores: bool = False

    def refuse(self, value: Path | str, _owner: Any) -> str:
        if str(value).startswith(self.words or ("\0",)) and not os.path.exists(value):
            return ""
        return _standing(value, lambda m: stat.S_ISREG(m) or stat.S_ISDIR(m), "a file or folder")


@dataclasses.dataclass(frozen=True)
class NewFile:
    """A file to be written. One that is there is refused, unless the options say `overwrite`."""

    endings: tuple[str, ...] = ()
    """One of which its name must have; empty: any."""
    kept: bool = False
    """One that is there is kept, so that there is no harm."""
    stores = False

    def refuse(self, value: Path, owner: Any) -> str:
        if self.endings and value.suffix.lower() not in self.endings:
            return f"must end in {' or '.join(self.endings)}"
        if os.path.isdir(value):
            return "is a folder; give the name of a file"
        if os.path.exists(value) and not os.path.isfile(value):
            return f"is {errors.kind(os.stat(value).st_mode)}; give the name of a file"
        if os.path.exists(value) and not self.kept and not getattr(owner, "overwrite", False):
            return "is there already; pass --overwrite, or choose another name"
        return folders.why_unwritable(value)


@dataclasses.dataclass(frozen=True)
class NewFolder:
    """A folder to be written into; it and those above it are made if they are not there."""

    stores: bool = False

    def refuse(self, value: Path, _owner: Any) -> str:
        if os.path.exists(value) and not os.path.isdir(value):
            return f"is {errors.kind(os.stat(value).st_mode)}; give the name of a folder"
        return folders.why_unwritable(value)


PLACES = (File, Folder, Source, NewFile, NewFolder)
ELSEWHERE = "is no path of this machine, and no other is taken here; copy it here, or mount it"


def _in_a_store(value, rule):
    """Why what a rule asks for is not to be had of an object store or server; or nothing."""
    if not rule.stores or not stores.is_store(value):
        return ELSEWHERE
    return stores.refusal(value, write=isinstance(rule, NewFolder))


def _standing(value, right, wanted):
    try:
        mode = os.stat(value).st_mode
    except OSError as error:
        if error.errno == errno.ENOENT:
            return f"there is no such {wanted.removeprefix('a ')}"
        return f"can't be opened ({error.strerror})"
    if not right(mode):
        return f"is {errors.kind(mode)}, and must be {wanted}"
    return "" if os.access(value, os.R_OK) else "can't be opened (no permission)"


# ------------------------------------------------------------------ checking
@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a command, as it was given."""

    flag: str
    """`--batch-size`, or the name that --help gives what has no flag."""
    value: Any
    metadata: tuple[Any, ...]
    """What its annotation says beside the type."""
    hint: Any
    """Its annotation."""
    owner: Any
    """The options that it is one of."""


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
        kept: the same with the values that were not said. Of those, a `Source` of a start may be
            gone: whoever starts from it says so, and a run that goes on does not.

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
    return any(isinstance(rule, Source) and rule.start for rule in option.metadata)


def check_kinds(made: Any) -> None:
    """Refuses a dataclass made from a file, in which a value is of another kind than declared.

    Raises:
        TypeError: naming the field.
    """
    for name, hint in _hints(type(made)).items():
        value = getattr(made, name, None)
        if not _is_of(value, hint):
            raise TypeError(f"its {name} is {errors.printable(repr(value))[:60]}")


def check_numbers(made: Any) -> None:
    """Refuses a dataclass made from a file, in which a number is out of the range declared.

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
    """Whether a plain value is of the kind that an annotation names; of others it is not known."""
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
        return "must be letters that can be printed"
    if isinstance(value, str | Path) and len(str(value)) > LONGEST:
        return f"must not be longer than {LONGEST} letters"
    for rule in option.metadata:
        problem = ""
        if isinstance(rule, PLACES) and stores.is_elsewhere(value):
            return _in_a_store(value, rule)
        if isinstance(rule, bounds.Interval) and not isinstance(value, str):
            problem = "" if _inside(value, rule) else f"must be {_in_words(rule)}"
        elif hasattr(rule, "refuse"):
            problem = rule.refuse(value, option.owner)
        if problem:
            return problem
    return ""


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


def placed(chosen: Any) -> Any:
    """The dataclass with each path in an object store as what reads it there (`stores.path`)."""
    found = {}
    for field in dataclasses.fields(chosen):
        value = getattr(chosen, field.name)
        if dataclasses.is_dataclass(value):
            found[field.name] = placed(value)
        elif isinstance(value, tuple) and any(isinstance(one, Path) for one in value):
            found[field.name] = tuple(map(stores.path, value))
        elif isinstance(value, Path):
            found[field.name] = stores.path(value)
    changed = {name: v for name, v in found.items() if v is not getattr(chosen, name)}
    return dataclasses.replace(chosen, **changed) if changed else chosen
