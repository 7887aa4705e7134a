"""How long 20 frames of a 10-second video take: reading on, against one seek per frame.

    python tests/benchmarks/decode.py                     clips drawn here, one per codec
    python tests/benchmarks/decode.py clip.mp4 folder/    your own files; OpenCV writes no H.264

Both ways open the file, decode 20 frames spread over it and resize them to 224x224 pixels. They
take turns, and the medians are compared, so that a busy machine slows both alike.

Aim: reading on is at least 3 times as fast. On H.264, which most videos are, it was 9 to 22 times
on 23 clips of 3 to 12 seconds with one key frame each. The clips drawn here miss the aim: about 2
times for those with a key frame every 12 frames, as OpenCV writes mpeg4, and 1.3 for MJPG, where
every frame is one and a seek has nothing to decode twice.
"""

import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import cv2
import numpy as np

from flaxvid.video import decode, sample, transform

NUM_FRAMES, SIZE, ROUNDS = 20, (224, 224), 7
CODECS = {"mp4v": ".mp4", "XVID": ".avi", "VP80": ".webm", "MJPG": ".avi"}


def reading_on(path):
    frames = decode.read_clip(path, lambda count: sample.uniform_indices(count, NUM_FRAMES))
    return transform.resize(frames, SIZE)


def seeking(path):
    """The common loop: move the capture to every frame wanted."""
    capture = cv2.VideoCapture(str(path))
    num_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for index in sample.uniform_indices(num_frames, NUM_FRAMES):
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(index))
        read, frame = capture.read()
        if read:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return transform.resize(np.stack(frames), SIZE)


def draw_clip(path, codec, *, seconds=10, fps=25, height=240, width=320):
    """A textured plane that drifts, with a little noise, as a hand-held camera gives."""
    rng = np.random.default_rng(0)
    plane = cv2.GaussianBlur(rng.integers(0, 256, (2 * height, 2 * width, 3), np.uint8), (0, 0), 3)
    plane = cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    for index in range(seconds * fps):
        top, left = int(60 + 50 * np.sin(index / 17)), index
        view = plane[top : top + height, left : left + width]
        writer.write(cv2.add(view, rng.integers(0, 8, view.shape, np.uint8)))
    writer.release()


def seconds_taken(function, path):
    begin = time.perf_counter()
    function(path)
    return time.perf_counter() - begin


def compare(name, path):
    identical = np.array_equal(reading_on(path), seeking(path))  # and warms both up
    rounds = [
        (seconds_taken(reading_on, path), seconds_taken(seeking, path)) for _ in range(ROUNDS)
    ]
    ours, theirs = (1000 * statistics.median(times) for times in zip(*rounds, strict=True))
    pixels = "identical" if identical else "DIFFERENT"
    print(f"{name:24} {ours:9.1f} {theirs:9.1f} {theirs / ours:7.1f}x  {pixels}", flush=True)
    return theirs / ours


def main(arguments):
    print(f"{'':24} {'reading':>9} {'seeking':>9}\n{'':24} {'ms':>9} {'ms':>9}   ratio  pixels")
    if arguments:
        named = [pathlib.Path(argument) for argument in arguments]
        files = [p for n in named for p in (sorted(n.glob("*.mp4")) if n.is_dir() else [n])]
        ratios = [compare(path.name, path) for path in files]
    else:
        with tempfile.TemporaryDirectory() as folder:
            ratios = []
            for codec, suffix in CODECS.items():
                path = pathlib.Path(folder, codec + suffix)
                draw_clip(path, codec)
                ratios.append(compare(codec, path))
    print(f"median ratio {statistics.median(ratios):.1f}x, lowest {min(ratios):.1f}x")


if __name__ == "__main__":
    main(sys.argv[1:])
