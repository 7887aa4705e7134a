"""UCF101: 13,320 clips of 101 actions, each class cut from 25 groups of videos.

The clips of a group share person, place and camera, so only whole groups may be held out: a split
that draws clips at random tests on scenes it has trained on. Names tell everything
(`v_ApplyEyeMakeup_g08_c01.avi`: class, group 8, clip 1), so no video is opened here.

Source: Soomro et al., "UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild"
(2012), and its lists `ucfTrainTestlist/{trainlist,testlist}0{1,2,3}.txt`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from flaxvid import errors, files
from flaxvid.data import manifest, scan, splits
from flaxvid.video import endings

NAME = re.compile(r"v_(?P<label>[A-Za-z]+)_g(?P<group>\d+)_c(?P<clip>\d+)")
# The files of one class are spelt otherwise than the class in the lists and in the folders.
SPELLINGS = {"HandStandPushups": "HandstandPushups"}
LISTS = "ucfTrainTestlist"

Videos = Mapping[str, str]
"""Name without suffix -> path from the data set's folder."""


def label_and_group(path: str) -> tuple[str, str]:
    """The class of a clip and the group it was cut from, read from its name.

    `v_Biking_g08_c02.avi` is of class `Biking` and of group `Biking_g08`: groups are counted
    class by class, so group 8 of another class is another group.

    Args:
        path: the name of a clip, in any folder, with or without a suffix.

    Raises:
        ManifestError: if the name is not one of UCF101's.
    """
    found = NAME.fullmatch(Path(path).stem)
    if found is None:
        raise manifest.ManifestError(
            f"{path}: is not named as UCF101's clips are, v_Class_g01_c01.avi; "
            "use `prepare folder` for videos of your own"
        )
    label = SPELLINGS.get(found["label"], found["label"])
    return label, f"{label}_g{found['group']}"


def find_videos(root: Path) -> dict[str, str]:
    """All videos below a folder, flat or in class folders: name without suffix -> path from it.

    A folder of images that is named as a clip is one, as ActionBERT's `frames/v_Biking_g01_c01`.

    Raises:
        ManifestError: if there is none, or two have one name.
    """
    root, videos = Path(root), {}
    for found in scan.scan(root).videos:
        is_file = scan.is_video_name(found.name)
        stem = found.stem if is_file else found.name
        if not is_file and not NAME.fullmatch(stem):
            continue
        path = found.relative_to(root).as_posix()
        if stem in videos:
            raise manifest.ManifestError(
                f"{root}: {videos[stem]} and {path} have one name; keep one of them"
            )
        videos[stem] = path
    if not videos:
        raise manifest.ManifestError(f"{root}: holds no video; give the folder of the clips")
    return videos


def official(
    root: Path, number: int, *, lists: Path | None = None, partial: bool = False
) -> manifest.Manifest:
    """The rows of official split 1, 2 or 3.

    Args:
        root: the folder of the clips.
        number: of the split.
        lists: the folder `ucfTrainTestlist`; None looks for it in `root` and beside it.
        partial: leave out listed clips that are not there.

    Raises:
        ManifestError: without the lists, or for a listed clip that is missing.
    """
    lists = lists or find_lists(root)
    if lists is None:
        raise manifest.ManifestError(
            f"{root}: no folder {LISTS} in it or beside it; `prepare download ucf101-splits` "
            "fetches it, or name it with --lists, or draw a split by groups with --random 0.25"
        )
    listed = {}
    for split, file in (("train", f"trainlist0{number}.txt"), ("test", f"testlist0{number}.txt")):
        lines = files.read_text(Path(lists, file)).splitlines()
        # A training line ends with the class number, a test line does not: the folder tells it.
        listed[split] = [Path(line.split()[0]).stem for line in lines if line.strip()]
    return from_names(root, listed, partial=partial)


def find_lists(root: Path) -> Path | None:
    """The folder of the official lists, in a data set's folder or beside it; None: not there."""
    folders = (Path(root) / LISTS, Path(root).parent / LISTS)
    return next((folder for folder in folders if folder.is_dir()), None)


def from_names(
    root: Path,
    names: Mapping[str, Sequence[str]],
    labels: Mapping[str, str] | None = None,
    *,
    partial: bool = False,
) -> manifest.Manifest:
    """Rows for the names of every split, with or without suffix.

    Args:
        root: the folder of the clips.
        names: split -> names of clips.
        labels: name without suffix -> class; None takes the class from the name.
        partial: leave out clips that are not there.

    Raises:
        ManifestError: for a clip that is not there, or if none is.
    """
    videos, rows, missing = find_videos(root), [], []
    # Copies of the data set spell a class HandStandPushups in one place, Handstand... in another.
    spelt = {stem.casefold(): stem for stem in videos}
    for split, wanted in names.items():
        for name in wanted:
            stem = _stem(name)
            stem = stem if stem in videos else spelt.get(stem.casefold(), stem)
            if stem not in videos:
                missing.append(name)
                continue
            label, group = _described(stem, labels)
            rows.append(manifest.Row(videos[stem], label, group, split))
    if missing and (not partial or not rows):
        raise manifest.ManifestError(
            f"{root}: {len(missing)} listed videos are not there, {missing[0]} first; "
            "add them, or pass --partial to go on without"
        )
    return manifest.of_rows(root, rows)


def _stem(name):
    stem, suffix = os.path.splitext(os.path.basename(name))
    return stem if suffix.lower() in endings.VIDEO_SUFFIXES else os.path.basename(name)


def _described(stem, labels):
    """Class and group of a clip; one that is not named as UCF101's is a group of its own."""
    if labels is None:
        return label_and_group(stem)
    return labels[stem], label_and_group(stem)[1] if NAME.fullmatch(stem) else stem


def by_groups(root: Path, share: float, *, seed: int = 0) -> manifest.Manifest:
    """All clips, about `share` of every class held out for testing, whole groups only."""
    rows = [manifest.Row(path, *label_and_group(stem)) for stem, path in find_videos(root).items()]
    return manifest.of_rows(root, splits.hold_out_rows(rows, share, seed=seed))


def from_csvs(
    root: Path, tables: Mapping[str, Path], *, partial: bool = False
) -> manifest.Manifest:
    """A subset from CSVs with the columns `video_name,tag`, as that of the five top classes.

    Raises:
        ManifestError: for a column that is missing, or a video that is not there.
    """
    names, labels = {}, {}
    for split, file in tables.items():
        header, lines = files.read_csv(file)
        if not lines or not {"video_name", "tag"} <= set(header):
            raise manifest.ManifestError(f"{file}: its columns should be video_name,tag")
        names[split] = [line["video_name"] for line in lines]
        labels |= {_stem(line["video_name"]): line["tag"] for line in lines}
    return from_names(root, names, labels, partial=partial)


def read_json(
    root: Path, tables: Mapping[str, Path], *, partial: bool = False
) -> manifest.Manifest:
    """A split from ActionBERT's JSON files: `[{"video_name": ..., "label_idx": ...}, ...]`.

    The classes come from the names; each must have one `label_idx`, and only one.

    Raises:
        ManifestError: for another kind of file, a video that is not there, or classes and
            numbers that don't match.
    """
    names, numbers = {}, {}
    for split, file in tables.items():
        remedy = 'it should read [{"video_name": "...", "label_idx": 0}, ...]'
        with errors.damage_in(file, remedy, manifest.ManifestError):
            entries = [(str(e["video_name"]), int(e["label_idx"])) for e in files.read_json(file)]
            found = [(name, label_and_group(_stem(name))[0], n) for name, n in entries]
        names[split] = [name for name, _ in entries]
        for name, label, number in found:
            known = numbers.setdefault(label, number)
            if known != number:
                raise manifest.ManifestError(
                    f"{file}: {name} has label_idx {number}, others of {label} have {known}"
                )
    if len(set(numbers.values())) < len(numbers):
        raise manifest.ManifestError(f"{root}: two classes share a label_idx: {numbers}")
    return from_names(root, names, partial=partial)


def bare_name(path: str) -> str:
    """The name of a video without its folder, and without the suffix of a video file."""
    return _stem(path)


def write_json(videos: manifest.Manifest, split: str, path: Path) -> None:
    """Writes one split in ActionBERT's format."""
    entries = [
        {"video_name": _stem(row.path), "label_idx": videos.label_index(row)}
        for row in videos.split(split).rows
    ]
    files.write_json(path, entries)
