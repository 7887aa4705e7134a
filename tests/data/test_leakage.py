"""Leaks between splits are refused, and named."""

import pathlib

import pytest

from flaxvid.data import leakage, manifest

check_leakage = pytest.mark.exercise("data.leakage.check_leakage")


def manifest_of(*triples):
    rows = (
        manifest.Row(path=path, label="a", group=group, split=split)
        for path, group, split in triples
    )
    return manifest.Manifest(root=pathlib.Path("root"), rows=tuple(rows), labels=("a",))


@check_leakage
def test_a_group_in_two_splits_is_a_leak():
    """A group in two splits is a ManifestError with `1 group`, and then `'g1' (test+train)`."""
    leaking = manifest_of(("a", "g1", "train"), ("b", "g1", "test"), ("c", "g2", "test"))
    with pytest.raises(manifest.ManifestError, match=r"1 group.*'g1' \(test\+train\)"):
        leakage.check_leakage(leaking)


@check_leakage
def test_a_file_in_two_splits_is_a_leak():
    """A file in two splits is an error with `1 path`, and then `'a' (train+validation)`; a file
    that is twice in one split is no leak."""
    twice = ("b", "g3", "train"), ("b", "g3", "train")
    leaking = manifest_of(("a", "g1", "train"), ("a", "g2", "validation"), *twice)
    with pytest.raises(manifest.ManifestError, match=r"1 path.*'a' \(train\+validation\)"):
        leakage.check_leakage(leaking)


@check_leakage
def test_of_a_group_and_a_file_the_group_is_told():
    """Where a group and a file leak, the group is told: `1 group`, `'g1' (train+validation)`."""
    leaking = manifest_of(("a", "g1", "train"), ("a", "g1", "validation"))
    with pytest.raises(manifest.ManifestError, match=r"1 group.*'g1' \(train\+validation\)"):
        leakage.check_leakage(leaking)


@check_leakage
def test_a_leak_is_named_and_what_is_no_leak_is_not():
    """Of six groups four leak and three of them are named; many videos in one split are no leak.

    The rows of a group need not stand together, and which three is not asked for.
    """
    leaking = [(f"{g}{s}", g, s) for s in ("train", "test") for g in ("g1", "g2", "g3", "g4")]
    fine = [("c", "g5", "train"), ("d", "g5", "train"), ("e", "g6", "test"), ("f", "g6", "test")]
    with pytest.raises(manifest.ManifestError, match="4 group") as caught:
        leakage.check_leakage(manifest_of(*fine, *leaking))
    named = [f"g{n}" for n in range(1, 7) if f"'g{n}'" in str(caught.value)]
    assert len(named) == 3
    assert set(named) < {"g1", "g2", "g3", "g4"}


@check_leakage
def test_a_leak_between_validation_and_test_is_one_too():
    """Validation and test may not share a group: `1 group`, and then `'g1' (test+validation)`."""
    leaking = manifest_of(("a", "g1", "validation"), ("b", "g1", "test"), ("c", "g2", "train"))
    with pytest.raises(manifest.ManifestError, match=r"1 group.*'g1' \(test\+validation\)"):
        leakage.check_leakage(leaking)


@check_leakage
def test_a_leak_between_three_splits_names_all_of_them():
    """All splits of a group in the order of the alphabet: `'g1' (test+train+validation)`."""
    leaking = manifest_of(("a", "g1", "validation"), ("b", "g1", "test"), ("c", "g1", "train"))
    with pytest.raises(manifest.ManifestError, match=r"'g1' \(test\+train\+validation\)"):
        leakage.check_leakage(leaking)


@check_leakage
def test_files_of_one_name_in_two_folders_are_two():
    """The path is what counts, with its folder: cameras all begin with 0001."""
    leakage.check_leakage(manifest_of(("v/a.avi", "g1", "train"), ("w/a.avi", "g2", "test")))


@check_leakage
def test_a_file_twice_in_one_split_is_no_leak():
    """Two windows of one video, both for training; and a group may be called as a file is."""
    leakage.check_leakage(manifest_of(("a.avi", "g1", "train"), ("a.avi", "g1", "train")))
    leakage.check_leakage(manifest_of(("a.avi", "g1", "train"), ("b.avi", "a.avi", "test")))


def test_groups_within_one_split_are_fine():
    """Many videos of a group in one split are no leak."""
    leakage.check_leakage(manifest_of(("a", "g1", "train"), ("b", "g1", "train")))
