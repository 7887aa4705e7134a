"""`prepare frames`: videos as folders of JPEGs."""

import dataclasses
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import tyro

from flaxvid import errors, ranges, store_copies, stores
from flaxvid.data import frames, lock, sources
from flaxvid.preparation import estimate, workers

Data = Annotated[str, tyro.conf.Positional, ranges.Source(stores=True)]
Target = Annotated[Path, tyro.conf.Positional, ranges.NewFolder(stores=True)]


@dataclasses.dataclass(frozen=True)
class Frames:
    """Convert videos to folders of JPEGs, which can be used in place of videos."""

    data: Data
    """A manifest, or a folder of class folders."""
    out: Target
    """Folder to write."""
    fps: Annotated[float | None, ranges.FPS] = 1.0
    """Frames per second; None: all."""
    short_side: Annotated[int | None, ranges.PIXELS] = None
    """Short side of the frames, in pixels; None: unchanged."""
    quality: Annotated[int, ranges.between(1, 100)] = 95
    """JPEG quality, 1 to 100."""
    work: tyro.conf.OmitArgPrefixes[workers.Workers] = dataclasses.field(
        default_factory=workers.Workers
    )
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""


def prepare(options: Frames) -> None:
    """Frame folders, and a manifest of them."""
    videos = sources.open_data(stores.path(options.data), allow_leakage=True)
    write = functools.partial(
        frames.write,
        fps=options.fps,
        short_side=options.short_side,
        quality=options.quality,
        threads=options.work.threads,
        skip=options.bad_videos == "skip",
    )
    if options.work.dry_run:
        estimate.say(estimate.once_each(videos), options.work.threads, write)
        return
    with (
        store_copies.written(options.out, frames.ABOUT) as folder,
        lock.exclusive(folder),
        options.work.each(options.out) as each,
    ):
        skipped = write(videos, folder, each=each)
    say_written(options.out, skipped)


def say_written(out: Path, skipped: Mapping[str, str]) -> None:
    """Prints what a folder of decoded videos takes on disk, and what was left out of it."""
    for reason in skipped.values():
        print(f"left out: {reason}", file=sys.stderr)
    if stores.is_store(out):
        size = sum(size for size, _ in out.objects().values())
    else:
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    left_out = f", {len(skipped)} videos left out" if skipped else ""
    print(f"{out}: {size / 1e6:.1f} MB{left_out}\ntry  --data {errors.argument(out)}")
