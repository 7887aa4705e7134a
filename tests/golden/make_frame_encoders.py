"""Makes frame_encoders.npz with torchvision, timm and efficientnet_lite_pytorch, in PyTorch.

pip install torch torchvision timm efficientnet_lite_pytorch
python tests/golden/make_frame_encoders.py

Needs nothing of flaxvid. Weights come from their names, so the file holds shapes and results only.
"""

import json
from pathlib import Path

import numpy as np
import regenerate
import torch

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
SIZE = 64  # pixels
CLASSES = 7


def import_torchvision():
    try:
        import torchvision
    except RuntimeError:
        # Built without its own operators; none is called here, but they must have been declared.
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        import torchvision
    return torchvision


def cases():
    """Name -> (network, the layer that pools)."""
    torchvision = import_torchvision()
    import efficientnet_lite_pytorch
    import timm

    resnet = torchvision.models.resnet18(num_classes=CLASSES)
    densenet = torchvision.models.densenet121(num_classes=CLASSES)
    # It pads for a size of image that it is told beforehand.
    lite0 = efficientnet_lite_pytorch.EfficientNet.from_name(
        "efficientnet-lite0", image_size=SIZE, num_classes=CLASSES
    )
    yield "resnet18 torchvision", resnet, resnet.fc
    yield "densenet121 torchvision", densenet, densenet.classifier
    yield "lite0 package", lite0, lite0._fc
    timms = timm.create_model("tf_efficientnet_lite0", num_classes=CLASSES)
    yield "lite0 timm", timms, timms.classifier


def fill(model):
    """Weights from their names, and what a model's are called and shaped."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = {name: regenerate.weight(name, shape) for name, shape in shapes.items()}
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return shapes


@torch.no_grad()
def run(case, model, head):
    shapes = fill(model)
    images = torch.from_numpy(regenerate.inputs(case, (3, SIZE, SIZE, 3)))
    seen = []
    head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numpy().copy()))
    images = images.permute(0, 3, 1, 2)  # batch channel height width
    results = {f"{case}/logits": model.eval()(images).numpy(), f"{case}/features": seen[0]}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    if case.startswith("resnet18"):
        results[f"{case}/train logits"] = model.train()(images).numpy()
        # PyTorch keeps the unbiased variance: n / (n - 1) of what it normalises by.
        for name in ("bn1.running_mean", "layer4.1.bn2.running_mean"):
            results[f"{case}/{name}"] = model.state_dict()[name].numpy()
    return results, shapes


def main():
    results, about = {}, {}
    for case, model, head in cases():
        found, about[case] = run(case, model, head)
        results |= found
        print(case, {name: float(np.abs(values).max()) for name, values in found.items()})
    path = Path(__file__).with_name("frame_encoders.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
