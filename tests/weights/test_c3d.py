"""C3D's weights under every name, with fc6 turned round, or refused, and always reported."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from flaxvid.models import c3d as models
from flaxvid.weights import c3d, pretrained, read
from tests.golden import regenerate

# As narrow as can be, with all eight convolutions.
CONFIG = models.C3DConfig(
    num_classes=5, num_frames=16, image_size=36, widths=(2, 3, 4, 5, 6), fc_dim=7
)
SHAPES = {
    "conv1": (2, 3, 3, 3, 3),
    "conv2": (3, 2, 3, 3, 3),
    "conv3a": (4, 3, 3, 3, 3),
    "conv3b": (4, 4, 3, 3, 3),
    "conv4a": (5, 4, 3, 3, 3),
    "conv4b": (5, 5, 3, 3, 3),
    "conv5a": (6, 5, 3, 3, 3),
    "conv5b": (6, 6, 3, 3, 3),
    "fc6": (7, 6 * 1 * 2 * 2),
    "fc7": (7, 7),
    "fc8": (5, 7),
}


def params_of(**changes):
    config = dataclasses.replace(CONFIG, **changes)
    model = nnx.eval_shape(lambda: models.C3D(config, rngs=nnx.Rngs(0)))
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    return jax.tree.map(lambda leaf: jnp.full(leaf.shape, -9.0), params)


def file_of(naming, *, without=()):
    """The arrays of a file; `naming` 0: as here, 1: Sports-1M's, 2: mmaction2's."""
    arrays = {}
    for name, shape in SHAPES.items():
        if name not in without:
            own = (name, *c3d.NAMES[name])[naming]
            arrays[f"{own}.weight"] = regenerate.weight(f"{name}.weight", shape)
            arrays[f"{own}.bias"] = regenerate.weight(f"{name}.bias", shape[:1])
    return arrays


@pytest.mark.parametrize("naming", range(3))
def test_every_naming_fills_the_whole_model(naming):
    """Sports-1M's numbers, jfzhang95's names and mmaction2's all give the same parameters."""
    params, report = c3d.load(file_of(naming), params_of())
    assert report.summary() == "22 loaded, 0 ignored, 0 fresh"
    expected, _ = c3d.load(file_of(0), params_of())
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    assert min(float(leaf.min()) for leaf in jax.tree.leaves(params)) > -9


def test_the_names_are_those_of_the_files():
    """Layer 18 of Sports-1M's features is conv5b, its classifier's 3 is fc7."""
    torch = json.loads(str(np.load(Path(regenerate.__file__).with_name("c3d.npz"))["about"]))
    assert {f"{name}.{kind}" for name in c3d.NAMES for kind in ("weight", "bias")} == set(torch)
    assert c3d.NAMES["conv5b"][0] == "features.18"
    assert c3d.NAMES["fc7"] == ("classifier.3", "backbone.fc7")


def test_a_convolution_by_hand():
    """The weight of filter 1, channel 2 at frame 0, row 1, column 2 stays at its place."""
    kernel = np.zeros((2, 3, 3, 3, 3), np.float32)
    kernel[1, 2, 0, 1, 2] = 1
    assert np.argwhere(c3d.conv_kernel(kernel)).tolist() == [[0, 1, 2, 2, 1]]


def test_fc6_by_hand():
    """Of 2 channels at 3 places, PyTorch's a0 a1 a2 b0 b1 b2 becomes a0 b0 a1 b1 a2 b2."""
    kernel = np.arange(6.0, dtype=np.float32)[None]
    assert c3d.fc6_kernel(kernel, channels=2)[:, 0].tolist() == [0, 3, 1, 4, 2, 5]


def test_fc6_sees_the_same_features():
    """The permuted kernel gives on our layout what PyTorch's gives on its own."""
    rng = np.random.default_rng(0)
    kernel, features = rng.normal(size=(7, 48)), rng.normal(size=(2, 6, 1, 4, 2))
    theirs = features.reshape(2, -1) @ kernel.T
    ours = features.transpose(0, 2, 3, 4, 1).reshape(2, -1)
    kernel = kernel.astype(np.float32)
    np.testing.assert_allclose(ours @ c3d.fc6_kernel(kernel, channels=6), theirs, atol=1e-5)
    assert np.abs(ours @ kernel.T - theirs).max() > 1  # only transposed, as one is tempted to


@pytest.mark.parametrize("naming", range(3))
def test_another_number_of_classes_starts_fresh(naming):
    """A head for 5 classes is not for 4: it is left out, and the report says so."""
    params, report = c3d.load(file_of(naming), params_of(num_classes=4))
    assert report.summary() == "20 loaded, 2 ignored, 2 fresh"
    assert (params["fc8"]["kernel"] == -9).all()
    assert (params["fc7"]["kernel"] > -9).all()


def test_a_file_without_head_starts_it_fresh():
    """Sports-1M's file ends at fc7; fc8 is the learner's."""
    _, report = c3d.load(file_of(1, without=("fc8",)), params_of())
    assert report.summary() == "20 loaded, 0 ignored, 2 fresh"
    assert "channels moved behind places" in report.brief()


def test_both_paddings_take_the_same_file():
    """pool5 has no parameters: PyTorch's and Caffe's way give fc6 as many numbers at 7 x 7."""
    for last_padding in ("around", "end"):
        c3d.load(file_of(1), params_of(image_size=48, last_padding=last_padding))


@pytest.mark.parametrize(
    ("arrays", "changes", "message"),
    [
        ({"blocks.0.weight": np.zeros(3)}, {}, "is of no C3D: its first names are blocks.0.weight"),
        (file_of(1), dict(image_size=64), "fc6 takes 24 numbers, and the model's 54; build"),
        (file_of(1), dict(batch_norm=True), "C3D of 8 convolutions without batch norm"),
        (file_of(1), dict(widths=(2, 3, 4, 5), depths=(1, 1, 1, 1)), "C3D of 8 convolutions"),
        (file_of(1), dict(widths=(2, 3, 4, 4, 6)), "of another shape .features.11.weight"),
        (file_of(1, without=("conv4b",)), {}, "2 of the model without an array .conv4b/bias"),
        (file_of(1) | {"features.20.weight": np.zeros(3)}, {}, "1 without a place in the model"),
    ],
)
def test_other_files_are_refused(arrays, changes, message):
    """A file of another model, or with more or less than this one has, is named with the reason."""
    with pytest.raises(read.WeightsError, match=f"^c3d.pth: .*{message}"):
        c3d.load(arrays, params_of(**changes), origin="c3d.pth")


def test_a_file_goes_in_by_name(tmp_path):
    """What `--weights FILE` calls: the loader is found by the model's config."""
    safetensors.numpy.save_file(file_of(1), tmp_path / "c3d.safetensors")
    found, report = pretrained.load(str(tmp_path / "c3d.safetensors"), CONFIG, params_of())
    assert report.summary() == "22 loaded, 0 ignored, 0 fresh"
    jax.tree.map(np.testing.assert_array_equal, found, c3d.load(file_of(1), params_of())[0])
