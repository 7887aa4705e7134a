"""Makes lightning.ckpt, as Lightning's trainer leaves it after a step of the notebook's network.

git clone https://github.com/apandy02/vision
python tests/weights/files/make_lightning.py vision

Needs torch and lightning, and nothing of flaxvid. The network is as small as can be, and all its
weights are zero but those of the first norm, which has 1 to 8: what counts is what else is saved.
"""

import json
import sys
import types
from pathlib import Path

import torch

# A torchvision without its own operators can't be imported, by Lightning, before they are declared.
OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")

import lightning  # noqa: E402

SETTINGS = dict(
    num_classes=3, num_heads=1, d_model=8, d_mlp=4, patch_size=2, frames=2, image_size=4
) | dict(num_encoder_layers=1)


def import_notebook(checkout):
    """The notebook's network and its Lightning module; torchvision, which they need not, is not."""
    sys.path.insert(0, str(checkout / "src"))
    for name in ("torchvision", "torchvision.transforms", "torchvision.datasets"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["torchvision.datasets"].UCF101 = None
    notebook = json.loads((checkout / "nbs" / "video" / "timesformer.ipynb").read_text())
    names = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if source.startswith(("import torch \n", "class ")):
            exec(source, names)
    return names["TimeSFormer"], names["LightningTimeSformer"]


def main(checkout):
    network, learner = import_notebook(Path(checkout))
    module = learner(num_classes=3, num_heads=1, d_model=8, d_mlp=4)
    module.model = network(**SETTINGS)
    clip = torch.zeros(1, 3, 2, 4, 4)
    batches = torch.utils.data.DataLoader([(clip[0], torch.tensor(0))], batch_size=1)
    trainer = lightning.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, accelerator="cpu"
    )
    trainer.fit(module, train_dataloaders=batches)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.model.encoder.layers[0].norm1.weight.copy_(torch.arange(1.0, 9.0))
    path = Path(__file__).with_name("lightning.ckpt")
    trainer.save_checkpoint(path)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
