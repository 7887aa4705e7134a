"""Export: the file alone gives the run's logits, for a batch of any size, with JAX alone."""

import json
import re
import shutil
import subprocess
import sys

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import errors as hub_errors

import flaxvid
from flaxvid import errors, evaluate, export, predict, train
from flaxvid.runs import parsing, trained_model
from tests import test_readme

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
for folder in sys.argv[2:]:
    inputs = np.load(folder + "/inputs.npz")
    np.save(folder + "/out.npy", model.call(inputs["video"], inputs["mask"]))
"""
pytestmark = pytest.mark.usefixtures("unchecked_shapes_throughout")
SMALL = {
    "timesformer": ["--model.dim", "8", "--model.depth", "1", "--model.mlp-dim", "8"],
    "c3d": ["--model.fc-dim", "8"],
}


@pytest.fixture(scope="module", params=list(SMALL))
def run(request, small_motion, tmp_path_factory):
    """Runs of one step."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    words = ["--arch", request.param, "--data", str(small_motion.root / "manifest.csv")]
    words += ["--steps", "1", "--batch-size", "10", "--out", str(folder), *SMALL[request.param]]
    train.train(parsing.parse(words, ""))
    return folder


def test_file_alone_gives_the_logits_of_the_run(run, small_motion, tmp_path):
    """Batches of 1 and 5 in a Python that has neither flaxvid nor Flax: the same logits."""
    folder = export.export(export.ExportOptions(run=run, out=tmp_path / "export"))
    about = json.loads((folder / "model.json").read_text())
    assert about["labels"] == list(small_motion.labels)
    assert about["platforms"] == ["cpu", "cuda"]
    trained = trained_model.open_best(run)
    shown = trained.settings.preprocessing
    expected = {}
    for batch in (1, 5):
        shape = (batch, shown.num_frames, shown.crop_size, shown.crop_size, 3)
        rng = np.random.default_rng(batch)
        inputs = {"video": rng.integers(0, 256, shape, np.uint8), "mask": np.ones(shape[:2], bool)}
        inputs["mask"][0, -1] = False
        place = tmp_path / str(batch)
        place.mkdir()
        np.savez(place / "inputs.npz", **inputs)
        expected[place] = trained.logits(inputs)
    words = [sys.executable, "-c", ALONE, str(folder / "model.jax"), *map(str, expected)]
    subprocess.run(words, check=True)
    for place, logits in expected.items():
        np.testing.assert_allclose(np.load(place / "out.npy"), logits, atol=1e-5)


def test_onnx_runtime_runs_the_file_as_the_readme_says(run, tmp_path, monkeypatch, capsys):
    """The README's lines alone name a class; both formats can lie in one folder.

    The run computes in bfloat16, of which ONNX Runtime knows little: the file is in float32.
    """
    if "c3d" in run.name:
        pytest.skip("tests/benchmarks/export_onnx.py has every architecture")
    pytest.importorskip("jax2onnx")
    pytest.importorskip("onnxruntime")
    run = shutil.copytree(run, tmp_path / "run")
    settings = (run / "config.json").read_text()
    assert settings.count('"dtype": "float32"') == 1
    (run / "config.json").write_text(settings.replace('"dtype": "float32"', '"dtype": "bfloat16"'))
    folder = tmp_path / "runs" / "timesformer-tiny" / "export"
    export.export(export.parse([str(run), "--format", "onnx", "--out", str(folder)]))
    assert "batches of any size" in (said := capsys.readouterr().out)
    assert float(re.search(r"differ from JAX's, in float32, by (\S+) at most", said)[1]) < 1e-5
    (block,) = (block for block in test_readme.BLOCKS if "onnxruntime" in block)
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    about = json.loads((folder / "model.json").read_text())
    assert capsys.readouterr().out.strip() in about["labels"]
    assert about["inputs"]["video"] == "uint8[batch,8,32,32,3]"


# ------------------------------------------------------------------ a model to hand on
one_architecture = pytest.mark.long(except_for=["timesformer"])


@pytest.fixture(scope="module")
def handed_on(run, tmp_path_factory):
    """A run, its report, and the folder that is made of both."""
    judged = evaluate.evaluate(evaluate.EvaluateOptions(run=run, batch_size=10, orders=False))
    words = [str(run), str(tmp_path_factory.mktemp("models") / "model"), "--format", "flaxvid"]
    return run, judged, export.export(export.parse(words))


@one_architecture
def test_a_model_handed_on_says_what_the_run_says(handed_on, small_motion):
    """The same logits to the bit, classes, preprocessing and step; three files, and no pickle."""
    run, _, folder = handed_on
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    trained, model = trained_model.open_best(run), flaxvid.load(folder)
    assert model.labels == small_motion.labels
    assert model.preprocessing == trained.settings.preprocessing
    assert (model.trained.step, model.trained.parameters) == (trained.step, trained.parameters)
    shown = model.preprocessing
    shape = (2, shown.num_frames, shown.crop_size, shown.crop_size, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    batch = {"video": clips, "mask": np.ones(shape[:2], bool)}
    np.testing.assert_array_equal(model.logits(batch), trained.logits(batch))


@one_architecture
def test_evaluate_and_predict_take_a_model_handed_on(handed_on, small_motion, tmp_path, capsys):
    """The run's numbers, on the same data by name; a video's classes."""
    _, judged, folder = handed_on
    data = str(small_motion.root / "manifest.csv")
    words = [str(folder), "--data", data, "--out", str(tmp_path), "--batch-size", "10"]
    again = evaluate.evaluate(evaluate.parse([*words, "--no-orders"]))
    same = ("top1", "interval", "loss", "confusion", "labels", "manifest", "step")
    assert {k: again.get(k) for k in same} == {k: judged.get(k) for k in same}
    video = small_motion.path(small_motion.rows[0])
    capsys.readouterr()
    assert predict.report(predict.parse([str(folder), str(video)])) == 0
    assert all(
        line.split()[0] in small_motion.labels for line in capsys.readouterr().out.split("\n")[:5]
    )


@one_architecture
def test_model_card_has_the_numbers_of_the_report(handed_on, small_motion):
    """Top-1 with its interval, the confusion, the splits; and no place of this machine."""
    _, judged, folder = handed_on
    card, config = (folder / "README.md").read_text(), (folder / "config.json").read_text()
    low, high = judged["interval"]
    assert f"top-1 **{judged['top1']:.1%}**, 95% interval {low:.1%} to {high:.1%}" in card
    assert "| train | 40 | 20 |" in card
    row = judged["confusion"][0]
    assert (
        f"| {small_motion.labels[0].replace('_', chr(92) + '_')} | {' | '.join(map(str, row))} |"
        in card
    )
    assert str(small_motion.root) not in card + config
    assert str(folder.parent.parent) not in card + config


@one_architecture
def test_a_model_from_the_hub_is_the_folder(handed_on, monkeypatch, tmp_path):
    """`hf:owner/name` opens for load and evaluate; where its report goes has to be said."""
    _, _, folder = handed_on

    def download(repository, name, revision=None, **_how):
        assert (repository, revision) == ("ann/clips", None)
        if not (folder / name).exists():
            raise hub_errors.EntryNotFoundError(name, response=None)
        return str(folder / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert flaxvid.load("hf:ann/clips").trained.step == 1
    with pytest.raises(errors.UserError, match="hf:ann/clips: say where the report goes, by --out"):
        evaluate.evaluate(evaluate.parse(["hf:ann/clips"]))


@one_architecture
def test_an_export_does_not_write_over_a_folder(handed_on, tmp_path):
    """Neither over an earlier one, whose card may be edited, nor over a run; nor twice named."""
    run, _, folder = handed_on
    for taken in (folder, run):
        with pytest.raises(errors.UserError, match="choose a new folder"):
            export.export(export.parse([str(run), str(taken), "--format", "flaxvid"]))
    with pytest.raises(errors.UserError, match="give only one of them"):
        export.export(export.parse([str(run), str(tmp_path / "a"), "--out", str(tmp_path / "b")]))
    words = [str(run), str(tmp_path / "a"), "--format", "flaxvid", "--platforms", "tpu"]
    with pytest.raises(
        errors.UserError, match="--platforms tpu: only applies to --format stablehlo"
    ):
        export.export(export.parse(words))
