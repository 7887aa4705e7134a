"""Right answers for the exercises of flaxvid.data.leakage, in other ways."""

import itertools

from flaxvid.data.manifest import ManifestError


# --- check_leakage ----------------------------------------------------------------------
def _refuse(what, leaks):
    shown = [f"'{name}' ({'+'.join(sorted(splits))})" for name, splits in leaks[:3]]
    raise ManifestError(f"{len(leaks)} {what}(s) are in more than one split: {', '.join(shown)}")


def check_leakage_by_sorting(videos):
    for what in ("group", "path"):
        rows = sorted(videos.rows, key=lambda row: getattr(row, what))
        leaks = []
        for name, found in itertools.groupby(rows, key=lambda row: getattr(row, what)):
            splits = {row.split for row in found}
            if len(splits) > 1:
                leaks.append((name, splits))
        if leaks:
            _refuse(what, leaks)


def check_leakage_pair_by_pair(videos):
    for what in ("group", "path"):
        pairs = {(getattr(row, what), row.split) for row in videos.rows}
        names = [name for name, _ in sorted(pairs)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            _refuse(what, [(name, {s for n, s in pairs if n == name}) for name in twice])


def check_leakage_with_dicts(videos):
    groups, paths = {}, {}
    for row in videos.rows:
        groups.setdefault(row.group, set()).add(row.split)
        paths.setdefault(row.path, set()).add(row.split)
    for what, found in (("group", groups), ("path", paths)):
        leaks = [(name, splits) for name, splits in found.items() if len(splits) > 1]
        if leaks:
            _refuse(what, leaks)


def check_leakage_of_the_last_three(videos):  # which ones are named is free
    for what in ("group", "path"):
        pairs = {(getattr(row, what), row.split) for row in videos.rows}
        splits = {name: {s for n, s in pairs if n == name} for name, _ in pairs}
        leaks = sorted((item for item in splits.items() if len(item[1]) > 1), reverse=True)
        if leaks:
            _refuse(what, leaks)
