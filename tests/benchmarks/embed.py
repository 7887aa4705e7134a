"""How fast 20 frames of a video become embeddings: DenseNet121 here, and in PyTorch.

    python tests/benchmarks/embed.py --peer PYTHON clip.mp4 folder/

PYTHON is one that has torch and torchvision. Each side decodes 20 frames of a video, resizes them
to 224x224 pixels and embeds them; the peer as the common notebooks do it: one seek per frame, then
PyTorch eager without gradients. They take turns on the same videos, so that a busy machine slows
both alike. Weights are random, which costs the same.

Aim: at least 1.3 times as fast, decoding included. Measured: 1.23 times, the median of 23 videos
on a quiet machine of two cores.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

FRAMES, SIZE = 20, 224


# ---------------------------------------------------------------------- the peer, in its own Python
def peer():
    """Embeds the video named on each line of stdin and answers with the seconds it took."""
    import cv2
    import numpy as np
    import torch

    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import torchvision

    model = torchvision.models.densenet121().features.eval()
    for line in sys.stdin:
        began = time.perf_counter()
        capture = cv2.VideoCapture(line.strip())
        interval = max(1, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) // FRAMES)
        frames = []
        for number in range(FRAMES):
            capture.set(cv2.CAP_PROP_POS_FRAMES, number * interval)
            read, frame = capture.read()
            if not read:
                break
            frames.append(cv2.resize(frame, (SIZE, SIZE))[:, :, ::-1])
        video = torch.from_numpy(np.stack(frames).transpose(0, 3, 1, 2).copy()).float() / 255
        with torch.no_grad():
            torch.relu(model(video)).mean(dim=(2, 3)).numpy()
        print(time.perf_counter() - began, flush=True)


# ---------------------------------------------------------------------- flaxvid
def ours():
    """A function from a path to the seconds it took."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
    import jax
    import numpy as np
    from flax import nnx

    from flaxvid.models import frame_encoders
    from flaxvid.training import state as states
    from flaxvid.video import decode, sample, transform

    preprocessing = frame_encoders.find("densenet121").preprocessings["torchvision"]
    parts = states.split(frame_encoders.create("densenet121", rngs=nnx.Rngs(0)))

    @jax.jit
    def encode(params, stats, frames):
        model = states.merge(parts.eval_def, params, stats)
        return model(transform.normalise(frames, preprocessing))

    def embed(path):
        began = time.perf_counter()
        frames = decode.read_clip(path, lambda count: sample.uniform_indices(count, FRAMES))
        clip = transform.test_clips(frames, preprocessing)[0]
        np.asarray(encode(parts.params, parts.stats, clip))
        return time.perf_counter() - began

    return embed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True)
    parser.add_argument("videos", nargs="+", type=pathlib.Path)
    chosen = parser.parse_args()
    files = [f for v in chosen.videos for f in (sorted(v.glob("*.mp4")) if v.is_dir() else [v])]
    process = subprocess.Popen(
        [chosen.peer, __file__, "as-peer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def theirs(path):
        process.stdin.write(f"{path.absolute()}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    embed, ratios = ours(), []
    print(f"{'':24} {'flaxvid':>9} {'PyTorch':>9}   ratio")
    for number, path in enumerate([files[0], *files]):
        mine, peers = embed(path), theirs(path)
        if number:  # the first warms both up
            ratios.append(peers / mine)
            print(f"{path.name:24} {mine:8.2f}s {peers:8.2f}s {ratios[-1]:6.2f}x", flush=True)
    process.stdin.close()
    process.wait()
    print(f"median {statistics.median(ratios):.2f}x of {len(ratios)} videos")


if __name__ == "__main__":
    peer() if sys.argv[1:] == ["as-peer"] else main()
