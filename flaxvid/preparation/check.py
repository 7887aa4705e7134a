"""`prepare check`: every video read, and what is wrong with them listed."""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Annotated

import tyro

from flaxvid import errors, files, ranges, stores
from flaxvid.data import check, sources
from flaxvid.preparation import estimate, workers


@dataclasses.dataclass(frozen=True)
class Check:
    """Read every video, and list those that are unreadable, short, damaged, mislabelled, duplicated
    or leaking."""

    data: Annotated[str, tyro.conf.Positional, ranges.Source(stores=True)]
    """A manifest, a folder of class folders, or a packed folder."""
    num_frames: Annotated[int, ranges.FRAMES] = 1
    """Frames in a clip; videos with fewer are listed as short."""
    work: tyro.conf.OmitArgPrefixes[workers.Workers] = dataclasses.field(
        default_factory=workers.Workers
    )
    json: Annotated[Path | None, ranges.NewFile((".json",))] = None
    """File to write the findings to, as well."""
    overwrite: bool = False
    """Replace the file of --json if it exists."""


def prepare(options: Check) -> None:
    """The table; exit code 1 if anything in it is wrong, and not only noted.

    Raises:
        UserError: for data that can't be opened, or Beam without a place for what it finds.
    """
    if options.work.beam is not None and options.json is None:
        raise errors.UserError(
            f"--beam {options.work.beam}: its workers need a file for what they find; give "
            "--json FILE"
        )
    videos = sources.open_data(stores.path(options.data), allow_leakage=True)
    if options.work.dry_run:
        few = functools.partial(_check_few, options)
        estimate.say(estimate.once_each(videos), options.work.threads, few)
        return
    with options.work.each(options.json) as each:
        findings = check.check(
            videos, num_frames=options.num_frames, threads=options.work.threads, each=each
        )
        if options.json is not None:
            files.write_json(options.json, check.to_json(findings, videos))
    print(check.table(findings, len({row.path for row in videos.rows})))
    if check.wrong(findings):
        sys.exit(1)


def _check_few(options, videos, _):
    check.check(videos, num_frames=options.num_frames, threads=options.work.threads)
