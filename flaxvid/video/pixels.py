"""A decoded frame as an upright RGB array, and what there is to say of its pixels.

The conversion is FFmpeg's swscale, told the frame's own colour space and range: BT.709 and BT.601,
limited and full. A file that states neither is taken for BT.601 and limited, as FFmpeg does. More
bits than 8 are cut to 8. HDR (PQ, HLG) is not tone mapped: its code values are kept, and look pale.
"""

import av
import numpy as np
from av.sidedata import sidedata
from av.video import reformatter
from jaxtyping import Shaped, UInt8

Frame = UInt8[np.ndarray, "height width 3"]

UNSPECIFIED, RESERVED = 2, 3  # colour spaces as FFmpeg numbers them
HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics, likewise
DISPLAY_MATRIX = sidedata.Type.DISPLAYMATRIX


class UnconvertibleError(Exception):
    """Pixels that can't be turned into RGB, or a display matrix that turns by no right angle."""


class Converter:
    """Turns the frames of one video into RGB; not for several threads at a time."""

    def __init__(self):
        self._scaler = reformatter.VideoReformatter()

    def rgb(self, frame: av.VideoFrame) -> Frame:
        """The pixels, turned and mirrored as the file asks; read them, and don't write into them.

        Raises:
            UnconvertibleError: for a colour space that swscale does not know, or other rarities.
        """
        if frame.colorspace == RESERVED:
            frame.colorspace = UNSPECIFIED
        try:
            # One thread: the parallel work is one video per thread.
            converted = self._scaler.reformat(frame, format="rgb24", threads=1)
        except (OSError, ValueError) as error:  # av.FFmpegError is either, by its number
            raise UnconvertibleError(
                f"its pixels ({frame.format.name}, colour space {frame.colorspace}) can't be "
                f"converted to RGB ({error.args[-1]})"
            ) from None
        # The very memory of FFmpeg's frame, whose rows may end in padding.
        (plane,) = converted.planes
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        array = rows[: frame.height, : 3 * frame.width].reshape(frame.height, frame.width, 3)
        matrix = display_matrix(frame)
        return array if matrix is None else upright(array, matrix)


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int] | None:
    """`a, b, c, d` of the matrix that maps (x, y) to (ax + cy, bx + dy) for display; None: none.

    One of zeros, which some writers leave there, says nothing.
    """
    data = frame.side_data.get(DISPLAY_MATRIX)
    if data is None:
        return None
    a, b, _, c, d, *_ = np.frombuffer(data, np.int32).tolist()
    return (a, b, c, d) if any((a, b, c, d)) else None


def upright(
    array: Shaped[np.ndarray, "height width *rest"], matrix: tuple[int, int, int, int]
) -> Shaped[np.ndarray, "new_height new_width *rest"]:
    """A picture turned by right angles and mirrored as a display matrix says.

    Raises:
        UnconvertibleError: if it turns by anything but right angles.
    """
    a, b, c, d = matrix
    straight, turned = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(a), abs(d)) * 10 < turned:
        array, across, down = array.swapaxes(0, 1), c, b
    elif max(abs(b), abs(c)) * 10 < straight:
        across, down = a, d
    else:
        raise UnconvertibleError(f"its display matrix {matrix} turns by no right angle")
    array = array[:, ::-1] if across < 0 else array
    return array[::-1] if down < 0 else array


def notes(frame: av.VideoFrame) -> tuple[str, ...]:
    """Properties of the pixels that matter to a user, in plain words."""
    said = []
    if frame.interlaced_frame:
        said.append(
            "interlaced: each frame is woven from two fields of different moments, kept as they "
            "are; `ffmpeg -i IN -vf bwdif=mode=send_frame OUT` makes whole frames of them"
        )
    bits = max(component.bits for component in frame.format.components)
    if frame.color_trc in HDR:
        said.append(f"HDR ({HDR[frame.color_trc]}): kept as it is stored, not tone mapped")
    if bits > 8:
        said.append(f"{bits} bits a colour, cut to 8")
    return tuple(said)
