"""A manifest: which videos, with which label, in which split. Everything downstream reads this.

A row is a video (or a part of it) with its label, the group it comes from, and its split. Videos
of one group share a source (a recording, an actor), so a group that stands in two splits is a
leak: the model is tested on what it has seen. That is a hard error here.
Opening a manifest opens no video.
"""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import operator
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from flaxvid import errors, files, ranges, stores
from flaxvid.data import scan

SPLITS = ("train", "validation", "test")
COLUMNS = ("path", "label", "group", "split", "start", "end")
BETWEEN = "|"  # the labels of a video, where a manifest is opened as one of several a video
LARGEST = 2**32  # bytes of a CSV: ten million rows have a quarter of that
CHUNK = 10_000  # rows that are text in memory at once


class ManifestError(errors.UserError):
    """A manifest or a folder of videos that can't be used as it stands."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One labelled video, or the part of it between `start` and `end`."""

    path: str
    """Relative to the manifest's folder, or absolute."""
    label: str
    group: str = ""
    """What the video was cut from; rows of one group must share a split. Empty: itself."""
    split: str = "train"
    start: float = 0.0
    """Seconds."""
    end: float | None = None
    """Seconds; None: the end of the file."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Rows, the folder that their paths start from, and the label vocabulary in class order."""

    root: Path
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    multi_label: bool = False
    """Whether a row has any number of these labels (`names_of`), and not just one."""

    def split(self, name: str) -> "Manifest":
        """The rows of one split, with the whole vocabulary."""
        rows = tuple(row for row in self.rows if row.split == name)
        return dataclasses.replace(self, rows=rows)

    def splits(self) -> dict[str, int]:
        """How many rows each split has, in the order train, validation, test."""
        counts = collections.Counter(row.split for row in self.rows)
        return {split: counts[split] for split in SPLITS if counts[split]}

    def path(self, row: Row) -> Path:
        """Where the row's file is."""
        return stores.joined(self.root, row.path)

    def label_index(self, row: Row) -> int:
        """The row's class number."""
        return self.labels.index(row.label)

    def names(self, row: Row) -> tuple[str, ...]:
        """The row's labels: one, or where there may be several any number of them."""
        return names_of(row.label) if self.multi_label else (row.label,)

    def target(self, row: Row) -> Int32[np.ndarray, ""] | Float32[np.ndarray, " classes"]:
        """The row's class number; where there may be several, 1 for each of its classes, else 0."""
        if not self.multi_label:
            return np.array(self.label_index(row), np.int32)
        return np.isin(self.labels, self.names(row)).astype(np.float32)

    def fingerprint(self) -> str:
        """SHA-256 over rows and vocabulary: equal for equal data, wherever it lies."""
        names = operator.attrgetter(*COLUMNS[:4])
        rows = sorted(names(row) + _times(row) for row in self.rows)
        digest = hashlib.sha256(f"[{json.dumps(self.labels, ensure_ascii=False)}, [".encode())
        for first in range(0, len(rows), CHUNK):  # as json.dumps([labels, rows]), never in memory
            text = json.dumps(rows[first : first + CHUNK], ensure_ascii=False)[1:-1]
            digest.update(f"{', ' if first else ''}{text}".encode())
        digest.update(b"]], several a row" if self.multi_label else b"]]")
        return digest.hexdigest()


def _times(row):
    return (str(float(row.start)), "" if row.end is None else str(float(row.end)))


def names_of(label: str) -> tuple[str, ...]:
    """The labels in that of a row which may have several: `a|b` has two, and `|` has none."""
    parts = (part.strip() for part in label.split(BETWEEN))
    return tuple(dict.fromkeys(part for part in parts if part))


def several(videos: Manifest) -> Manifest:
    """The same rows, each with any number of labels: `a|b` is of the classes a and b.

    The vocabulary are the labels themselves, sorted, or in the order in which a JSON states them.

    Raises:
        ManifestError: if no row has any.
    """
    names = tuple(dict.fromkeys(name for label in videos.labels for name in names_of(label)))
    if not names:
        raise ManifestError(f"{videos.root}: none of its videos has a label")
    if any(BETWEEN in label for label in videos.labels):
        names = tuple(sorted(names))
    return dataclasses.replace(videos, labels=names, multi_label=True)


def one_label(videos: Manifest) -> Manifest:
    """The same rows, each with its label as it is written: what `several` was made of."""
    if not videos.multi_label:
        return videos
    return Manifest(videos.root, videos.rows, tuple(sorted({row.label for row in videos.rows})))


def of_rows(root: Path, rows: Sequence[Row]) -> Manifest:
    """A manifest whose vocabulary is the sorted labels of its rows.

    Raises:
        ManifestError: for a label with letters that can't be printed.
    """
    for row in rows:
        _refuse_unprintable(row.label, root)
    labels = tuple(sorted({row.label for row in rows}))
    return Manifest(root=stores.path(root), rows=tuple(rows), labels=labels)


def read(path: Path, *, multi_label: bool = False) -> Manifest:
    """Reads a manifest from CSV (columns as in `Row`) or JSON (`{"labels": ..., "rows": ...}`).

    `path` and `label` are required; the vocabulary is the sorted labels unless JSON states it.

    Args:
        path: of the file.
        multi_label: a row's label may name several, as `a|b` (`several`).

    Raises:
        ManifestError: with the file and the line for a missing column, an empty or unknown
            value, or a label outside the stated vocabulary.
    """
    path = stores.path(path)
    readers = {".json": _read_json, ".csv": _read_csv}
    try:
        if path.suffix != ".csv":  # first of all, whether there is such a file
            files.read_text(path)
        if path.suffix not in readers:
            raise ManifestError(
                f"{path}: a manifest is a .csv or .json file, or a folder of classes"
            )
        rows, labels = readers[path.suffix](path)
    except files.FileError as error:
        raise ManifestError(f"{error}; a manifest is a CSV or JSON") from None
    if not rows:
        raise ManifestError(f"{path}: has no rows; add one line per video")
    given = sorted({row.label for row in rows})
    videos = Manifest(root=path.parent, rows=rows, labels=tuple(labels or given))
    if multi_label:
        videos, given = several(videos), [name for label in given for name in names_of(label)]
    unknown = sorted(set(given) - set(videos.labels))
    if unknown:
        raise ManifestError(
            f"{path}: label {unknown[0]!r} is not in its vocabulary {list(videos.labels)}"
        )
    return videos


def _read_csv(path):
    with files.open_csv(path, largest=LARGEST) as records:
        header = records.fieldnames or ()
        missing = [name for name in ("path", "label") if name not in header]
        for sign in (";", "\t"):
            if missing and sign in "".join(header):
                raise ManifestError(
                    f"{path}: has {sign!r} between its columns; save it with commas"
                )
        if missing:
            raise ManifestError(
                f"{path}: no column {missing[0]!r} in its first line; "
                f"columns are {', '.join(COLUMNS)}, of which path and label are required"
            )
        return tuple(read_row(path, number, r) for number, r in enumerate(records, start=2)), ()


def _read_json(path):
    content = None
    with contextlib.suppress(files.FileError):
        content = files.read_json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    labels = content.get("labels", []) if isinstance(content, dict) else None
    tables = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not tables or not _are_texts(labels):
        raise ManifestError(
            f'{path}: is not a manifest in JSON; it should read {{"labels": [...], "rows": [...]}}'
        )
    rows = tuple(read_row(path, number, row) for number, row in enumerate(rows, start=1))
    return rows, tuple(labels)


def _are_texts(values):
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def read_row(path: Path | str, number: int, record: Mapping[str, Any]) -> Row:
    """A row from the fields of a file's row, `path` and `label` at least.

    Args:
        path: of the file, and
        number: of its row, for the message.
        record: the fields by name.

    Raises:
        ManifestError: for fields that are no texts and seconds, are missing, or out of range.
    """
    try:
        path_in_it, end = record["path"], record.get("end")
        row = Row(
            path=path_in_it,
            # Of millions of rows, what they share is in memory once.
            label=sys.intern(record["label"]),
            group=record.get("group") or path_in_it,
            split=sys.intern(record.get("split") or "train"),
            start=_seconds(record.get("start") or 0.0),
            end=None if end is None or end == "" else _seconds(end),
        )
        if not isinstance(row.path, str) or not isinstance(row.group, str):
            raise TypeError
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        shown = errors.printable(str(record))
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        raise ManifestError(f"{path}, row {number}: {shown} is not a row; see {COLUMNS}") from None
    if _is_unprintable(row.label):
        _refuse_unprintable(row.label, f"{path}, row {number}")
    if not row.path or not row.label:
        raise ManifestError(f"{path}, row {number}: path and label must not be empty")
    if stores.is_elsewhere(row.path) and not stores.is_store(row.path):
        raise ManifestError(f"{path}, row {number}: {row.path} {ranges.ELSEWHERE}")
    if row.split not in SPLITS:
        raise ManifestError(f"{path}, row {number}: split {row.split!r} is not one of {SPLITS}")
    if row.start < 0 or (row.end is not None and row.end <= row.start):
        raise ManifestError(
            f"{path}, row {number}: the part from {row.start} s to {row.end} s is empty"
        )
    return row


def _refuse_unprintable(label, where):
    """Terminals, in which it is shown, would obey it."""
    if _is_unprintable(label):
        raise ManifestError(
            f"{where}: the label {label!r} has letters that can't be printed; rename it"
        )


@functools.lru_cache(4096)
def _is_unprintable(label):
    return any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in label)


@functools.lru_cache(4096)
def _seconds(value):
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError
    return seconds


def write(manifest: Manifest, path: Path) -> None:
    """Writes a manifest as CSV or, with its vocabulary, as JSON, after the suffix of `path`.

    Paths in the file start from its own folder, so that it moves along with the videos in it.

    Raises:
        ManifestError: for a name that is not in UTF-8.
        FileError: if it can't be written.
    """
    path = stores.path(path)
    rows = rerooted(manifest, path.parent).rows
    odd = next((row.path for row in rows if not scan.is_utf8(row.path)), None)
    if odd is not None:
        raise ManifestError(
            f"{errors.printable(odd)}: its name is not in UTF-8, as in old archives: rename it"
        )
    if path.suffix == ".json":
        content = {"labels": manifest.labels, "rows": [dataclasses.asdict(row) for row in rows]}
        files.write_json(path, content)
        return
    files.write_csv(path, COLUMNS, map(operator.attrgetter(*COLUMNS), rows))


def rerooted(manifest: Manifest, folder: Path) -> Manifest:
    """The same manifest with paths that start from `folder`: absolute for videos outside it."""
    root, folder, rows = stores.absolute(manifest.root), stores.absolute(folder), []
    for row in manifest.rows if root != folder else ():
        path = str(stores.absolute(stores.joined(root, row.path)))
        inside = path.startswith(os.path.join(str(folder), ""))
        place = Path(path).relative_to(Path(str(folder))).as_posix() if inside else path
        rows.append(dataclasses.replace(row, path=place))
    return dataclasses.replace(manifest, root=folder, rows=tuple(rows) or manifest.rows)


def with_plain_paths(manifest: Manifest) -> Manifest:
    """The same manifest with one name for a file: `a`, where `./a` or `b/../a` stood."""
    root = os.path.join(str(stores.absolute(manifest.root)), "")
    plain = (stores.shown(os.path.normpath(row.path)).removeprefix(root) for row in manifest.rows)
    rows = tuple(
        row if row.path == path else dataclasses.replace(row, path=path)
        for row, path in zip(manifest.rows, plain, strict=True)
    )
    return dataclasses.replace(manifest, rows=rows)


def check_leakage(manifest: Manifest) -> None:
    """Refuses a manifest in which a group, or a file, stands in more than one split.

    Raises:
        ManifestError: naming up to three of the groups and their splits.
    """
    for what in ("group", "path"):
        first, leaks = {}, {}
        for row in manifest.rows:
            name = getattr(row, what)
            split = first.setdefault(name, row.split)
            if split != row.split:
                leaks.setdefault(name, {split}).add(row.split)
        if leaks:
            shown = ", ".join(
                f"{name!r} ({'+'.join(sorted(leaks[name]))})" for name in list(leaks)[:3]
            )
            raise ManifestError(
                f"{manifest.root}: {len(leaks)} {what}(s) stand in more than one split: {shown}; "
                "give each one split, or pass --allow-leakage"
            )
