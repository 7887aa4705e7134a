"""Makes c3d.npz with the original PyTorch module.

git clone https://github.com/jfzhang95/pytorch-video-recognition
python tests/golden/make_c3d.py pytorch-video-recognition

Needs torch, and nothing of flaxvid. Weights come from their names, so the file holds shapes and
results only.
"""

import json
import sys
from pathlib import Path

import numpy as np
import regenerate
import torch

NUM_CLASSES = 101
# Layer -> the input it gets: batch channel time height width.
LAYERS = {
    "conv1": (2, 3, 4, 7, 6),
    "conv3b": (1, 256, 3, 5, 4),
    "pool1": (2, 3, 5, 6, 8),
    "pool4": (2, 3, 4, 6, 9),
    "pool5": (2, 3, 2, 7, 7),
    "pool5 of Caffe": (2, 3, 2, 7, 7),
    "fc6": (2, 512, 1, 4, 4),
}
FEATURES = 50  # of fc6's 4096 that are kept


def fill(model):
    """Weights from their names, and what a model's are called and shaped."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict(
        {name: torch.from_numpy(regenerate.weight(name, shape)) for name, shape in shapes.items()}
    )
    return model.eval(), shapes


def layer_results(model):
    """What single layers give, convolutions with the gradient of their kernel."""
    results = {}
    for name, shape in LAYERS.items():
        inputs = torch.from_numpy(regenerate.inputs(name, shape))
        if name == "pool5 of Caffe":
            # Caffe rounds up where PyTorch's module pads by 1 on every side.
            results[name] = torch.nn.MaxPool3d(2, 2, ceil_mode=True)(inputs).numpy()
        elif name == "fc6":
            outputs = model.fc6(inputs.reshape(len(inputs), -1))
            results[name] = outputs.detach().numpy()[:, :FEATURES]
        else:
            results[name] = getattr(model, name)(inputs).detach().numpy()
    inputs = torch.from_numpy(regenerate.inputs("conv1", LAYERS["conv1"])).requires_grad_()
    outputs = model.conv1(inputs)
    probe = torch.from_numpy(regenerate.inputs("probe", tuple(outputs.shape)))
    (outputs * probe).sum().backward()
    results["conv1/gradient"] = model.conv1.weight.grad.numpy()
    results["conv1/gradient of inputs"] = inputs.grad.numpy()
    return results


def main(checkout):
    # The module asks `mypath` for the file of weights, which nothing loads here.
    sys.path.insert(0, str(Path(checkout)))
    from network.C3D_model import C3D

    model, shapes = fill(C3D(NUM_CLASSES))
    # As large as pixels that only the mean was taken from.
    video = torch.from_numpy(regenerate.inputs("video", (2, 16, 112, 112, 3)) * 64)
    with torch.no_grad():
        logits = model(video.permute(0, 4, 1, 2, 3).contiguous())  # it calls view
    results = {"logits": logits.numpy()} | layer_results(model)
    path = Path(__file__).with_name("c3d.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(shapes)), **results)
    print(f"{path}: {path.stat().st_size} bytes, logits to {np.abs(results['logits']).max():.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
