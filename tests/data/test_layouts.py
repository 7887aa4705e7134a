"""HMDB51 and Kinetics: their lists and annotations, their groups."""

import pytest

from flaxvid.data import layouts, leakage, manifest


@pytest.fixture
def hmdb51(tmp_path):
    """Two classes, their lists for split 1, and a film that gives clips to both sides."""
    lists = tmp_path / "lists"
    lists.mkdir()
    codes = {
        "brush_hair": {"April_09_brush_hair_u_nm_np1_ba_goo_0.avi": 1, "Mai_brush_hair_u_0.avi": 2},
        "wave": {"Both_wave_u_0.avi": 1, "Both_wave_u_1.avi": 2, "Other_wave_u_0.avi": 0},
    }
    for label, files in codes.items():
        (tmp_path / "videos" / label).mkdir(parents=True)
        for name in files:
            (tmp_path / "videos" / label / name).touch()
        text = "".join(f"{name} {code} \n" for name, code in files.items())
        (lists / f"{label}_test_split1.txt").write_text(text)
    return tmp_path / "videos", lists


def test_hmdb51(hmdb51):
    """1 is for training, 2 for testing, 0 is left out; the group is the film."""
    opened = layouts.hmdb51(*hmdb51, 1)
    assert opened.labels == ("brush_hair", "wave")
    assert opened.splits() == {"train": 2, "test": 2}
    assert opened.rows[0].group == "April_09"
    assert all(opened.path(row).exists() for row in opened.rows)
    # The film on both sides is split up: its clips are groups of their own.
    assert opened.rows[2].group == opened.rows[2].path
    leakage.check_leakage(opened)


def test_hmdb51_without_its_lists(hmdb51):
    """The error names the list."""
    with pytest.raises(manifest.ManifestError, match=r"brush_hair_test_split2\.txt: is missing"):
        layouts.hmdb51(*hmdb51, 2)


def test_hmdb51_with_a_clip_missing(hmdb51):
    """The error names the clip."""
    videos, lists = hmdb51
    (videos / "wave" / "Both_wave_u_1.avi").unlink()
    with pytest.raises(manifest.ManifestError, match=r"Both_wave_u_1\.avi: is in wave_test_split1"):
        layouts.hmdb51(videos, lists, 1)


def annotations(folder, *lines):
    path = folder / "annotations.csv"
    header = "label,youtube_id,time_start,time_end,split"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_kinetics(tmp_path):
    """The name of a clip holds its video and seconds; what has vanished is counted."""
    for name in ("abc-_defghi_000012_000022.mp4", "abc-_defghi_000030_000040.mp4"):
        (tmp_path / "videos" / "some class").mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / "some class" / name).touch()
    path = annotations(
        tmp_path,
        "riding a bike,abc-_defghi,12,22,train",
        "riding a bike,abc-_defghi,30,40,val",
        "yoga,gone_______,0,10,train",
    )
    opened, missing = layouts.kinetics(tmp_path / "videos", [path])
    assert missing == 1
    assert opened.splits() == {"train": 1, "validation": 1}
    assert {row.group for row in opened.rows} == {"abc-_defghi"}
    with pytest.raises(manifest.ManifestError, match="'abc-_defghi' .train.validation."):
        leakage.check_leakage(opened)


@pytest.mark.parametrize("line", ["yoga,x,0,10,dev", "yoga,x,soon,10,train", "yoga,x"])
def test_kinetics_with_a_mistake(tmp_path, line):
    """The error names the file and the row."""
    (tmp_path / "a_000000_000010.mp4").touch()
    path = annotations(tmp_path, "yoga,a,0,10,train", line)
    with pytest.raises(manifest.ManifestError, match=r"annotations\.csv, row 3"):
        layouts.kinetics(tmp_path, [path])
