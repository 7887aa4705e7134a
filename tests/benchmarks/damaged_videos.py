"""A thousand damaged files through `prepare check` and a training run with --bad-videos skip.

    python tests/benchmarks/damaged_videos.py [folder]      of your own files to damage too

H.264 in MP4, Matroska, MPEG-TS and FLV; MPEG-4 with and without B-frames and MJPEG in AVI; VP9 in
WebM, AV1 in Matroska, MPEG-2, GIF. Bits flip, downloads stop, headers are swapped
(tests/data/damage.py), seeded; a tenth as many good files stand among them. It shows that nothing
crashes or hangs, that a file that can be read is read alike twice and however its frames are asked
for, that every file that training skipped was named by the check as unreadable, and that every good
one was used. Each step is a process of its own with a time limit, so that a crash would be seen.

Aim: all of that. It was reached: of 1,000 damaged files 346 could not be read, 544 more were named
damaged or short, none was read in two ways. Two that the check calls unreadable, because their
frames change size in the middle, were used in training, which asked for none behind it.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import numpy as np

from flaxvid.data import manifest, manifest_file
from flaxvid.video import decode
from tests.benchmarks import kinds
from tests.data.damage import damaged
from tests.video import draw

ROOT = pathlib.Path(__file__).parents[2]
DAMAGED, GOOD, SECONDS = 1000, 100, 1200
KINDS = (  # codec, how it is written, ending
    ("h264", kinds.H264, ".mp4"),
    ("h264", kinds.H264, ".mkv"),
    ("h264", kinds.H264, ".ts"),
    ("h264", kinds.H264, ".flv"),
    ("mpeg4", kinds.MPEG4, ".avi"),
    ("mpeg4_b", kinds.MPEG4_B, ".avi"),
    ("mjpeg", kinds.MJPEG, ".avi"),
    ("vp9", kinds.VP9, ".webm"),
    ("av1", kinds.AV1, ".mkv"),
    ("mpeg2", kinds.MPEG2, ".mpg"),
    ("gif", kinds.GIF, ".gif"),
)


def sources(folder, arguments):
    """Sound files of several kinds, three of each, and what was named."""
    files = []
    for codec, options, suffix in KINDS:
        for number in range(3):
            frames = draw.moving(24 + 6 * number, 48, 64) // (number + 1) + 20 * number
            files.append(draw.write(folder / f"{codec}_{number}{suffix}", frames, **options))
    for argument in arguments:
        suffixes = {suffix for *_, suffix in KINDS}
        files += [p for p in sorted(pathlib.Path(argument).iterdir()) if p.suffix in suffixes]
    return files


def write_videos(folder, files):
    """Damaged and good files, and their manifest: two classes, a tenth for testing."""
    rng, rows = np.random.default_rng(0), []
    suffixes = sorted({file.suffix for file in files})
    by_suffix = {s: [f.read_bytes() for f in files if f.suffix == s] for s in suffixes}
    for number in range(DAMAGED):
        suffix = suffixes[number % len(suffixes)]
        name = f"damaged_{number:04d}{suffix}"
        (folder / name).write_bytes(damaged(by_suffix[suffix], rng))
        rows.append((name, number))
    for number in range(GOOD):
        file = files[number % len(files)]
        name = f"good_{number:04d}{file.suffix}"
        shutil.copy(file, folder / name)
        rows.append((name, number))
    return manifest.of_rows(
        folder,
        [
            manifest.Row(name, "ab"[n // 2 % 2], name, "test" if n % 10 == 9 else "train")
            for name, n in rows
        ],
    )


def inconsistent(folder):
    """The files of a folder that are not read alike twice, and how; those refused are left out."""
    for path in sorted(folder.glob("*_*.*")):
        try:
            frames = decode.read_frames(path)
            again = decode.read_frames(path)
            count, one = decode.count_frames(path), decode.read_frames(path, [len(frames) - 1])
        except decode.VideoError as error:
            if "\n" in str(error):
                yield path.name, f"refused in several lines: {error}"
            continue
        if not np.array_equal(frames, again):
            yield path.name, "other pixels the second time"
        elif count != len(frames):
            yield path.name, f"{count} frames counted, {len(frames)} read"
        elif not np.array_equal(one[0], frames[-1]):
            yield path.name, "another last frame when it is asked for alone"


def run(*arguments):
    begin = time.perf_counter()
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, timeout=SECONDS, capture_output=True, text=True)
    print(f"{arguments[0]}: exit code {done.returncode}, {time.perf_counter() - begin:.0f} s")
    assert done.returncode in (0, 1), done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def main(arguments):
    if arguments[:1] == ["--inconsistent"]:
        for name, how in inconsistent(pathlib.Path(arguments[1])):
            print(f"{name}: {how}")
        return
    with tempfile.TemporaryDirectory() as parent:
        parent = pathlib.Path(parent)
        folder = parent / "videos"
        folder.mkdir()
        videos = write_videos(folder, sources(parent, arguments))
        manifest_file.write(videos, folder / "manifest.csv")

        found = parent / "found.json"
        run("flaxvid.prepare", "check", folder, "--json", found)
        findings = json.loads(found.read_text())["findings"]
        print(dict(collections.Counter(finding["problem"] for finding in findings)))
        unreadable = {f["path"] for f in findings if f["problem"] == "unreadable"}

        command = [sys.executable, __file__, "--inconsistent", str(folder)]
        done = subprocess.run(command, timeout=SECONDS, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        print("not read alike twice:", done.stdout.strip() or "none")

        out = parent / "run"
        options = ["--data", folder, "--bad-videos", "skip", "--out", out, "--epochs", 2]
        run(
            "flaxvid.train", *options, "--image-size", 16, "--num-frames", 4, "--eval-every", 10_000
        )
        reasons = json.loads((out / "skipped.json").read_text())
        skipped = {pathlib.Path(path).name for path in reasons}

        good = {row.path for row in videos.rows if row.path.startswith("good")}
        print(f"{len(unreadable)} unreadable, {len(skipped)} skipped, of {DAMAGED} damaged")
        print("skipped, not named unreadable:", sorted(skipped - unreadable) or "none")
        print("good ones skipped or named:", sorted(good & (skipped | unreadable)) or "none")
        print("unreadable, not skipped:", sorted(unreadable - skipped) or "none")


if __name__ == "__main__":
    main(sys.argv[1:])
