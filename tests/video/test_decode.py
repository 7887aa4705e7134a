"""Decoding: the very frames asked for, in RGB, and a plain sentence when there are none."""

import itertools
import os
import pathlib
import pickle
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from flaxvid import errors
from flaxvid.video import decode, examine, header, opening, pixels, sample
from tests.video import draw

HERE = pathlib.Path(__file__).parent

read = pytest.mark.exercise("video.decode.read_frames")
count = pytest.mark.exercise("video.decode.count_frames")


def which(clip):
    """The indices of frames of `counting_frames`, from their red."""
    return (clip[:, 0, 0, 0] // 6).tolist()


# --- read_frames --------------------------------------------------------------------------


@read
def test_all_frames_in_order(video, frames):
    """Without indices, every frame comes back, first to last, as it was written."""
    clip = decode.read_frames(video)
    assert clip.shape == (40, 48, 64, 3)
    assert clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, frames)


@read
@pytest.mark.parametrize("claimed", [3, 55])
def test_all_frames_are_those_of_the_file(claim, frames, claimed):
    """Of 40 frames all come back, and no black ones after them, whatever the header claims."""
    np.testing.assert_array_equal(decode.read_frames(claim(claimed)), frames)


@read
@pytest.mark.parametrize("indices", [None, [0], []])
def test_what_is_no_video_has_no_frames(tmp_path, indices):
    """A text file is a VideoError, whatever is wanted of it, an empty list too."""
    path = tmp_path / "text.mp4"
    path.write_text("not a video " * 100)
    with pytest.raises(decode.VideoError):
        decode.read_frames(path, indices)


@read
@pytest.mark.parametrize("indices", [None, [0], []])
def test_a_missing_file_has_no_frames(tmp_path, indices):
    """A path at which there is no file is a VideoError, and no FileNotFoundError."""
    with pytest.raises(decode.VideoError):
        decode.read_frames(tmp_path / "missing.avi", indices)


@read
@pytest.mark.parametrize("indices", [None, [0], []])
def test_an_empty_file_has_no_frames(tmp_path, indices):
    """A file of 0 bytes is a VideoError."""
    path = tmp_path / "empty.avi"
    path.touch()
    with pytest.raises(decode.VideoError):
        decode.read_frames(path, indices)


@read
def test_frames_are_rgb(video):
    """Frame 0 is red 0, green 100, blue 200: OpenCV's own order, BGR, stays inside."""
    assert decode.read_frames(video, [0])[0, 0, 0].tolist() == [0, 100, 200]


@read
@pytest.mark.parametrize("indices", [[7], [0, 39], [3, 4, 30], list(range(0, 40, 3))])
def test_wanted_frames_are_the_very_ones(video, frames, indices):
    """Frame i is the i-th frame of the file, counted from 0."""
    clip = decode.read_frames(video, indices)
    assert which(clip) == indices
    np.testing.assert_array_equal(clip, frames[indices])


@read
def test_any_order_and_repeats(video):
    """Frames come in the order of the indices, and an index given twice gives its frame twice."""
    clip = decode.read_frames(video, np.array([9, 2, 9, 30, 2]))
    assert which(clip) == [9, 2, 9, 30, 2]


@read
def test_the_list_of_indices_stays_as_it_is(video):
    """The caller's list is still 9, 2, 9 afterwards: it is neither sorted nor emptied."""
    indices = [9, 2, 9]
    decode.read_frames(video, indices)
    assert indices == [9, 2, 9]


@read
def test_no_indices_are_no_frames(video):
    """An empty list is an empty clip of the right size, where None would be the whole video."""
    assert decode.read_frames(video, []).shape == (0, 48, 64, 3)
    assert decode.read_frames(video, np.array([], int)).shape == (0, 48, 64, 3)


@pytest.mark.parametrize(
    ("start", "end", "first", "stop"),
    [
        (0.4, None, 10, 40),
        (0, 0.4, 0, 10),
        (0.4, 0.8, 10, 20),
        (0.28, 0.29, 7, 8),
        (1.5, 9, 38, 40),
    ],
)
def test_segment_is_from_start_up_to_end(video, start, end, first, stop):
    """At 25 fps a segment from 0.4 s to 0.8 s has frames 10 to 19: its end is excluded."""
    clip = decode.read_frames(video, start=start, end=end)
    assert which(clip) == list(range(first, stop))


def test_indices_count_from_the_start_of_the_segment(video):
    """Index 0 of the segment from 0.4 s is frame 10 of the file."""
    assert which(decode.read_frames(video, [5, 0, 9], start=0.4, end=0.8)) == [15, 10, 19]


def test_segments_that_meet_share_no_frame(video):
    """Third after third of a second, at 25 fps, no frame is lost and none comes twice."""
    borders = [0.0, 1 / 3, 2 / 3, 1.0]
    found = []
    for start, end in itertools.pairwise(borders):
        found += which(decode.read_frames(video, start=start, end=end))
    assert found == list(range(25))


@read
@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "MJPG"), ("a.avi", "XVID"), ("a.mp4", "mp4v"), ("a.webm", "VP80")]
)
def test_common_codecs(write, frames, name, codec):
    """Lossy codecs give the same frames too, within a few grey levels."""
    clip = decode.read_frames(write(name, frames, codec=codec), [38, 1, 20])
    assert np.abs(clip.astype(int) - frames[[38, 1, 20]]).max() <= 8


@read
def test_h264_with_b_frames_and_a_quarter_turn():
    """A phone's upright video: frames in the order they are shown, turned as it asks."""
    clip = decode.read_frames(HERE / "rotated.mp4")
    assert clip.shape == (6, 64, 48, 3)
    grey = 40 * np.arange(1, 7)
    corners = clip[:, [4, 4, -4, -4], [4, -4, 4, -4]].astype(int)
    # Clockwise, the red quarter goes from the top left to the top right, and so on around.
    expected = grey[:, None, None] * np.array([[0, 0, 1], [1, 0, 0], [1, 1, 1], [0, 1, 0]])
    assert np.abs(corners - expected).max() <= 4


@read
def test_one_frame_video(write, frames):
    """A video of one frame is a clip of one frame."""
    path = write("one.avi", frames[5:6])
    assert which(decode.read_frames(path)) == [5]
    assert which(decode.read_frames(path, [0, 0])) == [5, 5]


@pytest.mark.parametrize("name", ["two words/a b.avi", "été/日本 ü.avi", "12:30.avi", "50%d.avi"])
def test_any_name(tmp_path, video, monkeypatch, name):
    """Spaces, letters of all alphabets, colons and per cent signs in a path are nothing special."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    video.rename(path)
    monkeypatch.chdir(tmp_path)
    assert which(decode.read_frames(name, [39])) == [39]


@read
@pytest.mark.parametrize("indices", [[40], [0, 1000, 3]])
def test_index_past_the_end(video, indices):
    """An index past the end: `frame 40 is wanted, but only frames 0 to 39 can be read`."""
    with pytest.raises(decode.VideoError, match=rf"frame {max(indices)} .* 0 to 39") as caught:
        decode.read_frames(video, indices)
    assert caught.value.path == str(video)


def test_index_past_the_end_of_a_segment(video):
    """Frame 10 of a segment of 10 frames is an error, though the file goes on."""
    with pytest.raises(decode.VideoError, match=r"frame 10 .* 0 to 9 .*between 0.4 s and 0.8 s"):
        decode.read_frames(video, [10], start=0.4, end=0.8)


@read
def test_index_past_what_was_cut_off(cut_short):
    """Of a file cut short: `frame 39 is wanted, but only frames 0 to N can be read`, N not the
    header's."""
    there = len(readable(cut_short))
    assert 1 <= there < 39
    with pytest.raises(decode.VideoError, match=f"frame 39 .* 0 to {there - 1} "):
        decode.read_frames(cut_short, [39])


def test_negative_index(video):
    """Indices do not count from the end."""
    for indices in ([-1], [3, -1]):
        with pytest.raises(ValueError, match="-1 is not one"):
            decode.read_frames(video, indices)


@read
def test_reading_stops_after_the_last_wanted_frame(cut_short, frames):
    """The first frames of a damaged file can be used, since nothing past them is read."""
    np.testing.assert_array_equal(decode.read_frames(cut_short, [1, 0]), frames[[1, 0]])


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({"start": 1.6}, "after 40 frames, at 1.6 s"),
        ({"start": 99.0, "end": 100.0}, "starts at 99 s"),
        ({"start": 0.41, "end": 0.42}, "no frame starts between 0.41 s and 0.42 s"),
        ({"start": 0.8, "end": 0.4}, "from 0.8 s to 0.4 s"),
        ({"start": -1.0}, "from -1.0 s"),
    ],
)
def test_segment_without_frames(video, segment, message):
    """A segment past the end, between two frames or the wrong way round is a VideoError."""
    with pytest.raises(decode.VideoError, match=message):
        decode.read_frames(video, **segment)


# --- count_frames -------------------------------------------------------------------------


def readable(path):
    """Every frame of a file, read in the plainest way."""
    capture, found = cv2.VideoCapture(str(path)), []
    while (pair := capture.read())[0]:
        found.append(pair[1])
    capture.release()
    return found


@count
@pytest.mark.parametrize("num_frames", [1, 2, 40, 1234])
def test_count_of_a_sound_file(write, frames, num_frames):
    """A file of 1, 2, 40 or 1,234 frames has as many as were written."""
    small = frames[np.arange(num_frames) % len(frames), :16, :16]
    assert decode.count_frames(write("clip.avi", small)) == num_frames


@count
@pytest.mark.parametrize("claimed", [0, 3, 55])
def test_count_does_not_trust_the_header(claim, claimed):
    """40 frames are 40, whether the header claims 0, 3 or 55."""
    assert decode.count_frames(claim(claimed)) == 40


@count
def test_count_of_a_file_cut_short(cut_short):
    """Of a broken download, the frames that can be read count, not the 40 of the header."""
    there = len(readable(cut_short))
    assert 1 <= there < 40
    assert decode.count_frames(cut_short) == there


@count
def test_count_of_unreadable_frames(hollow):
    """A file that claims 40 frames and gives none is an error, not a video of 0 or 40 frames."""
    with pytest.raises(decode.VideoError, match="no frame can be read") as caught:
        decode.count_frames(hollow)
    assert str(caught.value).startswith(str(hollow)), "the error names another file"


@count
def test_count_of_a_missing_file(tmp_path):
    """A path at which there is no file is a VideoError, and no FileNotFoundError."""
    with pytest.raises(decode.VideoError):
        decode.count_frames(tmp_path / "missing.avi")


@count
def test_count_of_an_empty_file(tmp_path):
    """A file of 0 bytes is a VideoError."""
    path = tmp_path / "empty.avi"
    path.touch()
    with pytest.raises(decode.VideoError):
        decode.count_frames(path)


@count
def test_count_of_a_file_that_was_written_anew(write, frames):
    """The file is read at each call: 5 frames, and 3 once another video is at the same path."""
    decode.count_frames(write("clip.avi", frames[:5]))
    assert decode.count_frames(write("clip.avi", frames[:3])) == 3


def test_av1():
    """The newest of the common codecs is read: five frames."""
    assert decode.read_frames(HERE / "av1.mp4").shape[0] == decode.count_frames(HERE / "av1.mp4")
    assert header.probe(HERE / "av1.mp4").codec in ("av1", "libdav1d")


# --- read_clip ----------------------------------------------------------------------------


def every_tenth(num_frames):
    return range(0, num_frames, 10)


def last_frame(num_frames):
    return [num_frames - 1]


def test_clip_is_what_the_rule_chooses(video):
    """The rule is given the number of frames, 40, and its choice is read."""
    assert which(decode.read_clip(video, every_tenth)) == [0, 10, 20, 30]
    assert which(decode.read_clip(video, last_frame)) == [39]


@pytest.mark.parametrize("answer", [[], (3,), (3, 9), range(5), np.array([7, 2])])
def test_a_rule_may_answer_in_any_sequence(video, answer):
    """A list without frames gives a clip without frames; a tuple is no place in two axes."""
    clip = decode.read_clip(video, lambda num_frames: answer)
    assert clip.shape == (len(answer), 48, 64, 3)
    assert which(clip) == list(answer)


def test_clip_of_a_segment(video):
    """The rule is given the number of frames of the segment, at most what the video has."""
    assert which(decode.read_clip(video, last_frame, start=0.4, end=0.8)) == [19]
    assert which(decode.read_clip(video, last_frame, start=0.4, end=60.0)) == [39]


@pytest.mark.parametrize(
    ("segment", "num_frames"),
    [({}, 40), ({"start": 0.4}, 30), ({"start": 0.4, "end": 0.8}, 10), ({"end": 60.0}, 40)],
)
def test_clip_of_a_sound_file_asks_the_rule_once(video, segment, num_frames):
    """The header is right, so the first answer is read and the file is not opened again."""
    asked = []
    decode.read_clip(video, lambda count: asked.append(count) or [count - 1], **segment)
    assert asked == [num_frames]


@pytest.mark.parametrize("claimed", [0, 41, 1000])
def test_clip_when_the_header_lies(claim, claimed):
    """The last frame is frame 39, whatever the header claims."""
    assert which(decode.read_clip(claim(claimed), last_frame)) == [39]
    assert which(decode.read_clip(claim(claimed), last_frame, start=0.4)) == [39]
    assert which(decode.read_clip(claim(claimed), last_frame, start=0.4, end=0.8)) == [19]


def test_clip_of_a_file_cut_short_asks_with_the_number_really_there(cut_short):
    """Not with the 40 of the header."""
    there, asked = len(readable(cut_short)), []

    def middle_and_last(num_frames):
        asked.append(num_frames)
        return [num_frames // 2, num_frames - 1]

    clip = decode.read_clip(cut_short, middle_and_last)
    assert asked == [there]
    assert which(clip) == [there // 2, there - 1]


def test_clip_past_the_end(video):
    """A segment past the end has nothing to choose from: a VideoError."""
    with pytest.raises(decode.VideoError, match="after 40 frames"):
        decode.read_clip(video, every_tenth, start=5.0)


# --- files that are no videos -------------------------------------------------------------


@pytest.fixture(
    params=["missing", "long name", "folder", "empty", "text", "text.txt", "headless", "hollow"]
)
def broken(request, tmp_path, write, frames, hollow):
    """A path with no readable video, and a word that the error must have."""
    path = tmp_path / "broken.mp4"
    match request.param:
        case "missing":
            return path, "no such file"
        case "long name":
            return tmp_path / f"{'a' * 300}.mp4", "can't be read .*too long"
        case "folder":
            path.mkdir()
            return path, "folder"
        case "empty":
            path.touch()
            return path, "empty"
        case "text":
            path.write_text("not a video " * 100)
            return path, "ffmpeg -i"
        case "text.txt":
            path = path.with_suffix(".txt")
            path.write_text("not a video " * 100)
            return path, "text file"
        case "headless":
            # An mp4 has its table of contents at the end, so half of one is nothing.
            path = write("broken.mp4", frames, codec="mp4v")
            path.write_bytes(path.read_bytes()[:1500])
            return path, "cut short"
        case "hollow":
            return hollow, "mpeg4"


@pytest.mark.parametrize(
    "function",
    [
        decode.count_frames,
        decode.read_frames,
        lambda path: decode.read_frames(path, [0]),
        lambda path: decode.read_clip(path, last_frame),
    ],
    ids=["count_frames", "read_frames", "one frame", "read_clip"],
)
def test_a_file_that_is_no_video(broken, function):
    """The error names the file and what to do, in one line, and carries the path."""
    path, word = broken
    with pytest.raises(decode.VideoError, match=word) as caught:
        function(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.path == str(path)
    assert isinstance(caught.value, errors.UserError)


def test_nothing_else_is_printed(tmp_path, monkeypatch, hollow):
    """FFmpeg keeps quiet about a bad file: the error is all that is said."""
    path = tmp_path / "text.mp4"
    path.write_text("not a video " * 100)
    program = (
        "import sys\n"
        "from flaxvid.video import decode\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        decode.read_frames(path)\n"
        "    except decode.VideoError as error:\n"
        "        print(error)\n"
    )
    # Both are read when OpenCV is imported, so this needs a process of its own.
    monkeypatch.delenv("OPENCV_FFMPEG_LOGLEVEL", raising=False)
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    done = subprocess.run(
        [sys.executable, "-c", program, path, hollow],
        capture_output=True,
        text=True,
        check=True,
        cwd=HERE.parents[1],
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


def test_error_passes_from_process_to_process():
    """A VideoError survives pickling whole, as it must to leave a data-loading process."""
    error = pickle.loads(pickle.dumps(decode.VideoError("a b.avi", "is empty")))
    assert (error.path, str(error)) == ("a b.avi", "a b.avi: is empty")


def test_files_are_closed(video, monkeypatch):
    """Every file that is opened is closed again, also when reading fails."""
    opened, open_file = [], av.open

    def recorded(*arguments, **options):
        opened.append(open_file(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(av, "open", recorded)
    decode.read_frames(video)
    decode.count_frames(video)
    with pytest.raises(decode.VideoError):
        decode.read_frames(video, [99])
    assert len(opened) >= 3
    for file in opened:
        with pytest.raises(AssertionError, match="closed|open"):
            file.seek(0)


# --- times --------------------------------------------------------------------------------

# 20 frames in half a second, then 10 in two seconds.
UNEVEN = np.concatenate([np.arange(20) / 40, 0.5 + np.arange(10) / 5])


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {}), ("a.mkv", {}), ("a.webm", {"codec": "libvpx"}), ("a.flv", {"codec": "flv"})],
)
def test_times_are_those_of_the_file(tmp_path, name, options):
    """Uneven times come back to the millisecond, and a segment has the frames that begin in it."""
    frames = draw.moving(30)
    path = draw.write(tmp_path / name, frames, seconds=UNEVEN, **options)
    np.testing.assert_allclose(decode.frame_times(path), UNEVEN, atol=1.5e-3)
    assert len(decode.read_frames(path, start=0.5, end=1.5)) == 5
    first, *_ = decode.read_frames(path, start=0.5)
    assert np.abs(first.astype(int) - frames[20]).mean() < 8


def test_choices_are_even_in_time(tmp_path):
    """Of 2.5 seconds, five frames stand for half a second each, though most frames are early."""
    path = draw.write(tmp_path / "a.mp4", draw.moving(30), seconds=UNEVEN)
    clip = decode.read_clip(path, lambda n: sample.uniform_indices(n, 5))
    # Of 30 slots of 1 / 12 s the rule takes 3, 9, 15, ...: their middles are at 3.5 / 12 s, ...
    middles = (np.array([3, 9, 15, 21]) + 0.5) / 12
    expected = decode.read_frames(path, np.searchsorted(UNEVEN, middles, side="right") - 1)
    np.testing.assert_array_equal(clip[:4], expected)


def test_frames_at_a_rate_go_by_time(tmp_path):
    """Five a second: every fifth of a second one, first of hurried frames and then of slow ones."""
    path = draw.write(tmp_path / "a.mp4", draw.moving(30), seconds=UNEVEN)
    found = [second for second, _ in decode.TimedFrames(path, rate=5)]
    np.testing.assert_allclose(found, [0, 0.2, 0.4, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9, 2.1, 2.3])


@pytest.mark.parametrize(
    ("part", "expected", "end"),
    [
        ({}, range(40), 1.6),
        ({"start": 0.4}, range(10, 40), 1.6),
        ({"end": 0.4}, range(10), 0.4),
        ({"start": 0.4, "end": 0.8}, range(10, 20), 0.8),
        ({"start": 0.4, "end": 1.0, "rate": 5}, [10, 15, 20], 1.0),
        ({"rate": 5}, range(0, 40, 5), 1.6),
    ],
)
def test_frames_come_with_their_times(video, frames, part, expected, end):
    """Seconds count from the first of the file, of a segment too; `end` is known with the first."""
    timed = decode.TimedFrames(video, **part)
    assert np.isnan(timed.end)
    seconds, read = [], []
    for second, frame in timed:
        assert timed.end == pytest.approx(end)
        seconds.append(second)
        read.append(frame)
    np.testing.assert_allclose(seconds, np.array(expected) / 25, atol=1e-9)
    np.testing.assert_array_equal(np.stack(read), frames[list(expected)])
    assert all(type(second) is float for second in seconds)


@pytest.mark.parametrize("part", [{"start": 1.6}, {"start": 0.8, "end": 0.4}, {"end": 0.0}])
def test_there_are_no_frames_one_by_one_of_nothing(video, part):
    """As of `read_frames`, a segment without frames is a VideoError, and not the end of a loop."""
    with pytest.raises(decode.VideoError, match="counting.avi"):
        next(decode.each_frame(video, **part))
    with pytest.raises(decode.VideoError, match="counting.avi"):
        decode.read_frames(video, **part)


@pytest.mark.parametrize(
    ("name", "shift", "start", "there"),
    [("a.mkv", 5, 5, 30), ("a.ts", 5, 5, 30), ("a.mp4", 5, 5, 30), ("a.mp4", -0.4, 0, 20)],
)
def test_streams_that_begin_elsewhere(tmp_path, name, shift, start, there):
    """Seconds count from the first frame shown; what an edit list cuts away is not there."""
    frames = draw.moving(30)
    options = {"avoid_negative_ts": "disabled"} if shift < 0 else {}
    path = draw.write(tmp_path / name, frames, shift=shift, container_options=options)
    np.testing.assert_allclose(decode.frame_times(path), np.arange(there) / 25, atol=1e-6)
    assert header.probe(path).start == pytest.approx(start)
    clip = decode.read_frames(path, start=0.2, end=0.4)
    assert np.abs(clip.astype(int) - frames[30 - there :][5:10]).mean() < 6


def test_two_recordings_joined(tmp_path):
    """All frames of both are there, where the header knows of the first alone."""
    frames = draw.moving(40)
    first = draw.write(tmp_path / "1.ts", frames[:15]).read_bytes()
    second = draw.write(tmp_path / "2.ts", frames[15:]).read_bytes()
    (tmp_path / "both.ts").write_bytes(first + second)
    assert decode.count_frames(tmp_path / "both.ts") == 40
    clip = decode.read_clip(tmp_path / "both.ts", range)
    assert len(clip) == 40
    assert np.abs(clip[39].astype(int) - frames[39]).mean() < 6


def test_a_size_that_changes_on_the_way(tmp_path):
    """Told at the first frame of another size, read at once or one by one; others can be read."""
    small = draw.write(tmp_path / "1.ts", draw.moving(5)).read_bytes()
    large = draw.write(tmp_path / "2.ts", draw.moving(5).repeat(2, axis=1)).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(small + large)
    message = "both.ts: frame 5 has 64x96 pixels, those before 64x48: re-encode"
    with pytest.raises(decode.VideoError, match=message):
        decode.read_frames(path)
    read = []
    with pytest.raises(decode.VideoError, match=message):
        read.extend(frame.shape for frame in decode.each_frame(path))
    assert decode.read_frames(path, [0, 4]).shape == (2, 48, 64, 3)
    assert decode.read_frames(path, [5, 9]).shape == (2, 96, 64, 3)


@pytest.mark.parametrize(("name", "form"), [("a.h264", None), ("a.mjpeg", "mjpeg")])
def test_streams_without_times(tmp_path, name, form):
    """Frames can be read by number; seconds are refused, since FFmpeg would make them up."""
    options = {"codec": "mjpeg", "pixels": "yuvj420p"} if form else {}
    path = draw.write(tmp_path / name, draw.moving(8), form=form, **options)
    assert len(decode.read_clip(path, range)) == 8
    assert len(list(decode.each_frame(path))) == 8
    assert header.probe(path).fps == 0
    for read in (
        lambda: decode.read_frames(path, start=0.1),
        lambda: next(decode.each_frame(path, start=1)),
        lambda: next(decode.each_frame(path, end=1)),
        lambda: decode.frame_times(path),
        lambda: next(decode.each_frame(path, rate=2)),
    ):
        with pytest.raises(decode.VideoError, match="no frame rate is stated"):
            read()


# --- pixels -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}}),
        ("a.mpg", {"codec": "mpeg2video", "options": {"flags": "+ildct+ilme"}}),
        ("a.mov", {"codec": "prores_ks", "pixels": "yuv422p10le", "options": {"flags": "+ildct"}}),
    ],
)
def test_interlaced(tmp_path, name, options):
    """The right pixels, twice the same, and said."""
    frames = draw.moving(8)
    path = draw.write(tmp_path / name, frames, **options)
    clip = decode.read_frames(path)
    assert np.abs(clip.astype(int) - frames).mean() < 6
    np.testing.assert_array_equal(clip[[6, 1]], decode.read_frames(path, [6, 1]))
    assert header.probe(path).notes[0].startswith("interlaced")
    assert "bwdif" in header.probe(path).notes[0]


@pytest.mark.parametrize("space", [1, 5])
@pytest.mark.parametrize("extent", [1, 2])
def test_colours(tmp_path, space, extent):
    """BT.709 and BT.601, limited and full range: a flat colour comes back as it was."""
    frames = np.full((3, 48, 64, 3), (200, 60, 120), np.uint8)
    path = draw.write(tmp_path / "a.mp4", frames, colors=(space, extent, 1), options={"crf": "1"})
    assert np.abs(decode.read_frames(path).astype(int) - frames).max() <= 3


def test_hdr_is_said(tmp_path):
    """PQ and ten bits are told by the probe."""
    # With B-frames x265 gives the packets of so short a video no times, now and then.
    parameters = {"x265-params": "log-level=none:bframes=0"}
    options = {"codec": "libx265", "pixels": "yuv420p10le", "options": parameters}
    path = draw.write(tmp_path / "a.mp4", draw.moving(2), **options, colors=(9, 1, 16))
    notes = header.probe(path).notes
    assert "HDR (PQ)" in notes[0]
    assert "10 bits" in notes[1]
    # Not tone mapped: the pixels are those of the same values without HDR's curve.
    plain = draw.write(tmp_path / "b.mp4", draw.moving(2), **options, colors=(9, 1, 14))
    np.testing.assert_array_equal(decode.read_frames(path), decode.read_frames(plain))


def test_a_tilted_video_is_refused_in_one_line(tmp_path):
    """A display matrix of 45 degrees: by every function, as a VideoError."""
    path = draw.write(tmp_path / "a.mp4", draw.moving(3), matrix=(0.7, 0.7, -0.7, 0.7))
    for read in (header.probe, examine.examine, decode.read_frames):
        with pytest.raises(decode.VideoError, match="no right angle: re-encode"):
            read(path)


def test_a_matrix_of_zeros_turns_nothing(tmp_path):
    """Some writers leave one there: players ignore it."""
    path = draw.write(tmp_path / "a.mp4", draw.moving(3), matrix=(0, 0, 0, 0))
    data = path.read_bytes()
    place = data.index(b"tkhd") + 4 + 40  # of version 0
    path.write_bytes(data[:place] + bytes(36) + data[place + 36 :])
    with opening.opened(path) as source:
        assert source.first_frame().side_data.get(pixels.DISPLAY_MATRIX) is not None
    assert decode.read_frames(path).shape == (3, 48, 64, 3)
    assert (header.probe(path).width, header.probe(path).height) == (64, 48)


# --- damage and odd names -----------------------------------------------------------------


def test_reading_goes_on_behind_a_bad_packet(tmp_path):
    """Of 30 packets one is unreadable: 29 frames, at their own times, and one is counted."""
    frames = draw.moving(30)
    path = draw.write(tmp_path / "a.avi", frames, codec="mpeg4", options={"g": "10"})
    draw.overwrite(path, 14)
    found = examine.examine(path)
    assert (len(found.seconds), found.bad_packets) == (29, 1)
    np.testing.assert_allclose(found.seconds, np.delete(np.arange(30), 14) / 25)
    asked = []
    clip = decode.read_clip(path, lambda n: asked.append(n) or range(n))
    assert asked[-1] == 29
    assert np.abs(clip[-1].astype(int) - frames[29]).mean() < 8
    np.testing.assert_array_equal(decode.read_frames(path, [27]), clip[[27]])
    for missing in (29, 30):
        with pytest.raises(decode.VideoError, match=f"frame {missing} .* 0 to 28 can be read"):
            decode.read_frames(path, [missing])
    streamed = list(decode.TimedFrames(path))
    np.testing.assert_allclose([second for second, _ in streamed], found.seconds)
    np.testing.assert_array_equal(np.stack([frame for _, frame in streamed]), clip)


def test_a_name_that_is_not_utf_8(video):
    """As from an old archive: refused in one line that can be printed."""
    odd = os.fsdecode(os.fsencode(video.parent) + b"/caf\xe9.avi")
    os.rename(video, odd)
    with pytest.raises(decode.VideoError, match="not in UTF-8") as caught:
        decode.read_frames(odd)
    assert "caf" in str(caught.value).encode().decode()


def test_animated_webp_is_read_or_refused(tmp_path, frames):
    """FFmpeg 9 can; before it the remedy is one that works, which FFmpeg would not be."""
    first, *others = map(Image.fromarray, frames[:3])
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, lossless=True)
    if av.library_versions["libavcodec"] >= (63,):
        shown = decode.read_frames(tmp_path / "a.webp")
        np.testing.assert_allclose(shown.astype(int), frames[:3], atol=3)
        return
    with pytest.raises(decode.VideoError, match="animated WebP: install .* convert it to GIF"):
        decode.read_frames(tmp_path / "a.webp")


def test_sound_alone_is_no_video(tmp_path):
    """And says so."""
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(decode.VideoError, match="holds no video"):
        header.probe(tmp_path / "a.mp4")
