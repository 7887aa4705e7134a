"""Weights made from their names, so that golden files hold results only and stay small.

The PyTorch reference and the test both call `weight` with the PyTorch name and shape of a
parameter and get the same numbers. NumPy only: the reference environment has no flaxvid.
"""

import math
import zlib

import numpy as np


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 values for the parameter `name` of a PyTorch module, in PyTorch's layout."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if len(shape) >= 2:
        fan_in = math.prod(shape[1:])
        return rng.normal(0, 1 / math.sqrt(fan_in), shape).astype(np.float32)
    centre = 1.0 if name.endswith("weight") else 0.0
    return rng.normal(centre, 0.1, shape).astype(np.float32)


def inputs(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal float32 input for the golden case `name`."""
    return np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape).astype(np.float32)
