"""The two containers that PyTorch has written: a zip archive, and before 1.6 pickles in a row.

Both hold one pickle that describes the tensors and, apart from it, the bytes of their storages.
"""

import contextlib
import io
import mmap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flaxvid.weights import pickles

ZIP_START = b"PK\x03\x04"
LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickle of a magic number
_LEGACY_VERSION = 1001

Fetch = Callable[[pickles.Storage], bytes]


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[tuple[Any, Fetch]]:
    """The object in a zip archive of `torch.save`, and the way to the bytes of a storage.

    Raises:
        pickles.Refused: for an archive of another kind.
        zipfile.BadZipFile, ValueError, LookupError, TypeError: if it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        # PyTorch compresses nothing, so what is unpacked is never larger than the file.
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise pickles.Refused("is an archive that claims to hold more than its size")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise pickles.Refused("is a compressed archive, which PyTorch never writes")
        names = [entry.filename for entry in entries]
        tree = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
        if len(tree) != 1:
            raise pickles.Refused("is an archive, but not one of PyTorch's (no data.pkl)")
        folder = tree[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise pickles.Refused("was written by a big-endian machine")

        def fetch(storage):
            data = archive.read(f"{folder}data/{storage.key}")
            if len(data) != storage.num_bytes:
                raise ValueError(f"storage {storage.key} is not of the size that it should be")
            return data

        found, _ = pickles.load(io.BytesIO(archive.read(tree[0])))
        yield found, fetch


@contextlib.contextmanager
def open_legacy(path: Path) -> Iterator[tuple[Any, Fetch]]:
    """The object in a file of pickles in a row, and the way to the bytes of a storage.

    They are: a magic number, a version, facts about the machine, the object, the keys of its
    storages; then, in the order of the keys, each storage's length and bytes.

    Raises:
        pickles.Refused: for a file of another kind.
        ValueError, LookupError, TypeError: if it is damaged.
    """
    # A mapped file: reading a length that some instruction claims never asks for that memory.
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stream:
        _, version, _ = (pickles.load(stream)[0] for _ in range(3))
        if version != _LEGACY_VERSION:
            raise pickles.Refused("is of a file version that PyTorch never wrote")
        found, storages = pickles.load(stream)
        keys, _ = pickles.load(stream)
        if not all(isinstance(key, str) for key in keys):
            raise pickles.Refused("its list of storages is malformed")
        places = {}
        for storage in [storages[key] for key in keys]:
            if int.from_bytes(stream.read(8), "little") != storage.size:
                raise ValueError(f"storage {storage.key} is not of the size that it should be")
            places[storage.key] = stream.tell()
            stream.seek(storage.num_bytes, 1)

        def fetch(storage):
            stream.seek(places[storage.key])
            return stream.read(storage.num_bytes)

        yield found, fetch
