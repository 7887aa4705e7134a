"""Names on the command line: files, folders, a camera."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.prediction import inputs


def test_files_and_folders(tmp_path):
    """A folder gives its videos, however deep, sorted; a file is taken whatever its ending."""
    for name in ("b/2.mp4", "b/1.AVI", "a/deep/3.webm", "a/notes.txt", "a/._3.webm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    odd = tmp_path / "a" / "notes.txt"
    found = inputs.videos([odd, tmp_path])
    assert found == [odd, *(tmp_path / name for name in ("a/deep/3.webm", "b/1.AVI", "b/2.mp4"))]


def test_folder_of_images_is_a_video(tmp_path):
    """As everywhere."""
    cv2.imwrite(str(tmp_path / "frame_1.png"), np.zeros((4, 4, 3), np.uint8))
    assert inputs.videos([tmp_path]) == [tmp_path]


@pytest.mark.parametrize("name", ["cover.jpg", "COVER.PNG"])
def test_a_single_picture_is_refused(tmp_path, name):
    """Nothing moves in it, and a model would name a movement all the same."""
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(errors.UserError, match=f"{name}: is a single picture"):
        inputs.videos([tmp_path / name])


def test_folder_without_videos(tmp_path):
    """It says so."""
    with pytest.raises(errors.UserError, match="holds no videos"):
        inputs.videos([tmp_path])


def test_cameras(tmp_path, monkeypatch):
    """`camera` and numbers, unless there is a file of that name."""
    monkeypatch.chdir(tmp_path)
    assert [inputs.camera([Path(name)]) for name in ("camera", "2", "a.mp4")] == [0, 2, None]
    Path("2").touch()
    assert inputs.camera([Path("2")]) is None
    assert inputs.camera([Path("camera"), Path("a.mp4")]) is None
