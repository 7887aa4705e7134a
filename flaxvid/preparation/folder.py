"""`prepare folder`: a manifest of videos of one's own, of HMDB51 or of Kinetics."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from flaxvid import errors, ranges
from flaxvid.data import groups, layouts, manifest_file, sources, splits
from flaxvid.preparation import manifests


@dataclasses.dataclass(frozen=True)
class Folder:
    """Write a manifest of your own videos, of HMDB51 or of Kinetics; no video is opened."""

    source: manifests.Source
    """Folder of the videos."""
    layout: Literal["classes", "hmdb51", "kinetics"] = "classes"
    """Class folders (optionally inside split folders), or the layout of a public data set."""
    table: Annotated[Path | None, ranges.File()] = None
    """CSV or JSON file with path, label and optionally start, end, group, split. For Kinetics: its
    annotations."""
    lists: Annotated[Path | None, ranges.Folder()] = None
    """HMDB51's folder of `<class>_test_split<N>.txt`."""
    split: Literal[1, 2, 3] = 1
    """HMDB51's split."""
    multi_label: bool = False
    """A label such as `run|jump` in the table is several labels; each gets its share of the
    held-out videos."""
    group_regex: str | None = None
    """Regular expression; what it matches in a video's path is the video's group, as
    subject_[0-9]+; None: the table's groups, or those that names of UCF101, HMDB51 or Kinetics
    contain."""
    test: manifests.HeldOut = None
    """Share of the videos held out for testing, by groups, where no test split is given; None: of
    class folders a fifth."""
    test_groups: tuple[str, ...] = ()
    """Groups that are the test split; all other videos are for training, whatever splits are given.
    For few groups: hold out one after the other, and take the mean."""
    validation: manifests.HeldOut = None
    """Share of the rest held out for validation, by groups, where no such split is given; None: of
    class folders a fifth, unless groups are too few or --test-groups are given."""
    seed: Annotated[int, ranges.SEED] = 0
    """Seed of the random splits."""
    out: manifests.Manifest = None
    """Manifest to write, .csv or .json; None: manifest.csv in the source."""
    overwrite: bool = False
    """Replace the manifest if it exists."""
    allow_leakage: bool = False
    """Accept groups that are in more than one split."""


def prepare(options: Folder) -> None:
    """From a folder of videos, or a table of them, to a manifest."""
    if not options.source.is_dir():
        raise errors.UserError(f"{options.source}: is not a folder; give the folder of the videos")
    if options.group_regex is not None and options.layout != "classes":
        raise errors.UserError(
            f"--group-regex: {options.layout} has groups of its own; leave it out"
        )
    if options.multi_label and (options.table is None or options.layout != "classes"):
        raise errors.UserError(
            "--multi-label: class folders give a video one label; give a --table with the columns "
            "path,label and labels such as `run|jump`"
        )
    if options.test_groups and options.test is not None:
        raise errors.UserError("--test-groups: they are all that is tested; leave --test out")
    drawn = False
    match options.layout:
        case "hmdb51":
            lists = options.lists or options.source.parent / "testTrainMulti_7030_splits"
            videos = layouts.hmdb51(options.source, lists, options.split)
        case "kinetics":
            if options.table is None:
                raise errors.UserError("--layout kinetics: give its annotations with --table")
            videos, missing = layouts.kinetics(options.source, [options.table])
            print(f"{missing} annotated clips are missing")
        case "classes" if options.table is None:
            videos, given = sources.class_folders(options.source, options.group_regex)
            drawn = not given
        case "classes":
            table = manifest_file.read(options.table, multi_label=options.multi_label)
            table = groups.regrouped(table, options.group_regex)
            videos = dataclasses.replace(table, root=options.source)
    manifests.finish(_split(videos, options, drawn), options)


def _split(videos, options, drawn):
    """The videos in their splits: those given, those asked for, or drawn as for any folder."""
    seed = options.seed
    if options.test_groups:
        several = videos.multi_label
        rows = splits.hold_out_groups(videos.rows, options.test_groups, multi_label=several)
        videos = dataclasses.replace(videos, rows=rows)
    elif drawn:
        share = options.test or sources.HELD_OUT
        return sources.drawn(videos, seed=seed, test=share, validation=options.validation)
    else:
        videos = manifests.held_out(videos, "test", options.test, seed)
    return manifests.held_out(videos, "validation", options.validation, seed)
