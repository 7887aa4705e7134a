"""Makes hybrid.npz, and best_video_transformer.pth, with the PyTorch hybrid's own classes.

python tests/golden/make_hybrid.py NOTEBOOK

NOTEBOOK is any text that holds them as its author wrote them: `FeatureExtractor`,
`PositionalEmbedding`, `TransformerEncoder` and `VideoTransformerClassifier`. Needs torch and
torchvision, and nothing of flaxvid. Weights come from their names, so the file holds shapes and
results only.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import regenerate
import torch

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
for operator in ("nms", "qnms"):
    OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")

import torchvision  # noqa: E402

CLASSES = "FeatureExtractor", "PositionalEmbedding", "TransformerEncoder"
CLASSES += ("VideoTransformerClassifier",)
SIZES = dict(sequence_length=9, embed_dim=12, dense_dim=4, num_heads=3, num_classes=5)
VIDEO = (1, 2, 64, 64, 3)


def import_notebook(path):
    """Its classes, with a DenseNet121 whose weights are still to come."""
    text = path.read_text(encoding="utf-8")
    models = torchvision.models
    fresh = models.densenet121
    models.densenet121 = lambda weights: fresh()
    names = dict(torch=torch, nn=torch.nn, models=models)
    for name in CLASSES:
        found = re.search(rf"^class {name}\b.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        exec(found[0], names)
    return names


def fill(model):
    """Weights from their names, and what a model's are called and shaped."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = {name: torch.from_numpy(regenerate.weight(name, shapes[name])) for name in shapes}
    model.load_state_dict({**weights, **_counters(model)})
    return model.eval(), shapes


def _counters(model):
    """The numbers of the positions, which are no weights."""
    return {name: value for name, value in model.state_dict().items() if "position_ids" in name}


def main(path):
    classes = import_notebook(Path(path))
    extractor = classes["FeatureExtractor"]()
    # Named as in torchvision's file of the whole network.
    extractor.feature_extractor.load_state_dict(
        {
            name: torch.from_numpy(regenerate.weight(f"features.{name}", tuple(value.shape)))
            for name, value in extractor.feature_extractor.state_dict().items()
        }
    )
    pixels = np.random.default_rng(0).integers(0, 256, VIDEO, np.uint8)
    frames = torch.FloatTensor(pixels).permute(0, 1, 4, 2, 3) / 255.0
    model, shapes = fill(classes["VideoTransformerClassifier"](**SIZES))
    inputs = torch.from_numpy(regenerate.inputs("hybrid", (2, 7, SIZES["embed_dim"])))
    # PyTorch's fast path is another computation; with gradients on it takes the plain one.
    logits = model(inputs).detach().numpy()
    with torch.no_grad():
        features = extractor.eval()(frames).numpy()
    golden = Path(__file__).parent
    torch.save(
        model.state_dict(), golden.parent / "weights" / "files" / "best_video_transformer.pth"
    )
    about = json.dumps(dict(sizes=SIZES, shapes=shapes))
    np.savez_compressed(
        golden / "hybrid.npz", about=np.asarray(about), features=features, logits=logits
    )
    print(f"features {features.min():.3f} to {features.max():.3f}, logits {logits}")


if __name__ == "__main__":
    main(*sys.argv[1:])
