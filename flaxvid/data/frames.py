"""Videos to folders of JPEGs, at so many a second: `Biking/v_Biking_g01_c01/frame_000001.jpg`.

A folder appears under its name when it is whole, so a run that was interrupted goes on with the
videos that are missing. Each holds a `frames.json` with its rate, and is read as a video is.
"""

import dataclasses
import functools
import json
from pathlib import Path, PurePath

import cv2
import numpy as np
from jaxtyping import UInt8

from flaxvid import atomic, errors, files, folders, progress, stores
from flaxvid.data import manifest, manifest_file, workers
from flaxvid.video import decode, endings, frame_folder, header, transform

ABOUT = "frames_made.json"  # how the frames of a whole folder are made, and of what


def encode(
    frame: UInt8[np.ndarray, "height width 3"], short_side: int | None, quality: int
) -> bytes:
    """An RGB frame as a JPEG, made smaller if its short side is longer than asked; never larger."""
    if short_side is not None and min(frame.shape[:2]) > short_side:
        frame = transform.resize_short_side(frame[None], short_side)[0]
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def write(
    videos: manifest.Manifest,
    out: Path,
    *,
    fps: float | None = 1.0,
    short_side: int | None = None,
    quality: int = 95,
    threads: int = 2,
    skip: bool = False,
    each: workers.Each | None = None,
) -> dict[str, str]:
    """Writes the frames of every video of a manifest, and a manifest of the folders.

    Args:
        videos: what to write; parts of one video share a folder, and keep their seconds.
        out: where to.
        fps: pictures per second, by the times of the frames: the first frame at or after each
            multiple of `1 / fps` seconds, once. None: all. Where they are uneven in time, the
            folder notes the second of each.
        short_side: pixels; None leaves the size.
        quality: of the JPEGs, 1 to 100.
        threads: that decode.
        skip: leave out videos that can't be read.
        each: where they are decoded; None: in so many threads.

    Returns:
        The videos left out -> why.

    Raises:
        UserError: if two videos would share a folder, or `out` holds anything but frames of these
            videos made in the same way.
        VideoError: for a video that can't be read, unless they are skipped.
    """
    out = Path(out)
    names = _folders(videos)
    made_as = {"fps": fps, "short_side": short_side, "quality": quality}
    _begin(out, made_as | {"source": str(videos.root.absolute())})

    each = each or workers.Threads(threads)
    missing = [path for path, folder in names.items() if not (out / folder).is_dir()]
    places = [(str(stores.joined(videos.root, path)), str(out / names[path])) for path in missing]
    write_one = functools.partial(
        _write_video,
        fps=fps,
        short_side=short_side,
        quality=quality,
        skip=skip,
        partials=each.partials,
    )
    problems = progress.track(each(write_one, places), len(missing), f"frames to {out}", "video")
    skipped = {path: problem for path, problem in zip(missing, problems, strict=True) if problem}
    rows = [
        dataclasses.replace(row, path=names[row.path], group=row.group or names[row.path])
        for row in videos.rows
        if row.path not in skipped
    ]
    folders.make_folder(out)
    manifest_file.write(manifest.Manifest(out, tuple(rows), videos.labels), out / "manifest.csv")
    return skipped


def _begin(out, wanted):
    """Notes how the frames in a folder are made, or finds that they are made in that way."""
    about = out / ABOUT
    if about.exists():
        made = files.read_json(about)
        for name, value in wanted.items():
            found = made.get(name) if isinstance(made, dict) else None
            if found != value:
                raise errors.UserError(
                    f"{out}: holds frames made with {name.replace('_', ' ')} {found}, and {value} "
                    "is asked for; choose another folder"
                )
        return
    folders.refuse_occupied(out, "made by `prepare frames`")
    folders.make_folder(out)
    files.write_json(about, wanted)


def _folders(videos):
    """Path of a video -> its folder, the same without suffix; of one outside the root, its name."""
    names = {}
    for row in videos.rows:
        path = PurePath(row.path)
        inside = not path.is_absolute() and ".." not in path.parts
        stem = path.with_suffix("") if path.suffix.lower() in endings.VIDEO_SUFFIXES else path
        names[row.path] = stem.as_posix() if inside else stem.name
    owners = {}
    for path, folder in names.items():
        if owners.setdefault(folder, path) != path:
            raise errors.UserError(
                f"{owners[folder]} and {path} would share the frame folder {folder}; rename one"
            )
    return names


def _write_video(places, fps, short_side, quality, skip, partials):
    """The frames of a video to its folder; what is wrong with a video that is left out, or None."""
    path, folder = map(Path, places)
    try:
        _write_frames(path, folder, fps, short_side, quality, partials)
    except decode.VideoError as error:
        if not skip:
            raise
        return str(error)
    except errors.FileError:
        # Where several try it, another may have been the first to make it whole.
        if partials is None or not folder.is_dir():
            raise
    return None


def _write_frames(path, folder, fps, short_side, quality, partials):
    stated, seconds = header.probe(path).fps, []
    frames = decode.TimedFrames(path, rate=fps)
    with atomic.whole_folder(folder, partials) as partial:
        for number, (second, frame) in enumerate(frames, start=1):
            data = encode(frame, short_side, quality)
            (partial / f"frame_{number:06d}.jpg").write_bytes(data)
            seconds.append(second)
        rate = min(stated, fps) if fps and stated else fps or stated
        facts = frame_folder.facts(np.asarray(seconds), frames.end, rate)
        (partial / frame_folder.FACTS).write_text(json.dumps(facts))
