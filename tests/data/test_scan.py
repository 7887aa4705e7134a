"""Folders: videos of every ending, however deep; what is left out is said."""

import os

import cv2
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import manifest, manifest_file, scan, sources, ucf101
from flaxvid.prediction import inputs
from flaxvid.video import frame_folder


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith((".jpg", ".png")):
            cv2.imwrite(str(folder / name), np.zeros((4, 4, 3), np.uint8))
        else:
            (folder / name).touch()


@pytest.mark.parametrize(
    "suffix", [".3gp", ".ts", ".MTS", ".m2ts", ".gif", ".ogv", ".asf", ".mxf", ".vob", ".Mp4"]
)
def test_endings(suffix):
    """Every container that is read has its usual endings known, in any case."""
    assert scan.is_video_name(f"clip{suffix}")
    assert not scan.is_video_name(f".clip{suffix}")


def test_class_folders_are_read_however_deep(tmp_path):
    """The class is the first folder; a folder of images is a video wherever it is."""
    touch(tmp_path, "run/a/1.mp4", "run/b/c/2.TS", "run/3.avi", "jump/x/1.jpg", "jump/2.gif")
    opened = sources.from_folders(tmp_path)
    assert {(row.path, row.label) for row in opened.rows} == {
        ("run/3.avi", "run"),
        ("run/a/1.mp4", "run"),
        ("run/b/c/2.TS", "run"),
        ("jump/2.gif", "jump"),
        ("jump/x", "jump"),
    }


def test_what_is_left_out_is_said(tmp_path, capsys):
    """How many, of which endings, and where; nothing is said where nothing is left out."""
    touch(tmp_path, "run/1.mp4", "run/2.mp4", "jump/1.mp4", "jump/2.mp4", "manifest.csv")
    sources.from_folders(tmp_path)
    assert capsys.readouterr().err == ""
    touch(tmp_path, "run/deep/notes.txt", "run/1.srt", "run/2.srt", "astray.mp4")
    sources.from_folders(tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path}: left out 4 files")
    for part in ("2 .srt", "1 .txt", "1 .mp4", "the first is astray.mp4"):
        assert part in line


def test_a_folder_with_videos_is_no_frame_folder(tmp_path, capsys):
    """A cover beside videos, or above folders of them, hides none."""
    touch(tmp_path, "cover.jpg", "a.mp4", "deep/b.mp4", "deep/thumbs/1.jpg", "frames/1.png")
    assert not frame_folder.is_frame_folder(tmp_path)
    assert frame_folder.is_frame_folder(tmp_path / "frames")
    assert inputs.videos([tmp_path]) == [tmp_path / "a.mp4", tmp_path / "deep" / "b.mp4"]
    assert "left out 3 files" in capsys.readouterr().err
    (tmp_path / "a.mp4").unlink()
    assert not frame_folder.is_frame_folder(tmp_path)


def test_a_folder_of_frame_folders(tmp_path):
    """Is as many videos."""
    touch(tmp_path, "b/1.jpg", "b/2.jpg", "a/1.jpg")
    assert inputs.videos([tmp_path]) == [tmp_path / "a", tmp_path / "b"]


def test_a_name_that_is_not_utf_8(tmp_path):
    """Refused in one line before anything is written, and no half manifest stays."""
    touch(tmp_path, "run/1.mp4", "run/2.mp4")
    os.rename(
        os.fsencode(tmp_path / "run" / "2.mp4"), os.fsencode(tmp_path / "run") + b"/caf\xe9.mp4"
    )
    for read in (scan.scan, sources.from_folders, ucf101.find_videos):
        with pytest.raises(errors.UserError, match=r"caf.xe9.mp4: its name is not in UTF-8"):
            read(tmp_path)
    odd = manifest.of_rows(tmp_path, [manifest.Row("run/caf\udce9.mp4", "run")])
    for name in ("manifest.csv", "manifest.json"):
        with pytest.raises(manifest.ManifestError, match="not in UTF-8"):
            manifest_file.write(odd, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_ucf101_spelt_either_way(tmp_path):
    """Lists say HandStandPushups, copies of the files HandstandPushups: the class is whole."""
    touch(tmp_path, "v_HandstandPushups_g01_c01.avi", "v_Biking_g01_c01.avi")
    names = {"train": ["v_HandStandPushups_g01_c01.avi", "v_Biking_g01_c01"]}
    opened = ucf101.from_names(tmp_path, names)
    assert [row.label for row in opened.rows] == ["HandstandPushups", "Biking"]
    assert all(opened.path(row).exists() for row in opened.rows)


def test_links_that_lead_back_are_not_followed_for_ever(tmp_path):
    """One to the folder above, and one to itself; others are followed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.avi").touch()
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("c")
    found = scan.scan(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in found.videos] == ["a/1.avi", "b/1.avi"]
    assert [p.name for p in found.left_out] == ["c"]
