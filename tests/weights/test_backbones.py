"""Weights of VideoMAE, ViViT, V-JEPA 2 and VideoPrism: told, loaded, resized, refused."""

import json

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from flaxvid.recipes import zoo
from flaxvid.weights import families, pretrained, read, rules
from tests.golden import backbones

TRANSFORMERS = ("videomae", "vivit", "vjepa2")


def save(folder, name, arrays=None, **said):
    """A folder as `save_pretrained` leaves it; of VideoPrism, a `.npz`."""
    arrays = backbones.arrays_of(name) if arrays is None else arrays
    if name == "videoprism":
        np.savez(folder / "flax_model.npz", **arrays)
        return folder
    safetensors.numpy.save_file(arrays, folder / "model.safetensors")
    about = backbones.ABOUT[name]["said"] | said
    (folder / "config.json").write_text(json.dumps(about))
    return folder


def refusal(spec, config, params):
    with pytest.raises(read.WeightsError) as caught:
        pretrained.load(str(spec), config, params)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", backbones.NAMES)
def test_told_by_their_names(name):
    """Each file is known as its own architecture's and as no other's."""
    arrays = backbones.arrays_of(name)
    owners = [family.arch for family in families.FAMILIES.values() if family.owns(arrays)]
    assert owners[0] == name
    assert set(owners) <= {name, "timesformer"}


@pytest.mark.parametrize("name", backbones.NAMES)
def test_every_array_has_its_place(name):
    """All leaves are filled, and nothing of the file is left but what was for pretraining."""
    _, report = backbones.converted(name)
    fates = {row.fate for row in report.rows if "predictor" not in row.source}
    assert fates == {"loaded"}


@pytest.mark.parametrize("name", backbones.NAMES)
def test_opens_from_a_folder(name, tmp_path):
    """A folder as it is saved opens by itself, with frames, size and heads that its files tell."""
    found = pretrained.open_pretrained(str(save(tmp_path, name)))
    assert found.arch == name
    expected = backbones.config_of(name)
    if name == "videoprism":  # whose cap nothing tells
        expected = backbones.config_of(name, score_cap=50.0)
    assert found.model.config == expected


def test_vivit_s_older_names(tmp_path):
    """Files of before Transformers 5, and those it writes, call the layers otherwise."""
    old = {
        ".layers.": ".encoder.layer.",
        "attention.q_proj": "attention.attention.query",
        "attention.k_proj": "attention.attention.key",
        "attention.v_proj": "attention.attention.value",
        "attention.o_proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    arrays = {}
    for name, array in backbones.arrays_of("vivit").items():
        for new, before in old.items():
            name = name.replace(new, before)
        arrays[name] = array
    assert any("encoder.layer.1.attention.attention.key.bias" in name for name in arrays)
    model, _ = backbones.converted("vivit", arrays)
    same, _ = backbones.converted("vivit")
    jax.tree.map(np.testing.assert_array_equal, nnx.state(model), nnx.state(same))


def test_videomae_s_own_biases():
    """Files call them `q_bias` and `v_bias`, newer models `query.bias` and `value.bias`."""
    arrays = {}
    for name, array in backbones.arrays_of("videomae").items():
        name = name.replace("query.bias", "q_bias").replace("value.bias", "v_bias")
        arrays[name] = array
    assert "videomae.encoder.layer.0.attention.attention.q_bias" in arrays
    model, _ = backbones.converted("videomae", arrays)
    same, _ = backbones.converted("videomae")
    jax.tree.map(np.testing.assert_array_equal, nnx.state(model), nnx.state(same))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_pretrained_encoder_leaves_the_head_fresh(name, tmp_path):
    """Without a head all else is loaded; by itself it is not opened, and the way out is said."""
    gone = ("classifier", "fc_norm", "pooler")
    kept = {k: v for k, v in backbones.arrays_of(name).items() if not k.startswith(gone)}
    kept |= {"decoder.norm.weight": np.ones(3, np.float32)} if name == "videomae" else {}
    spec = save(tmp_path, name, kept)
    config = backbones.config_of(name)
    _, report = pretrained.load(str(spec), config, backbones.shapes_of(name, config)[1])
    fresh = {row.target.split("/")[0] for row in report.rows if row.fate == "fresh"}
    assert fresh == ({"head", "norm"} if name == "videomae" else {"head"})
    with pytest.raises(read.WeightsError, match=f"has no head.*--arch {name} --weights"):
        pretrained.open_pretrained(str(spec))
    assert pretrained.open_pretrained(str(spec), headless=True).arch == name


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_another_size_is_refused_with_the_remedy(name, tmp_path):
    """The presets' own size does not fit: what differs, and how to say it."""
    config = zoo.configure(name, num_classes=5)
    message = refusal(save(tmp_path, name), config, backbones.shapes_of(name, config)[1])
    assert "is of another size: it has dim" in message
    assert f"--model.dim {backbones.config_of(name).dim}" in message


def test_a_published_size_is_named(tmp_path):
    """Where a preset is of the file's size, the message says which."""
    found = dict(dim=768, depth=12, mlp_dim=3072, patch_size=16, tubelet_size=2, epsilon=1e-12)
    family = families.of_config(zoo.configure("videomae", num_classes=5), "file")
    with pytest.raises(read.WeightsError, match="say --size base"):
        families.check_build(family, zoo.configure("videomae", num_classes=5), found, "file")


def test_another_activation_is_refused(tmp_path):
    """What config.json says and is not computed here is one line."""
    config = backbones.config_of("videomae")
    spec = save(tmp_path, "videomae", hidden_act="relu")
    message = refusal(spec, config, backbones.shapes_of("videomae", config)[1])
    assert "has hidden_act relu" in message


def test_a_hole_is_refused(tmp_path):
    """One array missing, and its leaf is named."""
    arrays = backbones.arrays_of("vivit")
    del arrays["vivit.layers.1.mlp.fc2.bias"]
    config = backbones.config_of("vivit")
    message = refusal(
        save(tmp_path, "vivit", arrays), config, backbones.shapes_of("vivit", config)[1]
    )
    assert "1 of the model without an array (blocks/1/mlp/fc2/bias)" in message


def test_vivit_s_positions_are_resized():
    """From 2 x 3 x 3 to 3 x 2 x 2 tubelets, in time and in space; the CLS token as it is."""
    model, report = backbones.converted("vivit", num_frames=6, image_size=16)
    assert model.pos_embed.shape == (1, 13, 32)
    assert [row.note for row in report.rows if row.note] == [
        "resized from a grid of (2, 3, 3) to (3, 2, 2)"
    ]
    old = backbones.arrays_of("vivit")["vivit.embeddings.position_embeddings"]
    np.testing.assert_array_equal(model.pos_embed[0, 0], old[0, 0])


def test_positions_that_are_constant_stay_so():
    """In time and in space, where all places are alike they stay alike."""
    same = np.ones((1, 2 * 3 * 3, 4), np.float32)
    resized = rules.resized_positions((2, 3, 3), (5, 7, 4))(same)
    np.testing.assert_allclose(resized, np.ones((1, 5 * 7 * 4, 4)), atol=1e-5)


def test_positions_keep_steps_rows_and_columns():
    """Numbers that tell the step of time still do in a longer clip, and nothing else."""
    time = np.broadcast_to(np.arange(3.0)[:, None, None, None], (3, 2, 2, 1))
    resized = rules.resized_positions((3, 2, 2), (6, 4, 4))(time.reshape(1, -1, 1))
    steps = np.asarray(resized).reshape(6, 16)
    np.testing.assert_allclose(steps, np.repeat(steps[:, :1], 16, axis=1), atol=1e-5)
    np.testing.assert_allclose(steps[:, 0], [0, 0.25, 0.75, 1.25, 1.75, 2], atol=1e-5)


def test_videomae_s_table_comes_with_its_weights(tmp_path):
    """For clips of another size than config.json says, the model's table is that one, resized."""
    spec = save(tmp_path, "videomae")
    config = backbones.config_of("videomae", image_size=16)
    assert pretrained.adapted(str(spec), config).positions == (2, 3, 3)
    assert pretrained.adapted(str(spec), backbones.config_of("videomae")).positions is None


# ------------------------------------------------------------------ labels of a head
def loaded(tmp_path, labels, named):
    said = {"id2label": {str(i): name for i, name in enumerate(named)}} if named else {}
    spec = save(tmp_path, "vjepa2", **said) if named else save(tmp_path, "vjepa2", id2label={})
    config = backbones.config_of("vjepa2")
    zeros = jax.tree.map(
        lambda leaf: np.zeros(leaf.shape, leaf.dtype), backbones.shapes_of("vjepa2", config)[1]
    )
    params, report = pretrained.load(str(spec), config, zeros, labels=labels)
    kernel = backbones.arrays_of("vjepa2")["classifier.weight"].T
    return np.asarray(params["head"]["linear"]["kernel"]), kernel, report


def test_a_head_of_the_same_classes_is_kept(tmp_path):
    """The file names the data's classes, in their order."""
    found, kernel, _ = loaded(tmp_path, tuple("abcde"), "abcde")
    np.testing.assert_array_equal(found, kernel)


def test_a_head_in_another_order_is_put_into_the_data_s(tmp_path):
    """The file names them in another order: each class keeps its own numbers."""
    found, kernel, report = loaded(tmp_path, tuple("abcde"), "edcba")
    np.testing.assert_array_equal(found, kernel[:, ::-1])
    assert "its classes are in another order" in report.brief()


@pytest.mark.parametrize("named", ["vwxyz", ""])
def test_a_head_of_other_classes_stays_fresh(named, tmp_path):
    """As many classes are not the same classes; nor are those that nothing names."""
    found, _, report = loaded(tmp_path, tuple("abcde"), named)
    assert not found.any()
    assert "class" in report.brief()
    assert {r.target for r in report.rows if r.fate == "fresh"} == {
        "head/linear/kernel",
        "head/linear/bias",
    }
