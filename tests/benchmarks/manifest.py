"""How long a manifest of UCF101 takes: 13,320 files, an official split, no video opened.

    python tests/benchmarks/manifest.py
    python tests/benchmarks/manifest.py --rows 13320 133200 1332000 10000000    # opening one

The files are small and hold no video, so that opening one would fail. Aim: 5 seconds or less for
`python -m flaxvid.prepare ucf101`, Python's start included, in either layout. On two cores
shared with other work it took 2.5 to 3.2 seconds, 1.2 of them on a core.

With `--rows`: time on a core and memory for opening a CSV, with all its checks, and for its
fingerprint; what shuffling takes does not depend on the rows. On a core of an AMD EPYC of family 26
that others used too (an older one took about 1.8 times as long):

          rows    on disk    seconds      MB    with a fingerprint: seconds      MB
        13,320     1.1 MB        0.1       4                            0.1      11
       133,200      11 MB        0.8      40                            1.0      69
     1,332,000     112 MB        7.6     385                           10.1     630
    10,000,000     839 MB       57.9   2,862                           86.7   4,726
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
CLASSES, GROUPS, CLIPS, AIM = 101, 25, 13_320, 5.0


def names():
    """13,320 names of 101 classes with 25 groups of 4 to 7 clips: what UCF101 has."""
    made = []
    for number in range(CLASSES * GROUPS):
        label = f"Class{chr(65 + number // GROUPS // 26)}{chr(65 + number // GROUPS % 26)}"
        # 13,320 over 2,525 groups: five each, and one more in the first 695.
        clips = CLIPS // (CLASSES * GROUPS) + (number < CLIPS % (CLASSES * GROUPS))
        made += [
            (label, number % GROUPS + 1, f"v_{label}_g{number % GROUPS + 1:02d}_c{clip:02d}.avi")
            for clip in range(1, clips + 1)
        ]
    return made


def make_tree(folder, layout):
    for label, _, name in names():
        path = folder / name if layout == "flat" else folder / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    lists = folder.parent / "ucfTrainTestlist"
    lists.mkdir(exist_ok=True)
    listed = [(f"{label}/{name}", group <= 7) for label, group, name in names()]
    (lists / "trainlist01.txt").write_text("".join(f"{p} 1\n" for p, test in listed if not test))
    (lists / "testlist01.txt").write_text("".join(f"{p}\n" for p, test in listed if test))


def cpu_seconds():
    """Of the commands run so far: what a busy machine does not change."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# ------------------------------------------------------------------ large ones
OPENING = """
import json, resource, sys, time
import grain
from flaxvid.data import manifest, sources
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
begun, before = time.process_time(), memory()
videos = sources.open_data(sys.argv[1])
opened, after = time.process_time(), memory()
split = videos.split("train")
fingerprint = videos.fingerprint()
told, most = time.process_time(), memory()
order = grain.MapDataset.source(range(len(split.rows))).seed(0).shuffle().repeat()
drawn = [order[number] for number in range(1000)]
shuffled = time.process_time()
print(json.dumps(dict(
    rows=len(videos.rows), megabytes=after - before, most=most - before, open=opened - begun,
    fingerprint=told - opened, shuffle=shuffled - told,
)))
"""


def write_large(path, rows):
    """A manifest of Kinetics' kind: long names, 400 classes, a group and a part for each row."""
    with path.open("w", encoding="utf-8") as file:
        file.write("path,label,group,split,start,end\n")
        for number in range(rows):
            split = "test" if number % 10 == 0 else "train"
            file.write(
                f"videos/class_{number % 400:03d}/{number:011d}_000010_000020.mp4,"
                f"class {number % 400:03d},{number:011d},{split},0.0,10.0\n"
            )


def curve(counts):
    """Seconds on a core and memory for opening manifests of so many rows, each by a new process."""
    print(
        "rows, bytes, seconds to open, MB, seconds for a fingerprint, MB then, ms for 1,000 draws"
    )
    for rows in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "manifest.csv")
            write_large(path, rows)
            done = subprocess.run(
                [sys.executable, "-c", OPENING, str(path)],
                capture_output=True,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
            if done.returncode:
                print(f"{rows:,}: {done.stderr.strip().splitlines()[-1]}")
                continue
            found = json.loads(done.stdout)
            figures = [found[name] for name in ("open", "megabytes", "fingerprint", "most")]
            shown = ", ".join(f"{figure:,.1f}" for figure in (*figures, 1000 * found["shuffle"]))
            print(f"{rows:,}, {path.stat().st_size:,}, {shown}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", help="open manifests of so many rows")
    chosen = parser.parse_args()
    if chosen.rows:
        curve(chosen.rows)
        return
    slowest = 0.0
    for layout in ("flat", "class folders"):
        with tempfile.TemporaryDirectory() as parent:
            folder = pathlib.Path(parent, "UCF-101")
            make_tree(folder, layout)
            for options in ([], ["--random", "0.25", "--overwrite"]):
                begin, busy = time.perf_counter(), cpu_seconds()
                subprocess.run(
                    [sys.executable, "-m", "flaxvid.prepare", "ucf101", str(folder), *options],
                    check=True,
                    env=os.environ | {"PYTHONPATH": str(ROOT)},
                )
                seconds = time.perf_counter() - begin
                busy = cpu_seconds() - busy
                slowest = max(slowest, seconds)
                kind = "by groups" if options else "split 1"
                print(f"{layout}, {kind}: {seconds:.1f} s, {busy:.1f} s of them on a core\n")
    print(f"slowest {slowest:.1f} s, aim {AIM} s: {'reached' if slowest <= AIM else 'MISSED'}")


if __name__ == "__main__":
    main()
