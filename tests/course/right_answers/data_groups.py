"""Right answers for the exercises of flaxvid.data.groups, in other ways."""

import re

from flaxvid import errors
from flaxvid.data import groups


# --- by_regex ---------------------------------------------------------------------------
def by_regex_in_a_comprehension(pattern, paths):
    try:
        search = re.compile(pattern).search
    except re.error as reason:
        raise errors.UserError(f"{pattern!r} cannot be used: {reason}") from reason

    def group(path):
        if not (found := search(path)):
            raise groups.NotFoundError(f"{path}: {pattern} is not in it")
        return "_".join(found.groups("")) if found.re.groups else found.group()

    return [group(path) for path in paths]


def by_regex_by_finditer(pattern, paths):
    try:
        re.compile(pattern)
    except Exception as reason:
        raise errors.UserError(f"{pattern}: no regular expression ({reason})") from None
    answer = []
    for path in paths:
        for found in re.finditer(pattern, path):
            parts = found.groups(default="") if found.lastindex or found.re.groups else None
            answer.append(found.group(0) if parts is None else "_".join(parts))
            break
        else:
            raise groups.NotFoundError(f"{pattern}: not found in {path}")
    return answer


def by_regex_in_two_passes(pattern, paths):
    paths = list(paths)
    try:
        compiled = re.compile(pattern)
    except re.error:
        raise errors.UserError(f"{pattern} is not a regular expression") from None
    found = list(map(compiled.search, paths))
    if None in found:
        raise groups.NotFoundError(f"{paths[found.index(None)]} has no {pattern}")
    if compiled.groups == 0:
        return [one[0] for one in found]
    whole = [[one[n + 1] or "" for n in range(compiled.groups)] for one in found]
    return ["_".join(parts) for parts in whole]
