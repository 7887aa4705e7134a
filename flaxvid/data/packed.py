"""Videos decoded once: a TFDS dataset in ArrayRecord files, each clip its frames as JPEGs.

Only the wanted frames of a clip are decoded, and none on the way to them, which is what makes it
fast. JPEG because raw frames take 12 to 20 times the space and then wait for the disk
(tests/benchmarks/loading.py). No TensorFlow is needed to write or to read it, and
`tfds.builder_from_directory(folder).as_data_source()` reads it as well.

A packed folder has a `manifest.csv` whose paths are addresses, `FOLDER/train#17`: record 17 of the
split. `packed_writer` makes one.
"""

import functools
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from flaxvid import errors, files
from flaxvid.video import decode, times

PROGRESS = "packed.json"
ADDRESS = re.compile(r"(\w+)#(\d+)")


def is_address(path: decode.PathLike) -> bool:
    """Whether a path names a record of a packed dataset, and not a file."""
    path = Path(path)
    found = ADDRESS.fullmatch(path.name)
    return found is not None and (path.parent / "features.json").exists()


def read_clip(
    path: decode.PathLike,
    choose: Callable[[int], decode.Indices],
    *,
    start: decode.Seconds = 0,
    end: decode.Seconds | None = None,
) -> decode.Frames:
    """Decodes the frames that a rule chooses of one record, as `decode.read_clip` does of a file.

    Raises:
        VideoError: if there is no such record, it is damaged, or a part of it is asked for.
    """
    path = Path(path)
    split, number = ADDRESS.fullmatch(path.name).groups()
    if start != 0 or end is not None:
        raise decode.VideoError(path, "a packed clip has no parts: leave start and end out")
    try:
        record = records(path.parent, split)[int(number)]
        encoded, seconds = record["video"], np.asarray(record.get("seconds", ()), np.float64)
    except Exception as error:  # of protobuf, Riegeli or the operating system, as it happens
        raise decode.VideoError(
            path, f"can't be read ({type(error).__name__}: {error}); pack the videos again"
        ) from None
    if not len(encoded):
        raise decode.VideoError(path, "has no frames; pack the videos again")
    wanted = np.asarray(choose(len(encoded)), np.int64)
    # Records of earlier versions have no times: theirs were taken to be even.
    if len(seconds) == len(encoded) + 1:
        wanted = times.evenly(seconds[:-1], float(seconds[-1]))[wanted]
    decoded = {int(index): _decoded(path, encoded[index]) for index in set(map(int, wanted))}
    return np.stack([decoded[int(index)] for index in wanted])


def _decoded(path, data):
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise decode.VideoError(path, "holds a frame that is no image; pack the videos again")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


@functools.lru_cache(maxsize=16)
def records(folder: Path, split: str) -> Sequence[dict]:
    """The records of a split of a TFDS folder, with the frames in `video` still encoded."""
    # TFDS takes its time to import: only now.
    import tensorflow_datasets as tfds

    class Encoded(tfds.decode.SkipDecoding):
        """TFDS skips decoding for TensorFlow only; this is the same for NumPy."""

        def decode_batch_example_np(self, example):
            return example

    builder = tfds.builder_from_directory(folder)
    return builder.as_data_source(split=split, decoders={"video": Encoded()})


def progress_of(folder: Path) -> dict[str, Any]:
    """How a folder was packed, and which shards of it are whole.

    Raises:
        UserError: if that can't be read.
    """
    path = Path(folder, PROGRESS)
    with errors.damage_in(path, "remove the folder, and pack the videos again"):
        state = files.read_json(path)
        shards = {
            name: {
                "sha256": str(shard["sha256"]),
                "bytes": int(shard["bytes"]),
                "rows": [[str(part) for part in row] for row in shard["rows"]],
                "skipped": dict(shard["skipped"]),
            }
            for name, shard in state["shards"].items()
        }
        return {"settings": dict(state["settings"]), "shards": shards}


def damaged_shards(folder: Path, *, read: bool = True) -> list[str]:
    """The shards of a packed folder that are missing, or not the bytes that were written.

    Args:
        folder: with shards in it.
        read: compare every byte, and not only how many there are.
    """
    damaged = []
    for name, shard in progress_of(folder)["shards"].items():
        path = Path(folder, name)
        if not path.exists() or path.stat().st_size != shard["bytes"]:
            damaged.append(name)
            continue
        if not read:
            continue
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != shard["sha256"]:
                damaged.append(name)
    return damaged
