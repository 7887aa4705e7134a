"""Export: the file alone gives the run's logits, for a batch of any size, with JAX alone."""

import json
import subprocess
import sys

import numpy as np
import pytest

from flaxvid import export, train
from flaxvid.runs import parsing, trained_model

# Nothing but JAX and NumPy may be imported: the rest is as if it were not installed.
ALONE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"flaxvid", "flax", "optax", "orbax", "einops", "cv2", "grain"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nothing())
import numpy as np
from jax import export

model = export.deserialize(open(sys.argv[1], "rb").read())
inputs = np.load(sys.argv[2])
np.save(sys.argv[3], model.call(inputs["video"], inputs["mask"]))
"""
SMALL = {
    "timesformer": ["--model.dim", "8", "--model.depth", "1", "--model.mlp-dim", "8"],
    "c3d": ["--model.fc-dim", "8"],
}


@pytest.mark.parametrize("arch", list(SMALL))
def test_file_alone_gives_the_logits_of_the_run(arch, small_motion, tmp_path):
    """Batches of 1 and 5 in a Python that has neither flaxvid nor Flax: the same logits."""
    words = ["--arch", arch, "--data", str(small_motion.root / "manifest.csv"), *SMALL[arch]]
    words += ["--steps", "1", "--batch-size", "10", "--out", str(tmp_path / "run")]
    train.train(parsing.parse(words, ""))
    folder = export.export(export.ExportOptions(run=tmp_path / "run"))
    about = json.loads((folder / "model.json").read_text())
    assert about["labels"] == list(small_motion.labels)
    assert about["platforms"] == ["cpu", "cuda"]
    trained = trained_model.open_best(tmp_path / "run")
    shown = trained.settings.preprocessing
    for batch in (1, 5):
        shape = (batch, shown.num_frames, shown.crop_size, shown.crop_size, 3)
        rng = np.random.default_rng(batch)
        inputs = {"video": rng.integers(0, 256, shape, np.uint8), "mask": np.ones(shape[:2], bool)}
        inputs["mask"][0, -1] = False
        np.savez(tmp_path / "inputs.npz", **inputs)
        words = [str(folder / "model.jax"), str(tmp_path / "inputs.npz"), str(tmp_path / "out.npy")]
        subprocess.run([sys.executable, "-c", ALONE, *words], check=True)
        found = np.load(tmp_path / "out.npy")
        np.testing.assert_allclose(found, trained.logits(inputs), atol=1e-5)
