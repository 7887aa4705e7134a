"""What decoding a whole video shows: how many frames there are, when, and what is damaged."""

import dataclasses

import numpy as np
from jaxtyping import Float64

from flaxvid import errors
from flaxvid.video import complaints, container, decode, header, opening

VideoError = errors.VideoError


@dataclasses.dataclass(frozen=True)
class Examined:
    """The result of reading a whole video."""

    info: header.VideoInfo
    seconds: Float64[np.ndarray, " frames"]
    """When the frames are shown that can be decoded."""
    end: float
    """When the last one is no longer shown, in seconds."""
    bad_packets: int
    """How many could not be decoded and were passed over."""
    complaint: str = ""
    """FFmpeg's reports of damage that it conceals or of data that it leaves unread; empty: none."""


def examine(path: decode.PathLike) -> Examined:
    """Decodes every frame of a video, and says how many, when, and what was passed over.

    Raises:
        VideoError: if the file is not a video, no frame of it can be read, or its frames are not
            of one size.
    """
    info = header.probe(path)
    with complaints.heard() as said, opening.opened(path) as source:
        timeline = source.survey(keep=False)
        if len(source.sizes) > 1:
            sizes = " and ".join(sorted(f"{width}x{height}" for height, width in source.sizes))
            raise VideoError(
                path,
                f"its frames have {sizes} pixels: re-encode it with {container.reencode(path)}",
            )
        bad_packets = source.bad_packets
    rest = complaints.unread(path, info.container)
    complaint = rest or (f"FFmpeg conceals damage: {said[0]}" if said else "")
    return Examined(info, timeline.seconds, timeline.end, bad_packets, complaint)
