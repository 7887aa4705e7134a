"""Makes c3d_batch_norm.npz: a small C3D with BatchNorm after every convolution, in PyTorch.

python tests/golden/make_c3d_batch_norm.py

Needs torch, and nothing of flaxvid. Weights come from their names, so the file holds shapes and
results only.
"""

import json
from pathlib import Path

import numpy as np
import regenerate
import torch
from torch import nn

CHANNELS = {"1": (3, 4), "2a": (4, 6), "2b": (6, 6)}  # in and out of each convolution


class Small(nn.Module):
    """Two stages of clips of 3 frames of 10 pixels: pools of (1, 2, 2) and 2, the last padded."""

    def __init__(self):
        super().__init__()
        for name, (inputs, filters) in CHANNELS.items():
            setattr(self, f"conv{name}", nn.Conv3d(inputs, filters, 3, padding=1, bias=False))
            setattr(self, f"norm{name}", nn.BatchNorm3d(filters))
        self.pool1, self.pool2 = nn.MaxPool3d((1, 2, 2)), nn.MaxPool3d(2, padding=(0, 1, 1))
        self.fc6, self.fc7, self.fc8 = nn.Linear(6 * 9, 12), nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, video):
        for name in CHANNELS:
            norm, conv = getattr(self, f"norm{name}"), getattr(self, f"conv{name}")
            video = norm(conv(video)).relu()
            if name != "2a":
                video = (self.pool1 if name == "1" else self.pool2)(video)
        features = self.fc6(video.flatten(1)).relu()
        return self.fc8(self.fc7(features).relu())


@torch.no_grad()
def main():
    model = Small()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict(
        {name: torch.from_numpy(regenerate.weight(name, shape)) for name, shape in shapes.items()}
    )
    video = torch.from_numpy(regenerate.inputs("video", (4, 3, 10, 10, 3)))
    video = video.permute(0, 4, 1, 2, 3)  # batch channel time height width
    results = {"used": model.eval()(video).numpy(), "learning": model.train()(video).numpy()}
    for name, value in model.state_dict().items():
        if "running" in name:
            results[name] = value.numpy()
    path = Path(__file__).with_name("c3d_batch_norm.npz")
    np.savez_compressed(path, about=np.asarray(json.dumps(shapes)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
