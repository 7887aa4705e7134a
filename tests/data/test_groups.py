"""Groups from names: known data sets' own, and a regular expression for any other."""

import pytest

from flaxvid import errors
from flaxvid.data import groups, manifest, sources

by_regex = pytest.mark.exercise("data.groups.by_regex")


@pytest.mark.parametrize(
    ("path", "label", "group"),
    [
        ("Biking/v_Biking_g08_c02.avi", "Biking", "Biking_g08"),
        ("v_YoYo_g25_c05.avi", "yoyo", "YoYo_g25"),
        ("b/April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "brush_hair", "April_09"),
        ("Return_of_the_King_3_ride_horse_f_cm_np1_ri_med_2.avi", "ride_horse",
         "Return_of_the_King_3"),
        ("x/-3B32lodo2M_000059_000069.mp4", "x", "-3B32lodo2M"),
        ("a/holiday_1.mp4", "a", None),
        ("a/v_Biking.avi", "a", None),
        ("a/20240101_000059_000069.mp4", "a", None),
    ],
)  # fmt: skip
def test_names_of_known_data_sets(path, label, group):
    """UCF101's groups, HMDB51's films, Kinetics' YouTube videos; other names tell nothing."""
    assert groups.of_name(path, label) == group


@by_regex
def test_a_regular_expression_of_ones_own():
    """All that it finds, wherever in the path, folders included; each path's in its place."""
    paths = ["walk/subject_3_a.mp4", "subject_12/run_b.mp4", "walk/subject_3_c.mp4"]
    found = groups.by_regex(r"subject_\d+", paths)
    assert found == ["subject_3", "subject_12", "subject_3"]


@by_regex
def test_what_is_found_first_counts():
    """A path in which it is found twice has the group of the first."""
    assert groups.by_regex(r"s\d", ["s1/at_s2.mp4"]) == ["s1"]


@by_regex
def test_no_paths_have_no_groups():
    """Nothing to look through gives an empty list, and paths may come one by one."""
    assert groups.by_regex(r"s\d", []) == []
    assert groups.by_regex(r"s\d", iter(["s1.mp4", "s2.mp4"])) == ["s1", "s2"]


@by_regex
def test_what_is_in_parentheses():
    """Where the expression has parentheses, what they hold is taken, joined by _."""
    paths = ["walk/subject_3_a.mp4", "run/subject_12_b.mp4"]
    assert groups.by_regex(r"subject_(\d+)", paths) == ["3", "12"]
    assert groups.by_regex(r"subject_(\d+)_([ab])", paths) == ["3_a", "12_b"]
    assert groups.by_regex(r"(?P<who>\d+)_[ab]", paths) == ["3", "12"]
    assert groups.by_regex(r"(?P<who>\d+)_([ab])", paths) == ["3_a", "12_b"]
    assert groups.by_regex(r"(\w)/subject_(\d+)_([ab])", paths) == ["k_3_a", "n_12_b"]


@by_regex
def test_parentheses_that_hold_nothing():
    """Those that some paths leave empty count as nothing, and those of (?:) are no parentheses."""
    paths = ["s3_night_a.mp4", "s4_a.mp4"]
    assert groups.by_regex(r"s(\d+)_(night)?", paths) == ["3_night", "4_"]
    assert groups.by_regex(r"(?:s|subject)\d", ["s3.mp4", "subject4.mp4"]) == ["s3", "subject4"]
    assert groups.by_regex(r"subject(_\d+)?", ["subject.mp4", "subject_3.mp4"]) == ["", "_3"]
    assert groups.by_regex(r"(\d*)", ["clip.mp4"]) == [""]


@by_regex
def test_capitals_are_letters_of_their_own():
    """As everywhere in regular expressions: S is not s, and A_3 stays A_3."""
    assert groups.by_regex(r"[A-Z]_\d", ["A_3.mp4", "b/B_3.mp4"]) == ["A_3", "B_3"]
    with pytest.raises(groups.NotFoundError, match=r"Subject_3\.mp4"):
        groups.by_regex(r"subject_\d+", ["Subject_3.mp4"])


@by_regex
def test_a_path_in_which_it_is_not_found():
    """A video without a group would be one of its own, and leak: it is refused, and named."""
    with pytest.raises(groups.NotFoundError, match=r"b\.mp4"):
        groups.by_regex("subject", ["subject_1.mp4", "b.mp4"])
    with pytest.raises(groups.NotFoundError, match=r"b\.mp4"):
        groups.by_regex("subject_(1)", ["subject_1.mp4", "b.mp4"])


@by_regex
def test_an_expression_that_is_none():
    """A UserError that names it, whatever the paths, and not one of the path."""
    for paths in (["a.mp4"], []):
        with pytest.raises(errors.UserError, match=r"\(") as refused:
            groups.by_regex("(", paths)
        assert not isinstance(refused.value, groups.NotFoundError)


def test_refusals_say_what_to_write():
    """The messages name the option, what is wrong, and show an expression that works."""
    with pytest.raises(errors.UserError, match=r"--group-regex subject: is not found in b\.mp4"):
        groups.by_regex("subject", ["subject_1.mp4", "b.mp4"])
    with pytest.raises(errors.UserError, match=r"--group-regex \(: is not a regular expression"):
        groups.by_regex("(", ["a.mp4"])


def test_an_empty_group_is_none(tmp_path):
    """Each video would be one of its own, and a recording on both sides."""
    folder_of(tmp_path, [f"run/x{n}.avi" for n in range(4)])
    with pytest.raises(errors.UserError, match=r"--group-regex y\*: finds an empty text in run/x0"):
        sources.from_folders(tmp_path, group_regex="y*")


def folder_of(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def splits_of_groups(videos):
    found = {}
    for row in videos.rows:
        found.setdefault(row.group, set()).add(row.split)
    return found


def test_a_folder_of_ucf101_does_not_leak(tmp_path):
    """Two classes of six groups of five clips: every group stands in one split, whatever seed."""
    names = [
        f"{label}/v_{label}_g{group:02}_c{clip:02}.avi"
        for label in ("Biking", "YoYo")
        for group in range(6)
        for clip in range(5)
    ]
    for seed in range(3):
        found = splits_of_groups(sources.open_data(folder_of(tmp_path, names), seed=seed))
        assert len(found) == 12
        assert all(len(splits) == 1 for splits in found.values())
        assert {"Biking_g00", "YoYo_g05"} <= set(found)


def test_group_regex_of_a_folder_and_of_a_table(tmp_path):
    """Clips of one subject stand in one split; a table whose splits part a subject is refused."""
    names = [f"{label}/s{n % 4}_{n}.avi" for label in ("walk", "run") for n in range(12)]
    opened = sources.open_data(folder_of(tmp_path, names), group_regex=r"s\d")
    found = splits_of_groups(opened)
    assert set(found) == {"s0", "s1", "s2", "s3"}
    assert all(len(splits) == 1 for splits in found.values())
    table = tmp_path / "table.csv"
    table.write_text("path,label,split\nwalk/s1_1.avi,walk,train\nwalk/s1_5.avi,walk,test\n")
    assert len(sources.open_data(table).rows) == 2
    with pytest.raises(manifest.ManifestError, match=r"'s1' \(test\+train\)"):
        sources.open_data(table, group_regex=r"s\d")
