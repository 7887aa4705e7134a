"""Published sizes beside the reference implementations, once, with random weights.

    python tests/benchmarks/full_size.py --torch OTHER/bin/python     which has torch, transformers
    python tests/benchmarks/full_size.py videomae --torch OTHER/bin/python
    PYTHONPATH=VIDEOPRISM python tests/benchmarks/full_size.py videoprism

For each architecture, transformers makes its model as the published config has it, with random
weights, and writes it as it writes any model; for VideoPrism its authors' code does, a clone of
https://github.com/google-deepmind/videoprism, which takes the package einshape. flaxvid opens that
file or folder as a user would, and both are shown one clip. Printed are the largest difference of
the logits, the largest logit, by which it can be judged, and the parameters of both. It fails where
the difference is above 1e-4 of the largest logit, or parameters differ. The golden tests do the
same at two blocks of 32 or so, in every run; this is what they can't show: that rounding does not
add up over 12 or 24 blocks, and that sizes are as published. Also printed are the multiply-adds of
a clip, the seconds that each takes for its logits, the best of three, and what flaxvid takes for
the gradient of all parameters by that clip, with `--remat` as that fits any machine.

Measured on an AMD EPYC, float32, transformers 5.24, as a share of the largest logit: TimeSformer
base 2e-6, VideoMAE base 1e-6, ViViT base 3e-6, V-JEPA 2 large 2e-6, VideoPrism base 1e-6; all
parameters to the digit. Of one clip on two of its cores, with nothing beside, in one run each, and
the most memory that either process held at a time:

                      multiply-adds   logits   the reference's   gradient   memory
    TimeSformer base  196 billion      4.3 s    3.3 s             14.4 s
    VideoMAE base     180 billion      4.0 s    3.7 s             15.5 s
    ViViT base        452 billion     27.0 s   12.4 s             92.7 s     5.3 GB
    VideoPrism base   491 billion     13.2 s   14.3 s             53.4 s    11.7 GB
    V-JEPA 2 large    935 billion     30.3 s   21.2 s            125.8 s     9.1 GB

VideoMAE was measured last. The others are from before attention of many tokens on CPUs kept its
scores in the cache (`chunked_attention`), which TimeSformer's divided attention and VideoPrism's do
not use: VideoMAE's logits had taken 4.9 s beside 3.0, and its gradient 19.3. One layer of ViViT and
its embedding take 0.61 times as long since, their gradient 0.60 times. The gradients of TimeSformer
and VideoPrism were taken while XLA still undid rematerialisation on CPUs, which costs memory:
ViViT's and V-JEPA 2's took 20.6 and 28.6 GB like that. ViViT's takes 3.4 GB now, and 0.9 GB with
`--remat` (temporary memory, as XLA plans it).
"""

import argparse
import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
CLASSES = 400
# frames and pixels of a clip
CLIPS = {
    "timesformer": (8, 224),
    "videomae": (16, 224),
    "vivit": (32, 224),
    "vjepa2": (16, 256),
    "videoprism": (16, 288),
}


# ------------------------------------------------------------------ the reference, by itself
def reference(name, folder):
    """Makes a model of transformers, writes it, and writes the logits of the clip in `folder`."""
    sys.path.insert(0, str(ROOT / "tests" / "golden"))
    import torch
    from make_timesformer import import_transformers

    t = import_transformers()
    frames, side = CLIPS[name]
    shape = dict(num_frames=frames, image_size=side, num_labels=CLASSES)
    wide = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16)
    made = {
        "timesformer": lambda: t.TimesformerForVideoClassification(t.TimesformerConfig(**shape)),
        "videomae": lambda: t.VideoMAEForVideoClassification(
            t.VideoMAEConfig(**shape, use_mean_pooling=True)
        ),
        "vivit": lambda: t.VivitForVideoClassification(t.VivitConfig(**shape)),
        "vjepa2": lambda: t.VJEPA2ForVideoClassification(
            t.VJEPA2Config(**wide, crop_size=side, frames_per_clip=frames, num_labels=CLASSES)
        ),
    }
    torch.manual_seed(0)
    model = made[name]().eval()
    with torch.no_grad():
        for value in model.parameters():  # biases and norms are not what they start as either
            value.add_(0.02 * torch.randn_like(value))
        model.save_pretrained(folder)
        video = torch.from_numpy(np.load(folder / "video.npy")).permute(0, 1, 4, 2, 3)
        np.save(folder / "logits.npy", model(video).logits.numpy())
        seconds = best_of_three(lambda: model(video))
    unused = sum(v.numel() for k, v in model.named_parameters() if ".predictor." in k)
    print(sum(value.numel() for value in model.parameters()) - unused, seconds)


def videoprism(folder):
    """The same by VideoPrism's authors, in Flax."""
    import jax
    import jax.numpy as jnp
    from videoprism import encoders

    shape = dict(patch_size=18, pos_emb_shape=(16, 16, 16), model_dim=768, mlp_dim=3072)
    shape |= dict(num_spatial_layers=12, num_temporal_layers=4, num_heads=12, scan=True)
    shape |= dict(atten_logit_cap=50.0)
    model = encoders.FactorizedVideoClassifier(encoder_params=shape, num_classes=CLASSES)
    video, key = jnp.asarray(np.load(folder / "video.npy")), jax.random.key(0)
    variables = jax.jit(model.init)(key, video)
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(key, len(leaves))
    leaves = [x + 0.02 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    variables = jax.tree.unflatten(tree, leaves)
    apply = jax.jit(model.apply)
    logits, _ = apply(variables, video)
    np.save(folder / "logits.npy", logits)
    seconds = best_of_three(lambda: jax.block_until_ready(apply(variables, video)))
    named = jax.tree_util.tree_leaves_with_path(variables)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in named}
    np.savez(folder / "weights.npz", **named)
    print(sum(leaf.size for leaf in leaves), seconds)


# ------------------------------------------------------------------ beside flaxvid
@dataclasses.dataclass(frozen=True)
class Beside:
    """One model in both libraries, and one clip."""

    gap: float  # the largest difference of the logits
    largest: float  # logit of the reference
    parameters: int
    parameters_there: int
    multiply_adds: int
    seconds: float
    seconds_there: float
    seconds_of_gradient: float


def beside(name: str, python: str) -> Beside:
    """What a model of the published size gives here and in the reference, and what it costs."""
    import jax
    from flax import nnx

    from flaxvid.models import cost
    from flaxvid.training import parallel
    from flaxvid.weights import pretrained

    frames, side = CLIPS[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        rng = np.random.default_rng(0)
        video = rng.standard_normal((1, frames, side, side, 3), np.float32)
        np.save(folder / "video.npy", video)
        python = sys.executable if name == "videoprism" else python
        words = [python, __file__, name, "--reference", str(folder)]
        told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        file = folder / "weights.npz"
        model = pretrained.open_pretrained(str(file if file.exists() else folder)).model
        expected = np.load(folder / "logits.npy")
    parameters_there, seconds_there = told.split()
    graph, params = nnx.split(model)

    def forward(params):
        return nnx.merge(graph, params)(video)

    def loss(params):
        model = nnx.merge(graph, params)
        model.config = dataclasses.replace(model.config, remat=True)
        return jax.nn.logsumexp(model(video))

    compiled = jax.jit(forward)
    gradient = jax.jit(jax.grad(loss), compiler_options=parallel.RECOMPUTING)
    logits = compiled(params)
    return Beside(
        gap=float(np.abs(logits - expected).max()),
        largest=float(np.abs(expected).max()),
        parameters=cost.count_parameters(params),
        parameters_there=int(parameters_there),
        multiply_adds=cost.multiply_adds(forward, params),
        seconds=best_of_three(lambda: jax.block_until_ready(compiled(params))),
        seconds_there=float(seconds_there),
        seconds_of_gradient=best_of_three(lambda: jax.block_until_ready(gradient(params))),
    )


def best_of_three(run: Callable) -> float:
    """Seconds that `run()` takes at best, after one that may compile."""
    run()
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(CLIPS), help=", ".join(CLIPS))
    parser.add_argument("--torch", default=sys.executable, help="a Python with torch")
    parser.add_argument("--reference", type=pathlib.Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.reference:
        (name,) = chosen.names
        if name == "videoprism":
            videoprism(chosen.reference)
        else:
            reference(name, chosen.reference)
        return
    sys.path.insert(0, str(ROOT))
    wrong = []
    for name in chosen.names:
        one = beside(name, chosen.torch)
        print(
            f"{name}: largest difference {one.gap:.1e} of logits up to {one.largest:.2f}; "
            f"{one.parameters:,} parameters, the reference has {one.parameters_there:,}; "
            f"{one.multiply_adds / 1e9:.0f} billion multiply-adds; logits in {one.seconds:.2f} s, "
            f"the reference's in {one.seconds_there:.2f} s; gradient in "
            f"{one.seconds_of_gradient:.2f} s",
            flush=True,
        )
        if one.gap > 1e-4 * one.largest or one.parameters != one.parameters_there:
            wrong.append(name)
    if wrong:
        sys.exit(f"differs: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
