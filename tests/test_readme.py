"""The README's Python runs as it stands, and its first words are quick."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import flaxvid
from flaxvid.prediction import model as models

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_python_runs_as_written(monkeypatch, capsys):
    """With a fresh model in place of the trained one, and drawn frames in place of a file."""
    fresh = flaxvid.create("timesformer", num_classes=10)
    frames = np.zeros((9, 32, 32, 3), np.uint8)
    monkeypatch.setattr(flaxvid, "load", lambda source: fresh)
    predict = models.Model.predict
    monkeypatch.setattr(models.Model, "predict", lambda model, path: predict(model, frames))
    blocks = [block for block in BLOCKS if "onnxruntime" not in block]
    assert len(blocks) >= 2
    names = {}
    for block in blocks:
        exec(block, names)
    said, loss = capsys.readouterr().out.strip().splitlines()
    assert said.startswith("class ")
    assert 0.3 < float(loss) < 1.5


def test_import_loads_neither_jax_nor_opencv():
    """`import flaxvid` is for everybody: what takes time is loaded when it is used."""
    code = "import sys, flaxvid; print(sorted({'jax', 'flax', 'cv2', 'numpy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
