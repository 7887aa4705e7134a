"""ActionBERT's embeddings: for each split an index in JSON, and bare float32 numbers beside it.

    {"data": [{"video_idx": 0, "video_name": "v_YoYo_g01_c01", "video_length": 7, "label_idx": 0}],
     "memmap_size": [videos, longest, dim], "split": "train"}

The array has no header, though it is called .npy: only the index says its shape. What its program
really wrote has the entries as a text of JSON inside of the JSON, and calls the shape
`memmap_shape`; both are read.
"""

import dataclasses
import json
import operator
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from flaxvid import errors, files
from flaxvid.data import embeddings, manifest, ucf101


@dataclasses.dataclass(frozen=True)
class Split:
    """One pair of files, opened."""

    names: tuple[str, ...]
    numbers: Int64[np.ndarray, " videos"]
    """`label_idx` of each video."""
    lengths: Int64[np.ndarray, " videos"]
    """Real frames of each video."""
    array: Float32[np.ndarray, "videos longest dim"]
    """On disk, until rows of it are taken; rows stand as the names do."""


def read(index: Path, array: Path) -> Split:
    """Opens one split.

    Raises:
        EmbeddingsError: if one of the files can't be read, or they don't belong together.
    """
    remedy = "it is not an index of ActionBERT's, which has data and memmap_size"
    with errors.damage_in(index, remedy, embeddings.EmbeddingsError):
        try:
            said = files.read_json(index)
        except errors.FileError as error:
            raise embeddings.EmbeddingsError(f"{error}; {remedy}") from None
        entries = json.loads(said["data"]) if isinstance(said["data"], str) else said["data"]
        shape = said.get("memmap_size") or said["memmap_shape"]
        videos, longest, dim = map(operator.index, shape)
        names = tuple(str(entry["video_name"]) for entry in entries)
        facts = ("video_idx", "label_idx", "video_length")
        places, numbers, lengths = np.asarray(
            [[int(entry[fact]) for entry in entries] for fact in facts], np.int64
        )
        if not entries or min(videos, longest, dim) < 1:
            raise ValueError(f"no videos, or a memmap_size of {shape}")
    expected = 4 * videos * longest * dim
    try:
        found = Path(array).stat().st_size
    except OSError as error:
        raise embeddings.EmbeddingsError(f"{array}: can't be read ({error.strerror})") from None
    if found != expected or not np.array_equal(np.sort(places), np.arange(videos)):
        raise embeddings.EmbeddingsError(
            f"{array}: has {found} bytes, and {index} speaks of {len(names)} videos and of "
            f"{[videos, longest, dim]}, which are {expected}; they don't belong together"
        )
    if lengths.min() < 0 or lengths.max() > longest:
        raise embeddings.EmbeddingsError(
            f"{index}: has a video_length of {lengths.max()}, and the longest is {longest}"
        )
    opened = np.memmap(array, np.float32, "r", shape=(videos, longest, dim))
    return Split(names, numbers, lengths, opened[places])


def write(stored: embeddings.Stored, split: str, index: Path, array: Path) -> None:
    """Writes one split of embeddings as ActionBERT reads them, as long as its longest video."""
    rows = stored.manifest.rows
    taken = [number for number, row in enumerate(rows) if row.split == split]
    lengths = stored.lengths[taken]
    longest = int(lengths.max())
    entries = [
        {
            "video_idx": place,
            "video_name": ucf101.bare_name(rows[number].path),
            "video_length": int(lengths[place]),
            "label_idx": stored.manifest.label_index(rows[number]),
        }
        for place, number in enumerate(taken)
    ]
    size = [len(taken), longest, stored.array.shape[-1]]
    said = {"data": entries, "memmap_size": size, "split": split}
    files.write_bytes(array, stored.array[taken, :longest].astype(np.float32).tobytes())
    files.write_json(index, said)


def videos_of(splits: Mapping[str, Split]) -> manifest.Manifest:
    """The videos of all splits in order, with classes and groups from UCF101's names.

    Raises:
        ManifestError: for another name, or a class that has two numbers.
    """
    rows, known = [], {}
    for name, split in splits.items():
        for video, number in zip(split.names, split.numbers, strict=True):
            label, group = ucf101.label_and_group(video)
            if known.setdefault(label, number) != number:
                raise manifest.ManifestError(
                    f"{video}: has label_idx {number}, others of {label} have {known[label]}"
                )
            rows.append(manifest.Row(video, label, group, name))
    return manifest.of_rows(Path(), rows)
