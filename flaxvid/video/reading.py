"""The frames of a video file that are wanted, with no more decoding than that takes.

The packets of a file say when each frame is shown. So they are read first, frames are chosen, and
only those groups of pictures are decoded that hold a frame chosen, from their key frame on. Frames
that no other needs are passed over. Nothing is ever sought: packets come one after the other, which
is exact in every file, and each frame is known by its time.

Where packets don't say, or what comes out is not what they said, all frames are decoded and
counted: `Video.survey`.
"""

import bisect
import collections
import contextlib
import math
from collections.abc import Iterator, Sequence

import av
import numpy as np
from jaxtyping import Int64, UInt8

from flaxvid import errors
from flaxvid.video import container, pixels, times

# Codecs whose decoders begin at any key frame, and whose packets hold one frame each.
KEYED = {
    *("h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video", "h263", "msmpeg4", "msmpeg4v2", "flv"),
    *("wmv1", "wmv2", "vp8", "vp9", "libdav1d", "av1", "mjpeg", "prores", "dnxhd", "ffv1", "png"),
    *("dvvideo", "rawvideo", "huffyuv", "ffvhuff", "utvideo", "theora"),
}
# Those of them that can pass over frames to which no other refers.
PASSING = {"h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video"}
PROGRESSIVE = (0, 1)  # field orders as FFmpeg numbers them: unknown, progressive
KEPT_FRAMES = 128 * 2**20  # bytes of decoded frames that are kept rather than decoded twice


class DiffersError(Exception):
    """What was decoded is not what the packets said."""


class Video:
    """A video file to be read: first its times, then frames, which may be asked for once."""

    def __init__(self, path: container.PathLike, stack: contextlib.ExitStack):
        self._path, self._stack = path, stack
        self.file = stack.enter_context(container.opened(path))
        self._used = self._surveyed = False
        # Of every packet, in decoding order: when its frame is shown, on the container's clock ...
        self._ticks: list[int] = []
        # ... those with which decoding can begin, and those whose frame an edit list hides.
        self._keys: list[int] = []
        self._hidden: set[int] = set()
        self._kept: list[av.Packet] | None = []
        self._frames: list[av.VideoFrame] | None = None
        self._converter = pixels.Converter()
        self.sizes: set[tuple[int, int]] = set()

    @property
    def timed(self) -> bool:
        """Whether its frames have times that were not made up."""
        return self.file.format not in container.UNTIMED

    @property
    def bad_packets(self) -> int:
        """How many packets could not be decoded, since the file was last opened."""
        return self.file.bad_packets

    def remedy(self) -> str:
        """What to do where times are missing."""
        return f"re-encode it with {container.reencode(self._path)}"

    def size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Height and width of a frame, upright.

        Raises:
            VideoError: if it is to be turned by no right angle.
        """
        matrix = pixels.display_matrix(frame)
        grid = np.empty((frame.height, frame.width), bool)
        with self._convertible():
            return (grid if matrix is None else pixels.upright(grid, matrix)).shape

    def _fresh(self) -> container.File:
        """The file before its first packet."""
        if self._used:
            self.file = self._stack.enter_context(container.opened(self._path))
        self._used = True
        return self.file

    # ---------------------------------------------------------------- times
    def timeline(self, end: times.Seconds | None = None) -> times.Timeline:
        """When frames are shown, up to `end` seconds at least; None: to the end of the file.

        Raises:
            VideoError: if there is no frame.
        """
        if self.file.tells_times:
            found = self._listed(end)
            if found is not None:
                return found
        return self.survey()

    def _listed(self, end):
        """The times that the packets tell, or None if they leave one open."""
        file = self._fresh()
        base, shown, size, zero, beyond = file.stream.time_base, [], 0, None, None
        latest, lasts = -math.inf, 0
        smallest = container.SMALLEST_PICTURE if file.times_need_proof else 0
        for packet in file.packets():
            tick = packet.pts
            if tick is None or packet.is_corrupt or packet.size < smallest:
                return None
            size += packet.size
            if self._kept is not None:
                self._kept.append(packet)
                if size > container.KEPT_PACKETS:
                    self._kept = None
            if packet.is_keyframe:
                self._keys.append(len(self._ticks))
            self._ticks.append(tick)
            if packet.is_discard or file.is_hidden(packet):
                self._hidden.add(len(self._ticks) - 1)
                continue
            shown.append(tick)
            if tick >= latest:
                latest, lasts = tick, packet.duration
            if end is None:
                continue
            zero = tick if zero is None else min(zero, tick)
            if (tick - zero) * base >= end:
                beyond = tick if beyond is None else min(beyond, tick)
            # Packets to come are shown no earlier than they are decoded.
            if beyond is not None and packet.dts is not None and packet.dts > beyond:
                shown, lasts = [tick for tick in shown if tick <= beyond], 0
                break
        if file.bad_packets or not shown:
            return None
        ticks = np.sort(np.asarray(shown, np.int64))
        if np.any(np.diff(ticks) <= 0):
            return None
        return _timeline(file, ticks, int(ticks[0]), lasts)

    def survey(self, *, keep: bool = True) -> times.Timeline:
        """When the frames are shown that can really be decoded, by decoding all of them.

        Args:
            keep: the frames in memory, if they are few, because some will be asked for.

        Raises:
            VideoError: if there is none.
        """
        file, self._surveyed = self._fresh(), True
        kept, size, ticks, lasts = [], 0, [], 0
        for frame in file.frames():
            ticks.append(file.tick(frame))
            lasts = frame.duration or 0
            self.sizes.add((frame.height, frame.width))
            if keep and size < KEPT_FRAMES:
                size += sum(plane.buffer_size for plane in frame.planes)
                kept.append(frame)
        if not ticks:
            raise container.nothing_decoded(file)
        self._frames = kept if len(kept) == len(ticks) else None
        mended = times.mended(ticks, file.step, guessed=file.format in container.GUESSED)
        listed = [t for place, t in enumerate(self._ticks) if place not in self._hidden]
        zero = min(mended[0], min(listed, default=mended[0]))
        timeline = _timeline(file, mended, int(zero), lasts)
        file.bad_packets += file.lost(len(ticks), timeline.end - float(timeline.seconds[0]))
        return timeline

    # ---------------------------------------------------------------- frames
    def frames(
        self,
        timeline: times.Timeline,
        wanted: Int64[np.ndarray, " wanted"] | Sequence[int],
        *,
        numbered: bool = False,
    ) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
        """The frames wanted, by their numbers, in ascending order.

        Args:
            timeline: what `timeline` or `survey` has just given.
            wanted: numbers of frames, ascending, each once.
            numbered: it is the numbers that matter, and not the times: frames are decoded from the
                first one on, so that damage before those wanted is noticed.

        Raises:
            DiffersError: if they are not as the packets said; `survey` tells how they are.
            VideoError: if pixels can't be converted.
        """
        if self._surveyed:
            found = self._counted(wanted)
        else:
            all_of_them = self.file.times_need_proof or self.file.codec.name not in KEYED
            found = self._chosen(timeline, wanted, numbered or all_of_them)
        for index, frame in found:
            with self._convertible():
                converted = self._converter.rgb(frame)
            yield index, converted

    @contextlib.contextmanager
    def _convertible(self):
        try:
            yield
        except pixels.UnconvertibleError as error:
            raise errors.VideoError(
                self._path, f"{error}: re-encode it with {container.reencode(self._path)}"
            ) from None

    def _counted(self, wanted):
        """Frames by their numbers, from those kept, or decoding from the first one on."""
        left = collections.deque(int(index) for index in wanted)
        source = self._frames if self._frames is not None else self._fresh().frames()
        for index, frame in enumerate(source):
            if not left:
                return
            if index == left[0]:
                yield left.popleft(), frame

    def _chosen(self, timeline, wanted, numbered):
        """Frames by their times, from the groups of pictures that hold them, or from the first."""
        numbers = {int(timeline.ticks[index]): int(index) for index in wanted}
        file = self.file if self._kept is not None else self._fresh()
        runs = self._runs(numbers)
        if numbered:
            # All that is shown up to the last one wanted, some of which may be stored behind it.
            last = max(numbers)
            runs = [(0, max(place for place, tick in enumerate(self._ticks) if tick <= last))]
        passing = (
            not numbered and file.codec.name in PASSING and file.codec.field_order in PROGRESSIVE
        )
        bad, last, fed, needed = file.bad_packets, -1, False, True
        left, expected = dict(numbers), iter(timeline.ticks if numbered else ())
        decode = file.decode
        for packet, tick, begins, ends in self._fed(file, runs):
            if begins and fed:
                file.codec.flush_buffers()
            fed = True
            if passing and (tick in numbers) != needed:
                needed = not needed
                file.codec.skip_frame = "DEFAULT" if needed else "NONREF"
            frames = decode(packet)
            if ends and set(left if numbered else (tick,)).difference(f.pts for f in frames):
                frames += file.decode(None)  # what is held back
            for frame in frames:
                if not left:  # one behind the last, before which others are missing
                    break
                # What a decoder makes up for damage depends on all that it has seen before.
                if frame.is_corrupt or next(expected, frame.pts) != frame.pts:
                    raise DiffersError
                index = left.pop(frame.pts, None)
                if index is None:
                    continue
                if index < last:
                    raise DiffersError
                last = index
                yield index, frame
            if file.bad_packets > bad:
                raise DiffersError
        if left:
            raise DiffersError

    def _runs(self, numbers):
        """Stretches of packets, first and last, that hold the frames wanted and what they need."""
        runs = []
        for place, tick in enumerate(self._ticks):
            if tick not in numbers or place in self._hidden:
                continue
            before = bisect.bisect_right(self._keys, place) - 1
            # A frame that is shown before its key frame may refer to the group before.
            while before >= 0 and self._ticks[self._keys[before]] > tick:
                before -= 1
            begin = self._keys[before] if before >= 0 else 0
            if runs and begin <= runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], place)
            else:
                runs.append((begin, place))
        return runs

    def _fed(self, file, runs):
        """The packets of the runs, each with its time and whether it begins or ends its run."""
        if self._kept is not None:
            for first, last in runs:
                for place in range(first, last + 1):
                    yield self._kept[place], self._ticks[place], place == first, place == last
            return
        left = collections.deque(runs)
        for place, packet in enumerate(file.packets()):
            if not left:
                return
            first, last = left[0]
            if first <= place <= last:
                yield packet, packet.pts, place == first, place == last
            if place == last:
                left.popleft()

    def first_frame(self) -> av.VideoFrame:
        """The first frame that can be decoded.

        Raises:
            VideoError: if there is none.
        """
        file = self._fresh()
        frame = next(file.frames(), None)
        if frame is None:
            raise container.nothing_decoded(file)
        return frame


def _timeline(file, ticks, zero, lasts):
    base = float(file.stream.time_base)
    seconds = file.seconds_of(ticks, zero)
    if not lasts or times.is_constant(seconds):
        lasts = times.step(seconds) / base or file.step
    return times.Timeline(ticks, seconds, round(float(seconds[-1] + lasts * base), 9))
