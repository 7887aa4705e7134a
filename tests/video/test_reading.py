"""Only what is needed is decoded, and gives the very pixels that decoding everything gives."""

import contextlib

import numpy as np
import pytest

from flaxvid.video import container, decode, reading
from tests.video import draw

KINDS = {
    "h264.mp4": {"options": {"g": "12", "bf": "3"}},
    "open.mp4": {"options": {"x264-params": "open-gop=1:keyint=12:scenecut=0:bframes=3"}},
    "refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=12"}},
    "h264.mkv": {"options": {"g": "12", "bf": "3"}},
    "h264.ts": {"options": {"g": "12", "bf": "3"}},
    "h264.avi": {"options": {"g": "12", "bf": "3"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "2"}},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "12"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "fields.mp4": {"options": {"g": "12", "flags": "+ildct+ilme", "x264-params": "tff=1"}},
}


def every_frame(path):
    """All frames and their seconds, by decoding everything."""
    with contextlib.ExitStack() as stack:
        video = reading.Video(path, stack)
        timeline = video.survey()
        frames = [frame for _, frame in video.frames(timeline, range(len(timeline.seconds)))]
    return timeline, np.stack(frames)


@pytest.mark.parametrize("name", KINDS)
def test_frames_are_those_of_decoding_everything(tmp_path, name):
    """Whatever is asked for: times from packets, groups of pictures, frames passed over."""
    noise = np.random.default_rng(0).integers(0, 40, (40, 48, 64, 3), np.uint8)
    path = draw.write(tmp_path / name, draw.moving(40) // 2 + noise, **KINDS[name])
    surveyed, frames = every_frame(path)
    with contextlib.ExitStack() as stack:
        listed = reading.Video(path, stack).timeline()
    assert len(frames) == 40
    np.testing.assert_allclose(listed.seconds, surveyed.seconds, atol=1e-9)
    assert listed.end == pytest.approx(surveyed.end)
    for wanted in ([0], [39], [11, 12, 13], [5, 30], [23, 24], list(range(40))):
        np.testing.assert_array_equal(decode.read_frames(path, wanted), frames[wanted])
        chosen = decode.read_clip(path, lambda num_frames, wanted=wanted: wanted)
        np.testing.assert_array_equal(chosen, frames[wanted])
    np.testing.assert_array_equal(decode.read_frames(path, start=0.5, end=1.1), frames[13:28])


@pytest.mark.parametrize("name", ["h264.mp4", "open.mp4", "h264.mkv", "mpeg4.avi"])
def test_no_sound_file_is_decoded_twice(tmp_path, name, monkeypatch):
    """Whichever frame is the last wanted: those stored behind it and shown before it are read."""
    path = draw.write(tmp_path / name, draw.moving(24), **KINDS[name])
    monkeypatch.delattr(reading.Video, "survey")
    for last in range(12, 24):
        assert len(decode.read_frames(path, [3, last])) == 2
        assert len(decode.read_clip(path, lambda _, last=last: [last])) == 1


def test_packets_between_groups_are_not_decoded(tmp_path, monkeypatch):
    """Of the last of 40 frames, no more is decoded than its group of 12."""
    path = draw.write(tmp_path / "a.avi", draw.moving(40), codec="mpeg4", options={"g": "12"})
    fed = []
    decode_packet = reading.container.File.decode
    monkeypatch.setattr(
        reading.container.File, "decode", lambda f, p: fed.append(p) or decode_packet(f, p)
    )
    decode.read_clip(path, lambda num_frames: [num_frames - 1])
    assert len(fed) <= 12


@pytest.mark.parametrize("limit", ["KEPT_PACKETS", "KEPT_FRAMES"])
def test_large_files_are_read_twice(tmp_path, monkeypatch, limit):
    """What is too large to keep in memory comes from the file again, and is the same."""
    path = draw.write(
        tmp_path / "a.mpg" if "FRAMES" in limit else tmp_path / "a.mp4",
        draw.moving(40),
        codec="mpeg2video",
        options={"g": "12"},
    )
    before = decode.read_frames(path, [3, 17, 38])
    where = reading if "FRAMES" in limit else reading.container
    monkeypatch.setattr(where, limit, 1000)
    np.testing.assert_array_equal(decode.read_frames(path, [3, 17, 38]), before)


@pytest.mark.parametrize(("name", "proof"), [("0.avi", False), ("2.avi", True), ("2.mkv", False)])
def test_times_of_avi_are_proved_where_frames_are_reordered(tmp_path, name, proof):
    """Nothing is passed over on the way, and nothing behind the last one wanted is decoded."""
    options = {"g": "12", "bf": name[0]}
    path = draw.write(tmp_path / name, draw.moving(12), codec="mpeg4", options=options)
    with contextlib.ExitStack() as stack:
        video = reading.Video(path, stack)
        assert video.file.times_need_proof is proof
        fed, decode_packet = [], video.file.decode
        video.file.decode = lambda packet: fed.append(packet) or decode_packet(packet)
        list(video.frames(video.timeline(), [5]))
        assert len(fed) <= 8


def test_two_frames_in_one_packet(tmp_path):
    """Xvid packs so: the times of packets are those of other frames, and each frame comes once."""
    drawn = draw.moving(24)
    path = draw.packed_pairs(tmp_path / "a.avi", drawn)
    clip = decode.read_clip(path, lambda num_frames: [0, 5, num_frames - 1])
    assert np.abs(clip.astype(int) - drawn[[0, 5, 23]]).mean() < 6
    np.testing.assert_allclose(decode.frame_times(path), np.arange(24) / 25, atol=1e-9)
    timed = decode.TimedFrames(path)
    assert [second for second, _ in timed] == pytest.approx((np.arange(24) / 25).tolist())


def test_a_stream_that_begins_on_the_way_is_no_end(tmp_path):
    """PyAV stumbles over it when all packets are given: they count, and nothing is wrong."""
    path = draw.write(tmp_path / "a.ts", draw.moving(12))

    class Stumbling:
        def __init__(self, opened):
            self.opened = opened

        def demux(self, stream):
            yield from self.opened.demux(stream)
            raise IndexError("list index out of range")

    with container.opened(path) as file:
        file.container = Stumbling(file.container)
        assert len(list(file.packets())) == 12
        assert file.bad_packets == 0
