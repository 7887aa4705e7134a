"""`prepare ucf101`: a manifest of UCF101 or a part of it."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from flaxvid import errors, folders, ranges
from flaxvid.data import manifest, organise, ucf101
from flaxvid.preparation import manifests


@dataclasses.dataclass(frozen=True)
class Ucf101:
    """Write a manifest of UCF101 or a part of it, flat or in class folders; no video is opened."""

    source: manifests.Source
    """Folder of the clips."""
    split: Literal[1, 2, 3] = 1
    """Official split, from the lists of `ucfTrainTestlist`."""
    lists: Annotated[Path | None, ranges.Folder()] = None
    """Folder of the lists; None: searched for in the source and beside it."""
    random: manifests.HeldOut = None
    """Instead of an official split, draw groups at random: this share of every class for
    testing."""
    train: Annotated[Path | None, ranges.File()] = None
    """Instead of an official split, a CSV with video_name,tag, or ActionBERT's JSON, for training
    ..."""
    test: Annotated[Path | None, ranges.File()] = None
    """... and for testing."""
    validation: manifests.HeldOut = None
    """Share of the training clips held out as a validation split, by groups."""
    seed: Annotated[int, ranges.SEED] = 0
    """Seed of the random splits."""
    partial: bool = False
    """Leave out listed clips that are missing."""
    out: manifests.Manifest = None
    """Manifest to write, .csv or .json; None: manifest.csv in the source."""
    json: Annotated[Path | None, ranges.NewFolder()] = None
    """Folder to write the splits to as ActionBERT's JSON files, as well."""
    organise: Literal["move", "link"] | None = None
    """First sort the clips into class folders: move them, or link to them under --into. Without
    lists or another choice of a split, no manifest is written."""
    into: Annotated[Path | None, ranges.NewFolder()] = None
    """Folder for the class folders; None: the source."""
    dry_run: bool = False
    """With --organise: only print what would go where."""
    overwrite: bool = False
    """Replace the manifest if it exists."""
    allow_leakage: bool = False
    """Accept groups that are in more than one split."""


def prepare(options: Ucf101) -> None:
    """From the folder of clips to a manifest."""
    root = options.source
    if options.organise:
        root = _organise(options)
        if options.dry_run or _only_sorts(options, root):
            return
    given = {s: f for s, f in (("train", options.train), ("test", options.test)) if f is not None}
    if given:
        formats = {path.suffix.lower() for path in given.values()}
        read = {(".csv",): ucf101.from_csvs, (".json",): ucf101.read_json}.get(tuple(formats))
        if read is None:
            raise errors.UserError(f"--train, --test: {formats}; give two .csv or two .json files")
        videos = read(root, given, partial=options.partial)
    elif options.random is not None:
        videos = ucf101.by_groups(root, options.random, seed=options.seed)
    else:
        videos = ucf101.official(root, options.split, lists=options.lists, partial=options.partial)
    splits = {split: f"{split}_ucf101.json" for split in manifest.SPLITS}
    if options.json is not None and not options.overwrite:
        for name in splits.values():
            if (options.json / name).exists():
                raise errors.UserError(f"{options.json / name}: is there already; pass --overwrite")
    videos = manifests.held_out(videos, "validation", options.validation, options.seed)
    videos = manifests.finish(videos, options)
    if options.json is not None:
        folders.make_folder(options.json)
        for split in videos.splits():
            ucf101.write_json(videos, split, options.json / splits[split])


def _only_sorts(options, root):
    """Whether nothing says which clips are for what, so that class folders are all there is."""
    said = (options.lists, options.random, options.train, options.test)
    if any(choice is not None for choice in said) or ucf101.find_lists(root) is not None:
        return False
    print(
        "no split was asked for: no manifest is written; --random 0.25 draws one by groups, and "
        "`prepare download ucf101-splits` fetches the official lists"
    )
    return True


def _organise(options):
    target = options.into or options.source
    if options.organise == "link" and options.into is None:
        raise errors.UserError("--organise link: give the folder for the links with --into")
    found = ucf101.find_videos(options.source)
    labels = {path: ucf101.label_and_group(stem)[0] for stem, path in found.items()}
    moves = organise.plan(options.source, target, labels)
    if options.dry_run:
        for here, there in moves:
            print(f"{errors.printable(here)} -> {errors.printable(there)}")
    else:
        organise.carry_out(moves, options.organise)
    done = "to go" if options.dry_run else "put"
    print(f"{target}: {len(moves)} clips {done} into class folders, {len(labels)} in all")
    return target
