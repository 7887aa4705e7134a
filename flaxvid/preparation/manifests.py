"""What `prepare ucf101` and `prepare folder` share: options, and the manifest they end with."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

from flaxvid import errors, folders, ranges
from flaxvid.data import leakage, manifest, manifest_file, splits

Source = Annotated[Path, tyro.conf.Positional, ranges.Folder()]
Manifest = Annotated[Path | None, ranges.NewFile((".csv", ".json"))]
HeldOut = Annotated[float | None, ranges.above(0, 0.5)]


def held_out(
    videos: manifest.Manifest, split: str, share: float | None, seed: int
) -> manifest.Manifest:
    """With a share of the training videos in another split, by groups; as they are for None.

    Raises:
        UserError: if there is such a split already, or a class can't be in both.
    """
    if share is None:
        return videos
    if there := videos.splits().get(split):
        raise errors.UserError(
            f"--{split} {share}: the videos have a {split} split already, of {there}; leave "
            f"--{split} out, or take that split away from where it is given"
        )
    rows = splits.hold_out_rows(
        videos.rows, share, seed=seed, split=split, multi_label=videos.multi_label
    )
    return dataclasses.replace(videos, rows=rows)


def finish(videos: manifest.Manifest, options: Any) -> manifest.Manifest:
    """Refuses leaks, writes the manifest and says what is in it."""
    if not options.allow_leakage:
        leakage.check_leakage(videos)
    out = options.out or options.source / "manifest.csv"
    if out.exists() and not options.overwrite:
        raise errors.UserError(f"{out}: is there already; pass --overwrite, or --out another")
    folders.make_folder(out.parent)
    manifest_file.write(videos, out)
    counts = ", ".join(f"{count} {split}" for split, count in videos.splits().items())
    groups = len({row.group for row in videos.rows})
    several = " --multi-label" if videos.multi_label else ""
    print(
        f"{out}: {len(videos.labels)} classes, {counts}, {groups} groups\n"
        f"try  --data {errors.argument(out) + several}"
    )
    return videos
