"""Videos to folders of JPEGs: the right frames, whole folders, nothing twice."""

import dataclasses
import json

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import frames, manifest, sources
from flaxvid.video import decode, header


@pytest.fixture
def few(small_motion):
    """Three training and two test videos of 16 frames at 8 fps."""
    rows = [*small_motion.split("train").rows[:3], *small_motion.split("test").rows[:2]]
    return manifest.Manifest(small_motion.root, tuple(rows), small_motion.labels)


def test_frames_of_every_video(few, tmp_path):
    """4 a second of 8: every second frame, in folders named as the videos, that open as data."""
    assert frames.write(few, tmp_path / "out", fps=4.0) == {}
    opened = sources.open_data(tmp_path / "out")
    for row, original in zip(opened.rows, few.rows, strict=True):
        assert row.path == original.path.removesuffix(".avi")
        assert (row.label, row.group, row.split) == (
            original.label,
            original.group,
            original.split,
        )
        read = decode.read_frames(opened.path(row))
        expected = decode.read_frames(few.path(original))[::2]
        assert read.shape == expected.shape
        assert np.abs(read.astype(int) - expected).mean() < 4
        assert header.probe(opened.path(row)).fps == 4.0


def test_names_and_size(few, tmp_path):
    """frame_000001.jpg and on; the short side as asked, never enlarged."""
    frames.write(few, tmp_path / "small", fps=None, short_side=24)
    frames.write(few, tmp_path / "same", fps=100.0, short_side=400)
    (folder,) = (tmp_path / "small").glob(few.rows[0].path.removesuffix(".avi"))
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"frame_{n:06d}.jpg" for n in range(1, 17)] + ["frames.json"]
    assert json.loads((folder / "frames.json").read_text()) == {"fps": 8.0}
    small, same = (
        decode.read_frames(tmp_path / s / folder.relative_to(tmp_path / "small"))
        for s in ("small", "same")
    )
    assert small.shape == (16, 24, 24, 3)
    assert same.shape == (16, 64, 64, 3)


def test_a_run_goes_on_where_it_stopped(few, tmp_path, monkeypatch):
    """Whole folders are left alone, a half one is begun again."""
    written, write_frames = [], frames._write_frames

    def stop_in_the_third(path, *arguments):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write_frames(path, *arguments)

    monkeypatch.setattr(frames, "_write_frames", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        frames.write(few, tmp_path, threads=1)
    monkeypatch.setattr(
        frames, "_write_frames", lambda path, *a: written.append(path) or write_frames(path, *a)
    )
    frames.write(few, tmp_path)
    assert sorted(written) == sorted(few.path(row) for row in few.rows)
    assert not list(tmp_path.rglob("*.partial"))
    assert len(sources.open_data(tmp_path).rows) == 5


def test_parts_of_a_video_share_its_folder(few, tmp_path):
    """Two seconds of one file are two rows of one folder, at the same times."""
    rows = [dataclasses.replace(few.rows[0], start=float(s), end=s + 1.0) for s in (0, 1)]
    cut = manifest.Manifest(few.root, tuple(rows), few.labels)
    frames.write(cut, tmp_path, fps=4.0)
    opened = sources.open_data(tmp_path)
    second = opened.rows[1]
    read = decode.read_frames(opened.path(second), start=second.start, end=second.end)
    expected = decode.read_frames(few.path(few.rows[0]))[[8, 10, 12, 14]]
    assert np.abs(read.astype(int) - expected).mean() < 4


def test_two_videos_of_one_folder_are_refused(few, tmp_path):
    """a.avi and a.mp4 would write into each other."""
    rows = [dataclasses.replace(few.rows[0], path=path) for path in ("x/a.avi", "x/a.mp4")]
    with pytest.raises(errors.UserError, match=r"x/a\.avi and x/a\.mp4 would share"):
        frames.write(manifest.Manifest(few.root, tuple(rows), few.labels), tmp_path)


def test_bad_videos(few, tmp_path):
    """One that can't be read stops the run, or is left out and told."""
    (tmp_path / "bad.avi").write_bytes(b"no video")
    bad = dataclasses.replace(few.rows[0], path=str(tmp_path / "bad.avi"))
    mixed = manifest.Manifest(few.root, (few.rows[1], bad, few.rows[2]), few.labels)
    with pytest.raises(decode.VideoError, match=r"bad\.avi"):
        frames.write(mixed, tmp_path / "out")
    skipped = frames.write(mixed, tmp_path / "out", skip=True)
    assert list(skipped) == [str(tmp_path / "bad.avi")]
    assert len(sources.open_data(tmp_path / "out").rows) == 2
