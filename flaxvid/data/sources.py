"""Labelled videos as people have them: a manifest, or a folder with a folder for each class."""

import contextlib
import dataclasses
from pathlib import Path

from flaxvid import store_copies, stores
from flaxvid.data import (
    embeddings,
    frames,
    groups,
    leakage,
    manifest,
    manifest_file,
    packed,
    scan,
    splits,
)
from flaxvid.video import endings

PREPARED = (embeddings.INDEX, frames.ABOUT, packed.PROGRESS)
HELD_OUT = 0.2  # of a folder's videos for testing, and of the rest for validation


def place(name: Path | str) -> Path:
    """Where data of this name are read.

    What was prepared is mapped into memory or read by libraries that know no object store: of
    that, it is a copy on this machine, brought up to date.

    Raises:
        StoreError: if the store can't be reached.
    """
    path = stores.path(name)
    if stores.is_store(path) and any((path / beside).exists() for beside in PREPARED):
        return store_copies.local(path)
    return path


def open_data(
    path: Path,
    *,
    allow_leakage: bool = False,
    seed: int = 0,
    group_regex: str | None = None,
    multi_label: bool = False,
) -> manifest.Manifest:
    """A manifest from what `--data` names: a CSV or JSON file, or a folder of class folders.

    Args:
        path: of the file or folder.
        allow_leakage: open it although a group is in more than one split.
        seed: of the splits of a folder that has none.
        group_regex: what it finds in a video's path is the video's group (`groups.by_regex`).
        multi_label: a manifest's rows may have several labels each (`manifest.several`).

    Raises:
        ManifestError: naming the file or folder, what is wrong with it and the way out.
    """
    path = place(path)
    if not path.exists():
        raise manifest.ManifestError(
            f"{path}: no such file or folder; give --data a manifest or a folder"
        )
    if path.is_dir() and (path / "manifest.csv").exists():
        path = path / "manifest.csv"
    if path.is_dir() and any((path / name).exists() for name in (frames.ABOUT, packed.PROGRESS)):
        # What is there would pass for a smaller data set, split anew.
        raise manifest.ManifestError(
            f"{path}: its videos are not all prepared yet; run `prepare` again, it goes on"
        )
    if path.is_dir() and multi_label:
        raise manifest.ManifestError(
            f"--multi-label: a video stands in one class folder of {path}; write a CSV with the "
            "columns path,label and labels as in `run|jump`, and give that as --data"
        )
    if path.is_dir():
        opened = from_folders(path, seed=seed, group_regex=group_regex)
    else:
        opened = groups.regrouped(manifest_file.read(path, multi_label=multi_label), group_regex)
    if not allow_leakage:
        leakage.check_leakage(manifest.with_plain_paths(opened))
    return opened


def from_folders(root: Path, *, seed: int = 0, group_regex: str | None = None) -> manifest.Manifest:
    """A manifest of `root/<class>/<video>` or `root/<split>/<class>/<video>`.

    A video is a file, or a folder of images, and may lie in folders below its class; what is left
    out is said on standard error. Without split folders a fifth of each class becomes the test
    split, and a fifth of the rest the validation split, drawn with `seed`, whole groups only. Where
    a class has too few groups for three splits there is no validation split.

    The groups are those of `group_regex`, or what known data sets' names tell (`groups.of_name`);
    a file named in any other way is its own group, so videos cut from one recording need the
    expression, or a manifest that says so.

    Raises:
        ManifestError: for a folder without classes, or a class folder without videos.
        UserError: for a regular expression that does not fit.
    """
    videos, given = class_folders(root, group_regex)
    return videos if given else drawn(videos, seed=seed)


def drawn(
    videos: manifest.Manifest,
    *,
    seed: int,
    test: float = HELD_OUT,
    validation: float | None = None,
) -> manifest.Manifest:
    """Training videos with some held out for testing, and some of the rest for validation.

    Args:
        videos: all for training.
        seed: of the draw.
        test: share held out for testing, by groups.
        validation: share of the rest; None: a fifth, or none where a class has too few groups.

    Raises:
        ManifestError: if a class can't be in each of the splits.
    """
    rows = splits.hold_out_rows(videos.rows, test, seed=seed)
    unless = () if validation is not None else (manifest.ManifestError,)
    with contextlib.suppress(*unless):
        rows = splits.hold_out_rows(rows, validation or HELD_OUT, seed=seed, split="validation")
    return dataclasses.replace(videos, rows=rows)


def class_folders(root: Path, group_regex: str | None = None) -> tuple[manifest.Manifest, bool]:
    """The videos of `from_folders`, and whether split folders tell their splits; else all train.

    Raises:
        ManifestError: for a folder without classes, or a class folder without videos.
        UserError: for a regular expression that does not fit.
    """
    root = stores.path(root)
    given = [split for split in manifest.SPLITS if (root / split).is_dir()]
    rows = [row for split in given for row in _class_rows(root, root / split, split)]
    rows = rows or _class_rows(root, root, "train")
    videos = groups.regrouped(manifest.of_rows(root, rows), group_regex)
    taken, found = {row.path for row in videos.rows}, scan.scan(root)
    beside = [path for path in found.videos if path.relative_to(root).as_posix() not in taken]
    scan.say(root, (*beside, *found.left_out))
    return videos, bool(given)


def _class_rows(root, folder, split):
    named = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    classes = sorted(entry for entry in named if entry.is_dir())
    if not classes:
        raise manifest.ManifestError(
            f"{folder}: has no class folders; put videos into {folder}/<class>/"
        )
    rows = []
    for entry in classes:
        videos = scan.scan(entry).videos
        if not videos:
            known = ", ".join(endings.VIDEO_SUFFIXES)
            raise manifest.ManifestError(
                f"{entry}: the class folder holds no video ({known}) and no frame folder; add some "
                "or remove it"
            )
        for video in videos:
            path = video.relative_to(root).as_posix()
            group = groups.of_name(path, entry.name) or path
            rows.append(manifest.Row(path=path, label=entry.name, group=group, split=split))
    return rows
