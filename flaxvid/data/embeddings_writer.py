"""Embeddings in the making: a folder that is whole or not there, and goes on where it stopped.

While they are made, the folder is called FOLDER.partial and has a journal with a line for every
video that is done. It gets its name when all are, so that a folder is whole or not there, and
making them again after a kill goes on where it stopped.
"""

import contextlib
import json
import os
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float

from flaxvid import errors, files, folders
from flaxvid.data import embeddings, manifest

JOURNAL = "done.jsonl"


class Writer:
    """Embeddings in the making, row by row in any order; use it as a context manager.

    `views` has, for each row after those of the videos, the number of its video and its own.

    What was done before a kill is kept. Every line of the journal has a checksum of the video's
    embeddings: one that did not reach the disk is done again.
    """

    def __init__(self, folder: Path, videos: manifest.Manifest, about: embeddings.About):
        """
        Raises:
            EmbeddingsError: if the folder exists, or what was begun is of or with something else.
        """
        self.folder, self._videos, self._about = Path(folder), videos, about
        self._partial = self.folder.with_name(self.folder.name + ".partial")
        entries = [_entry(number, row, videos) for number, row in enumerate(videos.rows)]
        self.views = embeddings.view_rows(videos, about.views)
        for source, view in self.views:
            entries.append(entries[source] | {"video_idx": len(entries), "view": view})
        shape = (len(entries), about.rows, about.dim)
        self._index = {
            "data": entries,
            "memmap_size": list(shape),
            "split": "all",
            "labels": list(videos.labels),
            "root": str(videos.root),
            "about": about.to_dict(),
        }
        if self.folder.exists():
            raise embeddings.EmbeddingsError(
                f"{self.folder}: exists; remove it or choose another --out"
            )
        try:
            if not (self._partial / embeddings.INDEX).exists():
                self._begin(shape)
            self._done = self._continue(shape)
            self._journal = (self._partial / JOURNAL).open("a", encoding="utf-8")
        except OSError as error:
            raise embeddings.EmbeddingsError(
                f"{self._partial}: can't be written ({error.strerror}); choose another --out"
            ) from None

    def _begin(self, shape):
        folders.make_folder(self._partial)
        files.write_text(self._partial / JOURNAL, "")
        kept = np.lib.format.open_memmap(
            self._partial / embeddings.ARRAY, "w+", self._about.dtype, shape
        )
        kept.flush()
        # Else the file has holes, and a full disk would end the process when one is written to.
        if hasattr(os, "posix_fallocate"):
            with (self._partial / embeddings.ARRAY).open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        # The index last: a kill before this line leaves nothing to go on with.
        files.write_json(self._partial / embeddings.INDEX, self._index)

    def _continue(self, shape):
        index = json.loads((self._partial / embeddings.INDEX).read_text(encoding="utf-8"))
        begun = embeddings.About.from_dict(index["about"])
        embeddings.refuse_difference(self._partial, begun, self._about)
        # Killed when all was done but the folder's name, entries have their lengths already.
        entries = [entry | {"video_length": None} for entry in index["data"]]
        finished = [entry.pop("crc32", None) is not None for entry in entries]
        if entries != self._index["data"]:
            raise embeddings.EmbeddingsError(
                f"{self._partial}: was begun with the same videos in another order; remove it"
            )
        self.array = np.lib.format.open_memmap(self._partial / embeddings.ARRAY, "r+")
        if all(finished):
            done = {n: _line(entry, index["skipped"]) for n, entry in enumerate(index["data"])}
        else:
            done = self._journalled()
        return {n: line for n, line in done.items() if line["crc32"] == zlib.crc32(self.array[n])}

    def _journalled(self):
        """The lines of the journal, by the numbers of their rows."""
        text = (self._partial / JOURNAL).read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed in the middle of a line
            files.write_text(self._partial / JOURNAL, whole)
        return {line["video_idx"]: line for line in map(json.loads, whole.splitlines())}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        # What a full disk did not take of a line is tried once more here, and may be refused again.
        with contextlib.suppress(OSError):
            self._journal.close()

    def left(self) -> list[int]:
        """The numbers of the rows that are not done."""
        return [n for n in range(len(self._index["data"])) if n not in self._done]

    def write(self, number: int, embedding: Float[np.ndarray, "time dim"]) -> None:
        """Keeps the embeddings of row `number`: of a video, or of a view of one."""
        self._keep(number, embedding, reason=None)

    def skip(self, number: int, reason: str) -> None:
        """Notes that row `number` can't be read."""
        self._keep(number, np.zeros((0, self._about.dim), np.float32), reason)

    def _keep(self, number, embedding, reason):
        with np.errstate(over="ignore"):  # float16 ends at 65,504
            finite = np.isfinite(embedding.astype(self._about.dtype)).all()
        if not finite:
            name = self._index["data"][number]["video_name"]
            raise embeddings.EmbeddingsError(
                f"{name}: its embeddings hold no finite numbers in {self._about.dtype}; "
                "try --dtype float32, or other --weights"
            )
        row = np.zeros(self.array.shape[1:], self.array.dtype)
        row[: len(embedding)] = embedding
        self.array[number] = row
        line = dict(
            video_idx=number, video_length=len(embedding), reason=reason, crc32=zlib.crc32(row)
        )
        with errors.naming(self._partial / JOURNAL):
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()
        self._done[number] = line

    def finish(self) -> embeddings.Stored:
        """Gives the folder its name, when every video is done."""
        if self.left():
            raise ValueError(f"{len(self.left())} rows are not done")
        self.array.flush()
        for number, entry in enumerate(self._index["data"]):
            entry["video_length"] = self._done[number]["video_length"]
            entry["crc32"] = self._done[number]["crc32"]
        self._index["skipped"] = {
            self._index["data"][number]["video_name"]: line["reason"]
            for number, line in sorted(self._done.items())
            if line["reason"] is not None
        }
        files.write_json(self._partial / embeddings.INDEX, self._index)
        self._journal.close()
        with errors.naming(self.folder):
            (self._partial / JOURNAL).unlink()
            self._partial.rename(self.folder)
        return embeddings.read(self.folder)


def _line(entry, skipped):
    """What the journal had of a row, told from a finished index."""
    length = entry["video_length"]
    reason = None if length else skipped.get(entry["video_name"])
    return dict(
        video_idx=entry["video_idx"], video_length=length, reason=reason, crc32=entry["crc32"]
    )


def _entry(number, row, videos):
    """The first four are ActionBERT's."""
    return {
        "video_idx": number,
        "video_name": row.path,
        "video_length": None,
        "label_idx": videos.label_index(row),
        "split": row.split,
        "group": row.group,
        "start": row.start,
        "end": row.end,
    }
