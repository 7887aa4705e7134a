"""A video file opened with FFmpeg's libraries (PyAV): its header, its packets, its decoded frames.

What a header says is a claim: files are cut short, and some headers never knew. What frames there
are, and when each is shown, comes from the packets, or from decoding all of them.
"""

import contextlib
import os
import shlex
from collections.abc import Iterator

import av
import numpy as np
from jaxtyping import Int64

from flaxvid import errors, stores
from flaxvid.video import times

PathLike = str | os.PathLike[str]

# One thread, because the parallel work is one video per thread. No protocol but files: a playlist
# that somebody named .mp4 fetches nothing.
OPTIONS = {"protocol_whitelist": "file"}
# Streams without a container: FFmpeg makes up 25 frames a second for them.
UNTIMED = {
    *("mjpeg", "h264", "hevc", "m4v", "mpegvideo", "h263", "h261", "vvc", "obu", "vc1", "dirac"),
}
# Containers that don't say of every packet when it is shown, and FFmpeg guesses ...
GUESSED = {"mpeg", *UNTIMED}
# ... or not of codecs that reorder frames.
IN_STORED_ORDER = {"avi"}
REORDERING = {"h264", "hevc", "vc1", "mpeg1video", "mpeg2video"}
# (mpeg4 too, as in videos of Xvid and so of UCF101. There FFmpeg finds the order by looking into
# the packets, and is right but where two frames share one, and an empty one follows)
SMALLEST_PICTURE = 16  # bytes; in AVI, a smaller packet of mpeg4 may be such an empty one
# There the guess is off for the first frame; the place of the packet that completed it is right.
BY_PLACE = {"mpeg1video", "mpeg2video"}
KEPT_PACKETS = 64 * 2**20  # bytes of a file that are kept in memory rather than read twice
# Decoders that make up a grey picture where the one referred to is missing, and don't say so.
PREDICTING = {"mpeg4", "h263", "flv", "wmv1", "wmv2", "msmpeg4v1", "msmpeg4v2", "msmpeg4"}
# Decoders to which any bytes are a picture, even those of a bad sector.
ANYTHING_GOES = {"ffv1", "utvideo"}
ANYTHING_BUT_BLACK = {"huffyuv", "ffvhuff"}  # in RGB, zeros may be a black picture
# Decoders that pass over a packet without a word, and codecs whose every packet is a picture.
ONE_PICTURE = {"vp8", "vp9", "libdav1d", "av1", "mjpeg", "prores", "ffv1", "png", "mpeg1video"}
ERRORS_IN_A_ROW = 1000  # of packets that can't be had, after which a file has ended


class File:
    """A video file, open before its first packet. Packets are read once, in order."""

    def __init__(self, path: PathLike, container: av.container.InputContainer, stream):
        self.path = path
        self.container = container
        self.stream = stream
        self.codec = stream.codec_context
        self.codec.thread_count = 1
        self.bad_packets = 0
        self.pictures = 0
        # Asked for every packet, so they are looked up once.
        name, yuv = self.codec.name, (self.codec.pix_fmt or "").startswith("yuv")
        self._begun = name not in PREDICTING
        self._is_vp8, self._one_picture = name == "vp8", name in ONE_PICTURE
        self._takes_zeros = name in ANYTHING_GOES or (yuv and name in ANYTHING_BUT_BLACK)

    @property
    def format(self) -> str:
        """FFmpeg's first name of the container: `mov`, `matroska`, `avi`, ..."""
        return self.container.format.name.partition(",")[0]

    @property
    def fps(self) -> float:
        """The average rate that the header states or FFmpeg estimates; 0 if it is made up."""
        rate = self.stream.guessed_rate if self.format == "dv" else self.stream.average_rate
        return 0.0 if self.format in UNTIMED or not rate else float(rate)

    @property
    def step(self) -> int:
        """The usual time from frame to frame, in ticks."""
        rate = self.fps or float(self.stream.guessed_rate or 25)
        return max(1, round(1 / (rate * self.stream.time_base)))

    @property
    def claimed_seconds(self) -> float:
        """How long the header says the video lasts; 0 if it does not."""
        if self.format in UNTIMED:
            return 0.0
        if self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        # Of a whole file with sound, it may be the sound's.
        alone = len(self.container.streams) == 1
        return self.container.duration / av.time_base if alone and self.container.duration else 0.0

    @property
    def tells_times(self) -> bool:
        """Whether the packets say when their frames are shown, so that none need be decoded."""
        shuffled = self.format in IN_STORED_ORDER and self.codec.name in REORDERING
        return not (shuffled or self.format in GUESSED)

    @property
    def times_need_proof(self) -> bool:
        """Whether what packets tell has to be compared with all that is decoded, from the first."""
        stored = self.format in IN_STORED_ORDER
        return stored and self.codec.name == "mpeg4" and self.codec.has_b_frames

    def tick(self, frame: av.VideoFrame) -> int | None:
        """When a decoded frame is shown, up to a delay that is the same for all."""
        placed = self.format in IN_STORED_ORDER and self.codec.name in BY_PLACE
        return frame.dts if placed else frame.pts

    def packets(self) -> Iterator[av.Packet]:
        """The packets of the stream, in decoding order; what can't be had is counted and passed."""
        failed, counted, blanks = 0, self._one_picture, self._takes_zeros
        while failed < ERRORS_IN_A_ROW:
            try:
                for packet in self.container.demux(self.stream):
                    failed = 0
                    if not packet.size:
                        continue
                    if counted and not (packet.is_discard or self.is_hidden(packet)):
                        self.pictures += 1
                    if blanks and _is_blank(packet):
                        self.bad_packets += 1
                        continue
                    if packet.is_corrupt:
                        # Some of it is missing: what can be decoded of it may look wrong.
                        self.bad_packets += 1
                    yield packet
                return
            except IndexError:
                return  # PyAV, at the end of a file in which another stream began on the way
            except av.FFmpegError:
                failed += 1
                self.bad_packets += 1

    def decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        """The frames that a packet completes; None at the end, for those held back."""
        try:
            return self._from_a_key(self.codec.decode(packet))
        except av.FFmpegError as error:
            if not isinstance(error, EOFError):
                self.bad_packets += 1
            return []

    def _from_a_key(self, frames):
        """The frames but those before the first that refers to none, as where a file was cut."""
        while frames and not self._begun:
            self._begun = frames[0].key_frame
            if not self._begun:
                self.bad_packets += 1
                frames = frames[1:]
        return frames

    def frames(self) -> Iterator[av.VideoFrame]:
        """All frames that can be decoded, in the order they are shown."""
        for packet in self.packets():
            yield from self.decode(packet)
        yield from self.decode(None)

    def is_hidden(self, packet: av.Packet) -> bool:
        """Whether a packet of VP8 only prepares a reference: the fifth bit of its first byte."""
        return self._is_vp8 and not memoryview(packet)[0] >> 4 & 1

    def lost(self, frames: int, seconds: float) -> int:
        """How many pictures have been passed over without a word, of a file read to its end.

        Args:
            frames: how many were decoded.
            seconds: how long they last, from the first to the end of the last.
        """
        if self.format == "mxf":  # always at a constant rate
            return max(0, round(seconds * self.fps) - frames - self.bad_packets)
        if self._one_picture:
            return max(0, self.pictures - frames - self.bad_packets)
        return 0

    def seconds_of(self, ticks: Int64[np.ndarray, " frames"], zero: int) -> times.Times:
        """Ticks of the container's clock in seconds."""
        base = self.stream.time_base
        return (ticks - zero) * base.numerator / base.denominator


@contextlib.contextmanager
def opened(path: PathLike) -> Iterator[File]:
    """A video file, closed on the way out.

    Raises:
        VideoError: if it is missing, empty, or no video that can be decoded here.
    """
    if stores.is_store(path):
        path = stores.path(path)
    _refuse_by_sight(path)
    try:
        # `file:` and the whole path, because FFmpeg takes 12:30.mp4 for an address.
        local = not stores.is_store(path)
        place = f"file:{os.path.abspath(path)}" if local else path.open("rb")
        container = av.open(place, options=OPTIONS)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise errors.VideoError(
            path,
            f"can't be opened as a video ({_reason(error)}): it is damaged, cut short or another "
            f"kind of file: download it again, or re-encode it with {reencode(path)}",
        ) from None
    with container:
        yield File(path, container, _video_stream(path, container))


def _refuse_by_sight(path):
    try:
        size = stores.path(path).stat().st_size
    except errors.UserError:  # a store that is out of reach: no video is to blame
        raise
    except (OSError, ValueError) as error:  # not `exists`, which raises for a name that is too long
        missing = isinstance(error, FileNotFoundError | NotADirectoryError | ValueError)
        why = "there is no such file" if missing else f"can't be read ({error.strerror})"
        raise errors.VideoError(path, f"{why}: check the path") from None
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise errors.VideoError(
            path, "its name is not in UTF-8, as in old archives: rename it"
        ) from None
    if size == 0:
        raise errors.VideoError(path, "the file is empty, 0 bytes: download or copy it again")


def _video_stream(path, container):
    if container.format.name == "tty":
        raise errors.VideoError(path, "this is a text file, which FFmpeg would draw: name a video")
    stream = container.streams.best("video")
    if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
        only = "no video" if stream is None else "no video, only a cover picture"
        raise errors.VideoError(path, f"it holds {only}: name a video")
    if stream.codec_context is None:
        raise errors.VideoError(
            path, f"there is no decoder for it here: re-encode it with {reencode(path)}"
        )
    return stream


def _is_blank(packet):
    return not any(memoryview(packet)[:64]) and not any(bytes(packet))


def nothing_decoded(file: File) -> errors.VideoError:
    """The error of a file that opens, and gives no frame."""
    if file.codec.name == "webp":
        return errors.VideoError(
            file.path,
            "this FFmpeg can't decode animated WebP: install av>=19, which takes Python 3.12, or "
            "convert it to GIF with another program, such as Pillow or ImageMagick",
        )
    return errors.VideoError(
        file.path,
        f"it opens, but no frame can be read: it holds none, or its {file.codec.name} is damaged "
        f"or of a kind that can't be decoded here: re-encode it with {reencode(file.path)}",
    )


def reencode(path: PathLike) -> str:
    """The command that makes an ordinary file of it."""
    return f"`ffmpeg -i {shlex.quote(errors.printable(path))} -c:v libx264 out.mp4`"


def _reason(error):
    return getattr(error, "strerror", None) or str(error)
