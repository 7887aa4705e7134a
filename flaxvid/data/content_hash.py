"""What is in the files of a manifest, as one fingerprint: names alone don't tell videos apart."""

import functools
import hashlib
import json
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

from flaxvid import stores
from flaxvid.data import manifest, packed
from flaxvid.video import frame_folder

SAMPLES, SAMPLE = 3, 2**16  # places of a file that are read, and bytes at each
BRIEF = (
    2**10
)  # bytes at each: enough to tell two videos apart, and hundreds of thousands in minutes


def fingerprint(videos: manifest.Manifest, threads: int = 4, *, sample: int = SAMPLE) -> str:
    """SHA-256 over the files of all rows: equal for equal files, wherever they lie.

    Of each file its name in the manifest, its size, and its beginning, middle and end count: a
    video that was encoded anew, or another one of the same name, differs in those. A file of up to
    three times `sample` bytes is read whole. Of a folder of images every image counts, of a packed
    set its shards. A file that is not there counts as missing. Of an object store no file is read:
    its size and the store's tag count, so that a copy on this machine has another fingerprint.

    Args:
        videos: whose files.
        threads: that read.
        sample: bytes that are read at each of the three places.
    """
    paths = sorted({row.path for row in videos.rows})
    listed = videos.root.objects() if stores.is_store(videos.root) else {}
    shards = functools.cache(lambda folder: _of_shards(folder, sample))

    def of_row(path):
        if path in listed:
            return listed[path]
        place = stores.joined(videos.root, path)
        if stores.is_store(place):
            return place.objects().get("")
        if packed.is_address(place):
            return shards(place.parent)
        if place.is_dir():
            return [[name, _of_file(place / name, sample)] for name in frame_folder.images(place)]
        return _of_file(place, sample)

    with futures.ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(of_row, paths))
    text = json.dumps(list(zip(paths, found, strict=True)), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def are_there(videos: manifest.Manifest) -> Iterator[bool]:
    """Of each row, whether its file is there, or its record of a packed set."""
    listed = videos.root.objects() if stores.is_store(videos.root) else {}
    for row in videos.rows:
        place = videos.path(row)
        yield row.path in listed or place.exists() or packed.is_address(place)


def by_split(videos: manifest.Manifest) -> dict[str, str]:
    """A brief fingerprint for the files of every split, as training and evaluation compare them."""
    return {split: fingerprint(videos.split(split), sample=BRIEF) for split in videos.splits()}


def _of_shards(folder, sample):
    shards = sorted(file for file in folder.iterdir() if ".array_record" in file.name)
    return [[shard.name, _of_file(shard, sample)] for shard in shards]


def _of_file(path: Path, sample: int):
    """The size of a file, and a digest of what was read of it; None if it can't be read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= SAMPLES * sample:
                return size, hashlib.sha256(file.read()).hexdigest()
            digest = hashlib.sha256()
            for number in range(SAMPLES):
                file.seek((size - sample) * number // (SAMPLES - 1))
                digest.update(file.read(sample))
            return size, digest.hexdigest()
    except OSError:
        return None
