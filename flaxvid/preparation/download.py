"""`prepare download`: a file fetched, checked and unpacked."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from flaxvid import ranges
from flaxvid.data import archive, download


@dataclasses.dataclass(frozen=True)
class Download:
    """Download a file, resuming an interrupted download, and unpack it."""

    address: Annotated[str, tyro.conf.Positional]
    """http(s) address, or one of ucf101-splits, ucf101-top5, ucf101 (a .rar, 6.5 GB)."""
    out: Annotated[Path, tyro.conf.Positional, ranges.NewFile(kept=True)]
    """File to write."""
    sha256: Annotated[str | None, ranges.Text("[0-9a-fA-F]{64}", "64 hexadecimal digits")] = None
    """SHA-256 checksum that the file must have."""
    unpack: Annotated[Path | None, ranges.NewFolder()] = None
    """New folder to unpack it into (.zip, .tar, .tar.gz)."""


def prepare(options: Download) -> None:
    """The file, its checksum, and what was in it."""
    found = download.download(options.address, options.out, sha256=options.sha256)
    print(f"{options.out}: SHA-256 {found}")
    if options.unpack is not None:
        files = archive.extract(options.out, options.unpack)
        print(f"{options.unpack}: {len(files)} files")
