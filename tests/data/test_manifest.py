"""Manifests: rows, the vocabulary, one label a video or several."""

import json
import pathlib

import pytest

from flaxvid.data import manifest, manifest_file


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


def test_the_fingerprint_is_of_the_content(tmp_path):
    """The order of the rows does not change it; a label does."""
    first = manifest_of(("a", "g", "train"), ("b", "h", "test"))
    second = manifest_of(("b", "h", "test"), ("a", "g", "train"))
    third = manifest_of(("a", "g", "train"), ("b", "h", "train"))
    assert first.fingerprint() == second.fingerprint() != third.fingerprint()


def test_rerooted(tmp_path):
    """Videos below the new folder stay relative, others become absolute; the files are the same."""
    opened = manifest.Manifest(tmp_path / "a", rows_of(("b/1.avi", "", "train")), ("a",))
    inside, outside = (manifest.rerooted(opened, tmp_path / to) for to in ("a/b", "c"))
    assert inside.rows[0].path == "1.avi"
    assert outside.rows[0].path == str(tmp_path / "a/b/1.avi")
    assert inside.path(inside.rows[0]) == outside.path(outside.rows[0])


@pytest.mark.parametrize("label", ["\x1b[31mred", "two\nlines", "bell\a"])
def test_a_label_that_commands_a_terminal_is_refused(label, tmp_path):
    """In JSON, and as a folder's name."""
    row = {"path": "a.mp4", "label": label}
    (tmp_path / "m.json").write_text(json.dumps({"rows": [row]}))
    with pytest.raises(manifest.ManifestError, match="m.json, row 1: the label .* be printed"):
        manifest_file.read(tmp_path / "m.json")
    with pytest.raises(manifest.ManifestError, match="characters that can't be printed; rename it"):
        manifest.of_rows(tmp_path, [manifest.Row("a.mp4", label)])


# ------------------------------------------------------------------ several labels a video
SEVERAL = "path,label\n1.mp4,run|jump\n2.mp4, jump | sit |jump\n3.mp4,|\n4.mp4,run\n"


def test_a_label_of_several_is_one_unless_it_is_asked_for(tmp_path):
    """`run|jump` may be the name of a class: what a manifest means never changes by itself."""
    videos = manifest_file.read(csv_file(tmp_path, SEVERAL))
    assert videos.labels == (" jump | sit |jump", "run", "run|jump", "|")
    assert videos.target(videos.rows[3]).tolist() == 1


def test_several_labels_are_of_every_class_named(tmp_path):
    """Spaces and repeats aside; `|` alone is of none."""
    path = csv_file(tmp_path, SEVERAL)
    videos = manifest_file.read(path, multi_label=True)
    assert videos.labels == ("jump", "run", "sit")
    found = [videos.target(row).tolist() for row in videos.rows]
    assert found == [[1, 1, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert [videos.names(row) for row in videos.rows[:3]] == [("run", "jump"), ("jump", "sit"), ()]
    one = manifest_file.read(path)
    assert manifest.one_label(videos) == one == manifest.one_label(one)
    assert videos.split("train").multi_label
    assert manifest.rerooted(videos, tmp_path / "sub").multi_label
    plain = manifest_file.read(csv_file(tmp_path, "path,label\n1.mp4,run\n"))
    assert manifest.several(plain).fingerprint() != plain.fingerprint()


def test_a_stated_vocabulary_keeps_its_order(tmp_path):
    """Of the names; one that is missing from it is named, and so is a manifest without any."""
    path = tmp_path / "videos.json"
    rows = [{"path": "1.mp4", "label": "run|jump"}]
    path.write_text(json.dumps({"labels": ["run", "sit", "jump"], "rows": rows}))
    assert manifest_file.read(path, multi_label=True).labels == ("run", "sit", "jump")
    path.write_text(json.dumps({"labels": ["run"], "rows": rows}))
    with pytest.raises(manifest.ManifestError, match="label 'jump' is not in its vocabulary"):
        manifest_file.read(path, multi_label=True)
    with pytest.raises(manifest.ManifestError, match="none of its videos has a label"):
        manifest_file.read(csv_file(tmp_path, "path,label\n1.mp4,|\n"), multi_label=True)
