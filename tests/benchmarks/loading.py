"""Clips a second: flaxvid's loader on video files and on packed ones, against other decoders.

    python tests/benchmarks/loading.py                  clips written here
    python tests/benchmarks/loading.py folder/          your own .mp4 and .avi files as well

A clip is 8 frames, one from the middle of each eighth of the video, resized to a short side of 256
and cropped to 224 pixels, in batches of 16 made by two threads. decord, PyAV and torchcodec take part
where they are installed, each given the same indices, one thread a video, and our resizing. All
take turns, round by round, and the medians are compared, so that a busy machine slows all alike.
H.264 clips are written if PyAV is there.
"""

import collections
import pathlib
import statistics
import sys
import tempfile
import time
from concurrent import futures

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import cv2
import numpy as np

from flaxvid.data import batches, manifest, packed
from flaxvid.video import decode, sample, transform

CLIPS, BATCH, THREADS, ROUNDS = 32, 16, 2, 5
SETTINGS = transform.Preprocessing(num_frames=8, crop_size=224, resize=256)


# ---------------------------------------------------------------------- the peers
def with_decord(path):
    import decord

    reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
    return reader.get_batch(sample.uniform_indices(len(reader), 8)).asnumpy()


def with_pyav(path):
    """Decodes to the last frame wanted, and converts only those that are."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        count = stream.frames
        if not count:  # Matroska and some AVIs do not say
            count = sum(1 for _ in container.decode(stream))
            container.seek(0)
        wanted = sample.uniform_indices(count, 8)
        frames = {}
        for index, frame in enumerate(container.decode(stream)):
            if index in wanted:
                frames[index] = frame.to_ndarray(format="rgb24")
            if index == wanted[-1]:
                break
    return np.stack(list(frames.values()))


def with_torchcodec(path):
    from torchcodec import decoders

    reader = decoders.VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="approximate"
    )
    indices = sample.uniform_indices(reader.metadata.num_frames, 8)
    return reader.get_frames_at(indices.tolist()).data.numpy()


PEERS = {"decord": with_decord, "PyAV": with_pyav, "torchcodec": with_torchcodec}


def installed(path):
    for name, function in PEERS.items():
        try:
            function(path)
            yield name, function
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{name}: not here ({str(error).splitlines()[0]})")


# ---------------------------------------------------------------------- what takes turns
def peer_batches(videos, function):
    def clip(row):
        return transform.test_clips(function(videos.path(row)), SETTINGS)[0]

    with futures.ThreadPoolExecutor(THREADS) as pool:
        clips = pool.map(clip, videos.rows)
        for _ in range(len(videos.rows) // BATCH):
            yield {"video": np.stack([next(clips) for _ in range(BATCH)])}


def our_batches(videos):
    return batches.test_batches(batches.Loader(videos, SETTINGS), BATCH, threads=THREADS)


def clips_per_second(make):
    begin = time.perf_counter()
    clips = sum(len(batch["video"]) for batch in make())
    return clips / (time.perf_counter() - begin)


def compare(name, videos, folder):
    packed.pack(videos, folder / "packed", packed.Settings(), threads=THREADS)
    ours = manifest.open_data(folder / "packed")
    raw = write_raw(videos, folder / "raw")
    makers = {
        "flaxvid, files": lambda: our_batches(videos),
        "flaxvid, packed": lambda: our_batches(ours),
        "raw frames": lambda: peer_batches(videos, lambda path: from_raw(raw[path])),
    }
    first = videos.path(videos.rows[0])
    for peer, function in installed(first):
        makers[peer] = lambda function=function: peer_batches(videos, function)
    for make in makers.values():
        clips_per_second(make)  # warm up: imports, and the files in memory
    rounds = [{key: clips_per_second(make) for key, make in makers.items()} for _ in range(ROUNDS)]
    base = "flaxvid, files"
    print(f"\n{name}: {len(videos.rows)} clips")
    megabytes = collections.Counter(
        {
            base: sum(videos.path(row).stat().st_size for row in videos.rows) / 1e6,
            "flaxvid, packed": sum(p.stat().st_size for p in (folder / "packed").iterdir()) / 1e6,
            "raw frames": sum(p.stat().st_size for p in (folder / "raw").iterdir()) / 1e6,
        }
    )
    for key in makers:
        ratio = statistics.median(r[key] / r[base] for r in rounds)
        speed = statistics.median(r[key] for r in rounds)
        size = f"{megabytes[key]:9.1f} MB" if key in megabytes else ""
        print(f"  {key:16} {speed:7.1f} clips/s {ratio:6.2f} x files {size}", flush=True)


def write_raw(videos, folder):
    """The same frames that packing keeps, without JPEG: one .npy a video."""
    folder.mkdir()
    paths = {}
    for number, row in enumerate(videos.rows):
        clip = decode.read_frames(videos.path(row))
        if min(clip.shape[1:3]) > 256:
            clip = transform.resize_short_side(clip, 256)
        paths[videos.path(row)] = folder / f"{number}.npy"
        np.save(folder / f"{number}.npy", clip)
    return paths


def from_raw(path):
    clip = np.load(path, mmap_mode="r")
    return np.ascontiguousarray(clip[sample.uniform_indices(len(clip), 8)])


# ---------------------------------------------------------------------- clips
def scene(seed, height, width, num_frames):
    """Smooth shapes that drift over a textured plane, with a little noise, as cameras give."""
    rng = np.random.default_rng(seed)
    plane = cv2.GaussianBlur(rng.integers(0, 256, (2 * height, 2 * width, 3), np.uint8), (0, 0), 4)
    plane = cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX)
    noise = rng.integers(0, 6, (8, height, width, 3), np.uint8)
    for index in range(num_frames):
        top, left = int(height / 4 * (1 + np.sin(index / 23))), int(index * width / num_frames / 2)
        view = cv2.add(plane[top : top + height, left : left + width], noise[index % 8])
        centre = (int(width * index / num_frames), height // 2)
        yield cv2.circle(view, centre, height // 5, (40, 90, 200), -1)


def write_xvid(path, seed):
    """As UCF101: 320x240 pixels, 25 fps, 4 to 10 seconds, XVID in .avi."""
    frames = 100 + 25 * (seed % 7)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"XVID"), 25, (320, 240))
    for frame in scene(seed, 240, 320, frames):
        writer.write(frame)
    writer.release()


def write_h264(path, seed):
    """As phones and YouTube: 640x480 pixels, 30 fps, 10 seconds, x264 with its defaults."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for frame in scene(seed, 480, 640, 300):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def rows_of(folder):
    files = sorted(p for p in folder.iterdir() if p.suffix in (".mp4", ".avi"))
    rows = [manifest.Row(str(path.absolute()), "a", str(path)) for path in files]
    repeated = (rows * CLIPS)[: max(CLIPS, len(rows) // BATCH * BATCH)]
    return manifest.of_rows(folder, repeated)


def main(arguments):
    with tempfile.TemporaryDirectory() as parent:
        parent = pathlib.Path(parent)
        named = [("yours", pathlib.Path(argument)) for argument in arguments]
        for name, write, suffix in (
            ("XVID 320x240", write_xvid, ".avi"),
            ("H.264 640x480", write_h264, ".mp4"),
        ):
            (parent / name).mkdir()
            try:
                for seed in range(8):
                    write(parent / name / f"{seed}{suffix}", seed)
                named.append((name, parent / name))
            except ImportError:
                print(f"{name}: takes PyAV to write (pip install av)")
        for number, (name, folder) in enumerate(named):
            (parent / str(number)).mkdir()
            compare(name, rows_of(folder), parent / str(number))


if __name__ == "__main__":
    main(sys.argv[1:])
