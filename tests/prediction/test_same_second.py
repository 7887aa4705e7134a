"""The same second shows the same frames, whichever way it is read."""

import dataclasses

import numpy as np
import pytest

from flaxvid.data import batches, frames, manifest, packed_writer, sources, views
from flaxvid.prediction import clips
from flaxvid.runs import embed
from flaxvid.runs import encoder as encoders
from flaxvid.video import decode, preprocess
from tests.video import draw

# Hurried frames, slow ones, a gap of a second.
UNEVEN = np.concatenate([np.arange(30) / 30, 1 + np.arange(10) / 5, 4 + np.arange(20) / 25])
SHOWN = preprocess.Preprocessing(num_frames=4, crop_size=32, resize=32)


@pytest.fixture(scope="module", params=["even", "uneven"])
def video(request, tmp_path_factory):
    """A manifest of the seconds 1 to 3 of a film, and of all of it."""
    folder = tmp_path_factory.mktemp(request.param)
    seconds = UNEVEN if request.param == "uneven" else np.arange(60) / 25
    draw.write(folder / "film.mkv", draw.moving(60), seconds=seconds)
    rows = [
        manifest.Row("film.mkv", "a", "film", start=1.0, end=2.0),
        manifest.Row("film.mkv", "b", "film"),
    ]
    return manifest.of_rows(folder, rows)


def shown(videos, number):
    return batches.VideoRows(videos, SHOWN).test_row(number)["video"]


def alike(first, second, tolerance=6):
    """As frames are that went through JPEG, and unlike the next frame, where a bar has moved on."""
    assert first.shape == second.shape
    assert np.abs(first.astype(int) - second).mean() < tolerance


def test_a_window_of_predict_is_the_row_of_a_manifest(video, trained):
    """Seconds 1 to 2, as a window and as a row: the very same pixels."""
    settings = dataclasses.replace(trained.settings, preprocessing=SHOWN)
    trained = dataclasses.replace(trained, settings=settings)
    film = video.root / "film.mkv"
    said = {one.start: clip for one, clip in clips.windows(trained, film, 1.0, 1.0)}
    np.testing.assert_array_equal(said[1.0].video, shown(video, 0))


def test_embeddings(video, tmp_path):
    """Of a frame, here, the mean colour: that of the frames of the row."""
    encoder = encoders.Encoder(
        "mean", "none", "0", 3, SHOWN, lambda frames: np.asarray(frames, np.float32).mean((1, 2))
    )
    about = embed.describe(video, encoder)
    stored = embed.make(tmp_path / "embeddings", video, encoder, about, "error", 1)
    for number in (0, 1):
        expected = shown(video, number).mean((1, 2))
        np.testing.assert_allclose(stored.array[number][: len(expected)], expected, rtol=1e-4)


def test_packed_clips(video, tmp_path):
    """A record of the part, and one of the whole."""
    packed_writer.pack(video, tmp_path / "packed", packed_writer.Packing(quality=100))
    opened = sources.open_data(tmp_path / "packed")
    for number in (0, 1):
        alike(shown(opened, number), shown(video, number))


def test_frame_folders(video, tmp_path):
    """All frames, and five a second, of which each picture is the frame of its second."""
    frames.write(video, tmp_path / "all", fps=None, quality=100)
    opened = sources.open_data(tmp_path / "all")
    for number in (0, 1):
        alike(shown(opened, number), shown(video, number))
    frames.write(video, tmp_path / "five", fps=5.0, quality=100)
    seconds = decode.frame_times(tmp_path / "five" / "film")
    film = video.root / "film.mkv"
    for picture, second in zip(
        decode.read_frames(tmp_path / "five" / "film"), seconds, strict=True
    ):
        there = decode.read_frames(film, [0], start=max(0.0, second - 0.021))[0]
        alike(picture, there, 9)


def test_views(video):
    """One view of several is what the loader shows: the frames of the same slots."""
    (batch,) = views.view_batches(batches.VideoRows(video, SHOWN), 2)
    for number in (0, 1):
        np.testing.assert_array_equal(batch["video"][number], shown(video, number))
