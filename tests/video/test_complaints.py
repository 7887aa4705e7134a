"""Damage that FFmpeg conceals is told; sound files are complained of by nobody."""

import logging

import numpy as np
import pytest

from flaxvid.video import complaints, decode, examine
from tests.video import draw

GIF = {"codec": "gif", "pixels": "rgb8"}
FFV1 = {"codec": "ffv1", "pixels": "yuv444p", "options": {"g": "10"}}


def zeroed(path, number, part=1.0):
    """The file with the end of a packet, or all of it, zeros."""
    place, size = draw.packets(path)[number]
    data = bytearray(path.read_bytes())
    first = place + round(size * (1 - part))
    data[first : place + size] = bytes(place + size - first)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.flv", {}),
        ("a.gif", GIF),
        ("a.mkv", {}),
        ("a.avi", FFV1),
        ("a.mpg", {"codec": "mpeg2video"}),
    ],
)
def test_nothing_is_said_of_sound_files(tmp_path, name, options):
    """Whatever the container."""
    found = examine.examine(draw.write(tmp_path / name, draw.moving(12), **options))
    assert (found.complaint, found.bad_packets, len(found.seconds)) == ("", 0, 12)


def test_concealed_damage_is_told(tmp_path, caplog):
    """Half a frame is gone: all frames come, and FFmpeg's own words say that one is made up."""
    path = draw.write(tmp_path / "a.mkv", draw.moving(12), codec="mpeg2video")
    found = examine.examine(zeroed(path, 6, part=0.6))
    assert len(found.seconds) == 12
    assert found.complaint.startswith("FFmpeg conceals damage: ")
    assert not caplog.records


def test_what_other_threads_log_goes_nowhere():
    """Not to the screen either, where Python puts what nobody handles."""
    with complaints.heard() as said:
        pass
    assert said == []
    assert logging.getLogger("libav").handlers
    assert not logging.getLogger("libav").propagate


@pytest.mark.parametrize(("name", "options"), [("a.flv", {}), ("a.gif", GIF)])
def test_bytes_that_are_not_read(tmp_path, name, options):
    """Two files in one, and one that is cut short: said, since FFmpeg says nothing."""
    path = draw.write(tmp_path / name, draw.moving(12), **options)
    data = path.read_bytes()
    path.write_bytes(data + data if name == "a.flv" else data[:-1] + bytes(9) + data)
    assert f"from byte {len(data) - (name == 'a.gif')} of" in examine.examine(path).complaint
    path.write_bytes(data[: len(data) * 2 // 3])
    assert "cut short" in examine.examine(path).complaint


def test_a_packet_of_zeros_is_no_frame(tmp_path):
    """FFV1 takes any bytes for a picture, and zeros pass its checksums: counted, passed over."""
    path = zeroed(draw.write(tmp_path / "a.avi", draw.moving(12), **FFV1), 5)
    found = examine.examine(path)
    assert (len(found.seconds), found.bad_packets) == (11, 1)
    np.testing.assert_array_equal(decode.read_frames(path, [10]), decode.read_frames(path)[[10]])


def test_a_packet_that_gives_no_picture_is_counted(tmp_path):
    """MPEG-1's decoder passes over it without a word."""
    options = {"codec": "mpeg1video", "options": {"g": "6"}}
    path = zeroed(draw.write(tmp_path / "a.avi", draw.moving(12), **options), 3)
    found = examine.examine(path)
    assert (len(found.seconds), found.bad_packets) == (11, 1)
