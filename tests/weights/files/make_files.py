"""Makes the small PyTorch files beside it: python tests/weights/files/make_files.py

Needs torch. `checkpoint.*` is what a training script saves, with tensors of every kind;
`module.zip.pth` is a whole pickled module, which can't be opened without its code.
"""

import argparse
import collections
from pathlib import Path

import numpy as np
import torch


def checkpoint():
    plain = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    weights = collections.OrderedDict(
        {
            "plain": plain,
            "tied": plain,
            "turned": plain.t(),
            "row": plain[1],
            "stepped": torch.arange(20, dtype=torch.float32)[4::3],
            "parameter": torch.nn.Parameter(torch.full((2,), 7.0)),
            "scalar": torch.tensor(0.5, dtype=torch.float64),
            "empty": torch.zeros(0, 3),
            "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
            "brain": torch.tensor([1.5, -2.0, 3.0], dtype=torch.bfloat16),
            "flags": torch.tensor([True, False, True]),
            "count": torch.tensor(12345678901, dtype=torch.int64),
            "int32": torch.tensor([-70000], dtype=torch.int32),
            "int16": torch.tensor([-300], dtype=torch.int16),
            "int8": torch.tensor([-3], dtype=torch.int8),
            "uint8": torch.tensor([200], dtype=torch.uint8),
        }
    )
    weights._metadata = {"": {"version": 1}}
    return {
        "epoch": 3,
        "model_state": weights,
        "optimizer_state": {
            "state": {0: {"step": torch.tensor(3.0), "momentum_buffer": torch.ones(2, 3)}},
            "param_groups": [{"lr": 0.1, "nesterov": True, "params": [0]}],
        },
        "cfg": "TRAIN:\n  ENABLE: true\n",
        "best": np.float64(0.5),
        "args": argparse.Namespace(lr=0.1, dtype=torch.float32),
        "milestones": collections.Counter([11, 14]),
        "size": torch.Size([2, 3]),
        "device": torch.device("cpu"),
    }


def save(saved, name, **options):
    path = Path(__file__).with_name(name)
    torch.save(saved, path, **options)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    save(checkpoint(), "checkpoint.zip.pth")
    save(checkpoint(), "checkpoint.legacy.pth", _use_new_zipfile_serialization=False)
    save(torch.nn.Linear(2, 3), "module.zip.pth")
