"""Prepare data for training: `python -m flaxvid.prepare ucf101 ~/UCF-101`."""

import sys
from typing import Any

from flaxvid import commandline, errors
from flaxvid.preparation import (
    actionbert,
    check,
    download,
    embeddings,
    folder,
    frames,
    packed,
    ucf101,
)
from flaxvid.runs import compile_cache

# Subcommand -> its options, and the function that takes them.
COMMANDS = {
    "ucf101": (ucf101.Ucf101, ucf101.prepare),
    "folder": (folder.Folder, folder.prepare),
    "frames": (frames.Frames, frames.prepare),
    "packed": (packed.Packed, packed.prepare),
    "check": (check.Check, check.prepare),
    "download": (download.Download, download.prepare),
    "embeddings": (embeddings.Embeddings, embeddings.prepare),
    "from-actionbert": (actionbert.FromActionbert, actionbert.prepare_from),
    "to-actionbert": (actionbert.ToActionbert, actionbert.prepare_to),
}


def main() -> None:
    """The command `python -m flaxvid.prepare`."""
    with errors.one_line_errors():
        chosen = parse(sys.argv[1:])
        (run,) = (run for options, run in COMMANDS.values() if options is type(chosen))
        compile_cache.use()
        with errors.or_skipped(getattr(chosen, "bad_videos", "skip")):
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


if __name__ == "__main__":
    main()
