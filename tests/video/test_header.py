"""What a header claims is told as a claim; the size is that of the first frame."""

from pathlib import Path

import cv2

from flaxvid.video import decode, header

HERE = Path(__file__).parent


def test_probe_tells_what_the_header_claims(claim):
    """Size, rate and length come from the header, true or not."""
    path = claim(55)
    info = header.probe(path)
    assert info == header.VideoInfo(
        str(path), 64, 48, fps=25.0, frame_count=55, seconds=2.2, container="avi", codec="ffv1"
    )


def test_probe_gives_the_size_after_rotation():
    """Stored 64x48 and turned by a quarter, a video is 48 wide and 64 high."""
    info = header.probe(HERE / "rotated.mp4")
    assert (info.width, info.height) == (48, 64)


def test_probe_of_a_header_that_does_not_say(tmp_path, frames):
    """JPEGs one after another have no header: the claims are 0, and all frames can be read."""
    path = tmp_path / "stream.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames))
    info = header.probe(path)
    assert (info.frame_count, info.seconds) == (0, 0.0)
    assert decode.count_frames(path) == 40
    assert len(decode.read_clip(path, range)) == 40
