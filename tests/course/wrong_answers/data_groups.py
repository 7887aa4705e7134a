"""Wrong answers for the exercises of flaxvid.data.groups."""

import re

from flaxvid import errors
from flaxvid.data import groups


def _compiled(pattern):
    try:
        return re.compile(pattern)
    except re.error as error:
        raise errors.UserError(f"{pattern}: {error}") from None


def _found(found, path):
    if found is None:
        raise groups.NotFoundError(f"not found in {path}")
    return found


def _taken(found):
    return "_".join(part or "" for part in found.groups() or (found[0],))


# --- by_regex ---------------------------------------------------------------------------
def by_regex_at_the_start(pattern, paths):  # finds nothing behind a folder
    compiled = _compiled(pattern)
    return [_taken(_found(compiled.match(path), path)) for path in paths]


def by_regex_of_the_whole_path(pattern, paths):
    compiled = _compiled(pattern)
    return [_taken(_found(compiled.fullmatch(path), path)) for path in paths]


def by_regex_of_the_name_alone(pattern, paths):  # a person may be the folder
    compiled = _compiled(pattern)
    return [_taken(_found(compiled.search(path.rpartition("/")[2]), path)) for path in paths]


def by_regex_found_last(pattern, paths):
    compiled = _compiled(pattern)
    found = [list(compiled.finditer(path)) or [None] for path in paths]
    return [_taken(_found(all_of[-1], None)) for all_of in found]


def by_regex_without_parentheses(pattern, paths):  # all that is found
    compiled = _compiled(pattern)
    return [_found(compiled.search(path), path)[0] for path in paths]


def by_regex_of_the_first_parentheses(pattern, paths):  # subject 1 of two cities is one
    compiled = _compiled(pattern)
    return [_found(compiled.search(path), path)[min(1, compiled.groups)] for path in paths]


def by_regex_by_findall(pattern, paths):  # of several parentheses it gives tuples
    compiled = _compiled(pattern)
    found = [compiled.findall(path) or [_found(None, path)] for path in paths]
    return [str(all_of[0]) for all_of in found]


def by_regex_joined_without_a_sign(pattern, paths):  # 1 and 23 is 12 and 3
    compiled = _compiled(pattern)
    found = [_found(compiled.search(path), path) for path in paths]
    return ["".join(part or "" for part in one.groups() or (one[0],)) for one in found]


def by_regex_of_parentheses_that_hold_something(pattern, paths):
    compiled = _compiled(pattern)
    found = [_found(compiled.search(path), path) for path in paths]
    return ["_".join(filter(None, one.groups())) or one[0] for one in found]


def by_regex_with_none(pattern, paths):  # "4_None" for what holds nothing
    compiled = _compiled(pattern)
    found = [_found(compiled.search(path), path) for path in paths]
    return ["_".join(str(part) for part in one.groups() or (one[0],)) for one in found]


def by_regex_that_leaves_paths_out(pattern, paths):  # and then rows have others' groups
    compiled = _compiled(pattern)
    return [_taken(found) for path in paths if (found := compiled.search(path))]


def by_regex_with_groups_of_one(pattern, paths):  # a video of its own, which may leak
    compiled = _compiled(pattern)
    return [_taken(found) if (found := compiled.search(path)) else path for path in paths]


def by_regex_any_error(pattern, paths):  # re.error and AttributeError are for nobody to read
    return [_taken(re.search(pattern, path)) for path in paths]


def by_regex_refused_without_a_name(pattern, paths):
    compiled = _compiled(pattern)
    found = [compiled.search(path) for path in paths]
    if None in found:
        raise groups.NotFoundError("not found in every path")
    return [_taken(one) for one in found]


def by_regex_one_error_for_all(pattern, paths):  # whoever waits for NotFoundError gets both
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise groups.NotFoundError(f"{pattern}: {error}") from None
    return [_taken(_found(compiled.search(path), path)) for path in paths]


def by_regex_compiled_when_needed(pattern, paths):  # of no paths, anything is an expression
    return [_taken(_found(_compiled(pattern).search(path), path)) for path in paths]


def by_regex_each_group_once(pattern, paths):
    compiled = _compiled(pattern)
    return list(dict.fromkeys(_taken(_found(compiled.search(path), path)) for path in paths))


def by_regex_of_all_where_parentheses_are_empty(pattern, paths):  # "" is false
    compiled = _compiled(pattern)
    found = [_found(compiled.search(path), path) for path in paths]
    return ["_".join(part or "" for part in one.groups()) or one[0] for one in found]


def by_regex_whatever_the_case(pattern, paths):
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise errors.UserError(f"{pattern}: {error}") from None
    return [_taken(_found(compiled.search(path), path)) for path in paths]


def by_regex_in_small_letters(pattern, paths):
    compiled = _compiled(pattern)
    return [_taken(_found(compiled.search(path), path)).lower() for path in paths]


def by_regex_that_must_find_something(pattern, paths):  # an empty match is one
    compiled = _compiled(pattern)
    found = [compiled.search(path) for path in paths]
    return [
        _taken(_found(one if one and one[0] else None, path))
        for one, path in zip(found, paths, strict=True)
    ]
