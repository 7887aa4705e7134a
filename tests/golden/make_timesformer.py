"""Makes timesformer.npz with the authors' implementation and Transformers', in PyTorch.

git clone https://github.com/facebookresearch/TimeSformer
python tests/golden/make_timesformer.py TimeSformer

Needs torch, torchvision, transformers and einops, and nothing of flaxvid. Weights come from
their names, so the file holds shapes and results only.
"""

import collections.abc
import functools
import json
import sys
import types
from pathlib import Path

import numpy as np
import regenerate
import torch
import torch.nn.functional as F

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
PACKAGE = "timesformer.models"
SCHEMES = {"divided": "divided_space_time", "joint": "joint_space_time", "space": "space_only"}

# Sides of frames and patches in pixels, so that no two axes have one size.
SMALL = dict(image_size=8, patch_size=4, dim=12, depth=2, num_heads=2, mlp_dim=48)
CONFIGS = {
    2: dict(image_size=16, patch_size=4, dim=24, depth=2, num_heads=2, mlp_dim=96),
    3: dict(image_size=24, patch_size=8, dim=36, depth=3, num_heads=3, mlp_dim=144),
    8: dict(image_size=12, patch_size=6, dim=32, depth=2, num_heads=4, mlp_dim=128),
}


def cases():
    """Name -> config, for each implementation."""
    for scheme in SCHEMES:
        for num_frames, config in CONFIGS.items():
            if num_frames != 8 or scheme == "divided":
                common = dict(num_classes=5, num_frames=num_frames, attention=scheme)
                yield f"{scheme} {num_frames} frames", config | common
    yield "gradient", SMALL | dict(num_classes=5, num_frames=3, attention="divided")


# ------------------------------------------------------------------ the authors' implementation
def import_official(checkout):
    """Their model file alone: what else it imports is stood in for, as the model needs none."""

    def module(name, **contents):
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(contents)

    registry = types.SimpleNamespace(register=lambda: lambda model: model)
    module("timesformer", __path__=[str(checkout / "timesformer")])
    module(PACKAGE, __path__=[str(checkout / "timesformer" / "models")])
    module(f"{PACKAGE}.build", MODEL_REGISTRY=registry)
    module(f"{PACKAGE}.helpers", load_pretrained=None)
    module("torch._six", container_abcs=collections.abc)
    from timesformer.models import vit

    return vit


def official(vit, config):
    return vit.VisionTransformer(
        img_size=config["image_size"],
        patch_size=config["patch_size"],
        num_classes=config["num_classes"],
        embed_dim=config["dim"],
        depth=config["depth"],
        num_heads=config["num_heads"],
        mlp_ratio=config["mlp_dim"] / config["dim"],
        qkv_bias=True,
        norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
        num_frames=config["num_frames"],
        attention_type=SCHEMES[config["attention"]],
    )


# ------------------------------------------------------------------ Transformers
def import_transformers():
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # Built without its own operators; none is called here, but they must have been declared.
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import transformers

    return transformers


def of_transformers(transformers, config):
    return transformers.TimesformerForVideoClassification(
        transformers.TimesformerConfig(
            image_size=config["image_size"],
            patch_size=config["patch_size"],
            num_frames=config["num_frames"],
            hidden_size=config["dim"],
            num_hidden_layers=config["depth"],
            num_attention_heads=config["num_heads"],
            intermediate_size=config["mlp_dim"],
            attention_type=SCHEMES[config["attention"]],
            num_labels=config["num_classes"],
        )
    )


# ------------------------------------------------------------------ results
def fill(model):
    """Weights from their names, and what a model's are called and shaped."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict(
        {name: torch.from_numpy(regenerate.weight(name, shape)) for name, shape in shapes.items()}
    )
    return model.eval(), shapes


def run(case, config, model, call):
    side = config["image_size"]
    # Faint clips, so that the epsilon of the norms counts.
    video = regenerate.inputs(case, (2, config["num_frames"], side, side, 3)) / 8
    model, shapes = fill(model)
    logits = call(model, torch.from_numpy(video))
    results = {f"{case}/logits": logits.detach().numpy()}
    if case.endswith("gradient"):
        probe = torch.from_numpy(regenerate.inputs("probe", tuple(logits.shape)))
        (logits * probe).sum().backward()
        for name, parameter in model.named_parameters():
            results[f"{case}/gradient/{name}"] = parameter.grad.numpy()
    return results, dict(config=config, shapes=shapes)


def call_official(model, video):
    return model(video.permute(0, 4, 1, 2, 3))  # batch channel time height width


def call_transformers(model, video):
    return model(video.permute(0, 1, 4, 2, 3)).logits  # batch time channel height width


def resized():
    """Position and time embeddings as PyTorch's own interpolation resizes them."""
    results = {}
    for old, new in ((4, 6), (4, 3), (5, 7)):
        embedding = torch.from_numpy(regenerate.inputs(f"position {old}", (1, 1 + old**2, 3)))
        grid = embedding[:, 1:].reshape(1, old, old, 3).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(new, new), mode="bicubic", antialias=True)
        places = grid.permute(0, 2, 3, 1).reshape(1, new**2, 3)
        results[f"position {old} to {new}"] = torch.cat([embedding[:, :1], places], 1).numpy()
    embedding = torch.from_numpy(regenerate.inputs("time 4", (1, 4, 3))).permute(0, 2, 1)
    stretched = F.interpolate(embedding, size=7, mode="linear")
    results["time 4 to 7"] = stretched.permute(0, 2, 1).numpy()
    return results


def main(checkout):
    vit, transformers = import_official(Path(checkout)), import_transformers()
    results, about = resized(), {}
    for name, config in cases():
        for case, model, call in (
            (f"official {name}", official(vit, config), call_official),
            (f"transformers {name}", of_transformers(transformers, config), call_transformers),
        ):
            found, about[case] = run(case, config, model, call)
            results |= found
    path = Path(__file__).with_name("timesformer.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
