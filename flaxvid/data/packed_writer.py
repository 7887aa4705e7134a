"""Writes a packed folder, shard after shard, and goes on where it was interrupted.

A shard is written under another name first and listed, with its checksum, when it is whole.
"""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import io
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np

from flaxvid import atomic, errors, files, folders, progress, ranges, stores
from flaxvid.data import frames as frame_files
from flaxvid.data import manifest, manifest_file, packed, workers
from flaxvid.video import decode

NAME = "packed"
FORMAT = "frames with their seconds"


@dataclasses.dataclass(frozen=True)
class Packing:
    """How the frames are stored."""

    short_side: Annotated[int | None, ranges.PIXELS] = 256
    """Short side of the frames, in pixels; smaller videos keep their size. None: all do."""
    quality: Annotated[int, ranges.between(1, 100)] = 90
    """JPEG quality, 1 to 100."""
    fps: Annotated[float | None, ranges.FPS] = None
    """Frames per second; None: all."""
    clips_per_shard: Annotated[int, ranges.between(1, 10**6)] = 128
    """Clips in a file; a file that was interrupted is written again."""


def pack(
    videos: manifest.Manifest,
    folder: Path,
    settings: Packing = Packing(),
    *,
    threads: int = 2,
    skip: bool = False,
    each: workers.Each | None = None,
) -> dict[str, str]:
    """Packs every row of a manifest into `folder`, or goes on with a packing interrupted there.

    Args:
        videos: what to pack; a row that is a part of a video becomes a record of its own.
        folder: where to.
        settings: size, quality and frames a second.
        threads: that decode, of every process that packs.
        skip: leave out videos that can't be read.
        each: where the shards are written; None: here, one after the other.

    Returns:
        The videos left out -> why.

    Raises:
        UserError: if the folder holds another packing.
        VideoError: for a video that can't be read, unless they are skipped.
    """
    folder = Path(folder)
    state = _begin(videos, folder, settings)
    each = each or workers.InTurn()
    shards = _shards(videos, settings.clips_per_shard)
    # A packing that was interrupted goes on at once; one that was whole is asked for once more
    # because something is wrong with it.
    lost = packed.damaged_shards(folder, read=(folder / "manifest.csv").exists())
    if lost:
        print(f"{folder}: {errors.some(lost)} missing or damaged: packed again")
    missing = [name for name in shards if name not in state["shards"] or name in lost]
    write = functools.partial(
        _write_shard,
        labels=videos.labels,
        settings=settings,
        threads=threads,
        skip=skip,
        partials=each.partials,
    )
    items = [(str(folder / name), str(videos.root), shards[name]) for name in missing]
    for name, shard in zip(missing, each(write, items), strict=True):
        state["shards"][name] = shard
        _save(folder, state)
    whole = {name: state["shards"][name] for name in shards}
    with errors.naming(folder):
        _write_metadata(folder, _features(videos.labels), whole)
    numbers, rows = collections.defaultdict(itertools.count), []
    for name, shard in whole.items():
        split = _split(name)
        for path, label, group in shard["rows"]:
            address = f"{split}#{next(numbers[split])}"
            rows.append(manifest.Row(address, label, group or path, split))
    # Last, because it is the manifest that makes the folder usable.
    manifest_file.write(
        manifest.Manifest(folder, tuple(rows), videos.labels), folder / "manifest.csv"
    )
    return {path: why for s in whole.values() for path, why in s["skipped"].items()}


def _shards(videos, clips):
    """The name of each shard, and the fields of its rows."""
    shards = {}
    for split in videos.splits():
        rows = [dataclasses.astuple(row) for row in videos.split(split).rows]
        count = -(-len(rows) // clips)
        for number in range(count):
            name = f"{NAME}-{split}.array_record-{number:05d}-of-{count:05d}"
            shards[name] = rows[number * clips : (number + 1) * clips]
    return shards


def _split(name):
    """Of the shard of a name."""
    return name.removeprefix(f"{NAME}-").partition(".")[0]


def _begin(videos, folder, settings):
    """The state of the packing in a folder: a new one, or what an interrupted one had done."""
    wanted = dataclasses.asdict(settings) | {"manifest": videos.fingerprint(), "format": FORMAT}
    if not (folder / packed.PROGRESS).exists():
        folders.refuse_occupied(folder, "made by `prepare packed`")
        folders.make_folder(folder)
        state = {"settings": wanted, "shards": {}}
        _save(folder, state)
        return state
    state = packed.progress_of(folder)
    if state["settings"] != wanted:
        different = [key for key in wanted if state["settings"].get(key) != wanted[key]]
        raise errors.UserError(
            f"{folder}: holds a packing with another {', '.join(different)}; choose another folder"
        )
    return state


def _save(folder, state):
    files.write_json(folder / packed.PROGRESS, state)


def _features(labels: Sequence[str]):
    import tensorflow_datasets as tfds

    image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
    return tfds.features.FeaturesDict(
        {
            "video": tfds.features.Sequence(image),
            # When each frame is shown, and when the last one no longer is.
            "seconds": tfds.features.Sequence(np.float64),
            "label": tfds.features.ClassLabel(names=list(labels)),
            "group": tfds.features.Text(),
            "path": tfds.features.Text(),
        }
    )


def _write_shard(item, labels, settings, threads, skip, partials):
    """Writes a shard, and says what is in it."""
    from array_record.python import array_record_module
    from tensorflow_datasets.core import example_serializer

    path, root, rows = Path(item[0]), stores.path(item[1]), [manifest.Row(*row) for row in item[2]]
    features = _features(labels)
    serializer = example_serializer.ExampleSerializer(features.get_serialized_info())

    def encoded(row):
        try:
            return _jpegs(stores.joined(root, row.path), row, settings)
        except decode.VideoError as error:
            if not skip:
                raise
            return error

    written, skipped = [], {}
    partial = atomic.partial_name(path, partials)
    folders.make_folder(partial.parent)
    writer = array_record_module.ArrayRecordWriter(str(partial), "group_size:1")
    try:
        clips = workers.Threads(threads)(encoded, rows)
        clips = progress.track(clips, len(rows), f"packing {path.name}", "clip")
        for row, clip in zip(rows, clips, strict=True):
            if isinstance(clip, decode.VideoError):
                skipped[str(clip.path)] = str(clip)
                continue
            example = {"label": row.label, "group": row.group, "path": row.path}
            example["video"] = [io.BytesIO(data) for _, data in clip[:-1]]
            example["seconds"] = [second for second, _ in clip]
            example = serializer.get_tf_example(features.encode_example(example))
            # The order of a map is else another in every process, and so would be the bytes.
            record = example.SerializeToString(deterministic=True)
            _or_say_why(partial, writer.write, record)
            written.append((row.path, row.label, row.group))
        _or_say_why(partial, writer.close)
    except BaseException:
        with contextlib.suppress(RuntimeError):
            writer.close()
        partial.unlink(missing_ok=True)
        raise
    with errors.naming(path):
        with partial.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        partial.replace(path)
    return {"sha256": checksum, "bytes": path.stat().st_size, "rows": written, "skipped": skipped}


def _or_say_why(path, write, *arguments):
    """ArrayRecord says what the system refuses in a RuntimeError."""
    try:
        write(*arguments)
    except RuntimeError as error:
        reason = str(error).strip().partition(";")[0]
        raise errors.UserError(
            f"{path}: can't be written ({reason}); make room and run it again, it goes on with this"
        ) from None


def _jpegs(path, row, settings):
    """Second and JPEG of every frame; and, with no more, the second when the last one ends."""
    source = decode.TimedFrames(path, rate=settings.fps, start=row.start, end=row.end)
    clip = [(s, frame_files.encode(f, settings.short_side, settings.quality)) for s, f in source]
    return [*clip, (source.end, b"")]


def _write_metadata(folder, features, shards):
    import tensorflow_datasets as tfds

    template = tfds.core.ShardedFileTemplate(
        data_dir=folder,
        dataset_name=NAME,
        filetype_suffix="array_record",
        template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
    )
    splits = {}
    for name, shard in shards.items():
        splits.setdefault(_split(name), []).append(shard)
    infos = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[len(shard["rows"]) for shard in members],
            num_bytes=sum(shard["bytes"] for shard in members),
            filename_template=dataclasses.replace(template, split=split),
        )
        for split, members in splits.items()
    ]
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=infos,
        filename_template=template,
        check_data=False,
    )
