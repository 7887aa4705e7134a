"""How fast models train and predict on one GPU beside PyTorch's torch.compile, in one command.

    python tests/benchmarks/accelerator.py
    python tests/benchmarks/accelerator.py --only "timesformer training" --limit 150

Each row of the table is a model of `training_step.py`, in bfloat16 on float32 parameters: flaxvid's
and PyTorch's in turns, in processes of their own that compile side by side and stand still while
another pair is timed. The row for memory trains TimeSformer base on 128 clips with `--remat`; GiB
is the most that was ever in use. MFU counts the products that the model needs, not padding nor what
is done twice. For training steps follows where the time of flaxvid's goes, by kind of kernel. The
last two rows try other ways to convolve over time that C3D does not take on a GPU.

Every row is printed when it is there, and the table `results/accelerator-CARD-DATE.md`, with the
same as JSON, is written anew. What is not done `--limit` seconds after the start is left out and
named.
"""

import argparse
import collections
import datetime
import json
import os
import pathlib
import re
import selectors
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import training_step

# Row -> architecture, whether it predicts, clips in a batch (None: --batch), remat, who takes part.
ROWS = {
    "timesformer training": ("timesformer", False, None, False, ("flaxvid", "torch")),
    "timesformer predicting": ("timesformer", True, None, False, ("flaxvid", "torch")),
    "c3d training": ("c3d", False, None, False, ("flaxvid", "torch")),
    "memory at 128": ("timesformer", False, 128, True, ("flaxvid",)),
    "c3d predicting": ("c3d", True, None, False, ("flaxvid", "torch")),
}
# Those of a group compile at the same time; the next group starts when the first row is timed.
GROUPS = (
    ("timesformer training", "timesformer predicting"),
    ("c3d training", "memory at 128", "c3d predicting"),
)
ROUNDS, STEPS = 5, 10
KINDS = {
    "attention": r"sdpa|flash|dot_do_o|dq_to_16|attend_over_time",
    "norm": r"layer_norm",
    "product or convolution": r"nvjet|gemm|cutlass|xmma|grad|fprop|splitK|conv2d|conv3d|cublas",
    "copy": r"transpose|concatenate|copy|[Mm]em(cpy|set)|[nN]chw|slice|pad",
    "sum over rows": r"reduce",
    "elementwise": r"fusion|wrapped|loop",
}


# ------------------------------------------------------------------ a worker
def serve(row, kind, batch):
    """Gets ready, says so, and then obeys: `go` times steps, `kernels` says where time goes."""
    arch, predict, own_batch, remat, _ = ROWS[row]
    chosen = argparse.Namespace(
        arch=arch, predict=predict, batch=own_batch or batch, remat=remat, gpu=True
    )
    make = training_step.torch_work if kind == "torch" else training_step.flaxvid_work
    began = time.perf_counter()
    work, about = make(chosen)
    work(2)
    say(ready=round(time.perf_counter() - began, 1), about=about)
    for order in sys.stdin:
        if order.strip() == "kernels":
            say(kernels=kernels_of(work))
            continue
        began = time.perf_counter()
        work(STEPS)
        say(seconds=(time.perf_counter() - began) / STEPS, gib=most_memory(kind))


def say(**values):
    print(json.dumps(values), flush=True)


def most_memory(kind):
    if kind == "torch":
        import torch

        return torch.cuda.max_memory_allocated() / 2**30
    import jax

    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0) / 2**30


def kernels_of(work, steps=3):
    """Milliseconds of a step by kind, and the longest kernels of any."""
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            work(steps)
        (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(path))
    spent = collections.Counter()
    for plane in data.planes:
        for line in plane.lines:
            if "/device:GPU" in plane.name and line.name.startswith("Stream"):
                for event in line.events:
                    spent[event.name.rstrip("0123456789").rstrip("_.")[:70]] += event.duration_ns
    kinds = collections.Counter()
    for name, duration in spent.items():
        kind = next((kind for kind, like in KINDS.items() if re.search(like, name)), "other")
        kinds[kind] += duration
    return {
        title: {
            name: round(duration / steps / 1e6, 2) for name, duration in counted.most_common(12)
        }
        for title, counted in (("kinds", kinds), ("longest", spent))
    }


# ------------------------------------------------------------------ those who wait for them
class Worker:
    """A process at work on one row, and what it has said last."""

    def __init__(self, row, kind, python, batch):
        self.row, self.kind, self.said = row, kind, None
        environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        self.errors = tempfile.NamedTemporaryFile("w+", suffix=".err")  # noqa: SIM115
        command = [python, __file__, "--work", row, kind, "--batch", str(batch)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
            start_new_session=True,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def listen(self, deadline):
        """The next thing it says; None when it has ended or time is up."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.text:
                if not waiting.select(max(0, deadline - time.monotonic())):
                    return None
                some = self.process.stdout.read()
                if not some:
                    return None
                self.text += some
        line, _, self.text = self.text.partition(b"\n")
        return json.loads(line) if line.startswith(b"{") else self.listen(deadline)

    def ask(self, order, deadline):
        self.process.stdin.write(f"{order}\n".encode())
        self.process.stdin.flush()
        return self.listen(deadline)

    def signal(self, number):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def end(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait()

    def complaint(self):
        """The last lines on its standard error, in one."""
        self.errors.seek(0)
        return " / ".join(self.errors.read().strip().splitlines()[-3:])[-600:]


def measure(workers, others, deadline):
    """What came of the turns of a row's workers, by kind, while all others stand still."""
    for other in others:
        other.signal(signal.SIGSTOP)
    turns = {worker.kind: [] for worker in workers}
    for _ in range(ROUNDS):
        for worker in workers:
            said = worker.ask("go", deadline)
            if said is not None:
                turns[worker.kind].append(said)
    row = workers[0].row
    asked = [w for w in workers if w.kind == "flaxvid" and "predicting" not in row]
    found = {worker.kind: worker.ask("kernels", deadline) for worker in asked}
    for other in others:
        other.signal(signal.SIGCONT)
    return turns, found.get("flaxvid")


def row_of(name, workers, turns, batch):
    """One line of the table as numbers."""
    _, predict, own_batch, _, _ = ROWS[name]
    clips, line = own_batch or batch, {"row": name, "batch": own_batch or batch}
    for worker in workers:
        if not turns[worker.kind]:
            continue
        seconds = statistics.median(turn["seconds"] for turn in turns[worker.kind])
        line[worker.kind] = {
            "ms": round(seconds * 1e3, 2),
            "clips": round(clips / seconds, 1),
            "gib": round(turns[worker.kind][-1]["gib"], 1),
            "ready_s": worker.said["ready"],
        }
    about = next((w.said["about"] for w in workers if w.kind == "flaxvid"), "||0")
    _, flops, peak = about.split("|")
    if float(peak or 0):
        share = float(flops) / (3 if predict else 1) / float(peak)
        for kind in {"flaxvid", "torch"} & set(line):
            line[kind]["mfu"] = round(share * line[kind]["clips"], 4)
    pairs = zip(turns.get("torch", ()), turns.get("flaxvid", ()), strict=False)
    ratios = [theirs["seconds"] / ours["seconds"] for theirs, ours in pairs]
    if ratios:
        line["ratio"] = round(statistics.median(ratios), 3)
    return line


# ------------------------------------------------------------------ the table
def table(about, lines, missing):
    """The results as Markdown."""
    text = [
        f"# {about['card']}, {about['date']}",
        "",
        "`python tests/benchmarks/accelerator.py`; bfloat16 on float32 parameters; "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        "",
        "| | batch | flaxvid ms | clips/s | MFU | GiB | PyTorch ms | clips/s | MFU | GiB | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for line in lines:
        cells = [line["row"], str(line["batch"])]
        for kind in ("flaxvid", "torch"):
            found = line.get(kind)
            mfu = f"{found['mfu']:.1%}" if found and "mfu" in found else "–"
            cells += (
                [str(found["ms"]), str(found["clips"]), mfu, str(found["gib"])]
                if found
                else ["–"] * 4
            )
        text.append(f"| {' | '.join([*cells, str(line.get('ratio', '–'))])} |")
    text += ["", *(f"Not measured: {name} ({why})." for name, why in missing.items())]
    for line in lines:
        if line.get("kernels"):
            kinds = ", ".join(f"{kind} {ms} ms" for kind, ms in line["kernels"]["kinds"].items())
            text.append(f"\n{line['row']}, flaxvid's kernels: {kinds}.")
    return "\n".join(text) + "\n"


def versions():
    from importlib import metadata

    names = ("jax", "jaxlib", "flax", "torch", "transformers")
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def card():
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "no NVIDIA GPU"


def write(folder, about, lines, missing):
    folder.mkdir(parents=True, exist_ok=True)
    short = re.sub(r"\W+", "-", about["card"].split(",")[0]).strip("-").lower()
    path = folder / f"accelerator-{short}-{about['date']}"
    path.with_suffix(".md").write_text(table(about, lines, missing), encoding="utf-8")
    results = json.dumps({**about, "rows": lines, "missing": missing}, indent=1)
    path.with_suffix(".json").write_text(results + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help=f"rows, by commas: {', '.join(ROWS)}")
    parser.add_argument("--limit", type=float, default=300, help="seconds for everything")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--torch", default=sys.executable, help="a Python that has torch")
    results = pathlib.Path(__file__).parent / "results"
    parser.add_argument("--out", type=pathlib.Path, default=results)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        return serve(*chosen.work, chosen.batch)
    began, deadline = time.monotonic(), time.monotonic() + chosen.limit
    wanted = [name.strip() for name in chosen.only.split(",")] if chosen.only else list(ROWS)
    if set(wanted) - set(ROWS):
        parser.error(f"--only takes {', '.join(ROWS)}")
    about = {"card": card(), "date": str(datetime.date.today()), "versions": versions()}
    say(**about)
    workers, lines, missing = {}, [], dict.fromkeys(wanted, "no time was left")
    groups = [[row for row in group if row in wanted] for group in GROUPS]
    groups = [group for group in groups if group]
    wanted_rows = [row for group in groups for row in group]

    def start(rows):
        for row in rows:
            kinds, pythons = ROWS[row][-1], {"torch": chosen.torch, "flaxvid": sys.executable}
            workers[row] = [Worker(row, kind, pythons[kind], chosen.batch) for kind in kinds]

    try:
        start(groups[0])
        for number, group in enumerate(groups):
            for place, row in enumerate(group):
                # One that takes too long to compile is not to cost the rows after it.
                share = 0.55 + 0.4 * wanted_rows.index(row) / len(wanted_rows)
                patience = began + share * chosen.limit
                for worker in workers[row]:
                    worker.said = worker.listen(patience)
                    seconds = round(time.monotonic() - began, 1)
                    state = "ready" if worker.said else f"not ready: {worker.complaint()}"
                    say(at=seconds, row=row, kind=worker.kind, state=state, said=worker.said)
                able = [worker for worker in workers[row] if worker.said]
                if able:
                    others = [w for name, some in workers.items() for w in some if name != row]
                    turns, kernels = measure(able, others, deadline)
                    line = row_of(row, able, turns, chosen.batch)
                    line |= kernels or {}
                    lines.append(line)
                    say(at=round(time.monotonic() - began, 1), **line)
                    missing.pop(row)
                    write(chosen.out, about, lines, missing)
                for worker in workers.pop(row):
                    worker.end()
                if place == 0 and number + 1 < len(groups):
                    start(groups[number + 1])
    finally:
        for worker in [worker for some in workers.values() for worker in some]:
            worker.end()
        write(chosen.out, about, lines, missing)
        print(table(about, lines, missing), flush=True)


if __name__ == "__main__":
    main()
