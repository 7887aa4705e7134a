"""Manifests: what is read is what was written, mistakes are named, leaks are refused."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaxvid.data import manifest, sources, splits

leakage = pytest.mark.exercise("data.manifest.check_leakage")


def rows_of(*triples):
    return tuple(
        manifest.Row(path=path, label="a", group=group, split=split)
        for path, group, split in triples
    )


def manifest_of(*triples):
    return manifest.Manifest(root=pathlib.Path("root"), rows=rows_of(*triples), labels=("a",))


def csv_file(folder, text):
    path = folder / "videos.csv"
    path.write_text(text, encoding="utf-8")
    return path


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


text_st = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
row_st = st.builds(
    manifest.Row,
    path=text_st,
    label=text_st,
    group=text_st,
    split=st.sampled_from(manifest.SPLITS),
    start=st.floats(0, 10),
    end=st.none() | st.floats(11, 20),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(rows=st.lists(row_st, min_size=1, max_size=5), suffix=st.sampled_from([".csv", ".json"]))
def test_written_is_read(tmp_path_factory, rows, suffix):
    """Any rows come back from CSV and JSON as they were: commas, quotes and accents too."""
    path = tmp_path_factory.mktemp("written") / f"videos{suffix}"
    labels = tuple(sorted({row.label for row in rows}))
    written = manifest.Manifest(root=path.parent, rows=tuple(rows), labels=labels)
    manifest.write(written, path)
    assert manifest.read(path) == written
    assert manifest.read(path).fingerprint() == written.fingerprint()


def test_only_path_and_label_are_required(tmp_path):
    """Without other columns a video is its own group, whole, and for training."""
    opened = manifest.read(csv_file(tmp_path, "path,label\na b.mp4,run\nc.avi,jump\n"))
    assert opened.labels == ("jump", "run")
    assert opened.rows[0] == manifest.Row(path="a b.mp4", label="run", group="a b.mp4")
    assert opened.path(opened.rows[0]) == tmp_path / "a b.mp4"
    assert [opened.label_index(row) for row in opened.rows] == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,tag\na.avi,run\n", "no column 'label'"),
        ("path,label\n", "has no rows"),
        ("path,label\n,run\n", "row 2: path and label must not be empty"),
        ("path,label,split\na.avi,run,dev\n", "row 2: split 'dev' is not one of"),
        ("path,label,start,end\na.avi,run,3,2\n", "row 2: the part from 3.0 s to 2.0 s is empty"),
        ("path,label,start\na.avi,run,soon\n", "row 2: .*'start': 'soon'.* is not a row"),
    ],
)
def test_mistakes_in_a_csv_are_named(tmp_path, text, message):
    """The error names the file, the row and the value."""
    with pytest.raises(manifest.ManifestError, match=rf"videos\.csv.*{message}"):
        manifest.read(csv_file(tmp_path, text))


def test_a_label_outside_the_vocabulary_is_refused(tmp_path):
    """A JSON that states its labels is held to them."""
    path = tmp_path / "videos.json"
    path.write_text('{"labels": ["run"], "rows": [{"path": "a.avi", "label": "runn"}]}')
    with pytest.raises(manifest.ManifestError, match="label 'runn' is not in its vocabulary"):
        manifest.read(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"videos": []}'])
def test_a_json_of_another_kind_is_refused(tmp_path, content):
    """The error shows what a manifest looks like."""
    path = tmp_path / "videos.json"
    path.write_text(content)
    with pytest.raises(manifest.ManifestError, match="is not a manifest in JSON"):
        manifest.read(path)


def test_the_fingerprint_is_of_the_content(tmp_path):
    """The order of the rows does not change it; a label does."""
    first = manifest_of(("a", "g", "train"), ("b", "h", "test"))
    second = manifest_of(("b", "h", "test"), ("a", "g", "train"))
    third = manifest_of(("a", "g", "train"), ("b", "h", "train"))
    assert first.fingerprint() == second.fingerprint() != third.fingerprint()


def test_split_folders(tmp_path):
    """root/<split>/<class>/<video> is taken as it stands."""
    touch(tmp_path, "train/run/a.avi", "train/jump/b.mp4", "test/run/c.AVI", "test/run/notes.txt")
    opened = sources.open_data(tmp_path)
    assert opened.labels == ("jump", "run")
    assert opened.splits() == {"train": 2, "test": 1}
    assert {row.path for row in opened.split("test").rows} == {"test/run/c.AVI"}


def test_class_folders_hold_out_a_fifth_twice(tmp_path):
    """root/<class>/<video>: 2 of 10 a class are for testing, 2 for validation, by the seed."""
    touch(tmp_path, *(f"{label}/{n}.avi" for label in ("run", "jump") for n in range(10)))
    opened = sources.open_data(tmp_path, seed=3)
    assert opened.splits() == {"train": 12, "validation": 4, "test": 4}
    for split in ("validation", "test"):
        assert [row.label for row in opened.split(split).rows] == ["jump"] * 2 + ["run"] * 2
    assert sources.open_data(tmp_path, seed=3) == opened
    assert sources.open_data(tmp_path, seed=4) != opened


def test_two_videos_a_class_leave_none_for_validation(tmp_path):
    """Train and test come first; that the checkpoint is chosen on the test videos is said later."""
    touch(tmp_path, *(f"{label}/{n}.avi" for label in ("run", "jump") for n in range(2)))
    assert sources.open_data(tmp_path).splits() == {"train": 2, "test": 2}


def test_videos_stand_in_natural_order(tmp_path):
    """v2 comes before v10."""
    touch(tmp_path, *(f"train/run/v{n}.avi" for n in (1, 2, 10)), "test/run/x.avi")
    paths = [row.path for row in sources.open_data(tmp_path).split("train").rows]
    assert paths == ["train/run/v1.avi", "train/run/v2.avi", "train/run/v10.avi"]


def test_an_empty_class_folder_is_named(tmp_path):
    """A class without videos is an error with its folder, not a class never seen."""
    touch(tmp_path, "run/a.avi", "run/b.avi", "jump/readme.txt")
    with pytest.raises(manifest.ManifestError, match=r"jump: the class folder holds no video"):
        sources.open_data(tmp_path)


def test_a_folder_without_classes_is_named(tmp_path):
    """Videos lying loose are no data set."""
    touch(tmp_path, "a.avi")
    with pytest.raises(manifest.ManifestError, match="has no class folders"):
        sources.open_data(tmp_path)


def test_a_missing_path_is_named(tmp_path):
    """The error says what --data takes."""
    with pytest.raises(manifest.ManifestError, match="nowhere: no such file or folder"):
        sources.open_data(tmp_path / "nowhere")


@leakage
def test_a_group_in_two_splits_is_a_leak():
    """Videos cut from one recording stand in one split, or the test is no test."""
    leaking = manifest_of(("a", "g1", "train"), ("b", "g1", "test"), ("c", "g2", "test"))
    with pytest.raises(manifest.ManifestError, match=r"1 group.*'g1' \(test\+train\)"):
        manifest.check_leakage(leaking)


@leakage
def test_a_file_in_two_splits_is_a_leak():
    """The same file under two group names is a leak as well."""
    leaking = manifest_of(("a", "g1", "train"), ("a", "g2", "validation"))
    with pytest.raises(manifest.ManifestError, match=r"1 path.*'a' \(train\+validation\)"):
        manifest.check_leakage(leaking)


@leakage
def test_of_a_group_and_a_file_the_group_is_told():
    """Where both leak, the group comes first: a file in two splits is told if no group is."""
    leaking = manifest_of(("a", "g1", "train"), ("a", "g1", "test"))
    with pytest.raises(manifest.ManifestError, match=r"1 group.*'g1' \(test\+train\)"):
        manifest.check_leakage(leaking)


@leakage
def test_a_leak_is_named_and_what_is_no_leak_is_not():
    """Of six groups four leak and three are named; many videos in one split are no leak."""
    leaking = [(f"{g}{s}", g, s) for g in ("g1", "g2", "g3", "g4") for s in ("train", "test")]
    fine = [("c", "g5", "train"), ("d", "g5", "train"), ("e", "g6", "test"), ("f", "g6", "test")]
    with pytest.raises(manifest.ManifestError, match="4 group") as caught:
        manifest.check_leakage(manifest_of(*fine, *leaking))
    named = [f"g{n}" for n in range(1, 7) if f"'g{n}'" in str(caught.value)]
    assert named == ["g1", "g2", "g3"]


def test_groups_within_one_split_are_fine():
    """Many videos of a group in one split are no leak."""
    manifest.check_leakage(manifest_of(("a", "g1", "train"), ("b", "g1", "train")))


def test_open_data_refuses_a_leak_unless_told(tmp_path):
    """--allow-leakage is the only way past."""
    path = csv_file(tmp_path, "path,label,group,split\na,run,g,train\nb,run,g,test\n")
    with pytest.raises(manifest.ManifestError, match="--allow-leakage"):
        sources.open_data(path)
    assert len(sources.open_data(path, allow_leakage=True).rows) == 2


def test_frame_folders_are_videos(tmp_path):
    """root/<split>/<class>/<folder of images> is a video as well."""
    touch(tmp_path, "train/run/a/1.jpg", "train/run/a/2.jpg", "test/run/b.avi", "train/run/c/x.txt")
    assert [row.path for row in sources.open_data(tmp_path).rows] == [
        "train/run/a",
        "test/run/b.avi",
    ]


def test_held_out_are_whole_groups():
    """Two actors of eight go to validation, and rows of other splits stay."""
    rows = rows_of(*((f"{n}", f"actor_{n % 8}", "train") for n in range(40)), ("x", "x", "test"))
    result = splits.hold_out_rows(rows, 0.25, seed=0, split="validation")
    assert [row.split for row in result].count("validation") == 10
    assert len({row.group for row in result if row.split == "validation"}) == 2
    assert result[-1] == rows[-1]
    manifest.check_leakage(manifest.of_rows(pathlib.Path("root"), result))


def test_one_group_can_not_be_held_out():
    """A class from a single recording can't be trained and tested."""
    rows = rows_of(("1", "g", "train"), ("2", "g", "train"))
    with pytest.raises(manifest.ManifestError, match="class 'a' has one video or group, g"):
        splits.hold_out_rows(rows, 0.5, seed=0)


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_a_share_out_of_range_is_named(share):
    """More than a half is not held out."""
    with pytest.raises(manifest.ManifestError, match=f"{share} can't be the share"):
        splits.hold_out_rows(rows_of(("1", "g", "train")), share, seed=0)


def test_rerooted(tmp_path):
    """Videos below the new folder stay relative, others become absolute; the files are the same."""
    opened = manifest.Manifest(tmp_path / "a", rows_of(("b/1.avi", "", "train")), ("a",))
    inside, outside = (manifest.rerooted(opened, tmp_path / to) for to in ("a/b", "c"))
    assert inside.rows[0].path == "1.avi"
    assert outside.rows[0].path == str(tmp_path / "a/b/1.avi")
    assert inside.path(inside.rows[0]) == outside.path(outside.rows[0])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "path,label\n" + "x" * 200_000 + ",a\n", "after line 1: is no CSV"),
        ("a.json", '{"rows": ' + "[" * 100_000, "is not a manifest in JSON"),
    ],
)
def test_a_hostile_manifest_is_refused_in_one_line(name, text, said, tmp_path):
    """A field beyond csv's limit, and JSON beyond Python's stack."""
    (tmp_path / name).write_text(text)
    with pytest.raises(manifest.ManifestError, match=said):
        manifest.read(tmp_path / name)


def test_a_device_is_no_manifest():
    """It would be read for ever."""
    with pytest.raises(manifest.ManifestError, match="is a device"):
        manifest.read(pathlib.Path("/dev/zero"))
