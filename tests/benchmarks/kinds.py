"""Every kind of video file that can be made here, read and compared with what was drawn.

    python tests/benchmarks/kinds.py [words]      only the kinds whose names have one of the words

Containers, codecs, uneven times, rotation, fields, colours, offsets, damage: one after the other,
then drawn together at random (seeded). Every frame shows its own number and four colours, so that
what is read can be judged without another decoder: which frames, in which order, when, upright, in
the right colours, and the same frames whichever way they are asked for. A sound file has to be read
right. Of a damaged one, the sound frames are right, and whatever is missing or looks wrong is told
by `prepare check`; or it is refused, in one line.

Aim: all. It ends with exit code 1 if one is wrong.
"""

import collections
import dataclasses
import os
import pathlib
import struct
import sys
import tempfile
from collections.abc import Callable

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import av
import numpy as np

from flaxvid.data import check, manifest
from flaxvid.video import decode, times
from tests.video import draw

os.environ.setdefault("SVT_LOG", "0")  # the encoder of AV1 keeps quiet

COUNT, RATE, GROUP = 30, 25, 10  # frames, frames per second, frames from key frame to key frame
HEIGHT, WIDTH, BITS = 64, 96, 6
CORNERS = np.array([[(190, 70, 60), (70, 170, 80)], [(60, 80, 180), (180, 170, 70)]])
MIXED, SEED = 60, 0

# ------------------------------------------------------------------- what is drawn


def numbered(numbers, size=(HEIGHT, WIDTH), fields=False):
    """RGB frames with a colour in each corner and, between them, their number in binary.

    With `fields`, the odd rows show the number after it, as the second field of a camera does.
    """
    height, width = size
    frames = np.empty((len(numbers), height, width, 3), np.uint8)
    corners = CORNERS.repeat((height + 1) // 2, 0).repeat((width + 1) // 2, 1)
    frames[:] = corners[:height, :width]
    top, below, bit = _band(height, width)
    for frame, number in zip(frames, numbers, strict=True):
        for place in range(BITS):
            column = slice(place * bit, (place + 1) * bit)
            for row in (0, 1):
                shown = number + (row if fields else 0)
                frame[top + row : below : 2, column] = 215 if shown >> place & 1 else 40
    return frames


def _band(height, width):
    """The first row of the number, the one after its last, and how wide a bit is."""
    return height // 4 // 8 * 8 + 8, height - height // 4 // 8 * 8 - 8, width // BITS


def number(frame, row=0):
    """The number that a frame shows in its even rows, or its odd ones; None if it can't be told."""
    top, below, bit = _band(*frame.shape[:2])
    found = 0
    for place in range(BITS):
        middle = slice(place * bit + bit // 4, (place + 1) * bit - bit // 4)
        grey = frame[top + 4 + row : below - 4 : 2, middle].mean()
        if 85 < grey < 170:
            return None
        found |= int(grey > 128) << place
    return found


def colour_error(frame):
    """How far the colours of the corners are off, at most, in grey levels."""
    height, width = frame.shape[:2]
    top, tall, wide = 4, height // 8, width // 4
    rows, columns = (top, height - top - tall), (width // 8, width - width // 8 - wide)
    return max(
        np.abs(frame[y : y + tall, x : x + wide].mean((0, 1)) - CORNERS[i, j]).max()
        for i, y in enumerate(rows)
        for j, x in enumerate(columns)
    )


# ------------------------------------------------------------------- kinds


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What a file holds."""

    numbers: tuple[int, ...]
    seconds: tuple[float, ...] | None
    """From the first frame; None: the file does not say."""
    hurt: frozenset[int] = frozenset()
    """Numbers of frames that may be missing or wrong to look at."""
    near: float = 0.002
    """How many seconds a time may be off."""
    tells: bool = True
    """Whether anything in the file can tell that it is damaged."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file: how it is encoded, and what is done to it then."""

    name: str
    suffix: str
    options: dict = dataclasses.field(default_factory=dict)
    """Of `draw.write`."""
    rate: str = "constant"
    size: tuple[int, int] = (HEIGHT, WIDTH)
    fields: bool = False
    timed: bool = True
    cut: int = 0
    """How many of the first frames are before the beginning that an edit list sets."""
    colour: float = 4.0
    """How far colours may be off, in grey levels."""
    damage: Callable | None = None
    """From the kind, the path of a sound file and what it holds to what it holds then."""


def seconds_of(rate):
    """When the frames are shown."""
    steps = np.full(COUNT, 1 / RATE)
    if rate == "variable":
        steps = np.random.default_rng(SEED).integers(10, 120, COUNT) / 1000
    if rate == "gap":
        steps[[9, 19]] = 4.0, 1.4
    if rate == "slow":
        steps[15:] = 0.5
    return np.concatenate([[0], np.cumsum(steps)[:-1]]).round(3)


def make(kind, folder):
    """Writes a file of a kind; its path and what it holds."""
    path = pathlib.Path(folder) / f"{kind.name.replace(' ', '_')}{kind.suffix}"
    seconds = encode(kind, path, 0)
    shown = tuple((seconds - seconds[kind.cut])[kind.cut :].tolist())
    drawn = Drawn(tuple(range(kind.cut, COUNT)), shown if kind.timed else None)
    return path, kind.damage(kind, path, drawn) if kind.damage else drawn


def encode(kind, path, first):
    """Writes a sound file of a kind, its frames numbered from `first` on; their seconds."""
    frames = numbered(range(first, first + COUNT), kind.size, kind.fields)
    matrix = kind.options.get("matrix")
    if matrix is not None:
        frames = np.stack([stored(frame, matrix) for frame in frames])
    seconds = seconds_of(kind.rate)
    even = {} if kind.rate == "constant" else {"seconds": seconds}
    draw.write(path, frames, rate=RATE, **even, **kind.options)
    return seconds


def stored(frame, matrix):
    """What has to be stored for a display matrix to set it upright: place by place."""
    a, b, c, d = matrix
    height, width = frame.shape[:2]
    wide, tall = (height, width) if a == 0 else (width, height)
    y, x = np.mgrid[:tall, :wide]
    shown_x, shown_y = a * x + c * y, b * x + d * y
    return np.ascontiguousarray(frame[shown_y - shown_y.min(), shown_x - shown_x.min()])


# ------------------------------------------------------------------- damage


def truncated(kind, path, drawn):
    """The last third of the file is missing."""
    places = draw.packets(path)
    data = path.read_bytes()
    end = len(data) * 2 // 3
    path.write_bytes(data[:end])
    least = 3200 if kind.suffix == ".wmv" else 0  # several frames in one packet of the container
    whole = sum(place is not None and place + max(size, least) <= end for place, size in places)
    # Reordered frames at the end may lack what they refer to.
    return dataclasses.replace(
        drawn,
        hurt=frozenset(range(max(0, whole - 4), COUNT)),
        near=0.02,
        tells=kind.suffix not in ENDLESS,
    )


def broken(kind, path, drawn):
    """What the container holds of one frame in the middle is all zeros."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(container.streams.video[0])]
    data, packet = path.read_bytes(), max(packets[GROUP + 2 : 2 * GROUP - 2], key=len)
    assert data.count(packet) == 1, "it is not in one piece"
    path.write_bytes(data.replace(packet, bytes(len(packet))))
    return dataclasses.replace(drawn, hurt=frozenset(range(8, 22)), near=0.02)


def torn(kind, path, drawn):
    """A piece of the file is all zeros, what the container says there too."""
    draw.overwrite(path, 22 if kind.suffix == ".wmv" else 14)
    return dataclasses.replace(drawn, hurt=frozenset(range(8, COUNT)), near=0.02)


def joined(kind, path, drawn):
    """A second recording follows in the same file, whose clock begins anew."""
    data = path.read_bytes()
    encode(kind, path, COUNT)
    path.write_bytes(data + path.read_bytes())
    step = 1 / RATE
    later = tuple(s + drawn.seconds[-1] + step for s in drawn.seconds) if drawn.seconds else ()
    return dataclasses.replace(
        drawn,
        numbers=tuple(range(2 * COUNT)),
        # FFmpeg reads the first alone of two in an FLV.
        hurt=frozenset(range(COUNT, 2 * COUNT) if kind.suffix == ".flv" else ()),
        seconds=drawn.seconds and drawn.seconds + later,
        near=0.02,
    )


def claiming(count):
    """The header of an AVI file claims another number of frames."""

    def rewrite(kind, path, drawn):
        data = bytearray(path.read_bytes())
        for chunk, offset in ((b"avih", 16), (b"strh", 32)):
            struct.pack_into("<I", data, data.index(chunk) + 8 + offset, count)
        path.write_bytes(data)
        return drawn

    return rewrite


def lasting(factor):
    """The header of an MP4, Matroska or FLV file claims another length."""

    def rewrite(kind, path, drawn):
        data = bytearray(path.read_bytes())
        match path.suffix:
            case ".mp4":
                for box, offset in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
                    _scale(data, data.index(box) + offset, ">I", factor)
            case ".mkv":
                _scale(data, data.index(b"\x44\x89\x88") + 3, ">d", factor)
            case ".flv":
                _scale(data, data.index(b"duration") + 9, ">d", factor)
        path.write_bytes(data)
        return drawn

    return rewrite


def _scale(data, place, form, factor):
    (value,) = struct.unpack_from(form, data, place)
    struct.pack_into(form, data, place, type(value)(value * factor))


# ------------------------------------------------------------------- the list

RICH = {"b": "6000000", "qmin": "1", "g": str(GROUP)}
H264 = {"options": {"crf": "2", "g": str(GROUP), "bf": "2", "sc_threshold": "0"}}
H265 = {
    "codec": "libx265",
    "options": {"x265-params": f"log-level=none:crf=2:keyint={GROUP}:min-keyint={GROUP}"},
}
MPEG4 = {"codec": "mpeg4", "options": RICH}
MPEG4_B = {"codec": "mpeg4", "options": {**RICH, "bf": "2"}}  # as Xvid writes, and UCF101 has
MPEG2 = {"codec": "mpeg2video", "options": {**RICH, "bf": "2"}}
VP8 = {"codec": "libvpx", "options": {**RICH, "qmax": "4", "deadline": "realtime", "cpu-used": "8"}}
VP9 = {**VP8, "codec": "libvpx-vp9"}
AV1 = {
    "codec": "libsvtav1",
    "options": {"crf": "4", "preset": "8", "g": str(GROUP), "svtav1-params": "lp=1"},
}
MJPEG = {"codec": "mjpeg", "pixels": "yuvj420p", "options": {"b": "9000000", "qmin": "1"}}
FFV1 = {
    "codec": "ffv1",
    "pixels": "yuv444p",
    "options": {"g": str(GROUP), "level": "3", "slices": "4", "slicecrc": "1"},
}
PRORES = {"codec": "prores_ks", "pixels": "yuv422p10le"}
DNXHR = {
    "codec": "dnxhd",
    "pixels": "yuv422p",
    "options": {"profile": "dnxhr_hq"},
    "colors": (1, 1, 1),
}
GIF = {"codec": "gif", "pixels": "rgb8"}

STORED = [  # codec, options, containers
    ("h264", H264, (".mp4", ".mov", ".mkv", ".avi", ".ts", ".m2ts", ".flv", ".3gp", ".nut")),
    ("h265", H265, (".mp4", ".mkv", ".ts")),
    ("mpeg4 b", MPEG4_B, (".avi", ".mkv")),
    ("mpeg4", MPEG4, (".mp4", ".avi", ".mkv", ".3gp", ".mov", ".ts")),
    ("mpeg2", MPEG2, (".mpg", ".vob", ".ts", ".mkv", ".mxf", ".avi", ".mp4")),
    ("mpeg1", {"codec": "mpeg1video", "options": RICH}, (".mpg", ".avi")),
    ("vp8", VP8, (".webm", ".mkv", ".ivf", ".ogv", ".avi")),
    ("vp9", VP9, (".webm", ".mp4", ".ivf")),
    ("av1", AV1, (".mp4", ".mkv", ".ivf", ".webm")),
    ("mjpeg", MJPEG, (".avi", ".mov", ".mkv")),
    ("ffv1", FFV1, (".mkv", ".avi", ".nut")),
    ("prores", PRORES, (".mov", ".mkv")),
    ("huffyuv", {"codec": "huffyuv", "pixels": "yuv422p"}, (".avi",)),
    ("utvideo", {"codec": "utvideo", "pixels": "gbrp"}, (".avi",)),
    ("raw", {"codec": "rawvideo", "pixels": "yuv420p"}, (".avi", ".nut")),
    ("png", {"codec": "png", "pixels": "rgb24"}, (".mov", ".avi")),
    ("animation", {"codec": "qtrle", "pixels": "rgb24"}, (".mov",)),
    ("sorenson", {"codec": "flv", "options": RICH}, (".flv",)),
    ("wmv2", {"codec": "wmv2", "options": RICH}, (".wmv", ".asf", ".avi")),
    ("msmpeg4", {"codec": "msmpeg4", "options": RICH}, (".avi", ".wmv")),
]
MATRICES = {
    "quarter": (0, 1, -1, 0),
    "half": (-1, 0, 0, -1),
    "three quarters": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "quarter mirrored": (0, 1, 1, 0),
    "three quarters mirrored": (0, -1, -1, 0),
}
RATES = ("variable", "gap", "slow")
COLOURS = {  # space, range, transfer, as FFmpeg numbers them
    "601": (5, 1, 6),
    "601 full": (5, 2, 6),
    "709": (1, 1, 1),
    "709 full": (1, 2, 1),
    "2020": (9, 1, 14),
}
ENDLESS = (".ts", ".m2ts")  # the first part of one is a whole one: nothing states a length
DAMAGES = {"truncated": truncated, "broken": broken, "torn": torn}
IN_PIECES = (".ts", ".m2ts", ".mpg", ".vob", ".mxf", ".wmv", ".gif")  # no packet is in one piece


def _with(options, **encoder):
    return {**options, "options": {**options.get("options", {}), **encoder}}


def kinds():
    """All of them, in the same order every time."""
    listed = [
        Kind(f"{codec} {suffix[1:]}", suffix, options)
        for codec, options, suffixes in STORED
        for suffix in suffixes
    ]
    listed += [
        Kind("gif", ".gif", GIF, colour=45),
        Kind("gif variable", ".gif", GIF, "gap", colour=45),
    ]
    listed += [
        Kind("h264 alone", ".h264", H264, timed=False),
        Kind("h265 alone", ".hevc", H265, timed=False),
        Kind("mjpeg alone", ".mjpeg", {**MJPEG, "form": "mjpeg"}, timed=False),
        Kind("mpeg4 alone", ".m4v", {**MPEG4, "form": "m4v"}, timed=False),
        Kind("mpeg2 alone", ".m2v", MPEG2, timed=False),
        Kind("dv pal", ".dv", {"codec": "dvvideo"}, size=(576, 720), colour=6),
        Kind("dv avi", ".avi", {"codec": "dvvideo"}, size=(576, 720), colour=6),
        Kind("h263 3gp", ".3gp", {"codec": "h263", "options": RICH}, size=(144, 176)),
        Kind("dnxhr mov", ".mov", DNXHR, size=(128, 256)),
        Kind("odd size", ".mkv", {**FFV1}, size=(61, 95)),
    ]
    for rate in RATES:
        listed += [
            Kind(f"{codec} {suffix[1:]} {rate}", suffix, options, rate)
            for codec, options, suffix in (
                *(("h264", H264, s) for s in (".mp4", ".mkv", ".ts", ".flv", ".mov")),
                ("mpeg4", MPEG4, ".mp4"),
                ("mpeg4", MPEG4, ".avi"),
                ("mpeg4", MPEG4, ".mkv"),
                ("vp8", VP8, ".webm"),
                ("vp9", VP9, ".webm"),
                ("av1", AV1, ".mp4"),
                ("mjpeg", MJPEG, ".mov"),
                ("ffv1", FFV1, ".mkv"),
                ("wmv2", {"codec": "wmv2", "options": RICH}, ".wmv"),
            )
        ]
    for turn, matrix in MATRICES.items():
        listed.append(Kind(f"h264 mp4 {turn}", ".mp4", {**H264, "matrix": matrix}))
        listed.append(Kind(f"mpeg4 mov {turn}", ".mov", {**MPEG4, "matrix": matrix}))
    listed += [
        Kind(f"{codec} {suffix[1:]} fields", suffix, options, fields=True)
        for codec, options, suffix in (
            *(
                ("h264", _with(H264, flags="+ildct+ilme", **{"x264-params": "tff=1"}), s)
                for s in (".mp4", ".ts", ".mkv", ".avi")
            ),
            *(
                ("mpeg2", _with(MPEG2, flags="+ildct+ilme"), s)
                for s in (".mpg", ".ts", ".mxf", ".mkv")
            ),
            ("mpeg4", _with(MPEG4, flags="+ildct+ilme"), ".avi"),
            ("prores", _with(PRORES, flags="+ildct"), ".mov"),
            ("ffv1", FFV1, ".mkv"),
        )
    ]
    for colour, numbers in COLOURS.items():
        listed += [
            Kind(f"{codec} {suffix[1:]} {colour}", suffix, {**options, "colors": numbers})
            for codec, options, suffix in (
                ("h264", H264, ".mp4"),
                ("h264", H264, ".ts"),
                ("h264 10 bit", {**H264, "pixels": "yuv420p10le"}, ".mkv"),
                ("h265 10 bit", {**H265, "pixels": "yuv420p10le"}, ".mp4"),
                ("h265 4:4:4", {**H265, "pixels": "yuv444p"}, ".mkv"),
                ("vp9", VP9, ".webm"),
                ("ffv1 10 bit", {**FFV1, "pixels": "yuv422p10le"}, ".mkv"),
            )
        ]
        if "full" not in colour:
            listed.append(Kind(f"prores mov {colour}", ".mov", {**PRORES, "colors": numbers}))
            listed.append(Kind(f"mpeg2 ts {colour}", ".ts", {**MPEG2, "colors": numbers}))
            listed.append(Kind(f"av1 mp4 {colour}", ".mp4", {**AV1, "colors": numbers}))
    listed += [
        Kind(f"{codec} {suffix[1:]} begins at 5 s", suffix, {**options, "shift": 5})
        for codec, options, suffix in (
            *(("h264", H264, s) for s in (".mp4", ".mkv", ".ts", ".flv", ".mov")),
            ("mpeg2", MPEG2, ".mpg"),
            ("vp8", VP8, ".webm"),
        )
    ]
    edited = {"avoid_negative_ts": "disabled"}
    listed += [
        Kind(
            f"{codec} {suffix[1:]} edit list",
            suffix,
            {**options, "shift": -0.4, "container_options": edited},
            cut=10,
        )
        for codec, options, suffix in (
            ("h264", H264, ".mp4"),
            ("h264", H264, ".mov"),
            ("h265", H265, ".mp4"),
            ("mpeg4", MPEG4, ".mp4"),
        )
    ]
    fragmented = {"movflags": "frag_keyframe+empty_moov"}
    front = {"movflags": "faststart"}
    streamed = {"live": "1"}
    arranged = (
        ("mp4 fragmented", ".mp4", fragmented),
        ("mp4 front", ".mp4", front),
        ("mkv live", ".mkv", streamed),
    )
    listed += [
        Kind(f"h264 {name}", suffix, {**H264, "container_options": options})
        for name, suffix, options in arranged
    ]
    for damage, done in DAMAGES.items():
        listed += [
            Kind(
                f"h264 {name} {damage}", suffix, {**H264, "container_options": options}, damage=done
            )
            for name, suffix, options in arranged
        ]
        listed += [
            Kind(f"{codec} {suffix[1:]} {damage}", suffix, options, damage=done)
            for codec, options, suffix in (
                *(("h264", H264, s) for s in (".mp4", ".mkv", ".ts", ".flv", ".avi")),
                ("h265", H265, ".mkv"),
                ("mpeg4", MPEG4, ".avi"),
                ("mpeg2", MPEG2, ".mpg"),
                ("mpeg2", MPEG2, ".ts"),
                ("vp8", VP8, ".webm"),
                ("vp9", VP9, ".webm"),
                ("av1", AV1, ".mkv"),
                ("mjpeg", MJPEG, ".avi"),
                ("ffv1", FFV1, ".mkv"),
                ("prores", PRORES, ".mov"),
                ("wmv2", {"codec": "wmv2", "options": RICH}, ".wmv"),
                ("wmv2", {"codec": "wmv2", "options": RICH}, ".avi"),
                ("msmpeg4", {"codec": "msmpeg4", "options": RICH}, ".avi"),
                ("mpeg1", {"codec": "mpeg1video", "options": RICH}, ".avi"),
                ("sorenson", {"codec": "flv", "options": RICH}, ".flv"),
                ("huffyuv", {"codec": "huffyuv", "pixels": "yuv422p"}, ".avi"),
                ("utvideo", {"codec": "utvideo", "pixels": "gbrp"}, ".avi"),
                ("png", {"codec": "png", "pixels": "rgb24"}, ".avi"),
                ("ffv1", FFV1, ".avi"),
            )
            if damage != "broken" or suffix not in IN_PIECES
        ]
        if damage != "broken":
            listed.append(Kind(f"gif {damage}", ".gif", GIF, colour=45, damage=done))
    listed += [
        Kind(f"{codec} {suffix[1:]} joined", suffix, options, timed=timed, damage=joined)
        for codec, options, suffix, timed in (
            ("h264", H264, ".ts", True),
            ("mpeg2", MPEG2, ".ts", True),
            ("mpeg2", MPEG2, ".mpg", True),
            ("h264", H264, ".flv", True),
            ("h264", H264, ".mkv", True),
            ("h264", H264, ".h264", False),
            ("mjpeg", {**MJPEG, "form": "mjpeg"}, ".mjpeg", False),
        )
    ]
    listed += [
        Kind(f"{codec} avi claims {count}", ".avi", options, damage=claiming(count))
        for codec, options in (("mpeg4", MPEG4), ("mjpeg", MJPEG))
        for count in (0, 4, 55)
    ]
    listed += [
        Kind(
            f"h264 {suffix[1:]} claims {factor} of its length", suffix, H264, damage=lasting(factor)
        )
        for suffix in (".mp4", ".mkv", ".flv")
        for factor in (0.2, 3)
    ]
    return listed + mixed(np.random.default_rng(SEED))


def mixed(rng):
    """Kinds in which several things come together, as they do in a phone or an editor."""
    found = []
    for place in range(MIXED):
        codec, options, suffixes = STORED[rng.integers(4)]
        suffix = str(rng.choice(suffixes))
        name, choices = [f"mixed {place}", codec, suffix[1:]], {}
        options = dict(options)
        if suffix in (".mp4", ".mov", ".mkv", ".ts", ".flv") and codec != "mpeg2":
            choices["rate"] = str(rng.choice(("constant", *RATES)))
            name.append(choices["rate"])
        if suffix in (".mp4", ".mov") and rng.integers(2):
            turn = str(rng.choice(list(MATRICES)))
            options["matrix"] = MATRICES[turn]
            name.append(turn)
        if codec in ("h264", "h265") and rng.integers(2):
            colour = str(rng.choice(list(COLOURS)))
            options["colors"] = COLOURS[colour]
            name.append(colour)
        if suffix in (".mp4", ".mkv", ".ts", ".mov") and rng.integers(2):
            options["shift"] = 3
            name.append("begins at 3 s")
        if rng.integers(3) == 0:
            damage = str(rng.choice(list(DAMAGES)))
            damage = "torn" if suffix in IN_PIECES else damage
            choices["damage"] = DAMAGES[damage]
            name.append(damage)
        found.append(Kind(" ".join(name), suffix, options, **choices))
    return found


# ------------------------------------------------------------------- judgement


class WrongError(Exception):
    """What is read is not what was drawn."""


def judge(kind, path, drawn):
    """`right`, `in part` of a damaged file, or `refused: ...`.

    Raises:
        WrongError: with what is wrong.
    """
    try:
        return _compared(kind, path, drawn)
    except decode.VideoError as error:
        message = str(error)
        if "\n" in message:
            raise WrongError(f"refused in several lines: {message!r}") from None
        if not drawn.hurt:
            raise WrongError(f"sound, and refused: {message}") from None
        return f"refused: {message.removeprefix(f'{path}: ')}"


def _compared(kind, path, drawn):
    frames = decode.read_frames(path)
    count = decode.count_frames(path)
    _same("count_frames", count, len(frames))
    _same("size", frames.shape[1:3], kind.size)
    if drawn.seconds is None:
        _refuses_seconds(path)
        seconds = None
    else:
        seconds = decode.frame_times(path)
        _same("frame_times", len(seconds), count)
    numbers = _numbers(drawn, count, seconds)
    spoilt = [number for number in drawn.numbers if number not in numbers]
    for place, (frame, own) in enumerate(zip(frames, numbers, strict=True)):
        if own in drawn.hurt:
            if _looks_wrong(kind, frame, own):
                spoilt.append(own)
            continue
        shown = (number(frame), number(frame, 1))
        _same(f"frame {place} shows", shown, (own, own + kind.fields))
        if (error := colour_error(frame)) > kind.colour:
            raise WrongError(f"frame {place} is off by {error:.1f} grey levels")
    if missing := sorted(set(drawn.numbers) - set(numbers) - drawn.hurt):
        raise WrongError(f"sound frames are missing: {missing}")
    if spoilt and drawn.tells and not _told(path):
        raise WrongError(f"nothing is said of frames {spoilt}")
    if kind.damage is None and (said := _told(path)):
        raise WrongError(f"sound, and said to be damaged: {said[0].detail}")
    _the_same_however_asked(path, frames, seconds, drawn.hurt, kind.damage is torn)
    return "in part" if count < len(drawn.numbers) else "right"


def _numbers(drawn, count, seconds):
    """Which frames they have to be, by their times; by their order where there are none."""
    if count > len(drawn.numbers):
        raise WrongError(f"{count} frames of {len(drawn.numbers)}")
    if not drawn.hurt:
        _same("count", count, len(drawn.numbers))
    if seconds is None:
        return drawn.numbers[:count]
    given = np.asarray(drawn.seconds)
    nearest = np.abs(given - seconds[:, None]).argmin(1)
    if len(seconds) == len(given):
        nearest = np.arange(count)
    off = np.abs(given[nearest] - seconds)
    if off.max() > drawn.near:
        raise WrongError(
            f"frame {off.argmax()} is at {seconds[off.argmax()]:.3f} s, "
            f"not {given[nearest[off.argmax()]]:.3f}"
        )
    if np.any(np.diff(nearest) <= 0):
        raise WrongError(f"frames at {seconds.tolist()}")
    return tuple(drawn.numbers[place] for place in nearest)


def _the_same_however_asked(path, frames, seconds, hurt, late):
    """By numbers, by a rule, by seconds, one after the other: the very same pixels."""
    last = len(frames) - 1
    for wanted in ([last], [last // 2], [0, last // 3, last]):
        _equal(f"read_frames {wanted}", decode.read_frames(path, wanted), frames[wanted])
    streamed = list(decode.TimedFrames(path))
    if hurt and late and len(streamed) < len(frames):
        return  # a frame that comes too late can't be given one by one
    _equal("TimedFrames", np.stack([frame for _, frame in streamed]), frames)
    asked = []
    clip = decode.read_clip(path, lambda n: asked.append(n) or range(n))
    _same("the number that read_clip tells", asked[-1], len(frames))
    if seconds is None or times.is_constant(seconds):
        _equal("read_clip", clip, frames)
    else:
        _even_in_time(clip, frames, seconds)
    chosen = decode.read_clip(path, lambda n: [n - 1])
    if not hurt or seconds is None or times.is_constant(seconds):  # else of other, fewer moments
        _equal("read_clip of the last", chosen[0], clip[-1])
    if seconds is None or last < 4:
        return
    _same("times of TimedFrames", [s for s, _ in streamed], seconds.tolist())
    first, after = last // 3, 2 * last // 3
    part = decode.read_frames(path, start=seconds[first], end=seconds[after])
    _equal(f"read_frames of {seconds[first]} to {seconds[after]} s", part, frames[first:after])


def _even_in_time(clip, frames, seconds):
    """What a rule is given of an uneven rate: the frames shown at evenly spread moments."""
    span = seconds[-1] * (1 + np.array([0, 4 / len(seconds)]))  # however long the last one stands
    for slot, frame in enumerate(clip):
        middles = (slot + 0.5) / len(clip) * span + np.array([-0.002, 0.002])
        earliest, latest = np.searchsorted(seconds, middles, side="right") - 1
        if not np.any(np.all(frames[earliest : latest + 1] == frame, axis=(1, 2, 3))):
            raise WrongError(f"read_clip does not give one of {earliest} to {latest}")


def _looks_wrong(kind, frame, own):
    shown = (number(frame), number(frame, 1))
    return shown != (own, own + kind.fields) or colour_error(frame) > kind.colour


def _told(path):
    """What `prepare check` says that is wrong with a file."""
    videos = manifest.of_rows(path.parent, [manifest.Row(path.name, "a", "g")])
    return check.wrong(check.check(videos))


def _refuses_seconds(path):
    try:
        decode.read_frames(path, start=0.1)
    except decode.VideoError:
        return
    raise WrongError("seconds are made up")


def _same(what, found, expected):
    if found != expected:
        raise WrongError(f"{what}: {found}, not {expected}")


def _equal(what, found, expected):
    if found.shape != expected.shape or np.any(found != expected):
        raise WrongError(f"{what}: other pixels, {found.shape} beside {expected.shape}")


def verdict(kind, folder):
    """What became of a kind, in a line."""
    path, drawn = make(kind, folder)
    try:
        return judge(kind, path, drawn)
    except WrongError as error:
        return f"WRONG: {error}"


def main(words):
    """All kinds, a line each, and the sum."""
    counted = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds():
            if words and not any(word in kind.name for word in words):
                continue
            said = verdict(kind, folder)
            counted[said.partition(":")[0]] += 1
            print(f"{kind.name:<44} {said}", flush=True)
    print(f"{sum(counted.values())} kinds: {dict(counted)}")
    sys.exit(bool(counted["WRONG"]))


if __name__ == "__main__":
    main(sys.argv[1:])
