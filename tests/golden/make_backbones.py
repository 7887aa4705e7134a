"""Makes backbones.npz with Transformers' VideoMAE, ViViT and V-JEPA 2, in PyTorch.

python tests/golden/make_backbones.py

Needs torch and transformers, and nothing of flaxvid. Weights come from their names, so the file
holds shapes, configs and results only.
"""

import json
from pathlib import Path

import numpy as np
import regenerate
import torch

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")

# Sizes so that no two axes have one: 3 x 3 places, 2 steps of time, 5 classes.
COMMON = dict(num_hidden_layers=2, num_attention_heads=2, num_labels=5)


def models():
    """Name -> a model with a head, and the name of its input."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        # Where it is built without its own operators; none is called, but they must be declared.
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import transformers as t

    wide = dict(hidden_size=32, intermediate_size=48, image_size=24, num_frames=4)
    yield (
        "videomae",
        t.VideoMAEForVideoClassification(t.VideoMAEConfig(patch_size=8, **wide, **COMMON)),
        "videomae",
    )
    yield (
        "vivit",
        t.VivitForVideoClassification(t.VivitConfig(tubelet_size=[2, 8, 8], **wide, **COMMON)),
        "vivit",
    )
    small = dict(hidden_size=40, mlp_ratio=1.5, crop_size=24, frames_per_clip=4, patch_size=8)
    predictor = dict(pred_hidden_size=24, pred_num_hidden_layers=1, num_pooler_layers=1)
    yield (
        "vjepa2",
        t.VJEPA2ForVideoClassification(t.VJEPA2Config(**small, **predictor, **COMMON)),
        "vjepa2",
    )


def main():
    results, about = {}, {}
    for name, model, base in models():
        # As `save_pretrained` names them, which is not always as the model does.
        state = model.state_dict()
        shapes = {key: tuple(value.shape) for key, value in state.items()}
        filled = {key: torch.from_numpy(regenerate.weight(key, s)) for key, s in shapes.items()}
        model.load_state_dict(filled)
        model.eval()
        video = torch.from_numpy(regenerate.inputs(name, (2, 4, 24, 24, 3))).permute(0, 1, 4, 2, 3)
        with torch.no_grad():
            results[f"{name}/logits"] = model(video).logits.numpy()
            found = getattr(model, base)(video, **({"skip_predictor": True} if "2" in name else {}))
            results[f"{name}/tokens"] = found.last_hidden_state.numpy()
        said = json.loads(model.config.to_json_string(use_diff=False))
        about[name] = dict(shapes=shapes, said=said)
    path = Path(__file__).with_name("backbones.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
