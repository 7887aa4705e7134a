"""The Transformer over embeddings: masks, positions, counts, and PyTorch's block."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost, embedding_transformer
from flaxvid.weights import embedding_transformer as weights
from tests.golden import regenerate
from tests.models import filled

pooled = pytest.mark.exercise("models.embedding_transformer.masked_max")
block = pytest.mark.exercise("models.embedding_transformer.EncoderBlock")
whole = pytest.mark.exercise("models.embedding_transformer.EmbeddingTransformer")

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "embedding_transformer.npz")
ABOUT = json.loads(str(GOLDEN["about"]))
Config = embedding_transformer.EmbeddingTransformerConfig


def sequences(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


MASK = jnp.asarray([[True, True, True, True, False], [True, True, False, False, False]])


# ------------------------------------------------------------------ max over time
@pooled
def test_masked_max_shape():
    """Two sequences of five frames and six features give six numbers each."""
    assert embedding_transformer.masked_max(sequences(2, 5, 6), MASK).shape == (2, 6)


@pooled
def test_masked_max_compiles():
    """The same inside a compiled step, where a mask has no values to ask for."""
    sequence = jnp.asarray([[1.0, 5.0, 9.0], [7.0, 3.0, 4.0]])[:, :, None]
    mask = jnp.asarray([[True, True, False], [False, True, True]])
    out = jax.jit(embedding_transformer.masked_max)(sequence, mask)
    assert out.tolist() == [[5.0], [4.0]]


@pooled
def test_masked_max_by_hand():
    """Of 1, 5 and a padded 9, the largest is 5: padding is no frame, whatever stands in it."""
    sequence = jnp.asarray([[[1.0], [5.0], [9.0]]])
    mask = jnp.asarray([[True, True, False]])
    assert embedding_transformer.masked_max(sequence, mask).tolist() == [[5.0]]


@pooled
@pytest.mark.parametrize("size", [1.0, 1e5, 1e10])
def test_masked_max_of_negative_values(size):
    """Where all real values are negative, however small, padding of zeros is not the largest."""
    sequence = size * jnp.asarray([[[-3.0], [-2.0], [0.0]]])
    mask = jnp.asarray([[True, True, False]])
    assert embedding_transformer.masked_max(sequence, mask).tolist() == [[-2.0 * size]]


@pooled
def test_masked_max_equals_a_loop():
    """Every feature has its own largest frame."""
    sequence = sequences(2, 5, 6)
    out = np.asarray(embedding_transformer.masked_max(sequence, MASK))
    for b, d in np.ndindex(2, 6):
        assert out[b, d] == max(float(sequence[b, t, d]) for t in range(5) if MASK[b, t])


@pooled
def test_masked_max_of_frames_anywhere():
    """The frames left out may stand first or in between: of 1, 5, 2 without the 5 it is 2."""
    sequence = jnp.asarray([[1.0, 5.0, 2.0], [7.0, 3.0, 4.0]])[:, :, None]
    mask = jnp.asarray([[True, False, True], [False, True, True]])
    assert embedding_transformer.masked_max(sequence, mask).tolist() == [[2.0], [4.0]]


@pooled
@pytest.mark.parametrize("left_over", [jnp.nan, jnp.inf])
def test_masked_max_of_padding_that_is_no_number(left_over):
    """NaN or infinity in a padded frame is not looked at: it is left out, not multiplied by 0.

    Run operation by operation: a compiler may turn 0 * NaN into 0.
    """
    sequence = jnp.asarray([[[-3.0], [-2.0], [left_over]]])
    mask = jnp.asarray([[True, True, False]])
    with jax.disable_jit():
        assert embedding_transformer.masked_max(sequence, mask).tolist() == [[-2.0]]


@pooled
@pytest.mark.parametrize("mask", [None, [[True, True, False]]])
def test_masked_max_of_real_frames_that_are_no_numbers(mask):
    """NaN in a real frame shows in the maximum, and is not hidden."""
    sequence = jnp.asarray([[[-3.0], [jnp.nan], [-2.0]]])
    mask = None if mask is None else jnp.asarray(mask)
    assert jnp.isnan(embedding_transformer.masked_max(sequence, mask)).all()


@pooled
def test_masked_max_without_a_mask():
    """Without a mask all frames count, one of zeros too, which here are the largest."""
    sequence = (-jnp.abs(sequences(2, 5, 6))).at[1, 2].set(0.0)
    np.testing.assert_array_equal(
        embedding_transformer.masked_max(sequence), np.asarray(sequence).max(axis=1)
    )


# ------------------------------------------------------------------ the block
def block_of(dim=12, **changes):
    settings = dict(num_heads=3, dense_dim=4, rngs=nnx.Rngs(0)) | changes
    return embedding_transformer.EncoderBlock(dim, **settings)


@block
def test_block_keeps_the_shape():
    """A sequence goes in, and one of the same shape comes out."""
    assert block_of()(sequences(2, 5, 12), MASK).shape == (2, 5, 12)


@block
def test_block_masks_in_training_too():
    """With rngs, and nothing that is dropped, the mask hides what it hides without."""
    layer = filled.random(lambda: block_of(attention_dropout=0.0), spread=0.7)
    tokens = sequences(2, 5, 12)
    learning = layer(tokens, MASK, rngs=nnx.Rngs(dropout=0))
    np.testing.assert_allclose(learning, layer(tokens, MASK), atol=1e-5)


@block
def test_block_norms_with_epsilon():
    """Both norms take EPSILON: tokens that hardly differ are not blown up to variance 1."""
    layer = block_of()
    assert layer.norm1.epsilon == layer.norm2.epsilon == embedding_transformer.EPSILON


@block
def test_block_ends_with_a_norm():
    """Post-norm: every token leaves with mean 0 and variance 1."""
    out = np.asarray(block_of()(sequences(2, 5, 12)))
    np.testing.assert_allclose(out.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(out.var(axis=-1), 1, atol=1e-3)


@block
def test_block_ends_with_norm2():
    """norm2 is the last one, behind the MLP: with a scale of 0 all tokens leave as its bias."""
    layer = block_of()
    layer.norm2.scale[...], layer.norm2.bias[...] = jnp.zeros(12), jnp.arange(12.0)
    out = layer(sequences(2, 5, 12))
    np.testing.assert_allclose(out, np.broadcast_to(np.arange(12.0), out.shape), atol=1e-6)


@block
def test_block_does_not_look_at_padding():
    """A sequence with padding is as it is without, and what stands there changes nothing."""
    tokens, layer = sequences(2, 5, 12), block_of()
    np.testing.assert_allclose(layer(tokens, MASK)[1:, :2], layer(tokens[1:, :2]), atol=1e-5)
    changed = tokens.at[1, 2:].set(7.0)
    before, after = layer(tokens, MASK), layer(changed, MASK)
    np.testing.assert_allclose(before[1, :2], after[1, :2], atol=1e-5)
    assert jnp.abs(layer(tokens) - layer(changed))[1, :2].max() > 1e-3


@block
def test_block_drops_attention_in_training_only():
    """Dropout of the attention weights acts where rngs are given."""
    layer, tokens = block_of(attention_dropout=0.5), sequences(2, 5, 12)
    np.testing.assert_array_equal(layer(tokens), layer(tokens))
    first, second = (layer(tokens, None, nnx.Rngs(dropout=seed)) for seed in (0, 1))
    assert jnp.abs(first - second).max() > 1e-3


@block
def test_block_drops_as_much_of_attention_as_it_is_told():
    """At `attention_dropout` 1 all of it is dropped, whatever the key."""
    layer, tokens = block_of(attention_dropout=1.0), sequences(2, 5, 12)
    first, second = (layer(tokens, None, nnx.Rngs(dropout=seed)) for seed in (0, 1))
    np.testing.assert_array_equal(first, second)


@block
def test_block_drops_nothing_of_the_mlp():
    """With an attention that gives nothing, `attention_dropout` has nothing to drop."""
    layer, tokens = block_of(attention_dropout=0.5), sequences(2, 5, 12)
    layer.attn.proj.kernel[...] = jnp.zeros((12, 12))
    np.testing.assert_array_equal(layer(tokens, None, nnx.Rngs(dropout=0)), layer(tokens))


@block
def test_block_has_as_many_heads_as_it_is_told():
    """`num_heads` goes to the attention."""
    assert nnx.eval_shape(lambda: block_of(num_heads=6)).attn.num_heads == 6


@block
def test_block_adds_before_it_norms():
    """Without attention a token is norm1(token), and so it is with an MLP that gives nothing.

    The second sum adds to what the first norm gave, and the second norm has nothing left to do.
    """
    layer, tokens = block_of(), sequences(2, 5, 12)
    layer.attn.proj.kernel[...] = jnp.zeros((12, 12))
    layer.mlp.fc2.kernel[...] = jnp.zeros(layer.mlp.fc2.kernel.shape)
    centred = tokens - tokens.mean(axis=-1, keepdims=True)
    expected = centred / jnp.sqrt(centred.var(axis=-1, keepdims=True))
    np.testing.assert_allclose(layer(tokens), expected, atol=1e-3)


@block
def test_block_adds_the_mlp_to_what_the_first_norm_gave():
    """Where the first norm gives zeros, the MLP's bias is all that the second norm gets."""
    layer, tokens = block_of(), sequences(2, 5, 12)
    layer.norm1.scale[...] = jnp.zeros(12)
    layer.mlp.fc2.bias[...] = jnp.arange(12.0)
    out = np.asarray(layer(tokens))
    expected = (np.arange(12) - 5.5) / np.std(np.arange(12))
    np.testing.assert_allclose(out, np.broadcast_to(expected, out.shape), atol=1e-3)


@block
def test_block_is_that_of_pytorch():
    """With the same weights, torch.nn.MultiheadAttention and the same norms give the same."""
    case = "block"
    about = ABOUT[case]
    arrays = {name: regenerate.weight(name, tuple(s)) for name, s in about["shapes"].items()}
    layer = block_of(about["dim"], num_heads=about["num_heads"], dense_dim=about["dense_dim"])
    graphdef, params = nnx.split(layer)
    params, _ = weights.load_block(arrays, nnx.to_pure_dict(params))
    tokens = jnp.asarray(regenerate.inputs(case, (2, 5, about["dim"])))
    out = np.asarray(nnx.merge(graphdef, params)(tokens, MASK))
    expected = GOLDEN["block/out"]  # what becomes of padded tokens means nothing
    out = np.where(np.asarray(MASK)[:, :, None], out, expected)
    np.testing.assert_allclose(out, expected, atol=1e-5)


# ------------------------------------------------------------------ the model
def small(**changes):
    config = Config(
        **dict(num_classes=7, num_frames=40, embedding_dim=6, dim=12, depth=2, num_heads=3)
        | changes
    )
    return embedding_transformer.EmbeddingTransformer(config, rngs=nnx.Rngs(0))


@nnx.jit
def call(model, sequence, mask=None, key=None):
    return model(sequence, mask, None if key is None else nnx.Rngs(dropout=key))


def shapes_of(module, kind=nnx.Param):
    """The shape of every parameter, or of other variables, by its path."""
    flat = nnx.to_flat_state(nnx.state(module, kind))
    return {"/".join(map(str, path)): leaf.shape for path, leaf in flat}


def linear(inputs, outputs):
    return {"kernel": (inputs, outputs), "bias": (outputs,)}


def shapes_of_a_block(dim, hidden):
    norm = {"scale": (dim,), "bias": (dim,)}
    named = {"attn/qkv": linear(dim, 3 * dim), "attn/proj": linear(dim, dim)}
    named |= {"norm1": norm, "mlp/fc1": linear(dim, hidden), "mlp/fc2": linear(hidden, dim)}
    named |= {"norm2": norm}
    return {f"{name}/{leaf}": s for name, leaves in named.items() for leaf, s in leaves.items()}


@whole
@pytest.mark.parametrize(
    ("changes", "dim", "positions"),
    [
        *((dict(), 12, 40), (dict(dim=None), 6, 40), (dict(dim=6), 6, 40)),
        (dict(center="mean-token"), 12, 41),
    ],
)
def test_model_has_the_names_of_its_weights(changes, dim, positions):
    """A projection unless dim is None, positions for frames and mean token, blocks, head."""
    expected = {}
    if changes.get("dim", dim) is not None:
        expected = {"project/kernel": (6, dim), "project/bias": (dim,)}
    expected |= {"position_embed": (positions, dim), "head/kernel": (dim, 7), "head/bias": (7,)}
    for number in range(2):
        own = shapes_of_a_block(dim, 4).items()
        expected |= {f"blocks/{number}/{name}": shape for name, shape in own}
    assert shapes_of(nnx.eval_shape(lambda: small(**changes))) == expected


@whole
def test_every_block_has_as_many_heads_as_the_config_says():
    """`config.num_heads` goes to each block: with 6, both of the blocks have 6."""
    model = nnx.eval_shape(lambda: small(num_heads=6))
    assert [one.attn.num_heads for one in model.blocks] == [6, 6]


@whole
def test_prepare_centers_as_the_config_says():
    """`config.center` goes to `prepare`: "mean-token" puts a token before the 5 frames."""
    model = nnx.eval_shape(lambda: small(center="mean-token"))
    tokens, mask = nnx.eval_shape(lambda model: model.prepare(sequences(2, 5, 6), MASK), model)
    assert (tokens.shape, mask.shape) == ((2, 6, 6), (2, 6))


@whole
def test_model_keeps_the_statistics_of_its_inputs():
    """`prepare` standardises where the config says so, and has the statistics for it."""
    model = nnx.eval_shape(lambda: small(standardise=True))
    names = {f"prepare/{name}": (6,) for name in ("shift", "mean_scale", "frame_scale")}
    assert shapes_of(model, nnx.BatchStat) == names


@whole
def test_model_says_what_it_is_made_of():
    """`config` is the config that it was made from."""
    config = Config(num_classes=7, num_frames=40, embedding_dim=6, dim=12, depth=2, num_heads=3)
    assert nnx.eval_shape(small).config == config


@whole
def test_positions_start_with_the_deviation_of_the_config():
    """Of position_std=0.5, cut off at two of them, a standard deviation of 0.44 is left."""
    positions = np.asarray(small(position_std=0.5, num_frames=2000, depth=1).position_embed[...])
    if abs(positions.std() - 0.44) > 0.02:
        pytest.fail(f"position_embed has a standard deviation of {positions.std():.3f}, 0.44 due")


@whole
def test_positions_are_cut_off():
    """With position_std=0.5 positions start between -1 and 1, and come near to both."""
    positions = np.asarray(small(position_std=0.5, num_frames=200, depth=1).position_embed[...])
    largest = np.abs(positions).max()
    if not 0.9 < largest <= 1.0:
        pytest.fail(f"the largest number in position_embed is {largest:.3f}, a little below 1 due")


@whole
def test_position_t_is_added_to_frame_t():
    """add_positions takes the first vectors, as many as there are frames."""
    model, tokens = small(position_std=1.0, depth=1), sequences(2, 5, 12)
    expected = np.asarray(tokens) + np.asarray(model.position_embed[...])[:5]
    np.testing.assert_allclose(model.add_positions(tokens), expected, atol=1e-6)


@whole
@pytest.mark.parametrize("center", ["none", "mean-token"])
def test_logits_equal_a_walk_through_the_parts(center):
    """Projected, with positions, through both blocks, the largest real value, and the head."""
    model = filled.random(lambda: small(num_frames=5, center=center))

    @jax.jit
    def both(model, sequence):
        tokens, seen = model.prepare(sequence, MASK)
        tokens = model.project(tokens) + model.position_embed[None]
        for one in model.blocks:
            tokens = one(tokens, seen)
        return model(sequence, MASK), tokens, seen

    logits, tokens, seen = both(model, sequences(2, 5, 6))
    largest = np.where(np.asarray(seen)[:, :, None], tokens, -np.inf).max(axis=1)
    head = jax.tree.map(np.asarray, nnx.to_pure_dict(nnx.state(model.head, nnx.Param)))
    np.testing.assert_allclose(logits, largest @ head["kernel"] + head["bias"], atol=1e-4)


@whole
@pytest.mark.parametrize("where", ["input_dropout", "attention_dropout", "dropout"])
def test_every_dropout_needs_rngs(where):
    """With rngs, each dropout moves the logits: of inputs, attention, blocks; without, none does.

    Here at 1, where all is dropped whatever the key: nothing is left to chance.
    """
    none = dict(input_dropout=0.0, attention_dropout=0.0, dropout=0.0)
    plain = filled.random(lambda: small(num_frames=5, depth=1, **none), spread=0.7)
    dropping = filled.random(
        lambda: small(num_frames=5, depth=1, **none | {where: 1.0}), spread=0.7
    )
    sequence = sequences(2, 5, 6)
    np.testing.assert_allclose(call(dropping, sequence), call(plain, sequence), atol=1e-6)
    learning, again = (call(dropping, sequence, None, jax.random.key(seed)) for seed in (0, 1))
    if jnp.abs(learning - call(plain, sequence)).max() < 1e-3:
        pytest.fail(f"{where}=1.0, and the logits are those without dropout")
    if (learning != again).any():
        pytest.fail(f"{where}=1.0 drops all, and still the logits depend on the key")


@whole
def test_padding_is_ignored_in_training_too():
    """With rngs, and nothing that is dropped, the mask hides what it hides without."""
    none = dict(input_dropout=0.0, attention_dropout=0.0, dropout=0.0)
    model = filled.random(lambda: small(num_frames=5, depth=1, **none), spread=0.7)
    sequence = sequences(2, 5, 6)
    learning = call(model, sequence, MASK, jax.random.key(0))
    np.testing.assert_allclose(learning, call(model, sequence, MASK), atol=1e-5)


@whole
def test_dropout_comes_after_the_maximum():
    """At a `dropout` of 1/2 every feature of the maximum is dropped, or counts twice.

    The head hands it on as it is. Before the maximum, another frame would be the largest.
    """
    model = small(num_classes=12, depth=1, dropout=0.5, attention_dropout=0.0)
    model.head.kernel[...], model.head.bias[...] = jnp.eye(12), jnp.zeros(12)
    sequence = sequences(2, 5, 6)
    largest, learning = call(model, sequence), call(model, sequence, None, jax.random.key(0))
    np.testing.assert_allclose(learning, np.where(learning == 0, 0, 2 * largest), rtol=1e-5)


@whole
def test_each_block_draws_for_itself():
    """No two blocks get the same key to drop attention with."""
    model, keys = small(depth=2, attention_dropout=0.5), []

    def note_the_key(tokens, mask=None, rngs=None):
        keys.append(jax.random.key_data(rngs.dropout()).tolist())
        return tokens

    model.blocks = [note_the_key, note_the_key]
    model(sequences(2, 5, 6), None, nnx.Rngs(dropout=0))
    if keys[0] == keys[1]:
        pytest.fail(f"both blocks drop the same attention weights, by the key {keys[0]}")


@whole
@pytest.mark.parametrize("center", ["none", "mean-token"])
def test_model_refuses_a_longer_sequence(center):
    """The mean of a clip has a place of its own: 40 frames fit, and 41 do not."""
    model = nnx.eval_shape(lambda: small(center=center, depth=1))

    def shape_of(time):
        return nnx.eval_shape(lambda model: model(jnp.zeros((2, time, 6))), model).shape

    assert shape_of(40) == (2, 7)
    with pytest.raises(errors.UserError):
        shape_of(41)


@whole
@pytest.mark.parametrize("dim", [None, 12])
def test_padding_never_changes_logits(dim):
    """13 frames padded to 40 give the logits of the 13 alone, whatever the padding holds."""
    model, real = small(dim=dim), sequences(2, 13, 6)
    alone = call(model, real)
    mask = jnp.broadcast_to(jnp.arange(40) < 13, (2, 40))
    for padding in (0.0, 1e3):
        padded = jnp.full((2, 40, 6), padding).at[:, :13].set(real)
        np.testing.assert_allclose(call(model, padded, mask), alone, atol=1e-5)
        assert jnp.abs(call(model, padded) - alone).max() > 1e-3


@whole
def test_positions_tell_order():
    """Reversed frames give other logits; without positions they would give the same."""
    model, sequence = small(), sequences(2, 5, 6)
    model.position_embed[...] = 5 * model.position_embed[...]
    assert jnp.abs(call(model, sequence) - call(model, sequence[:, ::-1])).max() > 1e-3
    model.position_embed[...] = jnp.zeros_like(model.position_embed[...])
    np.testing.assert_allclose(call(model, sequence), call(model, sequence[:, ::-1]), atol=1e-5)


def test_a_longer_sequence_is_refused():
    """There is no position for frame 41."""
    with pytest.raises(errors.UserError, match="41 frames is longer than the 40 positions"):
        small()(sequences(1, 41, 6))


@whole
def test_every_parameter_learns():
    """A gradient reaches every leaf."""
    graphdef, params = nnx.split(small(num_frames=5))
    sequence = sequences(2, 5, 6)
    slopes = jax.grad(lambda p: jnp.sum(nnx.merge(graphdef, p)(sequence) ** 2))
    grads = jax.jit(slopes)(params)
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        assert jnp.abs(leaf).max() > 0, f"no gradient for {jax.tree_util.keystr(path)}"


@whole
def test_the_writeups_parameters_to_the_digit():
    """20 frames of DenseNet121 and 5 classes: 4,237,321 parameters, as Keras prints."""
    config = Config.writeup(num_classes=5, num_frames=20, embedding_dim=1024)
    model = cost.abstract_model(
        lambda: embedding_transformer.EmbeddingTransformer(config, rngs=nnx.Rngs(0))
    )
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 4_237_321


@whole
@pytest.mark.parametrize("case", ["model", "masked"])
def test_logits_are_those_of_pytorch(case):
    """The write-up's classifier in PyTorch, whole, gives the same logits, padded or not."""
    about = ABOUT["model"]
    arrays = {name: regenerate.weight(name, tuple(s)) for name, s in about["shapes"].items()}
    config = Config(
        num_classes=7,
        num_frames=9,
        embedding_dim=about["dim"],
        num_heads=about["num_heads"],
        dense_dim=about["dense_dim"],
    )
    model = embedding_transformer.EmbeddingTransformer(config, rngs=nnx.Rngs(0))
    graphdef, params = nnx.split(model)
    params, _ = weights.load(arrays, nnx.to_pure_dict(params))
    inputs = jnp.asarray(regenerate.inputs("model", (2, 5, about["dim"])))
    logits = call(nnx.merge(graphdef, params), inputs, MASK if case == "masked" else None)
    np.testing.assert_allclose(logits, GOLDEN[f"{case}/logits"], atol=1e-5)


@pytest.mark.long(except_for=["12"])
@pytest.mark.parametrize("dim", [12, 48])
def test_gradients_compiled_are_gradients(dim):
    """Of widths by which a mean is no exact division, too: the largest frame is found again."""
    graphdef, params = nnx.split(small(num_frames=5, dim=dim, depth=1))
    sequence = sequences(2, 5, 6)
    slopes = jax.grad(lambda p: jnp.sum(nnx.merge(graphdef, p)(sequence) ** 2))
    whole, step_by_step = jax.jit(slopes)(params), slopes(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), whole, step_by_step)
