"""The notebook's TimeSformer against its own classes on its author's modules, run in PyTorch."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import timesformer_writeup as models
from flaxvid.weights import pretrained, read
from flaxvid.weights import timesformer_writeup as weights
from tests.golden import regenerate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "timesformer_writeup.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
CASES = ABOUT["cases"]
NAMES = dict(
    d_model="dim", d_mlp="mlp_dim", frames="num_frames", num_encoder_layers="depth"
)  # all others are the same


def config_of(case, **overrides):
    settings = {NAMES.get(name, name): value for name, value in CASES[case]["settings"].items()}
    return models.WriteupConfig(**settings | overrides)


def arrays_of(case, prefix=""):
    shapes = CASES[case]["shapes"]
    return {f"{prefix}{name}": regenerate.weight(name, tuple(shapes[name])) for name in shapes}


def parts_of(config):
    model = nnx.eval_shape(lambda: models.WriteupTimeSformer(config, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(model, nnx.Param, ...)[:2]
    return graphdef, nnx.to_pure_dict(params)


def video_of(case):
    config = config_of(case)
    side = config.image_size
    return jnp.asarray(regenerate.inputs(case, (2, config.num_frames, side, side, 3)) / 8)


def call(config, params, video):
    @jax.jit
    def logits(params, video):
        model = nnx.eval_shape(lambda: models.WriteupTimeSformer(config, rngs=nnx.Rngs(0)))
        graphdef, _ = nnx.split(model)
        return nnx.merge(graphdef, params)(video)

    return logits(params, video)


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_the_notebook(case, prefix):
    """With its state dict, or Lightning's names of it, logits agree within 1e-5."""
    config = config_of(case)
    arrays = arrays_of(case, prefix)
    params, report = weights.load(arrays, parts_of(config)[1])
    # Query, key and value, each with a bias, are one layer here.
    joined = 2 * 2 * 2 * config.depth
    assert report.summary() == f"{len(arrays) - joined} loaded, 0 ignored, 0 fresh"
    gap = np.abs(call(config, params, video_of(case)) - GOLDEN[f"{case}/logits"]).max()
    assert gap <= 1e-5


def test_gradients_are_those_of_the_notebook():
    """What reaches the queries of time and space, through everything above, agrees within 1e-5;
    what PyTorch gives no gradient at all has none here: the GroupNorms."""
    config = config_of("small")
    params, _ = weights.load(arrays_of("small"), parts_of(config)[1])
    probe = regenerate.inputs("probe", (2, 5))
    ours = jax.grad(lambda params: jnp.sum(call(config, params, video_of("small")) * probe))(params)
    for block, layer in enumerate(ours["blocks"].values()):
        for name in ("time", "space"):
            theirs = GOLDEN[
                f"small/gradient/encoder.layers.{block}.mha_{name}.query_projection.weight"
            ]
            attn = layer[f"attn_{name}"]
            found = attn["attn"]["qkv"]["kernel"][:, : len(theirs)].T
            np.testing.assert_allclose(found, theirs, atol=1e-5)
            assert not attn["group_norm"]["scale"].any()
    assert {name.split(".")[-2] for name in CASES["small"]["unused"]} == {"group_norm"}


def test_parameters_are_as_many():
    """18,680,421 for 101 classes, counted in PyTorch."""
    assert ABOUT["parameters"] == 18_680_421


@pytest.mark.parametrize(
    "mistake",
    [
        lambda arrays: {k: v for k, v in arrays.items() if "group_norm" not in k},
        lambda arrays: arrays | {"encoder.layers.0.norm4.weight": np.zeros(3)},
    ],
)
def test_more_or_less_than_the_notebook_has_is_refused(mistake):
    """Every array has a place, and every place an array."""
    with pytest.raises(read.WeightsError, match="does not fit the model"):
        weights.load(mistake(arrays_of("small")), parts_of(config_of("small"))[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(num_frames=4), "was made for 3 frames, and the model for 4"),
        (dict(image_size=16), "was made for 10 patches of a frame, with CLS, and .* for 17"),
        (dict(dim=24), "was made for 16 numbers of a token, and the model for 24"),
        (dict(num_heads=4), "of another shape"),
    ],
)
def test_other_sizes_are_refused(changes, message):
    """A model for other clips or of another width names both."""
    params = parts_of(config_of("small", **changes))[1]
    with pytest.raises(read.WeightsError, match=f"^saved.ckpt: .*{message}"):
        weights.load(arrays_of("small"), params, origin="saved.ckpt")


def test_another_number_of_classes_starts_fresh():
    """Only the last layer of the head depends on the classes."""
    params = parts_of(config_of("small", num_classes=4))[1]
    _, report = weights.load(arrays_of("small"), params)
    assert report.summary().endswith("2 ignored, 2 fresh")


def test_a_lightning_checkpoint_goes_in_by_name():
    """A `.ckpt` that Lightning wrote, with loops, callbacks and optimizer: what --weights calls."""
    path = Path(__file__).parents[1] / "weights" / "files" / "lightning.ckpt"
    config = models.WriteupConfig(
        num_classes=3, num_frames=2, image_size=4, patch_size=2, dim=8, mlp_dim=4, num_heads=1,
        depth=1,
    )  # fmt: skip
    params, report = pretrained.load(str(path), config, parts_of(config)[1])
    assert report.summary().endswith("0 ignored, 0 fresh")
    assert params["blocks"][0]["norm_time"]["scale"].shape == (8,)
