"""The frame encoders against torchvision, timm and Lite0's own implementation, run in PyTorch."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import cost, frame_encoders
from flaxvid.training import state as states
from flaxvid.weights import frame_encoders as weights
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "frame_encoders.npz")
SHAPES = json.loads(str(GOLDEN["about"]))
TOLERANCE = 1e-4


def images_of(case):
    return jnp.asarray(regenerate.inputs(case, (3, 64, 64, 3)))


@functools.cache
def converted(case):
    """The network of a case with PyTorch's weights, taken apart."""
    name = case.split()[0]
    arrays = {key: regenerate.weight(key, tuple(shape)) for key, shape in SHAPES[case].items()}
    model = cost.abstract_model(
        lambda: frame_encoders.create(name, num_classes=7, rngs=nnx.Rngs(0))
    )
    parts = states.split(model)
    params, stats, _ = weights.load(name, arrays, parts.params, parts.stats)
    return parts._replace(params=params, stats=stats)


@functools.cache
def compiled(case):
    """Features and logits, as in use."""
    parts = converted(case)

    def apply(params, stats, images):
        model = states.merge(parts.eval_def, params, stats)
        features = model.features(images)
        return features, model.head(features)

    return jax.jit(apply)


def run(case, params, stats):
    return compiled(case)(params, stats, images_of(case))


@pytest.mark.long(except_for=["resnet18 torchvision", "lite0 timm"])
@pytest.mark.parametrize("case", list(SHAPES))
def test_features_and_logits_are_those_of_pytorch(case):
    """With the same weights and images, features and logits agree within 1e-4."""
    parts = converted(case)
    features, logits = run(case, parts.params, parts.stats)
    np.testing.assert_allclose(features, GOLDEN[f"{case}/features"], atol=TOLERANCE)
    np.testing.assert_allclose(logits, GOLDEN[f"{case}/logits"], atol=TOLERANCE)


def test_training_is_that_of_torchvision():
    """With the statistics of the batch, logits agree, and the running means move alike."""
    case = "resnet18 torchvision"
    parts = converted(case)

    @jax.jit
    def apply(params, stats, images):
        model = states.merge(parts.train_def, params, stats)
        return model(images), nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    logits, stats = apply(parts.params, parts.stats, images_of(case))
    np.testing.assert_allclose(logits, GOLDEN[f"{case}/train logits"], atol=TOLERANCE)
    np.testing.assert_allclose(
        stats["bn1"]["mean"], GOLDEN[f"{case}/bn1.running_mean"], atol=TOLERANCE
    )
    np.testing.assert_allclose(
        stats["stages"][3][1]["bn2"]["mean"],
        GOLDEN[f"{case}/layer4.1.bn2.running_mean"],
        atol=TOLERANCE,
    )


@pytest.mark.parametrize("kind", ["mean", "var"])
def test_statistics_that_were_not_loaded_are_seen(kind):
    """Means or variances of BatchNorm left at 0 or 1 move the features beyond the tolerance."""
    case = "lite0 package"
    parts = converted(case)

    def fresh(path, leaf):
        return jnp.full_like(leaf, kind == "var") if path[-1].key == kind else leaf

    stats = jax.tree_util.tree_map_with_path(fresh, parts.stats)
    features, _ = run(case, parts.params, stats)
    assert np.abs(features - GOLDEN[f"{case}/features"]).max() > 100 * TOLERANCE
