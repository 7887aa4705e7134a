"""What `--data` may name: a manifest, or a folder of class folders."""

import pytest

from flaxvid.data import manifest, sources


def csv_file(folder, text):
    path = folder / "videos.csv"
    path.write_text(text, encoding="utf-8")
    return path


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


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


def test_open_data_refuses_a_leak_unless_told(tmp_path):
    """--allow-leakage is the only way past."""
    path = csv_file(tmp_path, "path,label,group,split\na,run,g,train\nb,run,g,test\n")
    with pytest.raises(manifest.ManifestError, match="--allow-leakage"):
        sources.open_data(path)
    assert len(sources.open_data(path, allow_leakage=True).rows) == 2


@pytest.mark.parametrize("again", ["./a.avi", "b/../a.avi", "{root}/a.avi", "b//../a.avi"])
def test_a_file_is_one_file_however_it_is_written(tmp_path, again):
    """Under another spelling of its path, a training video in the test split is a leak too."""
    again = again.format(root=tmp_path)
    path = csv_file(tmp_path, f"path,label,split\na.avi,x,train\n{again},x,test\n")
    with pytest.raises(manifest.ManifestError, match=r"1 path\(s\).*'a.avi' \(test\+train\)"):
        sources.open_data(path)


def test_frame_folders_are_videos(tmp_path):
    """root/<split>/<class>/<folder of images> is a video as well."""
    touch(tmp_path, "train/run/a/1.jpg", "train/run/a/2.jpg", "test/run/b.avi", "train/run/c/x.txt")
    assert [row.path for row in sources.open_data(tmp_path).rows] == [
        "train/run/a",
        "test/run/b.avi",
    ]
