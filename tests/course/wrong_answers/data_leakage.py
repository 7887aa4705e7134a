"""Wrong answers for the exercises of flaxvid.data.leakage."""

import collections
import itertools
import operator

from flaxvid.data import leakage, manifest


# --- check_leakage ----------------------------------------------------------------------
def _splits(rows, what):
    found = collections.defaultdict(set)
    for row in rows:
        found[getattr(row, what)].add(row.split)
    return found


def _refuse(names, what, found):
    if names:
        shown = ", ".join(f"{name!r} ({'+'.join(sorted(found[name]))})" for name in names[:3])
        raise manifest.ManifestError(f"{len(names)} {what}(s) in more than one split: {shown}")


def check_leakage_of_groups_only(videos):
    found = _splits(videos.rows, "group")
    _refuse([name for name in found if len(found[name]) > 1], "group", found)


def check_leakage_of_files_only(videos):  # what "no file is on both sides" looks at
    found = _splits(videos.rows, "path")
    _refuse([name for name in found if len(found[name]) > 1], "path", found)


def check_leakage_between_train_and_test(videos):  # validation is a split, too
    for what in ("group", "path"):
        found = _splits(videos.rows, what)
        _refuse([name for name in found if {"train", "test"} <= found[name]], what, found)


def check_leakage_of_several_rows(videos):  # many clips of a group in one split are fine
    for what in ("group", "path"):
        counts = collections.Counter(getattr(row, what) for row in videos.rows)
        found = _splits(videos.rows, what)
        _refuse([name for name in found if counts[name] > 1], what, found)


def check_leakage_says_and_goes_on(videos):
    try:
        of_the_package(videos)
    except manifest.ManifestError as error:
        print(error)


def check_leakage_names_them_all(videos):  # 2,525 groups in one message
    for what in ("group", "path"):
        found = _splits(videos.rows, what)
        leaks = [name for name in found if len(found[name]) > 1]
        if leaks:
            shown = ", ".join(f"{name!r} ({'+'.join(sorted(found[name]))})" for name in leaks)
            raise manifest.ManifestError(f"{len(leaks)} {what}(s) in more than one split: {shown}")


def check_leakage_of_neighbouring_rows(videos):  # groupby without a sort
    for what in ("group", "path"):
        found = collections.defaultdict(set)
        for name, rows in itertools.groupby(videos.rows, operator.attrgetter(what)):
            found[name] = {row.split for row in rows}
        _refuse([name for name in found if len(found[name]) > 1], what, found)


def check_leakage_into_the_test_alone(videos):  # groups in training and validation leak, too
    found = _splits(videos.rows, "group")
    leaks = [name for name in found if len(found[name]) > 1 and "test" in found[name]]
    _refuse(leaks, "group", found)
    found = _splits(videos.rows, "path")
    _refuse([name for name in found if len(found[name]) > 1], "path", found)


def check_leakage_of_files_listed_twice(videos):  # in one split: two parts of a video
    found = _splits(videos.rows, "group")
    _refuse([name for name in found if len(found[name]) > 1], "group", found)
    counts = collections.Counter(row.path for row in videos.rows)
    _refuse([name for name in counts if counts[name] > 1], "path", _splits(videos.rows, "path"))


def check_leakage_out_of_training_alone(videos):  # validation and test leak, too
    for what in ("group", "path"):
        found = _splits(videos.rows, what)
        leaks = [name for name in found if len(found[name]) > 1 and "train" in found[name]]
        _refuse(leaks, what, found)


def check_leakage_of_the_first_two(videos):  # splits of a group
    for what in ("group", "path"):
        found = {name: sorted(splits)[:2] for name, splits in _splits(videos.rows, what).items()}
        _refuse([name for name in found if len(found[name]) > 1], what, found)


def check_leakage_of_names_without_folders(videos):
    found = _splits(videos.rows, "group")
    _refuse([name for name in found if len(found[name]) > 1], "group", found)
    found = collections.defaultdict(set)
    for row in videos.rows:
        found[row.path.rpartition("/")[2]].add(row.split)
    _refuse([name for name in found if len(found[name]) > 1], "path", found)


def check_leakage_of_groups_and_files_in_one(videos):  # a group may be called as a file is
    found = _splits(videos.rows, "group")
    for path, splits in _splits(videos.rows, "path").items():
        found[path] |= splits
    groups = {row.group for row in videos.rows}
    leaks = [name for name in found if len(found[name]) > 1]
    _refuse([name for name in leaks if name in groups], "group", found)
    _refuse(leaks, "path", found)


# Kept from before a check puts a wrong answer in its place.
of_the_package = leakage.check_leakage
