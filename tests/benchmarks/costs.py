"""What UCF101, Kinetics-400 and Kinetics-700 cost on 1, 8 and 64 machines: arithmetic on rates.

    python tests/benchmarks/costs.py                 the page from the rates that were measured
    python tests/benchmarks/costs.py --measure       those of a processor measured first, in minutes
    python tests/benchmarks/costs.py my_rates.json   the tables printed, with your own rates

`prepare ... --dry-run` and `train --dry-run` measure yours on your own videos.
"""

import json
import os
import pathlib
import platform
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

RESULTS = pathlib.Path(__file__).with_name("results")
RATES, PAGE = RESULTS / "costs.json", RESULTS / "costs.md"
ACCELERATOR = RESULTS / "accelerator-nvidia-h200-2026-11-27.json"

# Clips, those of training, seconds of a clip, and the kind of file. UCF101: Soomro et al. 2012 and
# its first split. Kinetics: Carreira et al. 2019, table 1; of each class 50 validate and 100 test.
DATASETS = {
    "UCF101": (13_320, 9_537, 7.2, "xvid"),
    "Kinetics-400": (306_245, 306_245 - 400 * 150, 10.0, "h264"),
    "Kinetics-700": (650_317, 650_317 - 700 * 150, 10.0, "h264"),
}
MACHINES = (1, 8, 64)
CORES, EPOCHS = 16, 15  # of a machine, which has one GPU; of TimeSformer's recipe
BATCH = 32  # clips of a step and GPU
PARAMETERS = 121_566_352  # of TimeSformer base with 400 classes
VIDEOS = 16  # that are measured, of each kind


# ------------------------------------------------------------------ arithmetic
def prepare_hours(clips, seconds, machines, cores=CORES):
    """Of work that takes so many processor seconds a clip, and shares nothing."""
    return clips * seconds / (3600 * machines * cores)


def train_hours(clips, clips_per_second, seconds, machines, cores=CORES, epochs=EPOCHS):
    """Of training: the device's pace, or that of the processors that read for it."""
    pace = min(clips_per_second, cores / seconds)
    return clips * epochs / (3600 * machines * pace)


def cores_needed(clips_per_second, seconds):
    """That read as fast as one device learns."""
    return clips_per_second * seconds


def tables(rates):
    """The two tables of the page, from rates as `measure` gives them."""
    lines = [
        "| dataset | machines | pack, h | embed, h | train from files, h | train from packed, h |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    learnt = rates["timesformer training"]
    for name, (clips, training, _, kind) in DATASETS.items():
        rate = rates[kind]
        for machines in MACHINES:
            hours = [
                prepare_hours(clips, rate["pack_s"], machines),
                prepare_hours(clips, rate["embed_s"], machines),
                train_hours(training, learnt, rate["read_s"], machines),
                train_hours(training, learnt, rate["read_packed_s"], machines),
            ]
            lines.append(f"| {name} | {machines} | {' | '.join(map(_hours, hours))} |")
    lines += [
        "",
        "| dataset | clips | hours of video | files | packed | embeddings | cores a GPU, files | "
        "cores a GPU, packed |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, (clips, _, seconds, kind) in DATASETS.items():
        rate = rates[kind]
        sizes = (clips * rate[key] for key in ("file_bytes", "packed_bytes", "embedding_bytes"))
        cores = (cores_needed(learnt, rate[key]) for key in ("read_s", "read_packed_s"))
        lines.append(
            f"| {name} | {clips:,} | {clips * seconds / 3600:,.0f} | "
            f"{' | '.join(map(_bytes, sizes))} | {' | '.join(f'{c:.1f}' for c in cores)} |"
        )
    return "\n".join(lines) + "\n"


def exchange_seconds(bytes_a_second):
    """Of a step's gradients in float32 over all machines: a ring moves them about twice."""
    return 2 * 4 * PARAMETERS / bytes_a_second


def _hours(hours):
    return f"{hours:.2g}" if hours < 10 else f"{hours:,.0f}"


def _bytes(size):
    return f"{size / 1e12:,.1f} TB" if size >= 1e12 else f"{size / 1e9:,.1f} GB"


# ------------------------------------------------------------------ rates
def measure():
    """Processor seconds and bytes of a clip, of files as the two kinds of data sets have them."""
    from tests.benchmarks import loading

    def xvid(path, seed):
        loading.write_with_pyav(path, seed, "mpeg4", 25, 240, 320, 180, {"g": "12"})

    def h264(path, seed):
        loading.write_with_pyav(path, seed, "libx264", 30, 256, 340, 300, {})

    with tempfile.TemporaryDirectory() as folder:
        found = {
            "xvid": _measured(pathlib.Path(folder, "xvid"), ".avi", xvid),
            "h264": _measured(pathlib.Path(folder, "h264"), ".mp4", h264),
        }
    return {"processor": _processor(), "card": _accelerator()["card"]} | found


def _measured(folder, ending, write):
    from flaxvid.data import batches, packed_writer, sources
    from flaxvid.runs import embed, encoding
    from flaxvid.video import preprocess

    for number in range(VIDEOS):
        place = folder / "videos" / f"class{number % 2}" / f"{number}{ending}"
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place, number)
    videos = sources.open_data(folder / "videos", allow_leakage=True)
    shown = preprocess.Preprocessing(num_frames=8, crop_size=224, resize=256)

    def read(rows):
        loader = batches.VideoRows(rows, shown)
        for number in range(len(rows.rows)):
            loader.test_row(number)

    encoder = encoding.open_encoder("lite0", None, num_frames=16, image_size=112, stage="middle")
    about = embed.describe(videos, encoder)
    embed.make(folder / "warm", videos, encoder, about)  # compiles
    packing = packed_writer.Packing()
    pack_s = _seconds(lambda n: packed_writer.pack(videos, folder / f"packed{n}", packing))
    packed = sources.open_data(folder / "packed0")
    read(packed)
    made = folder / "embedded0"
    return {
        "read_s": _seconds(lambda _: read(videos)),
        "read_packed_s": _seconds(lambda _: read(packed)),
        "pack_s": pack_s,
        "embed_s": _seconds(lambda n: embed.make(folder / f"embedded{n}", videos, encoder, about)),
        "file_bytes": _size(folder / "videos"),
        "packed_bytes": _size(folder / "packed0"),
        "embedding_bytes": _size(made),
    }


def _seconds(work):
    """Processor seconds a clip, the least of three rounds: others use the machine too."""
    taken = []
    for number in range(3):
        began = time.process_time()
        work(number)
        taken.append((time.process_time() - began) / VIDEOS)
    return float(f"{min(taken):.3g}")


def _size(folder):
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / VIDEOS)


def _processor():
    """With its family: of one name there are slow ones and fast ones."""
    lines = [line.partition(":") for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()]
    told = {name.strip(): value.strip() for name, _, value in lines}
    name = told.get("model name", platform.processor())
    family = f" of family {told['cpu family']}" * ("cpu family" in told)
    return f"{name}{family}, {os.cpu_count()} cores"


def _accelerator():
    return json.loads(ACCELERATOR.read_text())


def with_training(rates):
    """The rates, with the clips a second that one GPU learns from."""
    (row,) = (r for r in _accelerator()["rows"] if r["row"] == "timesformer training")
    return {"timesformer training": row["flaxvid"]["clips"]} | rates


# ------------------------------------------------------------------ the page
def page(rates):
    """The page, as text."""
    learnt = with_training(rates)["timesformer training"]
    slow, fast = exchange_seconds(10e9), exchange_seconds(50e9)
    step, large = BATCH / learnt, MACHINES[-1] * BATCH
    kinds = {"xvid": "MPEG-4, 320x240, 7.2 s", "h264": "H.264, 340x256, 10 s"}
    measured = "\n".join(
        f"| {kinds[kind]} | {rates[kind]['read_s']:.3g} | {rates[kind]['read_packed_s']:.3g} | "
        f"{rates[kind]['pack_s']:.3g} | {rates[kind]['embed_s']:.3g} | "
        f"{rates[kind]['file_bytes'] / 1e6:.3g} | {rates[kind]['packed_bytes'] / 1e6:.3g} | "
        f"{rates[kind]['embedding_bytes'] / 1e6:.3g} |"
        for kind in kinds
    )
    return f"""# What large sets cost

Arithmetic, on rates that were measured: made by `python tests/benchmarks/costs.py`, and nothing
of it was run at this size. A machine has {CORES} cores and one GPU; TimeSformer base trains on 8
frames of 224 pixels for {EPOCHS} epochs; embeddings are of 16 frames of 112 pixels by `lite0`,
without a GPU.

{tables(with_training(rates))}
## How

    pack or embed, hours = clips * seconds / (3600 * machines * cores)
    train, hours         = clips * epochs / (3600 * machines * pace)
    pace of a machine    = the smaller of: clips/s of its GPU, and cores / seconds to read a clip
    cores that a GPU needs = clips/s of the GPU * seconds to read a clip

with processor seconds a clip, and bytes:

| files | read, s | read packed, s | pack, s | embed, s | file, MB | packed, MB | embedding, MB |
|---|---:|---:|---:|---:|---:|---:|---:|
{measured}

Processor seconds, the least of three rounds, on {rates["processor"]}; drawn clips with a little
noise, a frame in 12 a key frame of the first kind. Real ones may be larger and slower, and another
AMD EPYC took 2.2 to 3.3 times as long for the same. One
{rates["card"]} learns from {learnt} clips/s
([`accelerator`]({ACCELERATOR.with_suffix(".md").name})). To read is to choose 8 frames, decode,
resize and crop them.

For your own: `prepare ... --dry-run` says hours and bytes of your videos, `train --dry-run` the
step; put them into a copy of [`costs.json`](costs.json), and
`python tests/benchmarks/costs.py my_rates.json` prints the tables.

## Where the limit is

- Preparing shares nothing between clips: it takes as many machines as there are shards, of 128
  clips each. Of 768 clips as UCF101's, `prepare packed --beam DirectRunner` took 58 processor
  seconds with one worker, of which 8 are the pipeline's own, and 61 with two, of which 9: 66 and
  69 ms a clip. On the two cores of an AMD EPYC of family 26 that was 42 s and 35 s, as one worker
  keeps 1.4 cores busy, and 37 s without Beam.
- Training follows the GPU as long as a machine has the cores that the second table asks for; with
  fewer, it follows the decoder, and packed videos or more cores help, not another GPU.
- To exchange gradients is taken to cost nothing, as the rate is that of one GPU. In float32 they
  are moved about twice: of {PARAMETERS:,} parameters that takes {slow:.2f} s at 10 GB/s and
  {fast:.2f} s at 50 GB/s, and a step of {BATCH} clips {step:.2f} s.
- The batch grows with the machines: {MACHINES[-1]} of them at {BATCH} clips are {large:,}, for
  which the recipe's learning rate was not made.
- A packed set larger than the memory of a machine is read from its disk or network: pace * bytes of
  a clip's 8 frames. The sizes above are of all frames; `prepare packed --fps` keeps fewer.
"""


def main(arguments):
    if arguments and arguments[0] != "--measure":
        print(tables(with_training({}) | json.loads(pathlib.Path(arguments[0]).read_text())))
        return
    if arguments:
        RATES.write_text(json.dumps(measure(), indent=1) + "\n")
    PAGE.write_text(page(json.loads(RATES.read_text())))
    print(f"{PAGE}: written")


if __name__ == "__main__":
    main(sys.argv[1:])
