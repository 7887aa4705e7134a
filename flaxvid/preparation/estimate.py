"""`prepare ... --dry-run`: what all of it would take, measured on a few of the user's files."""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flaxvid import progress
from flaxvid.data import manifest

SAMPLE = 16  # videos that are measured


def say(
    videos: manifest.Manifest, threads: int, make: Callable[[manifest.Manifest, Path], object]
) -> None:
    """Prints the time and the bytes that `make` would take for all videos, and makes nothing.

    Videos spread evenly over the manifest are made in a temporary folder, after one that is not
    counted: with the first, libraries are loaded and programs compiled.

    Args:
        videos: all of them.
        threads: that `make` has.
        make: makes a manifest's videos into a folder, that it makes.

    Raises:
        UserError: if one of the sample can't be read, as `make` says it.
    """
    first, *several = sampled(videos)
    several = several or [first]
    with tempfile.TemporaryDirectory() as folder:
        make(dataclasses.replace(videos, rows=(first,)), Path(folder, "first"))
        began = time.perf_counter()
        make(dataclasses.replace(videos, rows=tuple(several)), Path(folder, "several"))
        seconds = time.perf_counter() - began
        made = Path(folder, "several").rglob("*")
        size = sum(path.stat().st_size for path in made if path.is_file())
    times = len(videos.rows) / len(several)
    print(
        f"measured  {len(several)} of {len(videos.rows):,} videos, evenly spread: "
        f"{seconds:.1f} s with {threads} threads here, {_in_words(size)}\n"
        f"all       about {progress.duration(times * seconds)} and {_in_words(times * size)}, on "
        "this machine"
    )


def _in_words(size):
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def once_each(videos: manifest.Manifest) -> manifest.Manifest:
    """One row for each file, where parts of one file are done together."""
    return dataclasses.replace(videos, rows=tuple({r.path: r for r in videos.rows}.values()))


def sampled(videos: manifest.Manifest) -> list[manifest.Row]:
    """Rows spread evenly over a manifest, with the first and the last."""
    places = np.linspace(0, len(videos.rows) - 1, min(SAMPLE + 1, len(videos.rows)))
    return [videos.rows[place] for place in places.round().astype(int)]
