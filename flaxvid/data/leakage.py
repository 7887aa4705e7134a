"""Leakage between splits: a model must not be tested on what it was trained on.

Videos of one group share a source (a recording, an actor). A group that appears in two splits is a
leak, and so is a file that does. Copies under other names are found by `check`, which reads the
videos.
"""

from flaxvid.data import manifest


def check_leakage(videos: manifest.Manifest) -> None:
    """Refuses a manifest in which a group, or a file, is in more than one split.

    Raises:
        ManifestError: naming up to three of the groups and their splits.
    """
    for what in ("group", "path"):
        first, leaks = {}, {}
        for row in videos.rows:
            name = getattr(row, what)
            split = first.setdefault(name, row.split)
            if split != row.split:
                leaks.setdefault(name, {split}).add(row.split)
        if leaks:
            shown = ", ".join(
                f"{name!r} ({'+'.join(sorted(leaks[name]))})" for name in list(leaks)[:3]
            )
            raise manifest.ManifestError(
                f"{videos.root}: {len(leaks)} {what}(s) are in more than one split: {shown}; "
                "give each one split, or pass --allow-leakage"
            )
