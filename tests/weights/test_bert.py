"""Text encoders' files into the stack: every name placed, the rest said or refused."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from flaxvid.models import bert as models
from flaxvid.models import cost
from flaxvid.weights import bert, convert, pretrained, read
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "sequences.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
FRESH = {"project/kernel", "project/bias", "head/kernel", "head/bias"}


def arrays_of(case, prefix=""):
    shapes = ABOUT[case]["shapes"]
    return {prefix + name: regenerate.weight(name, tuple(shape)) for name, shape in shapes.items()}


def params_of(case, **overrides):
    preset = dict(bert=models.BertConfig.tiny, roberta=models.BertConfig.roberta_tiny)[case]
    fields = dict(num_classes=5, embedding_dim=6) | ABOUT[case]["config"] | overrides
    config = preset(**fields)
    model = cost.abstract_model(lambda: models.Bert(config, rngs=nnx.Rngs(0)))
    return nnx.to_pure_dict(nnx.state(model, nnx.Param))


def equal(one, other):
    one, other = convert.by_name(one), convert.by_name(other)
    assert list(one) == list(other)
    for name in one.keys() - FRESH:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("case", ["bert", "roberta"])
def test_all_but_projection_and_head_is_loaded(case):
    """The report names what starts fresh and what is left aside."""
    params, report = bert.load(arrays_of(case), params_of(case))
    fresh = {row.target for row in report.rows if row.fate == "fresh"}
    ignored = {row.source for row in report.rows if row.fate == "ignored"}
    assert fresh == FRESH
    assert ignored == {"pooler.dense.weight", "pooler.dense.bias"}
    norm = arrays_of(case)["encoder.layer.1.output.LayerNorm.weight"]
    np.testing.assert_array_equal(params["stack"]["blocks"][1]["norm2"]["scale"], norm)


@pytest.mark.parametrize(("case", "word"), [("bert", 101), ("roberta", 0)])
def test_cls_is_the_word_that_starts_a_text(case, word):
    """[CLS] is word 101 of BERT's vocabularies, <s> word 0 of RoBERTa's; the report says so."""
    params, report = bert.load(arrays_of(case), params_of(case))
    words = arrays_of(case)["embeddings.word_embeddings.weight"]
    np.testing.assert_array_equal(params["cls_token"][0, 0], words[word])
    assert f"word {word}" in report.brief()


@pytest.mark.parametrize(("case", "prefix"), [("bert", "bert."), ("roberta", "roberta.")])
def test_prefixes_make_no_difference(case, prefix, tmp_path):
    """Files of a whole language model have a prefix, and heads that are left aside."""
    heads = dict.fromkeys(["lm_head.bias", "cls.predictions.bias"], np.zeros(3, np.float32))
    positions = {f"{prefix}embeddings.position_ids": np.zeros((1, 9), np.int64)}
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(arrays_of(case, prefix) | heads | positions, path)
    params, _ = bert.load(read.read(path), params_of(case))
    equal(params, bert.load(arrays_of(case), params_of(case))[0])


def test_gamma_and_beta_are_scale_and_bias():
    """The oldest files, bert-base-uncased's among them, call a norm's parameters so."""
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): array
        for name, array in arrays_of("bert").items()
    }
    equal(bert.load(old, params_of("bert"))[0], bert.load(arrays_of("bert"), params_of("bert"))[0])


def test_a_model_of_fewer_blocks_takes_the_first():
    """ActionBERT's one layer, from a stack of two."""
    params, report = bert.load(arrays_of("bert"), params_of("bert", depth=1))
    whole, _ = bert.load(arrays_of("bert"), params_of("bert"))
    equal(params["stack"]["blocks"][0], whole["stack"]["blocks"][0])
    assert sum(row.source.startswith("encoder.layer.1.") for row in report.rows) == 12


def test_mean_pooling_needs_no_word():
    """A model without a CLS token leaves the words aside."""
    params, report = bert.load(arrays_of("bert"), params_of("bert", pooling="mean"))
    assert "cls_token" not in params
    assert "embeddings.word_embeddings.weight" in {
        row.source for row in report.rows if row.fate == "ignored"
    }


def test_the_other_family_is_refused():
    """RoBERTa's weights in BERT's place differ in positions and token types."""
    with pytest.raises(read.WeightsError, match="max_positions 11, dim 16, token_types 1, and"):
        bert.load(arrays_of("roberta"), params_of("bert"), origin="model.safetensors")


def test_another_model_is_refused():
    """A file that is no text encoder's is named with its first names."""
    with pytest.raises(read.WeightsError, match=r"x.pth: is of no BERT .* conv1.weight"):
        bert.load({"conv1.weight": np.zeros(3)}, params_of("bert"), origin="x.pth")


@pytest.mark.parametrize(
    "lost",
    [
        "encoder.layer.1.attention.self.key.weight",
        "encoder.layer.0.output.LayerNorm.bias",
        "embeddings.LayerNorm.weight",
    ],
)
def test_a_file_with_a_hole_is_refused(lost):
    """Completely, or not at all."""
    arrays = arrays_of("bert")
    del arrays[lost]
    with pytest.raises(read.WeightsError, match="of the model without an array"):
        bert.load(arrays, params_of("bert"))


def test_half_precision_is_widened():
    """Arrays in float16 become float32."""
    half = {name: array.astype(np.float16) for name, array in arrays_of("bert").items()}
    params, _ = bert.load(half, params_of("bert"))
    assert params["stack"]["position_embed"].dtype == jnp.float32


@pytest.mark.parametrize("case", ["bert", "roberta"])
def test_a_file_goes_in_by_name(case, tmp_path):
    """What `--weights FILE` calls: the family's loader is found by the model's config."""
    safetensors.numpy.save_file(arrays_of(case, f"{case}."), tmp_path / "model.safetensors")
    preset = dict(bert=models.BertConfig.tiny, roberta=models.BertConfig.roberta_tiny)[case]
    config = preset(**dict(num_classes=5, embedding_dim=6) | ABOUT[case]["config"])
    found, _ = pretrained.load(str(tmp_path / "model.safetensors"), config, params_of(case))
    equal(found, bert.load(arrays_of(case), params_of(case))[0])
