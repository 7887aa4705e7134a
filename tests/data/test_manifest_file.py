"""Manifest files: what is read is what was written, and mistakes are named."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaxvid.data import manifest, manifest_file


def csv_file(folder, text):
    path = folder / "videos.csv"
    path.write_text(text, encoding="utf-8")
    return path


text_st = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
row_st = st.builds(
    manifest.Row,
    path=text_st,
    label=text_st.map(str.strip).filter(bool),
    group=text_st,
    split=st.sampled_from(manifest.SPLITS),
    start=st.floats(0, 10),
    end=st.none() | st.floats(11, 20),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    rows=st.lists(row_st, min_size=1, max_size=5, unique_by=lambda row: row.path),
    suffix=st.sampled_from([".csv", ".json"]),
)
def test_written_is_read(tmp_path_factory, rows, suffix):
    """Any rows come back from CSV and JSON as they were: commas, quotes and accents too."""
    path = tmp_path_factory.mktemp("written") / f"videos{suffix}"
    labels = tuple(sorted({row.label for row in rows}))
    written = manifest.Manifest(root=path.parent, rows=tuple(rows), labels=labels)
    manifest_file.write(written, path)
    assert manifest_file.read(path) == written
    assert manifest_file.read(path).fingerprint() == written.fingerprint()


def test_only_path_and_label_are_required(tmp_path):
    """Without other columns a video is its own group, whole, and for training."""
    opened = manifest_file.read(csv_file(tmp_path, "path,label\na b.mp4,run\nc.avi,jump\n"))
    assert opened.labels == ("jump", "run")
    assert opened.rows[0] == manifest.Row(path="a b.mp4", label="run", group="a b.mp4")
    assert opened.path(opened.rows[0]) == tmp_path / "a b.mp4"
    assert [opened.label_index(row) for row in opened.rows] == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,tag\na.avi,run\n", "no column 'label' in its first line, which has 'path', 'tag'; "),
        ("path,label\n", "has no rows"),
        ("path,label\n,run\n", "row 2: path and label must not be empty"),
        (
            "path,label,split\na.avi,run,dev\n",
            "row 2: split 'dev': write train or validation or test",
        ),
        ("path,label,start,end\na.avi,run,3,2\n", "row 2: the part from 3.0 s to 2.0 s is empty"),
        ("path,label\nftp://b/a.avi,run\n", "row 2: ftp://b/a.avi is not a local path"),
        ("path,label,start\na.avi,run,soon\n", "row 2: 'soon' is not a number of seconds"),
        ('path,label,end\na.avi,run,"0,5"\n', "row 2: '0,5' is not a number .* as 90.5"),
        ("path,label,end\na.avi,run,nan\n", "row 2: 'nan' is not a number of seconds"),
        ("path,label\na.avi,run, fast\n", "row 2: has ' fast' behind its last column; .* quotes"),
        ("path,label\na.avi,run \n", "row 2: the label 'run ' begins or ends with a space"),
        ("path,label,splt\na.avi,run,test\n", "a column 'splt'; did you mean 'split'?"),
        ("path,label\na.avi,run\nb.avi,run\na.avi,hop\n", "a.avi is labelled 'run' and 'hop'"),
    ],
)
def test_mistakes_in_a_csv_are_named(tmp_path, text, message):
    """The error names the file, the row and the value."""
    with pytest.raises(manifest.ManifestError, match=rf"videos\.csv.*{message}"):
        manifest_file.read(csv_file(tmp_path, text))


def test_parts_of_a_video_have_labels_of_their_own(tmp_path):
    """As in a video of several actions; and a row that is there twice is no contradiction."""
    text = "path,label,start,end\na.avi,run,0,2\na.avi,hop,2,4\na.avi,hop,2,4\n"
    videos = manifest_file.read(csv_file(tmp_path, text))
    assert [row.label for row in videos.rows] == ["run", "hop", "hop"]


def test_a_file_in_another_encoding_is_refused(tmp_path):
    """With the byte that is not UTF-8, wherever it stands."""
    (tmp_path / "a.csv").write_bytes("path,label\na.avi,übung\n".encode("latin-1"))
    with pytest.raises(manifest.ManifestError, match="not text in UTF-8, for a byte 0xfc in it"):
        manifest_file.read(tmp_path / "a.csv")


def test_a_label_outside_the_vocabulary_is_refused(tmp_path):
    """A JSON that states its labels is held to them."""
    path = tmp_path / "videos.json"
    path.write_text('{"labels": ["run"], "rows": [{"path": "a.avi", "label": "runn"}]}')
    with pytest.raises(manifest.ManifestError, match="label 'runn' is not in its vocabulary"):
        manifest_file.read(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"videos": []}'])
def test_a_json_of_another_kind_is_refused(tmp_path, content):
    """The error shows what a manifest looks like."""
    path = tmp_path / "videos.json"
    path.write_text(content)
    with pytest.raises(manifest.ManifestError, match="is not a manifest in JSON"):
        manifest_file.read(path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "path,label\n" + "x" * 200_000 + ",a\n", "after line 1: is not CSV"),
        ("a.json", '{"rows": ' + "[" * 100_000, "is not a manifest in JSON"),
    ],
)
def test_a_hostile_manifest_is_refused_in_one_line(name, text, said, tmp_path):
    """A field beyond csv's limit, and JSON beyond Python's stack."""
    (tmp_path / name).write_text(text)
    with pytest.raises(manifest.ManifestError, match=said):
        manifest_file.read(tmp_path / name)


def test_a_device_is_no_manifest():
    """It would be read for ever."""
    with pytest.raises(manifest.ManifestError, match="is a device"):
        manifest_file.read(pathlib.Path("/dev/zero"))
