"""TimeSformer's weights from every family, resized, replaced or refused, and always reported."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import layers, timesformer_schemes
from flaxvid.models import timesformer as models
from flaxvid.weights import read, timesformer
from tests.golden import regenerate

position = pytest.mark.exercise("weights.timesformer.resize_position_embedding")
time = pytest.mark.exercise("weights.timesformer.resize_time_embedding")
kernel = pytest.mark.exercise("weights.timesformer.patch_kernel")

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "timesformer.npz")
ABOUT = json.loads(str(GOLDEN["about"]))


def embeddings(name, *shape):
    return jnp.asarray(regenerate.inputs(name, shape))


# ------------------------------------------------------------------ position embeddings
@position
def test_position_shape():
    """From 4 x 4 to 6 x 6 places: 17 tokens become 37, with the CLS token first."""
    resized = timesformer.resize_position_embedding(embeddings("position", 1, 17, 3), 6)
    assert resized.shape == (1, 37, 3)


@position
def test_position_of_the_same_grid_stays():
    """Resized to its own size, a grid stays as it is."""
    old = embeddings("position", 1, 17, 3)
    resized = timesformer.resize_position_embedding(old, 4)
    np.testing.assert_allclose(resized, old, atol=1e-6)


@position
def test_position_leaves_cls_alone():
    """The CLS token has no place: it neither changes nor mixes with the others."""
    old = embeddings("position", 1, 17, 3)
    resized = timesformer.resize_position_embedding(old.at[0, 0].set(100.0), 6)
    assert resized[0, 0].tolist() == [100.0] * 3
    assert jnp.abs(resized[0, 1:]).max() < 10


@position
def test_position_keeps_rows_and_columns():
    """Where embeddings say how far right a place is, they still do on a finer grid."""
    right = jnp.tile(jnp.arange(4.0), 4)
    old = jnp.concatenate([jnp.zeros(1), right])[None, :, None]
    grid = timesformer.resize_position_embedding(old, 8)[0, 1:, 0].reshape(8, 8)
    np.testing.assert_allclose(grid, jnp.broadcast_to(grid[0], (8, 8)), atol=1e-5)
    assert (jnp.diff(grid[0])[1:-1] > 0.2).all()


@position
@pytest.mark.parametrize(("old", "new"), [(4, 6), (4, 3), (5, 7)])
def test_position_equals_pytorch(old, new):
    """Bicubic with antialiasing, as PyTorch's interpolation computes it."""
    before = embeddings(f"position {old}", 1, 1 + old**2, 3)
    resized = timesformer.resize_position_embedding(before, new)
    np.testing.assert_allclose(resized, GOLDEN[f"position {old} to {new}"], atol=1e-5)


@position
def test_position_of_one_place_and_of_many():
    """To a single place bicubic weighs the middle most; to three times as many it stays smooth."""
    old = embeddings("position", 1, 17, 1)
    one = timesformer.resize_position_embedding(old, 1)
    expected = jax.image.resize(old[0, 1:].reshape(4, 4, 1), (1, 1, 1), "bicubic")
    np.testing.assert_allclose(one[0, 1:], expected[0], atol=1e-5)
    np.testing.assert_array_equal(one[0, 0], old[0, 0])
    rising = jnp.concatenate([jnp.zeros(1), jnp.arange(4.0)])[None, :, None]  # of 2 x 2 places
    grid = timesformer.resize_position_embedding(rising, 6)[0, 1:, 0].reshape(6, 6)
    assert (jnp.diff(grid[0])[1:-1] > 0.05).all()


def nearest_in_one_row(embedding, side):
    """The official code's mistake: places as one row, each new one the nearest old one."""
    old, new = embedding.shape[1] - 1, side**2
    places = embedding[:, 1 + np.arange(new) * old // new]
    return jnp.concatenate([embedding[:, :1], places], axis=1)


def test_nearest_in_one_row_is_wrong():
    """Resized as one row, from 14 x 14 to 28 x 28, 9 of 10 places come from the wrong cell."""
    rows, columns = jnp.indices((14, 14)).reshape(2, -1).astype(jnp.float32)
    old = jnp.stack([rows, columns], axis=-1)
    old = jnp.concatenate([jnp.zeros((1, 2)), old])[None]
    right = jnp.stack([i.ravel() // 2 for i in jnp.indices((28, 28))], axis=-1)
    wrong = (nearest_in_one_row(old, 28)[0, 1:] != right).any(-1)
    assert round(float(wrong.mean()), 3) == 0.929
    golden = embeddings("position 4", 1, 17, 3)
    assert jnp.abs(nearest_in_one_row(golden, 6) - GOLDEN["position 4 to 6"]).max() > 1


@position
@pytest.mark.parametrize("places", [6, 8, 12, 195])
def test_position_of_no_square_is_refused(places):
    """6, 8, 12 or 195 places are no square grid: a WeightsError with their number."""
    with pytest.raises(read.WeightsError, match=rf"\b{places}\b"):
        timesformer.resize_position_embedding(jnp.zeros((1, 1 + places, 3)), 4)


def test_positions_of_no_square_are_told():
    """The error says of what there are 6."""
    with pytest.raises(read.WeightsError, match="6 position embeddings .* no square grid"):
        timesformer.resize_position_embedding(jnp.zeros((1, 7, 3)), 4)


# ------------------------------------------------------------------ time embeddings
@time
def test_time_shape():
    """From 4 frames to 7."""
    assert timesformer.resize_time_embedding(embeddings("time", 1, 4, 3), 7).shape == (1, 7, 3)


@time
def test_time_by_hand():
    """Twice the frames lie a quarter of a step beside the old ones; the ends stay."""
    old = jnp.asarray([0.0, 1.0, 4.0])[None, :, None]
    resized = timesformer.resize_time_embedding(old, 6)[0, :, 0]
    np.testing.assert_allclose(resized, [0, 0.25, 0.75, 1.75, 3.25, 4], atol=1e-6)


@time
def test_time_equals_pytorch():
    """Linear, as PyTorch's interpolation computes it."""
    resized = timesformer.resize_time_embedding(embeddings("time 4", 1, 4, 3), 7)
    np.testing.assert_allclose(resized, GOLDEN["time 4 to 7"], atol=1e-6)


@time
def test_time_of_the_same_length_stays():
    """Four frames for four: nothing is mixed."""
    old = embeddings("time 4", 1, 4, 3)
    np.testing.assert_allclose(timesformer.resize_time_embedding(old, 4), old, atol=1e-6)


@time
@pytest.mark.parametrize(("old", "new"), [(8, 4), (8, 3), (5, 2), (6, 1)])
def test_fewer_frames_take_in_those_between(old, new):
    """Of 8 frames for 4, each takes in what it stands for: nearer frames more, none left out.

    A weight falls off in a straight line from the middle of the new frame, and is 0 at the middle
    of the next one.
    """
    before = embeddings(f"time {old}", 1, old, 3)
    stride = old / new
    expected = []
    for place in range(new):
        distance = np.abs((np.arange(old) + 0.5) / stride - (place + 0.5))
        weights = np.maximum(0, 1 - distance)
        expected.append(weights @ np.asarray(before[0]) / weights.sum())
    resized = timesformer.resize_time_embedding(before, new)
    np.testing.assert_allclose(resized[0], np.stack(expected), atol=1e-5)


# ------------------------------------------------------------------ patches
@kernel
def test_patch_kernel_shape():
    """7 filters over patches of 4 x 5 pixels with 3 channels become a 60 x 7 matrix."""
    matrix = timesformer.patch_kernel(np.zeros((7, 3, 4, 5), np.float32))
    assert (matrix.shape, matrix.dtype) == ((60, 7), np.float32)


@kernel
def test_patch_kernel_by_hand():
    """One filter of 2 channels and 2 x 3 pixels: a pixel's two channels, then the next pixel's."""
    filters = np.arange(12.0, dtype=np.float32).reshape(1, 2, 2, 3)
    column = timesformer.patch_kernel(filters)
    assert column.tolist() == [[n] for n in (0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11)]


@kernel
def test_patch_kernel_equals_convolution():
    """On patches as `patchify` lays them out, the matrix is PyTorch's convolution."""
    rng = np.random.default_rng(0)
    filters = rng.normal(size=(7, 3, 4, 4)).astype(np.float32)
    video = rng.normal(size=(1, 1, 8, 12, 3)).astype(np.float32)
    patches = layers.patchify(jnp.asarray(video), 4)
    result = patches[0, 0] @ timesformer.patch_kernel(filters)
    for row, column in np.ndindex(2, 3):
        square = video[0, 0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        expected = np.einsum("hwc,dchw->d", square, filters)
        np.testing.assert_allclose(result[3 * row + column], expected, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------ whole files
CASE = "official gradient"  # divided, 3 frames of 8 pixels, patches of 4, 5 classes
SPACE = "official space 2 frames"


def arrays_of(case, prefix=""):
    shapes = ABOUT[case]["shapes"]
    return {prefix + name: regenerate.weight(name, tuple(shape)) for name, shape in shapes.items()}


def config_of(case, **overrides):
    return models.TimeSformerConfig(**ABOUT[case]["config"] | overrides)


@functools.cache
def fresh(case, **overrides):
    config = config_of(case, **overrides)
    graphdef, params = nnx.split(timesformer_schemes.create(config, rngs=nnx.Rngs(0)))
    return graphdef, nnx.to_pure_dict(params)


def shapes_of(case, **overrides):
    """The parameters of a fresh model, as shapes alone."""
    config = config_of(case, **overrides)
    model = nnx.eval_shape(lambda: timesformer_schemes.create(config, rngs=nnx.Rngs(0)))
    return nnx.to_pure_dict(nnx.state(model))


def load(arrays, case, **overrides):
    graphdef, params = fresh(case, **overrides)
    params, report = timesformer.load(arrays, params)
    return nnx.merge(graphdef, params), report


def logits(model, clip):
    return nnx.jit(lambda model, clip: model(clip))(model, clip)


def refusal(arrays, case, **overrides):
    with pytest.raises(read.WeightsError) as caught:
        timesformer.load(arrays, shapes_of(case, **overrides), origin="file.pth")
    message = str(caught.value)
    assert message.startswith("file.pth: ")
    assert "\n" not in message
    return message


def assert_same(params, others):
    jax.tree.map(np.testing.assert_array_equal, params, others)


def clip(case, **overrides):
    config = ABOUT[case]["config"] | overrides
    side = config["image_size"]
    return embeddings("clip", 2, config["num_frames"], side, side, 3)


@pytest.mark.parametrize("prefix", ["", "model.", "module.model."])
def test_official_prefixes(prefix):
    """The authors' files put `model.` before names, training on several devices `module.`."""
    params, report = timesformer.load(arrays_of(CASE, prefix), shapes_of(CASE))
    assert_same(params, timesformer.load(arrays_of(CASE), shapes_of(CASE))[0])
    assert report.summary() == "49 loaded, 0 ignored, 0 fresh"


def test_every_published_name_has_its_place():
    """All names of the authors' model and of Transformers' fill all leaves, none by chance."""
    for case in ABOUT:
        _, report = timesformer.load(arrays_of(case), shapes_of(case))
        assert report.summary() == f"{len(ABOUT[case]['shapes'])} loaded, 0 ignored, 0 fresh"


@pytest.mark.parametrize("case", ABOUT)
def test_describe_tells_the_config(case):
    """A file tells its whole config but the number of heads, and frames if it knows time."""
    expected = dict(ABOUT[case]["config"])
    del expected["num_heads"]
    if expected["attention"] == "space":
        del expected["num_frames"]
    assert timesformer.describe(arrays_of(case)) == expected


def test_find_naming():
    """The two families are told apart by their names."""
    assert timesformer.find_naming(arrays_of(CASE)) == "official"
    assert timesformer.find_naming(arrays_of("transformers gradient")) == "transformers"


# ------------------------------------------------------------------ what may differ
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_widened(dtype):
    """A file of half precision fills float32 parameters, embeddings that are resized included."""
    arrays = {name: array.astype(dtype) for name, array in arrays_of(CASE).items()}
    params, _ = timesformer.load(arrays, shapes_of(CASE, image_size=16, num_frames=7))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}


def test_another_image_size_is_resized_and_said():
    """From 8 to 16 pixels position embeddings are resized, the rest stays, and a row says so."""
    model, report = load(arrays_of(CASE), CASE, image_size=16)
    before, _ = load(arrays_of(CASE), CASE)
    expected = timesformer.resize_position_embedding(before.pos_embed[...], 4)
    np.testing.assert_array_equal(model.pos_embed[...], expected)
    np.testing.assert_array_equal(model.head.kernel[...], before.head.kernel[...])
    assert [row.note for row in report.rows if row.note] == ["resized from 8 to 16 pixels"]
    assert jnp.isfinite(logits(model, clip(CASE, image_size=16))).all()


def test_another_number_of_frames_is_interpolated_and_said():
    """From 3 to 7 frames time embeddings are interpolated, and a row says so."""
    model, report = load(arrays_of(CASE), CASE, num_frames=7)
    before, _ = load(arrays_of(CASE), CASE)
    expected = timesformer.resize_time_embedding(before.time_embed[...], 7)
    np.testing.assert_array_equal(model.time_embed[...], expected)
    assert [row.note for row in report.rows if row.note] == ["interpolated from 3 to 7 frames"]
    assert jnp.isfinite(logits(model, clip(CASE, num_frames=7))).all()


@pytest.mark.parametrize("case", [CASE, "transformers gradient"])
def test_another_number_of_classes_replaces_the_head(case):
    """With 4 classes in place of 5 the head stays fresh, and the report lists both heads."""
    model, report = load(arrays_of(case), case, num_classes=4)
    start = nnx.merge(*fresh(case, num_classes=4))
    np.testing.assert_array_equal(model.head.kernel[...], start.head.kernel[...])
    assert report.summary() == "47 loaded, 2 ignored, 2 fresh"
    assert {row.target for row in report.rows if row.fate == "fresh"} == {
        "head/kernel",
        "head/bias",
    }


def test_a_file_without_a_head():
    """Transformers' bare model has neither head nor prefix; the head stays fresh."""
    arrays = {
        name.removeprefix("timesformer."): array
        for name, array in arrays_of("transformers gradient").items()
        if not name.startswith("classifier")
    }
    _, report = load(arrays, "transformers gradient")
    assert report.summary() == "47 loaded, 0 ignored, 2 fresh"


# ------------------------------------------------------------------ from an image model
def test_image_model_starts_divided_attention():
    """Time starts as a copy of space behind a zero `temporal_fc`, and the report says so."""
    model, report = load(arrays_of(SPACE), SPACE, attention="divided")
    for block in model.blocks:
        for layer in (block.attn.qkv, block.attn.proj):
            assert jnp.abs(layer.kernel[...]).max() > 0
        assert_same(nnx.state(block.temporal_attn), nnx.state(block.attn))
        assert_same(nnx.state(block.temporal_norm1), nnx.state(block.norm1))
        assert not block.temporal_fc.kernel[...].any()
    assert not model.time_embed[...].any()
    left = {row.target for row in report.rows if row.fate == "fresh"}
    assert left == {"time_embed"} | {
        f"blocks/{block}/temporal_fc/{leaf}" for block in (0, 1) for leaf in ("kernel", "bias")
    }
    copied = [row.target for row in report.rows if row.note == "copied: time starts as space"]
    assert len(copied) == 2 * 6
    assert all("/temporal_" in target for target in copied)


@pytest.mark.parametrize(
    ("attention", "prefixes"),
    [("local_global", ("local_",)), ("axial", ("temporal_", "width_"))],
)
def test_image_model_starts_the_sparser_schemes(attention, prefixes):
    """All steps start as space, those before the last behind a zero layer."""
    model, report = load(arrays_of(SPACE), SPACE, attention=attention)
    for block in model.blocks:
        for prefix in prefixes:
            assert_same(nnx.state(getattr(block, f"{prefix}attn")), nnx.state(block.attn))
            assert_same(nnx.state(getattr(block, f"{prefix}norm1")), nnx.state(block.norm1))
            assert not getattr(block, f"{prefix}fc").kernel[...].any()
    copied = [row.target for row in report.rows if row.note.startswith("copied: ")]
    assert len(copied) == 2 * 6 * len(prefixes)


@pytest.mark.parametrize("attention", ["local_global", "axial"])
def test_weights_of_divided_attention_do_not_become_sparser(attention):
    """Weights of divided attention are refused by name, though axial has all of their layers."""
    message = refusal(arrays_of(CASE), CASE, attention=attention, num_frames=4)
    assert f"trained with divided attention, and the model has {attention} attention" in message


def test_image_model_in_divided_attention_sees_the_image():
    """A clip of equal frames gives the logits that the image model gives for the frame."""
    divided, _ = load(arrays_of(SPACE), SPACE, attention="divided")
    image, _ = load(arrays_of(SPACE), SPACE, num_frames=1)
    frame = clip(SPACE, num_frames=1)
    still = jnp.repeat(frame, 2, axis=1)
    np.testing.assert_allclose(logits(divided, still), logits(image, frame), atol=1e-5)


# What Transformers saves of an image ViT; query, key and value apart.
VIT = {
    "vit.embeddings.cls_token": "cls_token",
    "vit.embeddings.position_embeddings": "pos_embed",
    "vit.embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "vit.encoder.layer.N.layernorm_before.": "blocks.N.norm1.",
    "vit.encoder.layer.N.attention.attention.query.": "blocks.N.attn.qkv.",
    "vit.encoder.layer.N.attention.attention.key.": "blocks.N.attn.qkv.",
    "vit.encoder.layer.N.attention.attention.value.": "blocks.N.attn.qkv.",
    "vit.encoder.layer.N.attention.output.dense.": "blocks.N.attn.proj.",
    "vit.encoder.layer.N.layernorm_after.": "blocks.N.norm2.",
    "vit.encoder.layer.N.intermediate.dense.": "blocks.N.mlp.fc1.",
    "vit.encoder.layer.N.output.dense.": "blocks.N.mlp.fc2.",
    "vit.layernorm.": "norm.",
    "classifier.": "head.",
}


def image_vit():
    """The arrays of `SPACE` under the names of Transformers' ViT."""
    official, arrays = arrays_of(SPACE), {}
    for block in "01":
        for name, same in VIT.items():
            for leaf in ("weight", "bias") if name.endswith(".") else ("",):
                array = official[same.replace("N", block) + leaf]
                if "qkv" in same:
                    third = ("query", "key", "value").index(name.split(".")[-2])
                    array = np.split(array, 3)[third]
                arrays[name.replace("N", block) + leaf] = array
    return arrays


def test_image_vit_of_transformers():
    """Transformers' ViT, with query, key and value apart, is the same as timm's."""
    arrays = image_vit() | {"vit.pooler.dense.bias": np.zeros(24, np.float32)}
    params, report = timesformer.load(arrays, fresh(SPACE, attention="divided")[1])
    same, _ = timesformer.load(arrays_of(SPACE), fresh(SPACE, attention="divided")[1])
    assert_same(params, same)
    assert [row.source for row in report.rows if row.fate == "ignored"] == ["vit.pooler.dense.bias"]


# ------------------------------------------------------------------ what is refused
def test_another_model_is_refused():
    """A ResNet's file is told by its names."""
    names = ("conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight")
    message = refusal({name: np.zeros(3, np.float32) for name in names}, CASE)
    assert "no TimeSformer and no image ViT" in message
    assert "conv1.weight, bn1.weight, bn1.bias" in message


def test_another_size_is_refused():
    """A file of another width and depth is refused with both."""
    message = refusal(arrays_of(CASE), CASE, dim=16, depth=3, mlp_dim=48)
    assert "it has dim 12, depth 2, and the model has dim 16, depth 3" in message


def test_other_patches_are_refused():
    """Weights for patches of 4 pixels do not fit patches of 2."""
    assert "patch_size 4" in refusal(arrays_of(CASE), CASE, patch_size=2)


@pytest.mark.parametrize(
    ("case", "attention"),
    [(CASE, "joint"), (CASE, "space"), ("official joint 2 frames", "divided")],
)
def test_another_attention_is_refused(case, attention):
    """Weights trained with one attention over time do not become another."""
    message = refusal(arrays_of(case), case, attention=attention)
    assert f"{attention} attention; build the model with" in message


HOLES = ("blocks.1.mlp.fc2.bias", "blocks.0.temporal_fc.bias", "time_embed", "norm.weight")


@pytest.mark.parametrize("lost", HOLES)
def test_a_file_with_a_hole_is_refused(lost):
    """One array missing, and its leaf is named."""
    arrays = arrays_of(CASE)
    del arrays[lost]
    message = refusal(arrays, CASE)
    place = lost.replace(".", "/").replace("norm/weight", "norm/scale")
    assert f"1 of the model without an array ({place})" in message


def test_an_image_model_with_a_hole_is_refused():
    """What a TimeSformer adds may start fresh, and nothing else."""
    arrays = arrays_of(SPACE)
    del arrays["blocks.1.attn.proj.weight"]
    message = refusal(arrays, SPACE, attention="divided")
    assert "2 of the model without an array" in message


@pytest.mark.parametrize("lost", ["pos_embed", "patch_embed.proj.weight", "cls_token"])
def test_a_file_without_its_embeddings_is_refused(lost):
    """Without what tells a file's size, it is no whole TimeSformer."""
    arrays = arrays_of(CASE)
    del arrays[lost]
    assert "TimeSformer" in refusal(arrays, CASE)


@pytest.mark.parametrize("shape", [(1, 18, 12), (17, 12), (1, 0, 12), (3,), ()])
def test_misshapen_embeddings_are_refused(shape):
    """Position embeddings that are no square grid with a CLS token, or of other axes."""
    refusal(arrays_of(CASE) | {"pos_embed": np.zeros(shape, np.float32)}, CASE)


def test_arrays_too_many_are_refused():
    """A distilled ViT has a second token, which a TimeSformer has no place for."""
    arrays = arrays_of(CASE) | {"dist_token": np.zeros((1, 1, 12), np.float32)}
    assert "1 without a place in the model (dist_token)" in refusal(arrays, CASE)
