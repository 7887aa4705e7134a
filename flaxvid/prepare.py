"""Make data ready for training: `python -m flaxvid.prepare ucf101 ~/UCF-101`."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from flaxvid import commandline, errors, files, ranges
from flaxvid.data import (
    archive,
    check,
    download,
    frames,
    groups,
    layouts,
    manifest,
    organise,
    packed,
    sources,
    splits,
    ucf101,
)
from flaxvid.runs import actionbert, compile_cache, embed

Source = Annotated[Path, tyro.conf.Positional, ranges.Folder()]
Target = Annotated[Path, tyro.conf.Positional, ranges.NewFolder()]
Data = Annotated[str, tyro.conf.Positional, ranges.Source()]
Manifest = Annotated[Path | None, ranges.NewFile((".csv", ".json"))]
HeldOut = Annotated[float | None, ranges.above(0, 0.5)]


def main() -> None:
    """The command `python -m flaxvid.prepare`."""
    with errors.one_line_errors():
        chosen = parse(sys.argv[1:])
        (run,) = (run for options, run in COMMANDS.values() if options is type(chosen))
        compile_cache.use()
        run(chosen)


def parse(arguments: list[str]) -> Any:
    """The options of one of `COMMANDS`, checked.

    Raises:
        UserError: for one that can't be.
    """
    return commandline.parse(
        {name: options for name, (options, _) in COMMANDS.items()},
        arguments,
        prog="python -m flaxvid.prepare",
        description=__doc__,
    )


# ---------------------------------------------------------------------- manifests
@dataclasses.dataclass(frozen=True)
class Ucf101:
    """A manifest of UCF101 or a part of it, flat or in class folders; no video is opened."""

    source: Source
    """Folder of the clips."""
    split: Literal[1, 2, 3] = 1
    """Official split, from the lists of `ucfTrainTestlist`."""
    lists: Annotated[Path | None, ranges.Folder()] = None
    """Folder of the lists; None looks in the source and beside it."""
    random: HeldOut = None
    """Instead: this share of every class for testing, drawn by groups."""
    train: Annotated[Path | None, ranges.File()] = None
    """Instead: a CSV with video_name,tag, or ActionBERT's JSON, for training ..."""
    test: Annotated[Path | None, ranges.File()] = None
    """... and for testing."""
    validation: HeldOut = None
    """Share of the training clips held out as a validation split, by groups."""
    seed: Annotated[int, ranges.SEED] = 0
    """Of what is drawn."""
    partial: bool = False
    """Go on without listed clips that are not there."""
    out: Manifest = None
    """Manifest to write, .csv or .json; None: manifest.csv in the source."""
    json: Annotated[Path | None, ranges.NewFolder()] = None
    """Folder for the splits as ActionBERT's JSON files too."""
    organise: Literal["move", "link"] | None = None
    """Put the clips into class folders first: move them, or link to them under `into`. Without
    lists, and without another choice of a split, that is all."""
    into: Annotated[Path | None, ranges.NewFolder()] = None
    """Where the class folders go; None: into the source."""
    dry_run: bool = False
    """With `organise`: only say what would go where."""
    overwrite: bool = False
    """Replace a manifest of that name."""
    allow_leakage: bool = False
    """Go on although a group stands in more than one split."""


def prepare_ucf101(options: Ucf101) -> None:
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
    videos = _finish(videos, options)
    if options.json is not None:
        files.make_folder(options.json)
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
        raise errors.UserError("--organise link: say where the folders of links go, with --into")
    found = ucf101.find_videos(options.source)
    labels = {path: ucf101.label_and_group(stem)[0] for stem, path in found.items()}
    moves = organise.plan(options.source, target, labels)
    if options.dry_run:
        for here, there in moves:
            print(f"{here} -> {there}")
    else:
        organise.carry_out(moves, options.organise)
    done = "to go" if options.dry_run else "put"
    print(f"{target}: {len(moves)} clips {done} into class folders, {len(labels)} in all")
    return target


@dataclasses.dataclass(frozen=True)
class Folder:
    """A manifest of videos of your own, of HMDB51 or of Kinetics; no video is opened."""

    source: Source
    """Folder of the videos."""
    layout: Literal["classes", "hmdb51", "kinetics"] = "classes"
    """Class folders (inside split folders, if you like), or a data set's own way."""
    table: Annotated[Path | None, ranges.File()] = None
    """A CSV or JSON with path, label and perhaps start, end, group, split. For Kinetics: its
    annotations."""
    lists: Annotated[Path | None, ranges.Folder()] = None
    """HMDB51's folder of `<class>_test_split<N>.txt`."""
    split: Literal[1, 2, 3] = 1
    """HMDB51's split."""
    group_regex: str | None = None
    """What it finds in a video's path is the video's group, as subject_[0-9]+; None: the table's,
    or what names of UCF101, HMDB51 or Kinetics tell."""
    test: HeldOut = None
    """Share of the training videos held out for testing, by groups. Class folders without split
    folders have a fifth held out for testing, and a fifth of the rest for validation."""
    validation: HeldOut = None
    """Share of the rest held out for validation, by groups."""
    seed: Annotated[int, ranges.SEED] = 0
    """Of what is drawn."""
    out: Manifest = None
    """Manifest to write, .csv or .json; None: manifest.csv in the source."""
    overwrite: bool = False
    """Replace a manifest of that name."""
    allow_leakage: bool = False
    """Go on although a group stands in more than one split."""


def prepare_folder(options: Folder) -> None:
    """From a folder of videos, or a table of them, to a manifest."""
    if not options.source.is_dir():
        raise errors.UserError(f"{options.source}: is no folder; name the folder of the videos")
    if options.group_regex is not None and options.layout != "classes":
        raise errors.UserError(
            f"--group-regex: {options.layout} has groups of its own; leave it out"
        )
    match options.layout:
        case "hmdb51":
            lists = options.lists or options.source.parent / "testTrainMulti_7030_splits"
            videos = layouts.hmdb51(options.source, lists, options.split)
        case "kinetics":
            if options.table is None:
                raise errors.UserError("--layout kinetics: name its annotations with --table")
            videos, missing = layouts.kinetics(options.source, [options.table])
            print(f"{missing} annotated clips are not there")
        case "classes" if options.table is None:
            regex = options.group_regex
            videos = sources.from_folders(options.source, seed=options.seed, group_regex=regex)
        case "classes":
            table = groups.regrouped(manifest.read(options.table), options.group_regex)
            videos = dataclasses.replace(table, root=options.source)
    if options.test is not None:
        rows = splits.hold_out_rows(videos.rows, options.test, seed=options.seed)
        videos = dataclasses.replace(videos, rows=rows)
    _finish(videos, options)


def _finish(videos, options):
    """Holds out validation rows, refuses leaks, writes the manifest and says what is in it."""
    if options.validation is not None:
        rows = splits.hold_out_rows(
            videos.rows, options.validation, seed=options.seed, split="validation"
        )
        videos = dataclasses.replace(videos, rows=rows)
    if not options.allow_leakage:
        manifest.check_leakage(videos)
    out = options.out or options.source / "manifest.csv"
    if out.exists() and not options.overwrite:
        raise errors.UserError(f"{out}: is there already; pass --overwrite, or --out another")
    files.make_folder(out.parent)
    manifest.write(videos, out)
    counts = ", ".join(f"{count} {split}" for split, count in videos.splits().items())
    groups = len({row.group for row in videos.rows})
    print(f"{out}: {len(videos.labels)} classes, {counts}, {groups} groups\ntry  --data {out}")
    return videos


# ---------------------------------------------------------------------- pixels
@dataclasses.dataclass(frozen=True)
class Frames:
    """Videos to folders of JPEGs, that are read as videos are."""

    data: Data
    """A manifest, or a folder of class folders."""
    out: Target
    """Folder to write."""
    fps: Annotated[float | None, ranges.FPS] = 1.0
    """Frames per second; None: all."""
    short_side: Annotated[int | None, ranges.PIXELS] = None
    """Pixels; None leaves the size."""
    quality: Annotated[int, ranges.between(1, 100)] = 95
    """Of the JPEGs, 1 to 100."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that decode."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""


def prepare_frames(options: Frames) -> None:
    """Frame folders, and a manifest of them."""
    skipped = frames.write(
        sources.open_data(Path(options.data), allow_leakage=True),
        options.out,
        fps=options.fps,
        short_side=options.short_side,
        quality=options.quality,
        threads=options.threads,
        skip=options.bad_videos == "skip",
    )
    _written(options.out, skipped)


@dataclasses.dataclass(frozen=True)
class Packed:
    """Videos decoded once, into a TFDS dataset that trains several times as fast."""

    data: Data
    """A manifest, or a folder of class folders."""
    out: Target
    """Folder to write."""
    settings: tyro.conf.OmitArgPrefixes[packed.Packing] = dataclasses.field(
        default_factory=packed.Packing
    )
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that decode."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""


def prepare_packed(options: Packed) -> None:
    """A packed folder, ready for --data."""
    skipped = packed.pack(
        sources.open_data(Path(options.data)),
        options.out,
        options.settings,
        threads=options.threads,
        skip=options.bad_videos == "skip",
    )
    _written(options.out, skipped)


def _written(out, skipped):
    for reason in skipped.values():
        print(f"left out: {reason}", file=sys.stderr)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    left_out = f", {len(skipped)} videos left out" if skipped else ""
    print(f"{out}: {size / 1e6:.1f} MB{left_out}\ntry  --data {out}")


# ---------------------------------------------------------------------- files
@dataclasses.dataclass(frozen=True)
class Check:
    """Read every video: unreadable, short, damaged, mislabelled, duplicate and leaking ones are
    listed."""

    data: Data
    """A manifest, a folder of class folders, or a packed folder."""
    num_frames: Annotated[int, ranges.FRAMES] = 1
    """Frames that a clip takes: videos with fewer are short."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that read."""
    json: Annotated[Path | None, ranges.NewFile((".json",))] = None
    """File for the findings too."""
    overwrite: bool = False
    """Replace a file of that name."""


def prepare_check(options: Check) -> None:
    """The table; exit code 1 if anything in it is wrong, and not only noted."""
    videos = sources.open_data(Path(options.data), allow_leakage=True)
    findings = check.check(videos, num_frames=options.num_frames, threads=options.threads)
    if options.json is not None:
        files.write_json(options.json, check.to_json(findings, videos))
    print(check.table(findings, len({row.path for row in videos.rows})))
    if check.wrong(findings):
        sys.exit(1)


@dataclasses.dataclass(frozen=True)
class Download:
    """Fetch a file, going on where it broke off, and unpack it."""

    address: Annotated[str, tyro.conf.Positional]
    """http(s) address, or one of ucf101-splits, ucf101-top5, ucf101 (a .rar, 6.5 GB)."""
    out: Annotated[Path, tyro.conf.Positional, ranges.NewFile(kept=True)]
    """File to write."""
    sha256: Annotated[str | None, ranges.Text("[0-9a-fA-F]{64}", "64 hexadecimal digits")] = None
    """Checksum that it must have."""
    unpack: Annotated[Path | None, ranges.NewFolder()] = None
    """New folder to unpack it into (.zip, .tar, .tar.gz)."""


def prepare_download(options: Download) -> None:
    """The file, its checksum, and what was in it."""
    found = download.download(options.address, options.out, sha256=options.sha256)
    print(f"{options.out}: SHA-256 {found}")
    if options.unpack is not None:
        files = archive.extract(options.out, options.unpack)
        print(f"{options.unpack}: {len(files)} files")


COMMANDS = {
    "ucf101": (Ucf101, prepare_ucf101),
    "folder": (Folder, prepare_folder),
    "frames": (Frames, prepare_frames),
    "packed": (Packed, prepare_packed),
    "check": (Check, prepare_check),
    "download": (Download, prepare_download),
    "embeddings": (embed.EmbeddingsOptions, embed.prepare_embeddings),
    "from-actionbert": (actionbert.FromActionbert, actionbert.prepare_from_actionbert),
    "to-actionbert": (actionbert.ToActionbert, actionbert.prepare_to_actionbert),
}

if __name__ == "__main__":
    main()
