"""Weights of other people, ready for use: their heads, their pixels, their class names."""

import dataclasses
import json
import sys
from pathlib import Path

import jax
import jax.export
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

import flaxvid
from flaxvid import evaluate, export, predict, train
from flaxvid.data import manifest_file
from flaxvid.models import end_to_end
from flaxvid.models import timesformer as models
from flaxvid.prediction import published
from flaxvid.runs import config, from_weights, parsing
from flaxvid.training import checkpoint
from flaxvid.training import state as states
from flaxvid.weights import pretrained, provenance, published_files, read
from tests.golden import regenerate
from tests.weights.test_timesformer import ABOUT

CASE = "transformers gradient"  # divided, 3 frames of 8 pixels, 12 wide, 2 heads, 5 classes
SHAPES = ABOUT[CASE]["shapes"]
CONFIG = models.TimeSformerConfig(**ABOUT[CASE]["config"])


@pytest.fixture
def folder(tmp_path):
    """What `save_pretrained` leaves: model.safetensors and config.json."""
    arrays = {name: regenerate.weight(name, tuple(shape)) for name, shape in SHAPES.items()}
    safetensors.numpy.save_file(arrays, tmp_path / "model.safetensors")
    labels = {str(index): f"action {index}" for index in range(5)}
    write_config(tmp_path, num_attention_heads=2, id2label=labels)
    return tmp_path


def write_config(folder, **fields):
    (folder / "config.json").write_text(json.dumps(fields))


def fresh(**changes):
    config = models.TimeSformerConfig(**ABOUT[CASE]["config"] | changes)
    return config, nnx.to_pure_dict(
        nnx.state(nnx.eval_shape(lambda: models.TimeSformer(config, rngs=nnx.Rngs(0))))
    )


# ------------------------------------------------------------------ what the files tell
def test_opens_with_heads_and_labels(folder):
    """Arrays tell the sizes, config.json the number of heads and the names of the classes."""
    found = pretrained.open_pretrained(str(folder))
    expected = dict(ABOUT[CASE]["config"])
    assert {name: getattr(found.model.config, name) for name in expected} == expected
    assert found.labels == tuple(f"action {index}" for index in range(5))
    assert (found.preprocessing.num_frames, found.preprocessing.crop_size) == (3, 8)
    assert not found.known


def test_opens_without_config(folder):
    """Without config.json heads are 64 wide, and classes have numbers."""
    (folder / "config.json").unlink()
    found = pretrained.open_pretrained(str(folder / "model.safetensors"))
    assert found.model.config.num_heads == 1
    assert found.labels == tuple(f"class {index}" for index in range(5))


def test_labels_can_be_printed(folder):
    """A name that would move the cursor loses what can't be printed; a missing one is a number."""
    write_config(folder, id2label={"0": "\x1b[2Jrun", "2": "jump"})
    labels = pretrained.open_pretrained(str(folder)).labels
    assert labels == ("[2Jrun", "class 1", "jump", "class 3", "class 4")


def test_a_damaged_config_is_named(folder):
    """Half a config.json is an error with its path."""
    (folder / "config.json").write_text('{"id2label": ')
    with pytest.raises(read.WeightsError, match=r"config\.json: is damaged"):
        pretrained.open_pretrained(str(folder))


def test_a_headless_model_is_refused(folder):
    """A bare model names no class: the message says how to fine-tune it."""
    arrays = read.read(folder / "model.safetensors")
    kept = {name: array for name, array in arrays.items() if not name.startswith("classifier")}
    safetensors.numpy.save_file(kept, folder / "model.safetensors")
    with pytest.raises(read.WeightsError, match="has no head.*--arch timesformer --weights"):
        pretrained.open_pretrained(str(folder))


# ------------------------------------------------------------------ into a model
def test_load_by_model(folder):
    """The config of the model says which loader; a file is read and all leaves are filled."""
    _, report = pretrained.load(str(folder), *fresh())
    assert report.summary() == "49 loaded, 0 ignored, 0 fresh"


def test_other_heads_are_refused(folder):
    """The same arrays split into 3 heads in place of 2 would be nonsense that no shape shows."""
    with pytest.raises(read.WeightsError, match="has 2 heads.* has 3: say --model.num-heads 2"):
        pretrained.load(str(folder), *fresh(num_heads=3))


def test_models_without_loader_are_refused(folder):
    """Nothing is published for convolutions and an LSTM; the message lists what there is, and how
    its convolutions alone start from weights."""
    config = end_to_end.ConvLSTMConfig(num_classes=5)
    said = "ConvLSTM takes none .* loaders for .*TimeSformer.*; --encoder-weights are for"
    with pytest.raises(read.WeightsError, match=said):
        pretrained.load(str(folder), config, {})


# ------------------------------------------------------------------ pixels
@pytest.mark.parametrize(
    ("name", "frames", "stride", "crop", "order"),
    [
        ("hf:facebook/timesformer-base-finetuned-k400", 8, 32, 224, "rgb"),
        ("hf:facebook/timesformer-hr-finetuned-k600@main", 16, 16, 448, "rgb"),
        ("hf:facebook/timesformer-base-finetuned-ssv2", 8, None, 224, "bgr"),
        ("weights/TimeSformer_divST_96x4_224_K400.pyth", 96, 4, 224, "rgb"),
        ("weights/TimeSformer_divST_64_224_SSv2.pyth", 64, None, 224, "bgr"),
    ],
)
def test_published_preprocessing(name, frames, stride, crop, order):
    """Frames, stride, size and channel order of the authors, told by the name of the file."""
    found = published_files.find(name)
    assert (found.num_frames, found.stride, found.crop_size) == (frames, stride, crop)
    assert (found.channel_order, found.mean, found.std) == (order, (0.45,) * 3, (0.225,) * 3)
    assert found.flip == (order == "rgb")


def test_no_name_hides_another():
    """Each published name is found as itself."""
    for name, expected in published_files.BY_NAME.items():
        assert published_files.find(f"folder/{name}.pyth") is expected
    assert published_files.find("resnet.pth") is None


def test_fine_tuning_keeps_the_colours():
    """SSv2 weights see BGR in fine-tuning too; frames and size are the user's."""
    mine = published_files.find("timesformer-base-finetuned-k400")
    seen = provenance.prepared_for("timesformer-base-finetuned-ssv2", mine)
    assert (seen.channel_order, seen.stride, seen.flip) == ("bgr", 32, True)
    assert provenance.prepared_for("mine.safetensors", seen) == seen


# ------------------------------------------------------------------ commands
def command(capsys, main, *words):
    """What a command says, which ends in an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *map(str, words)])
        with pytest.raises(SystemExit):
            main()
    return capsys.readouterr().err


def saved_params(folder):
    settings = config.load(folder)
    parts = states.split(
        nnx.eval_shape(lambda: models.TimeSformer(settings.model, rngs=nnx.Rngs(0)))
    )
    with checkpoint.Checkpoints(folder / "checkpoints") as checkpoints:
        return checkpoints.restore_model(checkpoints.newest(), (parts.params, parts.stats))[0]


@pytest.mark.usefixtures("unchecked_shapes", "blank_figures")
def test_fine_tuning_and_going_on(folder, small_motion, tmp_path, capsys):
    """Frozen weights of the file keep every bit, the head of 5 gives way to 10; --resume goes on
    from the checkpoint although the file is gone, and takes no other weights."""
    out, spec = tmp_path / "run", str(folder)
    model = dict(dim=12, depth=2, num_heads=2, mlp_dim=48, patch_size=4)
    words = [f"--model.{name.replace('_', '-')}={value}" for name, value in model.items()]
    words += ["--data", str(small_motion.root / "manifest.csv"), "--weights", spec]
    words += ["--num-frames", "3", "--image-size", "8", "--batch-size", "2", "--out", str(out)]
    words += ["--freeze", "^(?!head)", "--rate-factors", "^head=10"]
    train.train(parsing.parse([*words, "--steps", "2", "--eval-every", "2"], ""))
    said = capsys.readouterr().out
    assert "ignored  classifier.weight  5x12" in said
    assert "as it is not among the published files; it is shown RGB, mean 0.45, std 0.225" in said
    assert "licence: not beside the weights" in said
    assert config.load(out).run.weights == spec

    given, _ = pretrained.load(spec, *fresh())
    (folder / "model.safetensors").unlink()
    first = saved_params(out)
    train.train(parsing.parse(["--resume", str(out), "--steps", "3"], ""))
    second = saved_params(out)
    for trained in (first, second):
        for name in set(given) - {"head"}:
            jax.tree.map(np.testing.assert_array_equal, trained[name], given[name])
    assert first["head"]["kernel"].shape == (12, 10)
    assert np.any(first["head"]["kernel"] != second["head"]["kernel"])

    said = command(capsys, train.main, "--resume", out, "--weights", folder / "config.json")
    assert f"that run has started already, from {spec}" in said


@pytest.mark.usefixtures("unchecked_shapes")
def test_predict_with_weights(folder, small_motion, capsys):
    """`predict --weights FOLDER VIDEO` names classes as config.json does, and says its guess."""
    video = small_motion.path(small_motion.rows[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["predict", "--weights", str(folder), str(video), "--top", "2"])
        with pytest.raises(SystemExit) as done:
            predict.main()
    assert done.value.code == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["action"] * 2
    assert "not among the published files" in err


@pytest.mark.parametrize("given", [[], ["--weights", "w.pth"], ["video.mp4"]])
def test_predict_wants_one_way_of_asking(given, capsys, tmp_path, monkeypatch):
    """A run and a video, or weights and a video: anything else is one line."""
    monkeypatch.chdir(tmp_path)
    for name in ("w.pth", "video.mp4"):
        (tmp_path / name).touch()
    said = command(capsys, predict.main, *given)
    assert "give a run directory and a video, or --weights and a video" in said


def test_what_is_printed_is_where_it_comes_from(folder, capsys):
    """In three lines the file beside the weights, what is published, what was said; a licence."""
    said = dict(do_rescale=True, rescale_factor=0.5, image_mean=[1, 2, 3], image_std=[4, 4, 4])
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [video]\n---\n# A model\n")
    opened = published.open_weights(str(folder))
    shown = opened.settings.preprocessing
    assert (shown.scale, shown.mean, shown.std) == (0.5, (1.0, 2.0, 3.0), (4.0, 4.0, 4.0))
    told = capsys.readouterr().err.splitlines()
    assert told[1].startswith("  file: preprocessor_config.json: RGB x 0.5, mean 1 2 3, std 4")
    assert told[2].startswith("  published: nothing")
    assert told[3].startswith("  chosen by you: nothing")
    assert told[4] == "  licence: mit, by the card beside the weights"


def test_published_sampling_comes_along_unless_said(tmp_path):
    """SSv2 weights are fine-tuned without mirroring and without a stride, unless either is said."""
    spec = str(tmp_path / "timesformer-base-finetuned-ssv2")
    Path(spec).mkdir()
    words = ["--size", "base", "--weights", spec]
    found = from_weights.sampled(parsing.parse(words, "")).data
    assert (found.stride, found.flip) == (None, False)
    found = from_weights.sampled(parsing.parse([*words, "--stride", "4", "--flip"], "")).data
    assert (found.stride, found.flip) == (4, True)


def test_an_image_model_with_a_head_is_no_action_model(folder):
    """Its head names what is in pictures; the message says so, and how to go on."""
    arrays = read.read(folder / "model.safetensors")
    time = ("temporal", "time_embeddings")
    kept = {
        name.replace("timesformer.", "vit."): array
        for name, array in arrays.items()
        if not any(word in name for word in time)
    }
    safetensors.numpy.save_file(kept, folder / "model.safetensors")
    with pytest.raises(read.WeightsError, match="is of an image model.*fine-tune it first"):
        pretrained.open_pretrained(str(folder))


def test_create_takes_the_file_s_labels(folder):
    """`flaxvid.create` with weights calls classes what the file does, unless told otherwise."""
    fields = {k: v for k, v in ABOUT[CASE]["config"].items() if k != "num_classes"}
    made = flaxvid.create("timesformer", weights=folder, **fields)
    assert made.labels == tuple(f"action {index}" for index in range(5))
    other = flaxvid.create("timesformer", weights=folder, labels=["a", "b"], **fields)
    assert other.labels == ("a", "b")


@pytest.mark.usefixtures("unchecked_shapes")
def test_export_with_weights(folder, tmp_path):
    """`export --weights FOLDER` writes the model of the file, with its class names."""
    out = export.export(export.ExportOptions(weights=str(folder), out=tmp_path / "out"))
    about = json.loads((out / "model.json").read_text())
    assert about["labels"] == [f"action {index}" for index in range(5)]
    exported = jax.export.deserialize((out / "model.jax").read_bytes())
    config = pretrained.open_pretrained(str(folder)).model.config
    shape = (2, config.num_frames, config.image_size, config.image_size, 3)
    video, mask = np.full(shape, 90, np.uint8), np.ones(shape[:2], bool)
    expected = published.open_weights(str(folder)).logits({"video": video, "mask": mask})
    np.testing.assert_allclose(exported.call(video, mask), expected, atol=1e-5)


@pytest.mark.usefixtures("unchecked_shapes", "blank_figures")
def test_evaluate_with_weights(folder, small_motion, tmp_path):
    """`evaluate --weights FOLDER` judges on the data's classes, which the file must name."""
    names = {str(index): name for index, name in enumerate(small_motion.labels[:5])}
    write_config(folder, num_attention_heads=2, id2label=names)
    kept = [row for row in small_motion.rows if row.label in small_motion.labels[:5]]
    videos = dataclasses.replace(small_motion, rows=tuple(kept), labels=small_motion.labels[:5])
    data = tmp_path / "videos.json"
    manifest_file.write(videos, data)
    words = dict(weights=str(folder), data=str(data), out=tmp_path / "out", orders=False)
    found = evaluate.evaluate(evaluate.EvaluateOptions(**words, batch_size=4))
    assert found["videos"] == 10
    assert (tmp_path / "out" / "report.json").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "give a run directory, or --weights"),
        (["run", "--weights", "w.pth"], "and not both"),
        (["--weights", "w.pth"], "by --data and --out"),
    ],
)
def test_evaluate_wants_one_way_of_asking(given, message, capsys, tmp_path, monkeypatch):
    """A run; or weights with data and a folder: anything else is one line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "w.pth").touch()
    assert message in command(capsys, evaluate.main, *given)


@pytest.mark.parametrize("given", [[], ["run", "--weights", "w.pth"]])
def test_export_wants_one_way_of_asking(given, capsys, tmp_path, monkeypatch):
    """A run or weights: neither, and both, is one line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "w.pth").touch()
    assert "give a run directory, or --weights" in command(capsys, export.main, *given)
