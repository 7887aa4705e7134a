"""Manifests as files: read from CSV or JSON with every row checked, and written.

Reading a manifest opens no video.
"""

import contextlib
import dataclasses
import difflib
import functools
import math
import operator
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flaxvid import errors, files, ranges, stores
from flaxvid.data import manifest, scan

LARGEST = 2**32  # bytes of a CSV: ten million rows have a quarter of that


def read(path: Path, *, multi_label: bool = False) -> manifest.Manifest:
    """Reads a manifest: CSV with the fields of a row, or JSON, `{"labels": ..., "rows": ...}`.

    `path` and `label` are required; the vocabulary is the sorted labels unless JSON states it.

    Args:
        path: of the file.
        multi_label: a row's label may name several, as `a|b` (`manifest.several`).

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
            raise manifest.ManifestError(
                f"{path}: a manifest is a .csv or .json file, or a folder of classes"
            )
        rows, labels = readers[path.suffix](path)
    except errors.FileError as error:
        raise manifest.ManifestError(f"{error}; a manifest is a CSV or JSON") from None
    if not rows:
        raise manifest.ManifestError(f"{path}: has no rows; add one line per video")
    _refuse_two_labels(path, rows)
    given = sorted({row.label for row in rows})
    videos = manifest.Manifest(root=path.parent, rows=rows, labels=tuple(labels or given))
    if multi_label:
        videos = manifest.several(videos)
        given = [name for label in given for name in manifest.names_of(label)]
    unknown = sorted(set(given) - set(videos.labels))
    if unknown:
        raise manifest.ManifestError(
            f"{path}: label {unknown[0]!r} is not in its vocabulary {list(videos.labels)}"
        )
    return videos


def _refuse_two_labels(path, rows):
    """A video, or a part of one, has one label, however often it is listed."""
    # Of millions of rows, numbers are compared, and rows themselves where those are the same.
    seen = np.fromiter(map(hash, map(_part, rows)), np.int64, len(rows))
    values, counts = np.unique(seen, return_counts=True)
    if len(values) == len(rows):
        return
    several, labels = set(values[counts > 1].tolist()), {}
    for row in rows:
        if hash(_part(row)) in several and labels.setdefault(_part(row), row.label) != row.label:
            raise manifest.ManifestError(
                f"{path}: {row.path} is labelled {labels[_part(row)]!r} and {row.label!r}; give it "
                "one label, or both in one row as a|b, with --multi-label"
            )


def _part(row):
    return row.path, row.start, row.end


def _read_csv(path):
    with files.open_csv(path, largest=LARGEST) as records:
        header = records.fieldnames or ()
        missing = [name for name in ("path", "label") if name not in header]
        for sign in (";", "\t"):
            if missing and sign in "".join(header):
                raise manifest.ManifestError(
                    f"{path}: has {sign!r} between its columns; save it with commas"
                )
        if missing:
            first = ", ".join(map(repr, header))[:200] or "nothing"
            raise manifest.ManifestError(
                f"{path}: no column {missing[0]!r} in its first line, which has {first}; "
                f"columns are {', '.join(manifest.COLUMNS)}, of which path and label are required"
            )
        for name in header:
            meant = difflib.get_close_matches(name.strip().lower(), manifest.COLUMNS, 1)
            if name not in manifest.COLUMNS and meant and meant[0] not in header:
                raise manifest.ManifestError(
                    f"{path}: has a column {name!r}; did you mean {meant[0]!r}?"
                )
        return tuple(read_row(path, number, r) for number, r in enumerate(records, start=2)), ()


def _read_json(path):
    content = None
    with contextlib.suppress(errors.FileError):
        content = files.read_json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    labels = content.get("labels", []) if isinstance(content, dict) else None
    tables = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not tables or not _are_texts(labels):
        raise manifest.ManifestError(
            f'{path}: is not a manifest in JSON; it should read {{"labels": [...], "rows": [...]}}'
        )
    rows = tuple(read_row(path, number, row) for number, row in enumerate(rows, start=1))
    return rows, tuple(labels)


def _are_texts(values):
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def read_row(path: Path | str, number: int, record: Mapping[str, Any]) -> manifest.Row:
    """A row from the fields of a row in a file, at least `path` and `label`.

    Args:
        path: of the file, for the message.
        number: of the row in it, for the message.
        record: the fields by name.

    Raises:
        ManifestError: for fields that are of the wrong type, missing, or out of range.
    """
    if None in record:  # as csv.DictReader has it
        raise manifest.ManifestError(
            f"{path}, row {number}: has {record[None][0]!r} behind its last column; put what holds "
            "a comma between quotes"
        )
    try:
        path_in_it, end = record["path"], record.get("end")
        row = manifest.Row(
            path=path_in_it,
            # What millions of rows share is in memory once.
            label=sys.intern(record["label"]),
            group=record.get("group") or path_in_it,
            split=sys.intern(record.get("split") or "train"),
            start=_seconds(record.get("start") or 0.0),
            end=None if end is None or end == "" else _seconds(end),
        )
        if not isinstance(row.path, str) or not isinstance(row.group, str):
            raise TypeError
    except _NoSecondsError as error:
        raise manifest.ManifestError(
            f"{path}, row {number}: {errors.printable(repr(error.args[0]))[:200]} is not a number "
            "of seconds; write it with a point, as 90.5"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        shown = errors.printable(str(record))
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        raise manifest.ManifestError(
            f"{path}, row {number}: {shown} is not a row; see {manifest.COLUMNS}"
        ) from None
    if manifest.is_unprintable(row.label):
        manifest.refuse_unprintable(row.label, f"{path}, row {number}")
    if not row.path or not row.label:
        raise manifest.ManifestError(f"{path}, row {number}: path and label must not be empty")
    if row.label != row.label.strip() and manifest.BETWEEN not in row.label:
        raise manifest.ManifestError(
            f"{path}, row {number}: the label {row.label!r} begins or ends with a space, which "
            "makes another class of it: take the space away"
        )
    if stores.is_elsewhere(row.path) and not stores.is_store(row.path):
        raise manifest.ManifestError(f"{path}, row {number}: {row.path} {ranges.ELSEWHERE}")
    if row.split not in manifest.SPLITS:
        raise manifest.ManifestError(
            f"{path}, row {number}: split {row.split!r}: write {' or '.join(manifest.SPLITS)}"
        )
    if row.start < 0 or (row.end is not None and row.end <= row.start):
        raise manifest.ManifestError(
            f"{path}, row {number}: the part from {row.start} s to {row.end} s is empty"
        )
    return row


@functools.lru_cache(4096)
def _seconds(value):
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise _NoSecondsError(value)
    return seconds


class _NoSecondsError(Exception):
    """A start or an end that is no number."""


def write(videos: manifest.Manifest, path: Path) -> None:
    """Writes a manifest as CSV or, with its vocabulary, as JSON, after the suffix of `path`.

    Paths in the file start from its own folder, so that it moves along with the videos in it.

    Raises:
        ManifestError: for a file name that is not UTF-8.
        FileError: if it can't be written.
    """
    path = stores.path(path)
    rows = manifest.rerooted(videos, path.parent).rows
    odd = next((row.path for row in rows if not scan.is_utf8(row.path)), None)
    if odd is not None:
        raise manifest.ManifestError(
            f"{errors.printable(odd)}: its name is not in UTF-8, as in old archives: rename it"
        )
    if path.suffix == ".json":
        content = {"labels": videos.labels, "rows": [dataclasses.asdict(row) for row in rows]}
        files.write_json(path, content)
        return
    files.write_csv(path, manifest.COLUMNS, map(operator.attrgetter(*manifest.COLUMNS), rows))
