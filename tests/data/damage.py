"""What happens to video files: bits flip, downloads stop, headers come from elsewhere."""

import numpy as np


def damaged(sources: list[bytes], rng: np.random.Generator) -> bytes:
    """One of the files, damaged in one of four ways."""
    first, second = rng.choice(len(sources), 2, replace=False)
    data, other = bytearray(sources[first]), sources[second]
    match rng.integers(4):
        case 0:  # bits flip anywhere
            for place in rng.integers(len(data), size=int(rng.integers(1, 200))):
                data[place] ^= 1 << int(rng.integers(8))
        case 1:  # bits flip in the header
            for place in rng.integers(min(2048, len(data)), size=int(rng.integers(1, 64))):
                data[place] ^= 1 << int(rng.integers(8))
        case 2:  # the download stopped
            del data[int(rng.integers(len(data))) :]
        case 3:  # the header of another file, or of none
            length = int(rng.integers(16, 4096))
            data[:length] = other[:length] if rng.integers(2) else rng.bytes(length)
    return bytes(data)
