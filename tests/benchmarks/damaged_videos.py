"""A thousand damaged files through `prepare check` and a training run with --bad-videos skip.

    python tests/benchmarks/damaged_videos.py [folder]      of .mp4 and .avi files to damage too

Bits flip, downloads stop, headers are swapped (tests/data/damage.py), seeded; a tenth as many good
files stand among them. It shows that nothing crashes or hangs, that every file that training
skipped was named by the check as unreadable and the reverse, and that every good one was used.
Each of the two is a process of its own with a time limit, so that a crash would be seen as one.

Aim: all of that. It was reached, with 23 real H.264 clips among the sources: of 1,000 damaged files
568 could not be read, and the check and training agreed on every one; 151 more were short. The
check took 8 seconds, two epochs of training a few minutes on a crowded machine.
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

from flaxvid.data import manifest, motion
from tests.data.damage import damaged

ROOT = pathlib.Path(__file__).parents[2]
DAMAGED, GOOD, SECONDS = 1000, 100, 1200


def sources(folder, arguments):
    """Real files of several kinds: MJPG in .avi, mp4v in .mp4, and what was named."""
    from flaxvid.video import decode, write

    drawn = motion.open_or_draw(root=folder, counts={"train": 20})
    files = [drawn.path(row) for row in drawn.rows]
    for number, file in enumerate(files[:10]):
        target = folder / f"{number}.mp4"
        write.write_video(target, decode.read_frames(file), fps=8)
        files.append(target)
    for argument in arguments:
        files += [
            p for p in sorted(pathlib.Path(argument).iterdir()) if p.suffix in (".mp4", ".avi")
        ]
    return files


def write_videos(folder, files):
    """Damaged and good files, and their manifest: two classes, a tenth for testing."""
    rng, rows = np.random.default_rng(0), []
    by_suffix = {s: [f.read_bytes() for f in files if f.suffix == s] for s in (".avi", ".mp4")}
    for number in range(DAMAGED):
        suffix = (".avi", ".mp4")[number % 2]
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


def run(*arguments):
    begin = time.perf_counter()
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, timeout=SECONDS, capture_output=True, text=True)
    print(f"{arguments[0]}: exit code {done.returncode}, {time.perf_counter() - begin:.0f} s")
    assert done.returncode in (0, 1), done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def main(arguments):
    with tempfile.TemporaryDirectory() as parent:
        parent = pathlib.Path(parent)
        folder = parent / "videos"
        folder.mkdir()
        videos = write_videos(folder, sources(parent, arguments))
        manifest.write(videos, folder / "manifest.csv")

        found = parent / "found.json"
        run("flaxvid.prepare", "check", folder, "--json", found)
        findings = json.loads(found.read_text())["findings"]
        print(dict(collections.Counter(finding["problem"] for finding in findings)))
        unreadable = {f["path"] for f in findings if f["problem"] == "unreadable"}

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
