"""Writing: files that other programs read back, or no file at all."""

import io

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from flaxvid.video import decode, header, write


def read_back(path):
    """All frames by OpenCV's plainest loop, as RGB."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while (pair := capture.read())[0]:
        frames.append(pair[1][..., ::-1])
    capture.release()
    return np.stack(frames)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "CLIP.AVI", "été 日本.mp4"])
def test_video_reads_back(tmp_path, frames, name):
    """Both containers give all the frames back, in order and in their colours."""
    write.write_video(tmp_path / name, frames)
    found = read_back(tmp_path / name)
    assert found.shape == frames.shape
    assert np.abs(found.astype(int) - frames).max() <= 8


@pytest.mark.parametrize("fps", [12, 29.97])
def test_video_has_its_frame_rate(tmp_path, frames, fps):
    """Frames per second are in the header, whole or not."""
    write.write_video(tmp_path / "clip.mp4", frames, fps)
    assert header.probe(tmp_path / "clip.mp4").fps == pytest.approx(fps, rel=1e-4)


def test_frame_rates_unless_told_otherwise(tmp_path, frames):
    """A video has 25 frames per second, and a GIF 10."""
    write.write_video(tmp_path / "clip.mp4", frames[:2])
    assert header.probe(tmp_path / "clip.mp4").fps == pytest.approx(25)
    for gif in (tmp_path / "clip.gif", io.BytesIO(write.gif(frames[:2]))):
        if not isinstance(gif, io.BytesIO):
            write.write_gif(gif, frames[:2])
        with PIL.Image.open(gif) as opened:
            assert opened.info["duration"] == 100


def test_lossless_codec_by_name(tmp_path, frames):
    """FFV1 gives the very pixels back."""
    write.write_video(tmp_path / "clip.avi", frames, codec="FFV1")
    np.testing.assert_array_equal(read_back(tmp_path / "clip.avi"), frames)


def test_odd_sizes_lose_a_row_and_a_column(tmp_path, frames):
    """47x63 is written as 46x62: what the docstring says of the codecs stays true."""
    write.write_video(tmp_path / "clip.mp4", frames[:, :47, :63])
    assert read_back(tmp_path / "clip.mp4").shape == (40, 46, 62, 3)


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("clip.mp4", "zzzz", "codec zzzz: use mp4v in .mp4 or MJPG in .avi"),
        ("clip.mp4", "mp4", "'mp4' has not four letters"),
        ("clip.txt", None, "'.txt' is not a video's: use .mp4 or .avi"),
        ("clip", None, "'' is not a video's: use .mp4 or .avi"),
        ("nowhere/clip.mp4", None, "no folder .*nowhere: make it first"),
    ],
)
def test_what_cannot_be_written(tmp_path, frames, name, codec, message):
    """The error names the file and the remedy, and nothing is left behind."""
    with pytest.raises(decode.VideoError, match=message) as caught:
        write.write_video(tmp_path / name, frames, codec=codec)
    assert caught.value.path == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_file_that_was_there(tmp_path, frames):
    """A video that cannot be written does not destroy the last one of its name."""
    path = tmp_path / "clip.mp4"
    write.write_video(path, frames)
    before = path.read_bytes()
    with pytest.raises(decode.VideoError):
        write.write_video(path, frames, codec="zzzz")
    assert path.read_bytes() == before
    write.write_video(path, frames[:3])
    assert len(read_back(path)) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_interruption_leaves_nothing(tmp_path, frames, monkeypatch):
    """Stopped half-way, as by Ctrl-C, no file stands under the name or beside it."""

    def stop(frame, code):
        raise KeyboardInterrupt

    monkeypatch.setattr(cv2, "cvtColor", stop)
    with pytest.raises(KeyboardInterrupt):
        write.write_video(tmp_path / "clip.mp4", frames)
    assert list(tmp_path.iterdir()) == []


def test_a_video_whose_end_is_missing_is_none(tmp_path, frames, monkeypatch):
    """As on a full disk, of which OpenCV says nothing: an error, and no file."""

    class Losing:
        fourcc = staticmethod(cv2.VideoWriter.fourcc)

        def __init__(self, *given, writer=cv2.VideoWriter):
            self.writer, self.left = writer(*given), len(frames) - 1
            self.isOpened, self.release = self.writer.isOpened, self.writer.release

        def write(self, frame):
            if self.left:
                self.writer.write(frame)
                self.left -= 1

    monkeypatch.setattr(cv2, "VideoWriter", Losing)
    with pytest.raises(decode.VideoError, match="cannot write 64x48 pixels with codec MJPG"):
        write.write_video(tmp_path / "clip.avi", frames)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [write.write_video, write.write_gif])
def test_nothing_to_write(tmp_path, frames, writer):
    """No frames, or no frame rate, is a ValueError that tells the value."""
    with pytest.raises(ValueError, match="0 frames"):
        writer(tmp_path / "clip.mp4", frames[:0])
    for fps in (0, -1, np.nan):
        with pytest.raises(ValueError, match=f"fps .* not {fps}"):
            writer(tmp_path / "clip.mp4", frames, fps)
        with pytest.raises(ValueError, match=f"fps .* not {fps}"):
            write.gif(frames, fps)
    with pytest.raises(ValueError, match="0 frames"):
        write.gif(frames[:0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fps", "milliseconds"), [(0.5, 2000), (1, 1000), (10, 100), (8, 120), (30, 30), (100, 20)]
)
def test_gif_reads_back(tmp_path, frames, fps, milliseconds):
    """All frames, in their colours, for ever, each as long as a GIF can say; never under 20 ms."""
    write.write_gif(tmp_path / "clip.gif", frames[:6], fps)
    with PIL.Image.open(tmp_path / "clip.gif") as gif:
        assert (gif.n_frames, gif.info["loop"]) == (6, 0)
        for index in range(6):
            gif.seek(index)
            assert gif.info["duration"] == milliseconds
            found = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(found - frames[index]).max() <= 4
    assert list(tmp_path.iterdir()) == [tmp_path / "clip.gif"]


@pytest.mark.parametrize("name", ["clip.mp4", "nowhere/clip.gif"])
def test_gif_that_cannot_be_written(tmp_path, frames, name):
    """Another ending or a folder that is not there is an error, and no file."""
    with pytest.raises(decode.VideoError):
        write.write_gif(tmp_path / name, frames)
    assert list(tmp_path.iterdir()) == []


# --- caption ------------------------------------------------------------------------------


def strip(frames, text):
    """What a caption adds below the first frame."""
    return write.caption(frames, text)[0, frames.shape[1] :]


def test_caption_is_below_the_picture(frames):
    """The picture stays as it is; below comes a strip of the same width and an even height."""
    captioned = write.caption(frames, "PlayingCello")
    np.testing.assert_array_equal(captioned[:, :48], frames)
    assert captioned.shape[1] > 48
    for width in range(100, 400, 20):
        assert len(strip(np.zeros((1, 8, width, 3), np.uint8), "PlayingCello")) % 2 == 0
    np.testing.assert_array_equal(captioned[0, 48:], captioned[39, 48:])


@pytest.mark.parametrize("text", ["Cello", "été", "Ελληνικά", "видео", "→ 97 %"])
def test_caption_can_be_read(frames, text):
    """White letters on black, not touching the border, and no two texts look the same."""
    drawn = strip(frames, text)
    assert drawn.max() > 200
    assert drawn[[0, -1]].max() == drawn[:, [0, -1]].max() == 0
    unknown_letters = strip(frames, "\uffff" * len(text))
    assert drawn.shape != unknown_letters.shape or (drawn != unknown_letters).any()


@pytest.mark.parametrize(("width", "size"), [(100, 12), (208, 13), (320, 20), (640, 28)])
def test_letters_of_a_caption_go_with_the_width(width, size):
    """They are a 16th of it, 12 to 28 pixels; a line has a margin of half its letters above."""
    line = sum(PIL.ImageFont.truetype(write.FONT, size).getmetrics())
    for lines, text in enumerate(("a", "a\nb"), start=1):
        height = size // 2 + lines * line
        found = strip(np.zeros((1, 8, width, 3), np.uint8), text)
        assert len(found) == height + height % 2


def test_a_caption_stands_at_its_margins():
    """White letters of 20 pixels begin 10 from the left and 5 from the top, a line below."""
    font = PIL.ImageFont.truetype(write.FONT, 20)
    drawn = PIL.Image.new("RGB", (320, 58))
    below = 5 + sum(font.getmetrics())
    for top, line in ((5, "Cello"), (below, "97 %")):
        PIL.ImageDraw.Draw(drawn).text((10, top), line, font=font, fill=(255, 255, 255))
    found = strip(np.zeros((1, 8, 320, 3), np.uint8), "Cello\n97 %")
    np.testing.assert_array_equal(found, np.asarray(drawn))


def test_long_caption_shrinks_then_grows_down():
    """More text than two lines hold takes smaller letters, then more lines; none is cut off."""
    picture = np.zeros((1, 60, 320, 3), np.uint8)
    heights = [len(strip(picture, "every word counts " * times)) for times in (1, 4, 16)]
    assert heights[0] < heights[2]
    assert heights[1] < 2 * heights[0]
    ink = [strip(picture, "every word counts " * times).astype(bool).sum() for times in (16, 32)]
    assert ink[1] == pytest.approx(2 * ink[0], rel=0.05)


def test_letters_shrink_no_further_than_they_must():
    """Two words of 16 m take 312 pixels each at 20 pixels, of 300, and 296 of 302 at 19."""
    found = strip(np.zeros((1, 8, 320, 3), np.uint8), " ".join(["m" * 16] * 2))
    height = 9 + 2 * sum(PIL.ImageFont.truetype(write.FONT, 19).getmetrics())
    assert len(found) == height + height % 2


def test_letters_shrink_to_nine_pixels():
    """Then lines are added: three of 17 m, of 149 pixels each, where 152 are free."""
    found = strip(np.zeros((1, 8, 160, 3), np.uint8), " ".join(["m" * 17] * 3))
    height = 4 + 3 * sum(PIL.ImageFont.truetype(write.FONT, 9).getmetrics())
    assert len(found) == height + height % 2


def test_caption_breaks_words_that_are_too_long():
    """A word wider than the picture goes on in the next line, at the letter."""
    picture = np.zeros((1, 20, 64, 3), np.uint8)
    drawn = strip(picture, "x" * 40)
    assert len(drawn) > 3 * 9
    assert drawn[:, [0, -1]].max() == 0
    # At 9 pixels an x takes 5.3, and 56 are free.
    np.testing.assert_array_equal(drawn, strip(picture, "\n".join(["x" * 10] * 4)))


def test_caption_without_text(frames):
    """No text is an empty strip as high as one line, so that clips of one film fit together."""
    assert strip(frames, "").shape == strip(frames, "a").shape
    assert strip(frames, "").max() == 0
