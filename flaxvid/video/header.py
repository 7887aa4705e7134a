"""What the header of a video file claims, and what its first frame shows.

A header can be wrong: `decode.count_frames` and `decode.frame_times` read the file itself.
"""

import dataclasses

from flaxvid.video import container, frame_folder, opening, pixels


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What the header of a video file says, and what its first frame shows."""

    path: str
    width: int
    """Pixels, after the rotation that phones store beside the frames: as frames are decoded."""
    height: int
    """Pixels, after rotation."""
    fps: float
    """Frames per second, on average; 0 if the header does not say."""
    frame_count: int
    """How many frames the header CLAIMS; 0 if it does not say. `count_frames` counts them."""
    seconds: float
    """How long the header CLAIMS the video lasts; 0 if it does not say."""
    container: str = ""
    """FFmpeg's name of the container: mov, matroska, avi, ...; empty for a folder."""
    codec: str = ""
    """FFmpeg's name of the codec: h264, mpeg4, ...; empty for a folder."""
    start: float = 0.0
    """What the container's own clock says at the first frame, in seconds."""
    notes: tuple[str, ...] = ()
    """Properties of the pixels to know about: interlaced, HDR, more than 8 bits."""


def probe(path: container.PathLike) -> VideoInfo:
    """Reads the header of a video file and its first frame; of a folder, its first image.

    Raises:
        VideoError: if the file is missing, empty or not a video.
    """
    with opening.opened(path) as source:
        if isinstance(source, frame_folder.FrameFolder):
            height, width = source.size()
            seconds = source.count / source.fps if source.fps else 0.0
            return VideoInfo(str(path), width, height, source.fps, source.count, seconds)
        file, frame = source.file, source.first_frame()
        height, width = source.size(frame)
        start = (frame.pts or 0) * file.stream.time_base
        return VideoInfo(
            path=str(path),
            width=width,
            height=height,
            fps=file.fps,
            frame_count=file.stream.frames,
            seconds=file.claimed_seconds,
            container=file.format,
            codec=file.codec.name,
            start=float(start) if source.timed else 0.0,
            notes=pixels.notes(frame),
        )
