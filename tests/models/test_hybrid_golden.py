"""The PyTorch hybrid against its notebook's own classes: its features, its classifier, its file."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import cost, embedding_transformer, frame_encoders
from flaxvid.training import state as states
from flaxvid.video import transform
from flaxvid.weights import frame_encoders as encoders
from flaxvid.weights import pretrained, read
from tests.golden import regenerate

HERE = Path(__file__).parents[1]
GOLDEN = np.load(HERE / "golden" / "hybrid.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
SAVED = str(HERE / "weights" / "files" / "best_video_transformer.pth")
SHAPES = json.loads(str(np.load(HERE / "golden" / "frame_encoders.npz")["about"]))
PIXELS = np.random.default_rng(0).integers(0, 256, (1, 2, 64, 64, 3), np.uint8)


def features_by(name):
    """What the encoder `name` makes of the pixels, prepared as it is told."""
    shapes = SHAPES["densenet121 torchvision"]
    arrays = {key: regenerate.weight(key, tuple(shape)) for key, shape in shapes.items()}
    model = cost.abstract_model(lambda: frame_encoders.create(name, rngs=nnx.Rngs(0)))
    parts = states.split(model)
    params, stats, _ = encoders.load(name, arrays, parts.params, parts.stats)
    shown = frame_encoders.find(name).preprocessings["torchvision"]

    @jax.jit
    def apply(params, stats):
        encode = states.merge(parts.eval_def, params, stats)
        return frame_encoders.time_distributed(
            encode, transform.normalise(jnp.asarray(PIXELS), shown)
        )

    return apply(params, stats)


def test_the_notebooks_features():
    """`densenet121_writeup`, from pixels 0 to 255, agrees within 1e-4; a mean may be negative."""
    np.testing.assert_allclose(features_by("densenet121_writeup"), GOLDEN["features"], atol=1e-4)
    assert GOLDEN["features"].min() < -0.1


def test_the_other_features_are_others():
    """With ImageNet's mean and std, and rectified, nearly nothing of them is left."""
    assert np.abs(features_by("densenet121") - GOLDEN["features"]).max() > 0.1


def fresh(**overrides):
    names = dict(sequence_length="num_frames", embed_dim="embedding_dim")
    fields = {names.get(name, name): value for name, value in ABOUT["sizes"].items()}
    config = embedding_transformer.EmbeddingTransformerConfig(**fields | overrides)
    model = embedding_transformer.EmbeddingTransformer(config, rngs=nnx.Rngs(0))
    graphdef, params = nnx.split(model)
    return config, graphdef, nnx.to_pure_dict(params)


def test_the_saved_file_loads_by_name():
    """`best_video_transformer.pth`: what --weights calls finds its loader; logits within 1e-5."""
    config, graphdef, params = fresh()
    params, report = pretrained.load(SAVED, config, params)
    assert report.summary() == "15 loaded, 1 ignored, 0 fresh"
    inputs = jnp.asarray(regenerate.inputs("hybrid", (2, 7, 12)))
    logits = jax.jit(lambda params: nnx.merge(graphdef, params)(inputs))(params)
    np.testing.assert_allclose(logits, GOLDEN["logits"], atol=1e-5)


def test_another_number_of_classes_starts_fresh():
    """The head alone depends on them."""
    config, _, params = fresh(num_classes=4)
    _, report = pretrained.load(SAVED, config, params)
    assert report.summary() == "13 loaded, 3 ignored, 2 fresh"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (dict(depth=2), "one block of the embeddings' own width; choose --size writeup"),
        (dict(dim=6), "one block of the embeddings' own width"),
        (dict(num_frames=8), "of another shape .pos_embedding"),
    ],
)
def test_another_model_is_refused(overrides, message):
    """Two blocks, a projection or other positions: a file does not half fit."""
    config, _, params = fresh(**overrides)
    with pytest.raises(read.WeightsError, match=message):
        pretrained.load(SAVED, config, params)


def test_another_file_is_refused():
    """The notebook of patches is another model, and the line says what it starts with."""
    config, _, params = fresh()
    other = str(HERE / "weights" / "files" / "lightning.ckpt")
    with pytest.raises(read.WeightsError, match="not of the PyTorch hybrid: .*model.cls_token"):
        pretrained.load(other, config, params)
