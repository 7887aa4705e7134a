"""What an option may be, stated where it is declared, and checked by `range_checks`.

    threads: Annotated[int, ranges.between(1, 1024)] = 2
    out: Annotated[Path | None, ranges.NewFile((".csv", ".json"))] = None

Bounds of numbers are those of `annotated_types`. Without any, a float must be finite, and a text
must not be empty.
"""

import dataclasses
import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

import annotated_types as bounds

from flaxvid import errors, folders


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
WORKERS = between(0, 1024)
SEED = between(0, 2**32 - 1)
PROBABILITY = between(0, 1)
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
    """An existing file."""

    stores: bool = False
    """Whether it may be in an object store; so for the others below."""

    def refuse(self, value: Path | str, _owner: Any) -> str:
        return _standing(value, stat.S_ISREG, "a file")


@dataclasses.dataclass(frozen=True)
class Folder:
    """An existing folder."""

    stores: bool = False

    def refuse(self, value: Path | str, _owner: Any) -> str:
        return _standing(value, stat.S_ISDIR, "a folder")


@dataclasses.dataclass(frozen=True)
class Source:
    """An existing file or folder, or a text that begins with one of `words`."""

    words: tuple[str, ...] = ()
    start: bool = False
    """Training only starts from it: a run that is resumed does without it."""
    stores: bool = False

    def refuse(self, value: Path | str, _owner: Any) -> str:
        if str(value).startswith(self.words or ("\0",)) and not os.path.exists(value):
            return ""
        return _standing(value, lambda m: stat.S_ISREG(m) or stat.S_ISDIR(m), "a file or folder")


@dataclasses.dataclass(frozen=True)
class NewFile:
    """A file to be written. An existing one is refused, unless the options say `overwrite`."""

    endings: tuple[str, ...] = ()
    """One of which its name must have; empty: any."""
    kept: bool = False
    """An existing file is kept, not replaced, and so needs no --overwrite."""
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
    """A folder to be written into; it and its parents are made if they don't exist."""

    stores: bool = False

    def refuse(self, value: Path, _owner: Any) -> str:
        if os.path.exists(value) and not os.path.isdir(value):
            return f"is {errors.kind(os.stat(value).st_mode)}; give the name of a folder"
        return folders.why_unwritable(value)


PLACES = (File, Folder, Source, NewFile, NewFolder)
ELSEWHERE = "is not a local path, and only local ones are taken here; copy it here, or mount it"


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
