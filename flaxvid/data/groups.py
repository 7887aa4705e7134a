"""What a video was cut from, read from its name: clips of one recording must not be parted.

UCF101 and HMDB51 cut many clips from one video, Kinetics few: where the files of a folder are
named as theirs, their names tell. For other names a regular expression does.
"""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import PurePath

from flaxvid import errors
from flaxvid.data import manifest

UCF101 = re.compile(r"v_(?P<label>.+)_g(?P<group>\d+)_c\d+")
HMDB51 = re.compile(r"(?P<film>.+)_[hulf]_(?:cm|nm)_np\d_(?:fr|ba|le|ri)_(?:goo|med|bad)_\d+")
KINETICS = re.compile(r"(?P<id>[\w-]{11})_\d{6}_\d{6}")


def of_name(path: str, label: str) -> str | None:
    """The recording that a clip was cut from, if it is named as UCF101's, HMDB51's or Kinetics'.

    `Biking_g08` of `v_Biking_g08_c02.avi`; the film `April_09` of
    `April_09_brush_hair_u_nm_np1_ba_goo_0.avi`, in class `brush_hair`; the YouTube video
    `0123456789A` of `0123456789A_000010_000020.mp4`. None for any other name.

    Args:
        path: of the clip, in any folder.
        label: the class of the clip, which HMDB51 writes behind the film.
    """
    stem = PurePath(path).stem
    if found := UCF101.fullmatch(stem):
        return f"{found['label']}_g{found['group']}"
    if found := HMDB51.fullmatch(stem):
        return found["film"].removesuffix(f"_{label}")
    found = KINETICS.fullmatch(stem)
    return None if found is None else found["id"]


class NotFoundError(errors.UserError):
    """A regular expression that is found in some paths, if any, and not in others."""


def by_regex(pattern: str, paths: Iterable[str]) -> list[str]:
    """The group of every path: what a regular expression finds in it, first and anywhere.

    If the expression has parentheses, what they hold is taken, joined by `_`, and else all that it
    finds: `subject_(\\d+)` and `subject_\\d+` part the videos alike. Parentheses that hold nothing
    in a path count as empty.

    Raises:
        UserError: for what is not a regular expression.
        NotFoundError: if it is not found in one of the paths.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise errors.UserError(
            f"--group-regex {pattern}: is not a regular expression: {error}"
        ) from None
    groups = []
    for path in paths:
        found = compiled.search(path)
        if found is None:
            raise NotFoundError(
                f"--group-regex {pattern}: is not found in {path}; it has to name the recording of "
                "every video, as 'subject_\\d+' does of 'walk/subject_3_clip_12.mp4'"
            )
        groups.append("_".join(part or "" for part in found.groups() or (found[0],)))
    return groups


def regrouped(videos: manifest.Manifest, group_regex: str | None) -> manifest.Manifest:
    """The same videos with the groups that a regular expression finds in their paths, if any.

    Raises:
        UserError: for an expression that does not fit (`by_regex`), or that finds an empty text.
    """
    if group_regex is None:
        return videos
    found = by_regex(group_regex, [row.path for row in videos.rows])
    if "" in found:  # it would count as no group, and each such video as one of its own
        raise errors.UserError(
            f"--group-regex {group_regex}: finds an empty text in "
            f"{videos.rows[found.index('')].path}, which is no group; let it match a letter or more"
        )
    rows = [
        dataclasses.replace(row, group=group) for row, group in zip(videos.rows, found, strict=True)
    ]
    return dataclasses.replace(videos, rows=tuple(rows))
