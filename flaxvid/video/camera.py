"""A camera as a source of frames."""

import time
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import UInt8

from flaxvid.video import decode


def frames(number: int = 0) -> Iterator[tuple[float, UInt8[np.ndarray, "height width 3"]]]:
    """The frames of a camera as they come, RGB, each with its time in seconds from the first.

    Args:
        number: which camera, from 0.

    Raises:
        VideoError: if there is no such camera, or it is unplugged or in use by another program.
    """
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise decode.VideoError(
                f"camera {number}",
                "there is none, or another program uses it: plug one in, give another number, "
                "or record a file",
            )
        began = None
        while True:
            read, bgr = capture.read()
            now = time.monotonic()
            if not read:
                raise decode.VideoError(f"camera {number}", "gives no more frames: plug it in")
            began = now if began is None else began
            yield now - began, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
