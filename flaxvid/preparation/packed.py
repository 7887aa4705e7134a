"""`prepare packed`: videos decoded once, into a dataset that is read fast."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from flaxvid import ranges
from flaxvid.data import packed, sources
from flaxvid.preparation import frames


@dataclasses.dataclass(frozen=True)
class Packed:
    """Videos decoded once, into a TFDS dataset that trains several times as fast."""

    data: frames.Data
    """A manifest, or a folder of class folders."""
    out: frames.Target
    """Folder to write."""
    settings: tyro.conf.OmitArgPrefixes[packed.Packing] = dataclasses.field(
        default_factory=packed.Packing
    )
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that decode."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""


def prepare(options: Packed) -> None:
    """A packed folder, ready for --data."""
    skipped = packed.pack(
        sources.open_data(Path(options.data)),
        options.out,
        options.settings,
        threads=options.threads,
        skip=options.bad_videos == "skip",
    )
    frames.say_written(options.out, skipped)
