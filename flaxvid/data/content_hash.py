"""What is in the files of a manifest, as one fingerprint: names alone don't tell videos apart."""

import hashlib
import json
from concurrent import futures
from pathlib import Path

from flaxvid.data import manifest, packed
from flaxvid.video import frame_folder

SAMPLES, SAMPLE = 3, 2**16  # places of a file that are read, and bytes at each


def fingerprint(videos: manifest.Manifest, threads: int = 4) -> str:
    """SHA-256 over the files of all rows: equal for equal files, wherever they lie.

    Of each file its name in the manifest, its size, and its beginning, middle and end count: a
    video that was encoded anew, or another one of the same name, differs in those. A file of up to
    192 KiB is read whole. Of a folder of images every image counts, of a packed set its shards.
    A file that is not there counts as missing.
    """
    paths = sorted({row.path for row in videos.rows})
    with futures.ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda path: _of_row(videos.root / path), paths))
    text = json.dumps(list(zip(paths, found, strict=True)), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_row(path):
    if packed.is_address(path):
        shards = sorted(file for file in path.parent.iterdir() if ".array_record" in file.name)
        return [[shard.name, _of_file(shard)] for shard in shards]
    if path.is_dir():
        return [[name, _of_file(path / name)] for name in frame_folder.images(path)]
    return _of_file(path)


def _of_file(path: Path):
    """The size of a file, and a digest of what was read of it; None if it can't be read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size <= SAMPLES * SAMPLE:
                return size, hashlib.sha256(file.read()).hexdigest()
            digest = hashlib.sha256()
            for number in range(SAMPLES):
                file.seek((size - SAMPLE) * number // (SAMPLES - 1))
                digest.update(file.read(SAMPLE))
            return size, digest.hexdigest()
    except OSError:
        return None
