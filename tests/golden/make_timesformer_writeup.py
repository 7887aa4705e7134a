"""Makes timesformer_writeup.npz with the notebook's own classes on its author's modules.

git clone https://github.com/apandy02/vision
python tests/golden/make_timesformer_writeup.py vision

Needs torch, and nothing of flaxvid. Weights come from their names, so the file holds shapes and
results only.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
import regenerate
import torch

CLASSES = ("EncoderLayer", "Encoder", "MLPClassicationHead", "TimeSFormer")
SMALL = dict(
    num_classes=5, num_heads=2, d_model=16, d_mlp=12, patch_size=4, frames=3, image_size=12
)
# Our names of the settings, beside the notebook's; no two axes have one size.
CASES = {
    "small": SMALL,
    "deeper": SMALL
    | dict(num_encoder_layers=3, encoder_mlp_depth=3, classification_mlp_depth=4, num_groups=4),
}


def import_notebook(checkout):
    """What the cells that define its classes define; the libraries they do without are left out."""
    sys.path.insert(0, str(checkout / "src"))
    torchvision, lightning = types.ModuleType("torchvision"), types.ModuleType("lightning")
    for name in ("transforms", "datasets"):
        setattr(torchvision, name, types.ModuleType(f"torchvision.{name}"))
        sys.modules[f"torchvision.{name}"] = getattr(torchvision, name)
    torchvision.datasets.UCF101 = None
    lightning.LightningModule = torch.nn.Module
    sys.modules |= {"torchvision": torchvision, "lightning": lightning}
    notebook = json.loads((checkout / "nbs" / "video" / "timesformer.ipynb").read_text())
    names = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        wanted = source.startswith(("import torch \n", *(f"class {name}" for name in CLASSES)))
        if cell["cell_type"] == "code" and wanted:
            exec(source, names)
    return names["TimeSFormer"]


def fill(model):
    """Weights from their names, and what a model's are called and shaped."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict(
        {name: torch.from_numpy(regenerate.weight(name, shape)) for name, shape in shapes.items()}
    )
    return model.eval(), shapes


def run(case, model, settings):
    side, frames = settings["image_size"], settings["frames"]
    # Faint clips, so that the epsilon of the norms counts.
    video = torch.from_numpy(regenerate.inputs(case, (2, frames, side, side, 3)) / 8)
    model, shapes = fill(model)
    logits = model(video.permute(0, 4, 1, 2, 3))  # batch channel time height width
    probe = torch.from_numpy(regenerate.inputs("probe", tuple(logits.shape)))
    (logits * probe).sum().backward()
    gradients = {
        f"{case}/gradient/{name}": parameter.grad.numpy()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and "query" in name
    }
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    return {f"{case}/logits": logits.detach().numpy()} | gradients, shapes, unused


def main(checkout):
    notebook = import_notebook(Path(checkout))
    whole = notebook(num_classes=101, num_heads=4, d_model=512, d_mlp=512)
    count = sum(parameter.numel() for parameter in whole.parameters())
    about, results = dict(parameters=count, cases={}), {}
    for case, settings in CASES.items():
        found, shapes, unused = run(case, notebook(**settings), settings)
        about["cases"][case] = dict(settings=settings, shapes=shapes, unused=unused)
        results |= found
    path = Path(__file__).with_name("timesformer_writeup.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes, {count:,} parameters for 101 classes")


if __name__ == "__main__":
    main(*sys.argv[1:])
