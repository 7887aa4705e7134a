"""Manifests: what is read is what was written, mistakes are named, leaks are refused."""

import json
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaxvid.data import manifest

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
        ("path,label\nftp://b/a.avi,run\n", "row 2: ftp://b/a.avi is no path of this machine"),
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


@pytest.mark.parametrize("label", ["\x1b[31mred", "two\nlines", "bell\a"])
def test_a_label_that_commands_a_terminal_is_refused(label, tmp_path):
    """In JSON, and as a folder's name."""
    row = {"path": "a.mp4", "label": label}
    (tmp_path / "m.json").write_text(json.dumps({"rows": [row]}))
    with pytest.raises(manifest.ManifestError, match="m.json, row 1: the label .* be printed"):
        manifest.read(tmp_path / "m.json")
    with pytest.raises(manifest.ManifestError, match="letters that can't be printed; rename it"):
        manifest.of_rows(tmp_path, [manifest.Row("a.mp4", label)])


# ------------------------------------------------------------------ several labels a video
SEVERAL = "path,label\n1.mp4,run|jump\n2.mp4, jump | sit |jump\n3.mp4,|\n4.mp4,run\n"


def test_a_label_of_several_is_one_unless_it_is_asked_for(tmp_path):
    """`run|jump` may be the name of a class: what a manifest means never changes by itself."""
    videos = manifest.read(csv_file(tmp_path, SEVERAL))
    assert videos.labels == (" jump | sit |jump", "run", "run|jump", "|")
    assert videos.target(videos.rows[3]).tolist() == 1


def test_several_labels_are_of_every_class_named(tmp_path):
    """Spaces and repeats aside; `|` alone is of none."""
    path = csv_file(tmp_path, SEVERAL)
    videos = manifest.read(path, multi_label=True)
    assert videos.labels == ("jump", "run", "sit")
    found = [videos.target(row).tolist() for row in videos.rows]
    assert found == [[1, 1, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert [videos.names(row) for row in videos.rows[:3]] == [("run", "jump"), ("jump", "sit"), ()]
    one = manifest.read(path)
    assert manifest.one_label(videos) == one == manifest.one_label(one)
    assert videos.split("train").multi_label
    assert manifest.rerooted(videos, tmp_path / "sub").multi_label
    plain = manifest.read(csv_file(tmp_path, "path,label\n1.mp4,run\n"))
    assert manifest.several(plain).fingerprint() != plain.fingerprint()


def test_a_stated_vocabulary_keeps_its_order(tmp_path):
    """Of the names; one that is missing from it is named, and so is a manifest without any."""
    path = tmp_path / "videos.json"
    rows = [{"path": "1.mp4", "label": "run|jump"}]
    path.write_text(json.dumps({"labels": ["run", "sit", "jump"], "rows": rows}))
    assert manifest.read(path, multi_label=True).labels == ("run", "sit", "jump")
    path.write_text(json.dumps({"labels": ["run"], "rows": rows}))
    with pytest.raises(manifest.ManifestError, match="label 'jump' is not in its vocabulary"):
        manifest.read(path, multi_label=True)
    with pytest.raises(manifest.ManifestError, match="none of its videos has a label"):
        manifest.read(csv_file(tmp_path, "path,label\n1.mp4,|\n"), multi_label=True)
