"""`prepare packed`: videos decoded once, into a dataset that is read fast."""

import dataclasses
import functools
from typing import Literal

import tyro

from flaxvid import store_copies, stores
from flaxvid.data import lock, packed, packed_writer, sources
from flaxvid.preparation import estimate, frames, workers


@dataclasses.dataclass(frozen=True)
class Packed:
    """Decode videos once, into a TFDS dataset. Large H.264 videos then load several times as fast,
    small MPEG-4 ones hardly faster."""

    data: frames.Data
    """A manifest, or a folder of class folders."""
    out: frames.Target
    """Folder to write."""
    settings: tyro.conf.OmitArgPrefixes[packed_writer.Packing] = dataclasses.field(
        default_factory=packed_writer.Packing
    )
    work: tyro.conf.OmitArgPrefixes[workers.Workers] = dataclasses.field(
        default_factory=workers.Workers
    )
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""


def prepare(options: Packed) -> None:
    """A packed folder, ready for --data."""
    videos = sources.open_data(stores.path(options.data))
    pack = functools.partial(
        packed_writer.pack,
        settings=options.settings,
        threads=options.work.threads,
        skip=options.bad_videos == "skip",
    )
    if options.work.dry_run:
        estimate.say(videos, options.work.threads, pack)
        return
    with (
        store_copies.written(options.out, packed.PROGRESS) as folder,
        lock.exclusive(folder),
        options.work.each(options.out) as each,
    ):
        skipped = pack(videos, folder, each=each)
    frames.say_written(options.out, skipped)
