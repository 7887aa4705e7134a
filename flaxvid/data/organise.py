"""A flat folder of clips into class folders: `v_Biking_g01_c01.avi` to `Biking/v_Biking_...`.

Nothing is ever written over. The whole plan is checked before the first file moves, and an
interrupted one goes on where it stopped.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from flaxvid import errors

Plan = list[tuple[Path, Path]]


def plan(source: Path, target: Path, labels: Mapping[str, str]) -> Plan:
    """Which file goes where: those that are not in their place yet.

    Args:
        source: the folder of the videos.
        target: the folder of the class folders; may be `source`.
        labels: path from `source` -> class.

    Raises:
        UserError: if another file stands in the place of one.
    """
    moves: Plan = []
    for path, label in labels.items():
        here, there = Path(source, path), Path(target, label, Path(path).name)
        if here == there or (there.is_symlink() and _same(here, there)):
            continue
        if os.path.lexists(there) and not _same(here, there):
            raise errors.UserError(
                f"{there}: stands where {here} should go, and is another file; move one away"
            )
        moves.append((here, there))
    return moves


def carry_out(moves: Plan, how: Literal["move", "link"]) -> None:
    """Moves the files, or links to them, and makes the folders they go to.

    Raises:
        UserError: if a file has appeared in the place of one, or the disk refuses.
    """
    for here, there in moves:
        try:
            there.parent.mkdir(parents=True, exist_ok=True)
            if how == "link":
                there.symlink_to(os.path.relpath(here, there.parent))
            else:
                _move(here, there)
        except FileExistsError:
            raise errors.UserError(f"{there}: is there already; move it away") from None
        except OSError as error:
            raise errors.UserError(f"{there}: {error.strerror}; see to it and go on") from None


def _move(here, there):
    # A rename would silently replace a file that came in between; a second name never does. If
    # we are stopped between the two lines, both names are one file, and the next run goes on.
    if not _same(here, there):
        os.link(here, there)
    here.unlink()


def _same(first, second):
    return second.exists() and os.path.samefile(first, second)
