"""A manifest: which videos, with which label, in which split. Everything downstream reads this.

A row is a video (or a part of it) with its label, the group it comes from, and its split. Videos
of one group share a source (a recording, an actor). `manifest_file` reads and writes manifests;
`leakage` refuses groups that appear in two splits.
"""

import collections
import dataclasses
import functools
import hashlib
import json
import operator
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32

from flaxvid import errors, stores

SPLITS = ("train", "validation", "test")
COLUMNS = ("path", "label", "group", "split", "start", "end")
BETWEEN = "|"  # separates the labels of a video, in a manifest opened with `multi_label`
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
    """Whether a row has any number of these labels (`names_of`), rather than just one."""

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
        """The row's labels: one, or any number of them if `multi_label`."""
        return names_of(row.label) if self.multi_label else (row.label,)

    def target(self, row: Row) -> Int32[np.ndarray, ""] | Float32[np.ndarray, " classes"]:
        """The row's class number; with several labels a row, 1 for each of its classes, else 0."""
        if not self.multi_label:
            return np.array(self.label_index(row), np.int32)
        return np.isin(self.labels, self.names(row)).astype(np.float32)

    def fingerprint(self) -> str:
        """SHA-256 over rows and vocabulary: equal for equal data, wherever it is stored."""
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
    """The labels in a row's label, where there may be several: `a|b` has two, and `|` none."""
    parts = (part.strip() for part in label.split(BETWEEN))
    return tuple(dict.fromkeys(part for part in parts if part))


def several(videos: Manifest) -> Manifest:
    """The same rows, each with any number of labels: `a|b` is of the classes a and b.

    The vocabulary is the labels themselves, sorted, or in the order that a JSON file gives.

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
    """The same rows, each with one label, as it is written: the reverse of `several`."""
    if not videos.multi_label:
        return videos
    return Manifest(videos.root, videos.rows, tuple(sorted({row.label for row in videos.rows})))


def of_rows(root: Path, rows: Sequence[Row]) -> Manifest:
    """A manifest whose vocabulary is the sorted labels of its rows.

    Raises:
        ManifestError: for a label with unprintable characters.
    """
    for row in rows:
        refuse_unprintable(row.label, root)
    labels = tuple(sorted({row.label for row in rows}))
    return Manifest(root=stores.path(root), rows=tuple(rows), labels=labels)


def refuse_unprintable(label: str, where: Path | str) -> None:
    """Refuses a label that a terminal would obey instead of showing it.

    Raises:
        ManifestError: beginning with `where`.
    """
    if is_unprintable(label):
        raise ManifestError(
            f"{where}: the label {label!r} has characters that can't be printed; rename it"
        )


@functools.lru_cache(4096)
def is_unprintable(label: str) -> bool:
    """Whether a label has control characters or line breaks."""
    return any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in label)


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
    """The same manifest with normalised paths: `a` instead of `./a` or `b/../a`."""
    root = os.path.join(str(stores.absolute(manifest.root)), "")
    plain = (stores.shown(os.path.normpath(row.path)).removeprefix(root) for row in manifest.rows)
    rows = tuple(
        row if row.path == path else dataclasses.replace(row, path=path)
        for row, path in zip(manifest.rows, plain, strict=True)
    )
    return dataclasses.replace(manifest, rows=rows)
