"""How long 20 frames of a 10-second video take: reading on, against one seek per frame, and beside
the decoders themselves.

    python tests/benchmarks/decode.py                     clips drawn here, one per codec
    python tests/benchmarks/decode.py clip.mp4 folder/    your own files; OpenCV writes no H.264

Both ways open the file, decode 20 frames spread over it and resize them to 224x224 pixels. They
take turns, and the medians are compared, so that a busy machine slows both alike.

Aim: reading on is at least 3 times as fast. On H.264, which most videos are, it was 9 to 22 times
on 23 clips of 3 to 12 seconds with one key frame each. The clips drawn here miss the aim: about 2
times for those with a key frame every 12 frames, as OpenCV writes mpeg4, and 1.3 for MJPG, where
every frame is one and a seek has nothing to decode twice.

A second table, of videos drawn here with one key frame in 250, has processor time in multiples of
OpenCV's reader, which decodes up to the last frame wanted and turns those wanted to RGB: ours,
plain PyAV doing the same, and PyAV decoding everything and turning nothing, below which no reader
over it can come.
"""

import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import av
import cv2
import numpy as np

from flaxvid.video import decode, sample, transform
from tests.benchmarks import loading

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


# ---------------------------------------------------------------------- beside the decoders
KEY_250 = {
    "XVID, key 250": ("mpeg4", ".avi", {"g": "250"}),
    "XVID, B-frames": ("mpeg4", ".avi", {"g": "250", "bf": "2"}),
    "H.264, key 250": ("libx264", ".mp4", {"g": "250"}),
}


def our_clip(path):
    return decode.read_clip(path, lambda count: sample.uniform_indices(count, 8))


def decoded_alone(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            stream.codec_context.decode(packet)


READERS = {
    "flaxvid": our_clip,
    "PyAV": loading.with_pyav,
    "PyAV, no frame turned": decoded_alone,
    "OpenCV": loading.with_opencv,
}


def processor_time(function, path):
    begin = time.process_time()
    function(path)
    return time.process_time() - begin


def beside(name, path):
    """The least of many rounds: what others do on the machine only adds to it."""
    assert np.array_equal(our_clip(path), loading.with_opencv(path))
    least = dict.fromkeys(READERS, np.inf)
    for _ in range(4 * ROUNDS):
        for reader, function in READERS.items():
            least[reader] = min(least[reader], processor_time(function, path))
    ratios = "".join(f"{least[r] / least['OpenCV']:{len(r) + 3}.2f}" for r in READERS)
    print(f"{name:24}{ratios}   OpenCV: {1000 * least['OpenCV']:.1f} ms", flush=True)


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
            print(f"\n{'':24}" + "".join(f"   {reader}" for reader in READERS))
            for name, (codec, suffix, options) in KEY_250.items():
                path = pathlib.Path(folder, name + suffix)
                loading.write_with_pyav(path, 0, codec, 25, 240, 320, 250, options)
                beside(name, path)
    print(f"median ratio {statistics.median(ratios):.1f}x, lowest {min(ratios):.1f}x")


if __name__ == "__main__":
    main(sys.argv[1:])
