"""A folder of images is read as a video: natural order, every frame, damage named."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from flaxvid.video import decode, frame_folder, header, sample


@pytest.fixture
def folder(tmp_path, frames):
    """12 lossless images named 1 to 12, as some people name them; the folder states 5 fps."""
    path = tmp_path / "clip"
    path.mkdir()
    for number, frame in enumerate(frames[:12], start=1):
        cv2.imwrite(str(path / f"{number}.png"), np.ascontiguousarray(frame[..., ::-1]))
    (path / "notes.txt").touch()
    (path / "frames.json").write_text(json.dumps({"fps": 5.0}))
    return path


def test_images_stand_in_natural_order(folder):
    """2 comes before 10, and what is no image is left out."""
    assert frame_folder.images(folder) == [f"{n}.png" for n in range(1, 13)]


def test_all_frames(folder, frames):
    """The pixels are those of the images, RGB, one after the other."""
    np.testing.assert_array_equal(decode.read_frames(folder), frames[:12])


def test_wanted_frames(folder, frames):
    """Any order, repeats allowed, as with a video file."""
    np.testing.assert_array_equal(decode.read_frames(folder, [7, 0, 7]), frames[:12][[7, 0, 7]])


def test_only_wanted_images_are_decoded(folder, frames):
    """Damage to a frame that nobody asks for does no harm."""
    (folder / "4.png").write_bytes(b"damaged")
    np.testing.assert_array_equal(decode.read_frames(folder, [9]), frames[:12][[9]])


@pytest.mark.parametrize("form", ["webp", "png"])
def test_images_that_are_films_are_refused(folder, frames, form):
    """An animated WebP or PNG among them: one frame of it would be taken without a word."""
    first, *others = map(Image.fromarray, frames[:3])
    first.save(folder / f"13.{form}", save_all=True, append_images=others)
    with pytest.raises(decode.VideoError, match=f"13.{form}: this image is a film"):
        decode.read_frames(folder)
    first.save(folder / f"13.{form}")
    assert len(decode.read_frames(folder)) == 13


def test_segment(folder, frames):
    """At 5 fps, 1 s to 2 s are frames 5 to 9."""
    np.testing.assert_array_equal(decode.read_frames(folder, start=1, end=2), frames[:12][5:10])


def test_header(folder):
    """Size and count come from the images, the rate from frames.json."""
    info = header.probe(folder)
    assert (info.width, info.height, info.fps, info.frame_count) == (64, 48, 5.0, 12)
    assert decode.count_frames(folder) == 12


def test_without_a_rate_seconds_mean_nothing(folder):
    """Whole clips are read all the same; a segment is refused."""
    (folder / "frames.json").unlink()
    assert len(decode.read_frames(folder)) == 12
    with pytest.raises(decode.VideoError, match="no frame rate"):
        decode.read_frames(folder, start=1)


@pytest.mark.parametrize("content", ["", "[]", '{"fps": "fast"}', '{"fps": -1}', '{"fps": NaN}'])
def test_times_that_are_damaged_are_refused(folder, content):
    """They are not taken for none: the frames would have other seconds than were meant."""
    (folder / "frames.json").write_text(content)
    with pytest.raises(decode.VideoError, match="frames.json: is damaged.*make"):
        decode.read_frames(folder)


def test_an_image_that_is_damaged_ends_the_video(folder, frames):
    """As a file that is cut short: a clip is chosen among the frames before it."""
    (folder / "11.png").write_bytes(b"")
    clip = decode.read_clip(folder, lambda count: sample.uniform_indices(count, 4))
    np.testing.assert_array_equal(clip, frames[[1, 3, 6, 8]])


def test_an_image_of_another_size_is_named(folder):
    """Frames of two sizes are no clip."""
    cv2.imwrite(str(folder / "3.png"), np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(decode.VideoError, match=r"clip: frame 2 has 30x20 pixels.*64x48"):
        decode.read_frames(folder)


def test_a_folder_without_images_is_no_video(tmp_path):
    """The error says what is missing."""
    assert not frame_folder.is_frame_folder(tmp_path)
    with pytest.raises(decode.VideoError, match="holds no images"):
        header.probe(tmp_path)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(None, range(40)), (25, range(40)), (60, range(40)), (5, range(0, 40, 5)), (10, None)],
)
def test_frames_one_by_one_at_a_rate(write, frames, rate, expected):
    """Of 40 frames at 25 fps, 10 a second are the first ones at or after 0 s, 0.1 s, 0.2 s ..."""
    if expected is None:
        expected = [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30, 33, 35, 38]
    read = np.stack(list(decode.each_frame(write("video.avi", frames), rate=rate)))
    np.testing.assert_array_equal(read, frames[list(expected)])


def test_frames_one_by_one_of_a_segment(write, frames):
    """From 0.4 s to 1 s, at 5 fps: frames 10, 15 and 20."""
    read = list(decode.each_frame(write("video.avi", frames), rate=5, start=0.4, end=1.0))
    np.testing.assert_array_equal(np.stack(read), frames[[10, 15, 20]])


def test_frames_one_by_one_of_a_file_cut_short(cut_short, frames):
    """What is there is given; nothing is invented."""
    read = np.stack(list(decode.each_frame(cut_short)))
    assert 0 < len(read) < 40
    np.testing.assert_array_equal(read, frames[: len(read)])


def test_a_rate_of_a_folder_that_states_none(folder):
    """The error names the folder."""
    (folder / "frames.json").unlink()
    with pytest.raises(decode.VideoError, match="clip: no frame rate is stated"):
        next(decode.each_frame(folder, rate=1))
