"""Holding out by groups: a group on one side, every class on both, the share about right."""

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaxvid.data import leakage, manifest, splits

held_out = pytest.mark.exercise("data.splits.hold_out")


def ucf101_like(seed=0, classes=6, groups=25):
    """Labels and groups of 4 to 7 clips a group, every group of one class."""
    rng = np.random.default_rng(seed)
    pairs = [
        (f"class_{c}", f"class_{c}_g{g:02d}")
        for c in range(classes)
        for g in range(groups)
        for _ in range(rng.integers(4, 8))
    ]
    labels, group_names = zip(*pairs, strict=True)
    return list(labels), list(group_names)


def chosen(labels, groups, share=0.25, seed=0):
    return splits.hold_out(labels, groups, share, np.random.default_rng(seed))


@held_out
def test_a_truth_value_for_every_video():
    """Seven videos give seven truth values, some of them True and some False."""
    labels, groups = ["run"] * 7, ["a", "a", "b", "c", "c", "c", "d"]
    held = chosen(labels, groups, 0.3)
    assert held.shape == (7,)
    assert held.dtype == bool
    assert 0 < held.sum() < 7


@held_out
def test_one_group_is_enough_for_two_classes():
    """Group y, held out for its video of a, has one of b too: z stays, b's only one in training."""
    for seed in range(4):
        held = chosen(list("aaaabb"), list("xxxyyz"), 0.05, seed)
        assert held.tolist() == [False] * 3 + [True] * 2 + [False]


@held_out
def test_the_smallest_group_has_the_fewest_videos():
    """Of any class: of g1 with 3 videos of a, and g2 with 2 of a and 9 of b, it is g1."""
    labels, groups = list("aaa" + "aa" + "b" * 9), ["g1"] * 3 + ["g2"] * 11
    for seed in range(4):
        assert chosen(labels, groups, 0.05, seed).tolist() == [True] * 3 + [False] * 11


@held_out
@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_held_out_whole(seed):
    """Of 150 groups none has videos on both sides."""
    labels, groups = ucf101_like()
    held = chosen(labels, groups, seed=seed)
    for group in sorted(set(groups)):
        out, members = int(held[np.array(groups) == group].sum()), groups.count(group)
        if 0 < out < members:
            pytest.fail(f"group {group} is torn: {out} of its {members} videos are held out")


@held_out
@pytest.mark.parametrize("seed", range(5))
def test_every_class_gives_its_share(seed):
    """Of every class about a quarter is held out, give or take half of a group."""
    labels, groups = ucf101_like()
    held = chosen(labels, groups, seed=seed)
    for name in sorted(set(labels)):
        members = np.array(labels) == name
        assert abs(held[members].sum() - 0.25 * members.sum()) <= 3.5, name


@held_out
def test_a_class_of_two_groups_is_on_both_sides():
    """Even where a whole group is more than the share: a class must be trained and tested."""
    labels = ["run"] * 6 + ["jump"] * 4
    groups = ["r1", "r1", "r1", "r2", "r2", "r2", "j1", "j1", "j1", "j2"]
    for seed in range(5):
        held = chosen(labels, groups, 0.1, seed)
        assert set(held[:6].tolist()) == {True, False}
        assert held[6:].tolist() == [False, False, False, True]


@held_out
@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_group_is_given(seed):
    """Each group of 3, 2 and 4 is more than a tenth of their 9 videos: the one of 2 is held out."""
    held = chosen(["jump"] * 9, [*"aaabbcccc"], 0.1, seed)
    assert held.tolist() == [group == "b" for group in "aaabbcccc"]


@held_out
@pytest.mark.parametrize("seed", range(5))
def test_a_group_of_two_classes_serves_both(seed):
    """Two classes in the same two groups: one group is held out, and the other is trained on."""
    held = chosen([*"abbaab"], [*"zzzxxx"], 0.1, seed)
    assert set(held.tolist()) == {True, False}


@held_out
@pytest.mark.parametrize(("share", "number"), [(0.05, 2), (0.15, 6), (0.35, 14), (0.45, 18)])
def test_small_and_large_shares(share, number):
    """Of 40 videos, each a group of its own, as many are held out as the share says."""
    held = chosen(["run"] * 40, [f"r{n}" for n in range(40)], share)
    assert int(held.sum()) == number


@held_out
def test_any_two_groups_can_be_the_half():
    """The groups are shuffled: of 4 of one size, each of the 6 pairs is held out for some seed."""
    found = {tuple(chosen(["run"] * 4, [*"abcd"], 0.5, seed).tolist()) for seed in range(100)}
    pairs = ["".join(np.array([*"abcd"])[list(held)]) for held in found]
    assert sorted(pairs) == ["ab", "ac", "ad", "bc", "bd", "cd"]


@held_out
def test_the_same_generator_gives_the_same_split():
    """The draw depends on the generator alone; another seed gives another split."""
    labels, groups = ucf101_like()
    np.testing.assert_array_equal(chosen(labels, groups, seed=3), chosen(labels, groups, seed=3))
    assert (chosen(labels, groups, seed=3) != chosen(labels, groups, seed=4)).any()


@held_out
def test_the_names_of_the_groups_do_not_matter():
    """The generator is the only source of chance: a set of names has another order in every run."""
    labels, groups = ucf101_like()
    renamed = chosen(labels, [f"the_{group}" for group in groups])
    np.testing.assert_array_equal(renamed, chosen(labels, groups))


def test_the_order_of_the_videos_does_not_matter():
    """Shuffled rows give the same groups."""
    labels, groups = ucf101_like()
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = chosen([labels[i] for i in order], [groups[i] for i in order])
    np.testing.assert_array_equal(shuffled, chosen(labels, groups)[order])


@held_out
def test_actors_who_do_everything():
    """Four actors with all three classes: one is held out, and no one is on both sides."""
    actors = np.repeat(["s1", "s2", "s3", "s4"], 30)
    labels = np.tile(["fall", "sit", "stand"], 40)
    held = chosen(labels.tolist(), actors.tolist())
    assert len(set(actors[held])) == 1
    assert held.sum() == 30


@held_out
@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, 0.6, 1.0])
def test_a_share_that_is_none(share):
    """Nothing, or more than half, is not held out: a ValueError."""
    with pytest.raises(ValueError, match=r"\w"):  # in whatever words
        chosen(["a", "a"], ["g", "h"], share)


def test_a_share_that_is_none_is_told():
    """The value is in the error."""
    with pytest.raises(ValueError, match="0.51"):
        chosen(["a", "a"], ["g", "h"], 0.51)


@held_out
def test_a_half_can_be_held_out():
    """The largest share there is."""
    held = chosen(["a"] * 4, ["g", "h", "i", "j"], 0.5)
    assert held.sum() == 2


@held_out
def test_a_class_of_one_group_stays_in_training():
    """Two videos of one recording, a half wanted: one too many is no closer than one too few."""
    assert chosen(["a", "a"], ["g", "g"], 0.5).tolist() == [False, False]


@held_out
def test_nothing_of_nothing():
    """No videos, none held out."""
    assert chosen([], []).shape == (0,)


@held_out
@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    videos=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz")), min_size=1, max_size=30
    ),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 9),
)
def test_whatever_the_videos(videos, share, seed):
    """Groups stay whole, and a class with two groups is tested, also where groups mix classes."""
    labels, groups = (list(values) for values in zip(*videos, strict=True))
    held = chosen(labels, groups, share, seed)
    assert not set(np.array(groups)[held]) & set(np.array(groups)[~held])
    for name in set(labels):
        mine = np.array(labels) == name
        if len({g for g, of_class in zip(groups, mine, strict=True) if of_class}) > 1:
            assert held[mine].any()


# ------------------------------------------------------------------ rows of a manifest
def rows_of(*triples):
    return tuple(
        manifest.Row(path=path, label="a", group=group, split=split)
        for path, group, split in triples
    )


def test_held_out_are_whole_groups():
    """Two actors of eight go to validation, and rows of other splits stay."""
    rows = rows_of(*((f"{n}", f"actor_{n % 8}", "train") for n in range(40)), ("x", "x", "test"))
    result = splits.hold_out_rows(rows, 0.25, seed=0, split="validation")
    assert [row.split for row in result].count("validation") == 10
    assert len({row.group for row in result if row.split == "validation"}) == 2
    assert result[-1] == rows[-1]
    leakage.check_leakage(manifest.of_rows(pathlib.Path("root"), result))


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_other_splits_stay_and_do_not_count(seed):
    """Of 8 training videos 2 are held out, though there are 20 more groups elsewhere."""
    other = [
        (f"{split}_{n}", f"{split}_{n}", split) for n in range(10) for split in ("test", "val")
    ]
    rows = rows_of(*((f"{n}", f"g{n}", "train") for n in range(8)), *other)
    result = splits.hold_out_rows(rows, 0.25, seed=seed, split="held")
    assert [row.split for row in result].count("held") == 2
    assert result[8:] == rows[8:]


def test_a_row_without_group_is_a_group():
    """Six files without one: two are held out, for testing; another seed takes others."""
    rows = rows_of(*((f"{n}.avi", "", "train") for n in range(6)))
    found = {}
    for seed in range(4):
        result = splits.hold_out_rows(rows, 1 / 3, seed=seed)
        found[seed] = [number for number, row in enumerate(result) if row.split == "test"]
        assert len(found[seed]) == 2
        assert splits.hold_out_rows(rows, 1 / 3, seed=seed) == result
    assert len(set(map(tuple, found.values()))) > 1


def test_one_group_can_not_be_held_out():
    """A class from a single recording can't be trained and tested."""
    rows = rows_of(("1", "g", "train"), ("2", "g", "train"))
    with pytest.raises(manifest.ManifestError, match="class 'a' has one video or group, g"):
        splits.hold_out_rows(rows, 0.5, seed=0)


def test_the_class_that_can_not_be_held_out_is_named():
    """Of two classes it is the second, with a file of its own and no group."""
    rows = [manifest.Row(f"{n}.avi", "a", f"g{n}") for n in range(4)]
    rows += [manifest.Row("lonely.avi", "b", ""), manifest.Row("test.avi", "c", "", split="test")]
    with pytest.raises(manifest.ManifestError, match="class 'b' has one video .*, lonely.avi: .*"):
        splits.hold_out_rows(rows, 0.25, seed=0)


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_a_share_out_of_range_is_named(share):
    """More than a half is not held out."""
    with pytest.raises(manifest.ManifestError, match=f"{share} can't be the share"):
        splits.hold_out_rows(rows_of(("1", "g", "train")), share, seed=0)


def test_every_one_of_several_labels_is_held_out():
    """Though most sets of labels are a video's alone; rows of a group stay together."""
    names = ("a", "b", "c", "d", "e")
    rng = np.random.default_rng(0)
    rows = tuple(
        manifest.Row(f"{n}", "|".join(rng.permutation(names)[: n % 4]) or "|", f"g{n // 2}")
        for n in range(60)
    )
    result = splits.hold_out_rows(rows, 0.2, seed=0, multi_label=True)
    held = [row for row in result if row.split == "test"]
    assert 8 <= len(held) <= 16
    for name in names:
        share = sum(name in row.label for row in held) / sum(name in row.label for row in rows)
        assert 0.05 < share < 0.35
    assert any(row.label == "|" for row in held)
    leakage.check_leakage(manifest.of_rows(pathlib.Path("root"), result))
    with pytest.raises(manifest.ManifestError, match="has one video or group"):
        splits.hold_out_rows(rows, 0.2, seed=0)
