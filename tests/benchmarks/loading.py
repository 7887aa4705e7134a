"""Clips a second: flaxvid's loader on video files and on packed ones, against other decoders.

    python tests/benchmarks/loading.py                  clips written here
    python tests/benchmarks/loading.py folder/          your own .mp4 and .avi files as well
    python tests/benchmarks/loading.py --scaling 1 2 4 8    by threads, and by processes

A clip is 8 frames, one from the middle of each eighth of the video, resized to a short side of 256
and cropped to 224 pixels, in batches of 8 made by two threads. decord, PyAV and torchcodec take
part where they are installed, each given the same indices, one thread a video, and our resizing.
All take turns, round by round; the ratio is the median over the rounds. Where others use the
machine, clips per second of processor time are the figure to trust: a decoder with threads of its
own is then given a larger share of the machine.

Aim: files at least as fast as every other decoder. Clips per second of processor time, in multiples
of flaxvid's on files, on two quiet cores of an AMD EPYC (OpenCV 5.0, decord 0.6.0, PyAV 18.1,
torchcodec 0.12, which reads no packet's time in its approximate mode):

                      packed   OpenCV   decord   PyAV   torchcodec
    H.264 640x480     7.44     0.68     0.61     0.62   0.70
    XVID, key 250     2.22     1.37     0.97     0.87   1.14
    XVID, key 12      1.33     0.67     0.59     0.52   1.33

So the aim is reached for H.264, and missed by up to a third for small frames of MPEG-4. Of those
with a key frame in 12, reading alone takes 1.09 to 1.12 times what torchcodec takes, and the loader
with one thread 1.09: a millisecond a clip are the times of all packets, on which flaxvid's choice
of frames rests. The rest comes with the second thread, probably because Python's lock is let go and
asked for again at every packet that is read or decoded, where torchcodec does so once a clip.

On those two cores training is given as many clips a second by two processes (`--workers`) as by two
threads: 79 and 89 of XVID with a key frame in 12, 53 and 52 of that with one in 250, 14 and 13 of
H.264; packed, 85 to 98 and 91 to 102 (the machine was not quite alone).

Groups of pictures that hold no frame wanted are not decoded. tests/benchmarks/decode.py
sets its reader beside PyAV that decodes everything and turns nothing. Least processor time of 28
rounds, two busy cores of an AMD EPYC, two videos each of 320x240 pixels, in multiples of OpenCV's
reader (OpenCV 5.0, PyAV 18.1):

                      flaxvid        PyAV           PyAV, no frame turned
    XVID, key 250     1.00 to 1.04   1.42 to 1.48   0.96 to 0.99
    XVID, B-frames    1.04 to 1.05   1.37 to 1.41   0.91 to 0.94
    H.264, key 250    0.71           1.34           1.02

On a clip of 0.1 Mbit/s, whose frames are decoded in a moment, ours takes 1.20 times as long as
OpenCV's reader, and PyAV 1.09 times before it has turned a frame: it makes an object of every
frame. Who has such files packs them.

Why JPEG: raw frames load 4 to 7 times as fast as JPEGs while they are all in memory, and take 11 to
15 times the space, which is 100 times that of XVID (JPEGs: 7 times).
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time
from concurrent import futures

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import cv2
import numpy as np

from flaxvid.data import batches, manifest, packed_writer, sources
from flaxvid.video import decode, preprocess, sample, transform

VIDEOS, CLIPS, BATCH, THREADS, ROUNDS = 8, 32, 8, 2, 5
SETTINGS = preprocess.Preprocessing(num_frames=8, crop_size=224, resize=256)


# ---------------------------------------------------------------------- the peers
def with_decord(path):
    import decord

    reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
    return reader.get_batch(sample.uniform_indices(len(reader), 8)).asnumpy()


def with_opencv(path):
    """As flaxvid read before it needed times: no frame is moved to, and only those wanted turned.

    It trusts the header's count, and knows no times.
    """
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    wanted = sample.uniform_indices(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 8)
    frames = []
    for index in range(wanted[-1] + 1):
        capture.grab()
        if index in wanted:
            frames.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames)


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


PEERS = {
    "OpenCV": with_opencv,
    "decord": with_decord,
    "PyAV": with_pyav,
    "torchcodec": with_torchcodec,
}


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
    return batches.test_batches(batches.VideoRows(videos, SETTINGS), BATCH, threads=THREADS)


def clips_per_second(make):
    """Of the clock, and of processor time."""
    begin, busy = time.perf_counter(), time.process_time()
    clips = sum(len(batch["video"]) for batch in make())
    return clips / (time.perf_counter() - begin), clips / (time.process_time() - busy)


def compare(name, videos, folder):
    packed_writer.pack(videos, folder / "packed", packed_writer.Packing(), threads=THREADS)
    raw = write_raw(videos, folder / "raw")
    sizes = {
        "flaxvid, files": [videos.path(row) for row in videos.rows],
        "flaxvid, packed": (folder / "packed").iterdir(),
        "raw frames": (folder / "raw").iterdir(),
    }
    sizes = {key: sum(p.stat().st_size for p in paths) / 1e6 for key, paths in sizes.items()}
    ours, videos = repeated(sources.open_data(folder / "packed")), repeated(videos)
    makers = {
        "flaxvid, files": lambda: our_batches(videos),
        "flaxvid, packed": lambda: our_batches(ours),
        "raw frames": lambda: peer_batches(videos, lambda path: from_raw(raw[path])),
    }
    for peer, function in installed(videos.path(videos.rows[0])):
        makers[peer] = lambda function=function: peer_batches(videos, function)
    for make in makers.values():
        clips_per_second(make)  # warm up: imports, and the files in memory
    rounds = [{key: clips_per_second(make) for key, make in makers.items()} for _ in range(ROUNDS)]
    print(f"\n{name}            clips/s   x files    clips/cpu-s   x files   on disk")
    for key in makers:
        clock, cpu = (statistics.median(r[key][i] for r in rounds) for i in (0, 1))
        ratios = [
            statistics.median(r[key][i] / r["flaxvid, files"][i] for r in rounds) for i in (0, 1)
        ]
        size = f"{sizes[key]:8.1f} MB" if key in sizes else ""
        print(
            f"  {key:16} {clock:9.1f} {ratios[0]:9.2f} {cpu:14.1f} {ratios[1]:9.2f} {size}",
            flush=True,
        )


def repeated(videos):
    """As many clips as a round takes, from few videos."""
    return manifest.of_rows(videos.root, (videos.rows * CLIPS)[:CLIPS])


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
    """As UCF101 but for the key frames: 320x240, 25 fps, 4 to 10 seconds, one in 12 a key frame."""
    frames = 100 + 25 * (seed % 7)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"XVID"), 25, (320, 240))
    for frame in scene(seed, 240, 320, frames):
        writer.write(frame)
    writer.release()


def write_xvid_250(path, seed):
    """The same with 250 frames from key to key, which encoders of such files use by default."""
    write_with_pyav(path, seed, "mpeg4", 25, 240, 320, 100 + 25 * (seed % 7), {"g": "250"})


def write_h264(path, seed):
    """As phones and YouTube: 640x480 pixels, 30 fps, 6 seconds, x264 with its defaults."""
    write_with_pyav(path, seed, "libx264", 30, 480, 640, 180, {})


def write_with_pyav(path, seed, codec, fps, height, width, num_frames, options):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 1_000_000 if codec == "mpeg4" else 0
        for frame in scene(seed, height, width, num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def rows_of(folder):
    files = sorted(p for p in folder.iterdir() if p.suffix in (".mp4", ".avi"))
    rows = [manifest.Row(str(path.absolute()), "a", str(path)) for path in files[:VIDEOS]]
    return manifest.of_rows(folder, rows)


def scale(name, videos, folder, counts):
    """Clips a second that training is given, by so many threads and by so many processes."""
    packed_writer.pack(videos, folder / "packed", packed_writer.Packing(), threads=THREADS)
    for kind, found in (("files", videos), ("packed", sources.open_data(folder / "packed"))):
        for way in ("threads", "workers"):
            speeds = []
            for count in counts:
                rows = batches.VideoRows(repeated(found), SETTINGS)
                made = batches.train_batches(rows, BATCH, seed=0, **{way: count})
                for _ in range(4 * count):  # those made while the others began
                    next(made)
                number, begin = 10 * count, time.perf_counter()
                for _ in range(number):
                    next(made)
                speeds.append(number * BATCH / (time.perf_counter() - begin))
                made.close()
            shown = "  ".join(f"{n}: {speed:7.1f}" for n, speed in zip(counts, speeds, strict=True))
            print(f"{name}, {kind:6} clips/s by {way}  {shown}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", help="of your own .mp4 and .avi files")
    parser.add_argument("--scaling", nargs="+", type=int, help="numbers of threads and processes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        parent = pathlib.Path(parent)
        named = [("yours", pathlib.Path(argument)) for argument in chosen.folders]
        for name, write, suffix in (
            ("XVID, key 12", write_xvid, ".avi"),
            ("XVID, key 250", write_xvid_250, ".avi"),
            ("H.264 640x480 ", write_h264, ".mp4"),
        ):
            (parent / name).mkdir()
            try:
                for seed in range(VIDEOS):
                    write(parent / name / f"{seed}{suffix}", seed)
                named.append((name, parent / name))
            except ImportError:
                print(f"{name}: takes PyAV to write (pip install av)")
        for number, (name, folder) in enumerate(named):
            (parent / str(number)).mkdir()
            if chosen.scaling:
                scale(name, rows_of(folder), parent / str(number), chosen.scaling)
            else:
                compare(name, rows_of(folder), parent / str(number))


if __name__ == "__main__":
    main()
