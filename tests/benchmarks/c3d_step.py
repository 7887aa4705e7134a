"""How long a training step of C3D takes against PyTorch: batch 2, 16 x 112 x 112, float32.

    python tests/benchmarks/c3d_step.py                          this Python has torch too
    python tests/benchmarks/c3d_step.py --torch OTHER/bin/python  PyTorch stands elsewhere
    python tests/benchmarks/c3d_step.py --native                 also XLA's own convolution

Both make the whole step: forward with dropout, cross-entropy, backward, SGD with momentum and
decay on all 78 M parameters. Each works in a process of its own, which sleeps while another has
its turn; turns alternate, and the medians of the rounds' ratios are given, of the time that passed
and of the processor's, so that a busy machine slows both alike.

Aim: at most 1.3 times PyTorch's time on a CPU of two cores. It was 0.92 times as long, and 1.02
times as much of the processor, in seven rounds on two crowded cores.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
BATCH, FRAMES, SIZE, CLASSES = 2, 16, 112, 101


# ------------------------------------------------------------------ the workers
def flaxvid_step(*, native):
    """Gives a function that makes one step and returns its loss."""
    sys.path.insert(0, str(ROOT))
    import jax
    import numpy as np
    from flax import nnx

    from flaxvid.models import c3d, convolution
    from flaxvid.training import config, optimizer, step
    from flaxvid.training import state as states

    if native:
        convolution.conv3d = convolution.conv_native
        convolution.max_pool = lambda video, window, padding: convolution.pool_native(
            video, window, padding
        )
    model = c3d.C3D(c3d.C3DConfig.base(num_classes=CLASSES), rngs=nnx.Rngs(0))
    parts = states.take_apart(model)
    recipe = config.Recipe(
        optimizer="sgd", schedule="constant", weight_decay=5e-4, clip_norm=None, learning_rate=1e-5
    )
    update = optimizer.create(recipe, 1000, parts.params)
    train_step = jax.jit(
        step.make_train_step(parts, update, lambda batch: batch["video"]), donate_argnums=0
    )
    rng = np.random.default_rng(0)
    batch = {
        "video": rng.normal(size=(BATCH, FRAMES, SIZE, SIZE, 3)).astype(np.float32),
        "mask": np.ones((BATCH, FRAMES), bool),
        "label": np.arange(BATCH, dtype=np.int32),
        "weight": np.ones(BATCH, np.float32),
    }
    batch = jax.device_put(batch)
    state = states.create(parts, update, seed=0)

    def one():
        nonlocal state
        state, measured = train_step(state, batch)
        return float(measured["loss"])

    return one


def torch_step():
    import torch
    from torch import nn

    def conv(channels, filters):
        return [nn.Conv3d(channels, filters, 3, padding=1), nn.ReLU()]

    pool, last = nn.MaxPool3d(2), nn.MaxPool3d(2, padding=(0, 1, 1))
    model = nn.Sequential(
        *(*conv(3, 64), nn.MaxPool3d((1, 2, 2)), *conv(64, 128), pool),
        *(*conv(128, 256), *conv(256, 256), pool, *conv(256, 512), *conv(512, 512), pool),
        *(*conv(512, 512), *conv(512, 512), last, nn.Flatten()),
        *(nn.Linear(8192, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(4096, CLASSES)),
    )
    update = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    video, labels = torch.randn(BATCH, 3, FRAMES, SIZE, SIZE), torch.arange(BATCH)

    def one():
        update.zero_grad()
        loss = nn.functional.cross_entropy(model(video), labels)
        loss.backward()
        update.step()
        return loss.item()

    return one


def work(kind):
    one = torch_step() if kind == "torch" else flaxvid_step(native=kind == "native")
    one()  # compiles, or asks for memory
    one()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        one()
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


# ------------------------------------------------------------------ turns
def measure(kinds, pythons, rounds):
    workers = {}
    for kind in kinds:
        command = [pythons[kind], __file__, "--work", kind]
        workers[kind] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if workers[kind].stdout.readline().strip() != "ready":
            sys.exit(f"the worker {kind} ended: see above")
    times = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, worker in workers.items():
            worker.stdin.write("go\n")
            worker.stdin.flush()
            times[kind].append(tuple(map(float, worker.stdout.readline().split())))
            print(f"{kind} {times[kind][-1][0]:.2f} s", file=sys.stderr, flush=True)
    for worker in workers.values():
        worker.communicate()
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work")
    chosen = parser.parse_args()
    if chosen.work:
        return work(chosen.work)
    kinds = ["torch", "flaxvid", *(["native"] if chosen.native else [])]
    pythons = dict.fromkeys(kinds, sys.executable) | {"torch": chosen.torch}
    times = measure(kinds, pythons, chosen.rounds)
    print(f"{'':8} {'s a step':>9} {'of PyTorch':>11} {'CPU s':>7} {'of PyTorch':>11}  rounds")
    for kind in kinds:
        middle = [statistics.median(column) for column in zip(*times[kind], strict=True)]
        each = [
            [own / theirs for own, theirs in zip(*pair, strict=True)]
            for pair in zip(times[kind], times["torch"], strict=True)
        ]
        wall, cpu = (statistics.median(column) for column in zip(*each, strict=True))
        rounds = " ".join(f"{ratio[0]:.2f}" for ratio in each)
        print(f"{kind:8} {middle[0]:9.2f} {wall:10.2f}x {middle[1]:7.2f} {cpu:10.2f}x  {rounds}")


if __name__ == "__main__":
    main()
