"""Keras' `.h5` weight files to arrays, by h5py, where it is installed."""

from pathlib import Path

import numpy as np

from flaxvid import errors
from flaxvid.weights import pickles

GROWTH = 20  # times its size that a file may hold; Keras compresses nothing
START = b"\x89HDF\r\n\x1a\n"


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays in an HDF5 file under their whole paths, `layer/layer/kernel:0`.

    Raises:
        UserError: if h5py is not installed.
        Refused: if an array of the file is really in another file, or they are far larger than
            the file.
        ValueError: if the file is damaged.
    """
    try:
        import h5py
    except ImportError:
        raise errors.UserError(f"{path}: takes h5py to read; run `pip install h5py`") from None
    arrays, left = {}, GROWTH * path.stat().st_size

    def collect(name, item):
        nonlocal left
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise pickles.Refused(f"says that its {name} is in another file")
            left -= item.nbytes
            if left < 0:
                raise pickles.Refused(f"says that its {name} is far larger than the file")
            arrays[name] = item[()]

    try:
        with h5py.File(path, "r") as file:
            # Links to other places, in this file or in others, are not followed.
            file.visititems(collect)
    except OSError as error:
        raise ValueError(str(error)) from None
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
