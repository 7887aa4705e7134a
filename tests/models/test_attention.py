"""Attention: the formula, masks, and that time never mixes places nor space frames."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention

dot_product = pytest.mark.exercise("models.attention.scaled_dot_product")
over_time = pytest.mark.exercise("models.attention.over_time")
over_space = pytest.mark.exercise("models.attention.over_space")

# Of two clips of 3 frames, the second has one.
PADDED = jnp.asarray([[True, True, True], [True, False, False]])
module = pytest.mark.exercise("models.attention.Attention")


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def attend_in_loops(query, key, value, mask=None):
    """The formula, one query and one head at a time."""
    query, key, value = (np.asarray(a, np.float64) for a in (query, key, value))
    batch, queries, heads, dim = query.shape
    out = np.zeros((batch, queries, heads, value.shape[-1]))
    for b, q, h in np.ndindex(batch, queries, heads):
        odds = np.exp([query[b, q, h] @ k / np.sqrt(dim) for k in key[b, :, h]])
        if mask is not None:
            odds = odds * np.asarray(mask[b])
        out[b, q, h] = odds / odds.sum() @ value[b, :, h]
    return out


@dot_product
def test_dot_product_shape():
    """Each of 5 queries gets one vector a head, though there are 7 keys."""
    query, key = normal(2, 5, 3, 4), normal(2, 7, 3, 4)
    assert attention.scaled_dot_product(query, key, key).shape == (2, 5, 3, 4)


@dot_product
def test_dot_product_compiles():
    """The same numbers inside a compiled step, where a mask has no values to ask for."""
    query, key = normal(2, 5, 2, 4), normal(2, 3, 2, 4, seed=1)
    expected = attend_in_loops(query, key, key, PADDED)
    out = jax.jit(attention.scaled_dot_product)(query, key, key, PADDED)
    np.testing.assert_allclose(out, expected, atol=1e-5)


@dot_product
def test_dot_product_by_hand():
    """With scores log 3 and 0 the values weigh 3/4 and 1/4."""
    query = jnp.full((1, 1, 1, 4), 1.0)
    key = jnp.stack([jnp.full((1, 1, 4), jnp.log(3.0) / 2), jnp.zeros((1, 1, 4))], axis=1)
    value = jnp.asarray([[[[8.0]], [[4.0]]]])
    value = jnp.broadcast_to(value, (1, 2, 1, 4))
    out = attention.scaled_dot_product(query, key, value)
    np.testing.assert_allclose(out, np.full((1, 1, 1, 4), 7.0), rtol=1e-6)


@dot_product
def test_dot_product_equals_loops():
    """Batch, queries and heads never mix."""
    query, key, value = normal(2, 5, 3, 6), normal(2, 7, 3, 6, seed=1), normal(2, 7, 3, 6, seed=2)
    out = attention.scaled_dot_product(query, key, value)
    np.testing.assert_allclose(out, attend_in_loops(query, key, value), atol=1e-5)


@dot_product
@pytest.mark.parametrize("queries", [5, 7])
def test_dot_product_mask(queries):
    """A key whose mask is False is ignored, whatever its value; queries are not masked."""
    query, key, value = (
        normal(2, queries, 3, 4),
        normal(2, 7, 3, 4, seed=1),
        normal(2, 7, 3, 4, seed=2),
    )
    mask = jnp.asarray([[True] * 7, [True] * 3 + [False] * 4])
    out = attention.scaled_dot_product(query, key, value, mask)
    np.testing.assert_allclose(out, attend_in_loops(query, key, value, mask), atol=1e-5)
    changed = attention.scaled_dot_product(query, key, value.at[1, 3:].set(1e3), mask)
    np.testing.assert_array_equal(out, changed)


@dot_product
@pytest.mark.parametrize("size", [1e3, 1e10])
def test_dot_product_mask_where_nothing_matches(size):
    """With scores of -100,000 at both real keys they get half each, and the masked key nothing; so
    with scores of minus a million million."""
    query = jnp.full((1, 1, 1, 1), -size)
    key = jnp.asarray([100.0, 100.0, 0.0]).reshape(1, 3, 1, 1)
    value = jnp.asarray([1.0, 3.0, 500.0]).reshape(1, 3, 1, 1)
    out = attention.scaled_dot_product(query, key, value, jnp.asarray([[True, True, False]]))
    np.testing.assert_allclose(out, [[[[2.0]]]], rtol=1e-6)


@dot_product
@pytest.mark.parametrize("left_over", [jnp.nan, jnp.inf, 1e30])
def test_dot_product_of_masked_keys_that_are_no_numbers(left_over):
    """Whatever a masked key holds, NaN too, its weight is 0: it is left out, not multiplied by 0.

    Run without compiling, operation by operation: a compiler may turn 0 * NaN into 0.
    """
    query, key, value = normal(2, 5, 3, 4), normal(2, 7, 3, 4, seed=1), normal(2, 7, 3, 4, seed=2)
    mask = jnp.asarray([[True] * 7, [True] * 3 + [False] * 4])
    with jax.disable_jit():
        out = attention.scaled_dot_product(query, key.at[1, 3:].set(left_over), value, mask)
    np.testing.assert_allclose(out, attend_in_loops(query, key, value, mask), rtol=1e-4, atol=1e-5)


@dot_product
def test_dot_product_drops_and_masks():
    """In training there are both: the weights that `drop` gets are 0 where the mask is False."""
    query, key, value = normal(2, 5, 3, 4), normal(2, 7, 3, 4, seed=1), normal(2, 7, 3, 4, seed=2)
    mask = jnp.asarray([[True] * 7, [True] * 3 + [False] * 4])
    out = attention.scaled_dot_product(query, key, value, mask, lambda weights: weights)
    np.testing.assert_allclose(out, attend_in_loops(query, key, value, mask), rtol=1e-4, atol=1e-5)


@dot_product
def test_dot_product_drops_weights():
    """`drop` gets the weights of every query, which sum to 1, and its answer weighs the values."""
    query, key, value = normal(2, 5, 3, 4), normal(2, 7, 3, 4, seed=1), normal(2, 7, 3, 4, seed=2)
    seen = []

    def first_three_doubled(weights):
        seen.append(weights)
        return weights.at[..., :3].multiply(2).at[..., 3:].set(0)

    out = attention.scaled_dot_product(query, key, value, None, first_three_doubled)
    if not seen:
        pytest.fail("drop was given, and not called")
    assert seen[0].shape == (2, 3, 5, 7)
    np.testing.assert_allclose(seen[0].sum(axis=-1), np.ones((2, 3, 5)), rtol=1e-5)
    expected = jnp.einsum("bhqk,bkhd->bqhd", seen[0][..., :3], value[:, :3]) * 2
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


@dot_product
def test_dot_product_of_large_numbers_in_half_precision():
    """300 times 300, four times, is too much for float16: scores are float32 throughout."""
    query = jnp.full((1, 1, 1, 4), 300.0, jnp.float16)
    key = jnp.asarray([300.0, 299.0], jnp.float16)[None, :, None, None] * jnp.ones(
        (1, 1, 1, 4), jnp.float16
    )
    value = jnp.asarray([7.0, 5.0], jnp.float16)[None, :, None, None] * jnp.ones(
        (1, 1, 1, 4), jnp.float16
    )
    out = attention.scaled_dot_product(query, key, value)
    assert out.dtype == jnp.float16
    np.testing.assert_array_equal(out, np.full((1, 1, 1, 4), 7.0))


@dot_product
def test_dot_product_takes_its_softmax_in_float32():
    """Scores of 10.03125 and 10, one in bfloat16, differ all the same: values 1, -1 give 0.0156."""
    query = jnp.full((1, 1, 1, 4), 2.0, jnp.bfloat16)
    key = jnp.asarray([[10.0, 0.03125, 0.0, 0.0], [10.0, 0.0, 0.0, 0.0]], jnp.bfloat16)
    value = jnp.asarray([[1.0] * 4, [-1.0] * 4], jnp.bfloat16)
    out = attention.scaled_dot_product(query, key[None, :, None], value[None, :, None])
    np.testing.assert_allclose(out.astype(jnp.float32), np.tanh(0.03125 / 2), rtol=0.3)


@dot_product
@pytest.mark.parametrize(("asked", "answered"), [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_dot_product_is_of_the_type_of_the_values(asked, answered):
    """The answer has the type of the values, though queries and keys are of another."""
    query, value = normal(1, 2, 1, 4).astype(asked), normal(1, 3, 1, 4).astype(answered)
    out = attention.scaled_dot_product(query, value.astype(asked), value)
    assert out.dtype.name == answered


@dot_product
def test_dot_product_large_scores():
    """Scores in the hundreds give finite weights: the largest one wins."""
    query, key = (
        jnp.full((1, 1, 1, 4), 50.0),
        jnp.asarray(
            [
                [
                    [[9.0] * 4],
                ],
                [[[1.0] * 4]],
            ]
        ),
    )
    key = key.reshape(1, 2, 1, 4)
    out = attention.scaled_dot_product(query, key, key)
    np.testing.assert_allclose(out, np.full((1, 1, 1, 4), 9.0))


@dot_product
def test_dot_product_gradient():
    """The gradient with respect to the query is that of finite differences."""
    query, key, value = normal(1, 2, 1, 3), normal(1, 4, 1, 3, seed=1), normal(1, 4, 1, 3, seed=2)

    def total(query):
        return jnp.sum(attention.scaled_dot_product(query, key, value) ** 2)

    nudge = normal(1, 2, 1, 3, seed=3)
    slope = (total(query + 1e-2 * nudge) - total(query - 1e-2 * nudge)) / 2e-2
    np.testing.assert_allclose(jnp.vdot(jax.grad(total)(query), nudge), slope, rtol=1e-2)


def attention_of(dim, num_heads, **options):
    """A module with weights of size 1: with those it begins with, all tokens weigh about alike."""
    module = attention.Attention(dim, num_heads, **options, rngs=nnx.Rngs(0))
    for number, linear in enumerate((module.qkv, module.proj)):
        linear.kernel[...] = normal(*linear.kernel.shape, seed=10 + number)
        linear.bias[...] = normal(*linear.bias.shape, seed=20 + number)
    return module


@module
def test_attention_module_has_the_names_of_its_weights():
    """qkv leads from 6 to 3 x 2 heads of 5 and proj from those back to 6, each with a bias."""
    module = attention.Attention(6, 2, head_dim=5, rngs=nnx.Rngs(0))
    weights = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    shapes = {f"{layer}.{name}": w.shape for layer in weights for name, w in weights[layer].items()}
    assert shapes == {
        "qkv.kernel": (6, 30),
        "qkv.bias": (30,),
        "proj.kernel": (10, 6),
        "proj.bias": (6,),
    }


@module
def test_attention_module_splits_heads():
    """The module is its formula on the three thirds of qkv, heads side by side."""
    module = attention_of(6, 2)
    tokens = normal(2, 5, 6)
    qkv = np.asarray(tokens @ module.qkv.kernel[...]) + np.asarray(module.qkv.bias[...])
    query, key, value = (part.reshape(2, 5, 2, 3) for part in np.split(qkv, 3, axis=-1))
    mixed = attend_in_loops(query, key, value).reshape(2, 5, 6)
    expected = mixed @ np.asarray(module.proj.kernel[...]) + np.asarray(module.proj.bias[...])
    np.testing.assert_allclose(module(tokens), expected, rtol=1e-4, atol=1e-4)


@module
def test_attention_module_asks_with_its_queries():
    """The first third of qkv asks and the second is asked: token 0 asks, token 1 answers.

    Token 0 has a query and no key, token 1 a key and no query: so token 0 looks at token 1 with a
    score of 6, and token 1 at both alike.
    """
    module = attention.Attention(2, 1, head_dim=1, rngs=nnx.Rngs(0))
    module.qkv.kernel[...] = jnp.asarray([[3.0, 0.0, 0.0], [0.0, 2.0, 1.0]])
    module.proj.kernel[...] = jnp.asarray([[1.0, 0.0]])
    out = module(jnp.asarray([[[1.0, 0.0], [0.0, 1.0]]]))[0, :, 0]
    np.testing.assert_allclose(out, [1 / (1 + np.exp(-6)), 0.5], rtol=1e-5)


@module
def test_attention_module_starts_as_told():
    """Both kernels come from `init`, and both layers compute in `dtype`."""
    options = dict(init=nnx.initializers.ones, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    module = attention.Attention(4, 2, **options)
    assert (module.qkv.kernel.sum(), module.proj.kernel.sum()) == (48.0, 16.0)
    assert (module.qkv.dtype, module.proj.dtype) == (jnp.bfloat16, jnp.bfloat16)
    assert module.num_heads == 2


@module
def test_attention_module_keeps_its_weights_in_float32():
    """`dtype` is the type of the arithmetic: in bfloat16 too, all weights are float32."""
    module = attention.Attention(4, 2, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    kinds = {str(weight.dtype) for weight in jax.tree.leaves(nnx.state(module, nnx.Param))}
    assert kinds == {"float32"}


@module
def test_attention_module_has_its_dropout_as_an_attribute():
    """`dropout` is the layers.Dropout, of the rate that the module was told."""
    module = attention.Attention(4, 2, dropout=0.25, rngs=nnx.Rngs(0))
    if not hasattr(module, "dropout"):
        pytest.fail("it has no attribute `dropout`")
    assert module.dropout.rate == 0.25


@module
def test_attention_module_draws_its_start_from_rngs():
    """Another seed gives other kernels, in both layers."""
    first, second = (attention.Attention(4, 2, rngs=nnx.Rngs(seed)) for seed in (0, 1))
    for name in ("qkv", "proj"):
        if (getattr(first, name).kernel[...] == getattr(second, name).kernel[...]).all():
            pytest.fail(f"the same kernel of {name} with seeds 0 and 1")


@module
def test_attention_module_mask():
    """Tokens whose mask is False change nothing for the others."""
    module, tokens = attention_of(6, 2), normal(2, 5, 6)
    mask = jnp.asarray([[True] * 5, [True] * 3 + [False] * 2])
    masked, whole = module(tokens, mask), module(tokens)
    np.testing.assert_allclose(masked[1, :3], module(tokens[1:, :3])[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(masked[0], whole[0], rtol=1e-4, atol=1e-4)


@module
def test_attention_module_drops_weights_in_training_only():
    """Of two tokens, each with weight 1/2 on both, a rate of 0.75 leaves 0, 1 or 2 of them, and
    what is left counts four times."""
    module = attention.Attention(1, 1, dropout=0.75, rngs=nnx.Rngs(0))
    module.qkv.kernel[...] = jnp.asarray([[0.0, 0.0, 1.0]])  # no scores; the value is the token
    module.proj.kernel[...] = jnp.ones((1, 1))
    tokens = jnp.ones((100, 2, 1))
    np.testing.assert_allclose(module(tokens), tokens)
    dropped = module(tokens, rngs=nnx.Rngs(dropout=0))
    found = np.unique(np.round(np.asarray(dropped), 5)).tolist()
    if found != [0, 2, 4]:
        pytest.fail(f"there are outputs of {found}: of both weights dropped 0, of one 2, of none 4")


@module
def test_attention_module_drops_weights_beside_a_mask():
    """Of two tokens one is masked, and the other has all the weight: a rate of 0.75 leaves nothing
    of it, or four times it."""
    module = attention.Attention(1, 1, dropout=0.75, rngs=nnx.Rngs(0))
    module.qkv.kernel[...] = jnp.asarray([[0.0, 0.0, 1.0]])  # no scores; the value is the token
    module.proj.kernel[...] = jnp.ones((1, 1))
    mask = jnp.tile(jnp.asarray([[True, False]]), (100, 1))
    dropped = module(jnp.ones((100, 2, 1)), mask, nnx.Rngs(dropout=0))
    found = np.unique(np.round(np.asarray(dropped), 5)).tolist()
    if found != [0, 4]:
        pytest.fail(f"there are outputs of {found}, not of 0 and 4")


@module
def test_attention_module_drops_for_each_head_alone():
    """Of one token two heads see the same; at a rate of 1/2 either may be dropped alone.

    A head that is kept counts twice.
    """
    module = attention.Attention(2, 2, dropout=0.5, rngs=nnx.Rngs(0))
    module.qkv.kernel[...] = jnp.concatenate([jnp.zeros((2, 4)), jnp.eye(2)], axis=1)
    module.proj.kernel[...] = jnp.eye(2)
    dropped = module(jnp.ones((100, 1, 2)), rngs=nnx.Rngs(dropout=0))
    found = {tuple(row) for row in np.asarray(dropped)[:, 0].tolist()}
    if found != {(0, 0), (0, 2), (2, 0), (2, 2)}:
        pytest.fail(f"of heads that both give 1, there are left {sorted(found)}")


@module
def test_attention_module_wide_heads():
    """Heads may be wider than their share; the output keeps the width."""
    module = attention.Attention(6, 2, head_dim=6, rngs=nnx.Rngs(0))
    assert module.qkv.kernel.shape == (6, 36)
    assert module(normal(2, 5, 6)).shape == (2, 5, 6)


@module
def test_attention_module_refuses_a_broken_split():
    """A UserError says `a width of 7 does not divide into 2 heads`, unless head_dim is given."""
    with pytest.raises(errors.UserError, match="^a width of 7 .* 2 heads"):
        attention.Attention(7, 2, rngs=nnx.Rngs(0))


@module
def test_attention_module_of_a_width_that_need_not_divide():
    """With `head_dim` nothing is divided: a width of 7 for 2 heads of 3 is no error."""
    module = attention.Attention(7, 2, head_dim=3, rngs=nnx.Rngs(0))
    assert module(normal(2, 5, 7)).shape == (2, 5, 7)


@over_time
def test_over_time_shows_one_place_through_time():
    """What `attend` sees as a row is one place, frame after frame."""
    patches = jnp.arange(2 * 3 * 4, dtype=jnp.float32).reshape(2, 12, 1)
    seen = []
    attention.over_time(lambda rows, mask: seen.append(rows) or rows, patches, 3)
    if not seen:
        pytest.fail("attend was not called")
    assert seen[0].shape == (8, 3, 1)
    assert seen[0][0, :, 0].tolist() == [0, 4, 8]
    assert seen[0][5, :, 0].tolist() == [13, 17, 21]


@over_time
@pytest.mark.parametrize("mask", [None, PADDED])
def test_over_time_puts_everything_back(mask):
    """What is done to the rows, here doubling, comes back in its place, padded frames too."""
    patches = normal(2, 12, 5)
    back = attention.over_time(lambda rows, mask: 2 * rows, patches, 3, mask)
    np.testing.assert_array_equal(back, 2 * patches)


@over_time
def test_over_time_of_one_frame():
    """A single frame goes through `attend` as well, in rows of one token."""
    patches = normal(2, 4, 5)
    back = attention.over_time(lambda rows, mask: 2 * rows, patches, 1)
    np.testing.assert_array_equal(back, 2 * patches)


@over_time
def test_over_time_never_mixes_places():
    """A change at one place of one clip changes that place only, in all its frames."""
    patches = normal(2, 12, 5)

    def mean(rows, mask):
        return jnp.broadcast_to(rows.mean(1, keepdims=True), rows.shape)

    before = attention.over_time(mean, patches, 3)
    after = attention.over_time(mean, patches.at[1, 4 + 2].add(1.0), 3)
    touched = np.asarray((before != after).any(-1)).reshape(2, 3, 4)
    expected = np.zeros((2, 3, 4), bool)
    expected[1, :, 2] = True
    np.testing.assert_array_equal(touched, expected)


@over_time
def test_over_time_repeats_the_mask_for_every_place():
    """Each of the 4 places of clip 1 sees the mask of clip 1."""
    seen = []
    attention.over_time(lambda rows, m: seen.append(m) or rows, normal(2, 12, 5), 3, PADDED)
    np.testing.assert_array_equal(seen[0], np.repeat(np.asarray(PADDED), 4, axis=0))


@over_time
def test_over_time_without_a_mask():
    """Then `attend` gets None for a mask as well."""
    seen = []
    attention.over_time(lambda rows, m: seen.append(m) or rows, normal(2, 12, 5), 3)
    assert seen == [None]


@over_time
def test_over_time_compiles():
    """The same rows and masks inside a compiled step, where a mask has no values to ask for."""
    patches = normal(2, 12, 5)

    def call(mask):
        return attention.over_time(lambda rows, m: rows * m[:, :, None], patches, 3, mask)

    np.testing.assert_array_equal(jax.jit(call)(PADDED), call(PADDED))


@over_space
def test_over_space_compiles():
    """The same numbers inside a compiled step, where a mask has no values to ask for."""
    cls, patches = normal(2, 1, 5), normal(2, 12, 5, seed=1)

    def call(mask):
        return attention.over_space(lambda rows: 2 * rows, cls, patches, 3, mask)[0]

    np.testing.assert_allclose(jax.jit(call)(PADDED), call(PADDED), atol=1e-6)


@over_space
@pytest.mark.parametrize("mask", [None, PADDED])
def test_over_space_puts_everything_back(mask):
    """What is done to the rows, here doubling, comes back in its place, padded frames too."""
    cls, patches = normal(2, 1, 5), normal(2, 12, 5, seed=1)
    out, back = attention.over_space(lambda rows: 2 * rows, cls, patches, 3, mask)
    np.testing.assert_array_equal(back, 2 * patches)
    np.testing.assert_allclose(out, 2 * cls, rtol=1e-6)


@over_space
def test_over_space_shows_cls_and_one_frame():
    """What `attend` sees as a row is the clip's CLS token and the places of one frame."""
    patches = jnp.arange(2 * 3 * 4, dtype=jnp.float32).reshape(2, 12, 1)
    cls = jnp.asarray([[[100.0]], [[200.0]]])
    seen = []
    attention.over_space(lambda rows: seen.append(rows) or rows, cls, patches, 3)
    if not seen:
        pytest.fail("attend was not called")
    assert seen[0].shape == (6, 5, 1)
    assert seen[0][1, :, 0].tolist() == [100, 4, 5, 6, 7]
    assert seen[0][3, :, 0].tolist() == [200, 12, 13, 14, 15]


@over_space
def test_over_space_never_mixes_frames():
    """A change in one frame changes the patches of that frame only."""

    def mean(rows):
        return jnp.broadcast_to(rows.mean(1, keepdims=True), rows.shape)

    cls, patches = normal(2, 1, 5), normal(2, 12, 5, seed=1)
    _, before = attention.over_space(mean, cls, patches, 3)
    _, after = attention.over_space(mean, cls, patches.at[1, 4 + 2].add(1.0), 3)
    touched = np.asarray((before != after).any(-1)).reshape(2, 3, 4)
    expected = np.zeros((2, 3, 4), bool)
    expected[1, 1] = True
    np.testing.assert_array_equal(touched, expected)


@over_space
def test_over_space_averages_the_cls_copies():
    """The CLS token comes back as the mean of what it became in each frame."""

    def add_first_patch(rows):
        return rows.at[:, 0].add(rows[:, 1])

    cls, patches = normal(2, 1, 5), normal(2, 12, 5, seed=1)
    out, _ = attention.over_space(add_first_patch, cls, patches, 3)
    expected = cls + patches[:, jnp.asarray([0, 4, 8])].mean(1, keepdims=True)
    assert out.shape == (2, 1, 5)
    np.testing.assert_allclose(out, expected, atol=1e-6)


@over_space
def test_over_space_divides_by_the_real_frames():
    """A CLS token that nothing changes comes back as it was, be one frame of three real."""
    mask = jnp.asarray([[True, True, True], [True, False, False]])
    cls = normal(2, 1, 5)
    out, _ = attention.over_space(lambda rows: rows, cls, normal(2, 12, 5, seed=1), 3, mask)
    np.testing.assert_allclose(out, cls, rtol=1e-6)


@over_space
def test_over_space_leaves_padded_frames_out_of_the_mean():
    """A frame whose mask is False does not reach the CLS token."""

    def add_first_patch(rows):
        return rows.at[:, 0].add(rows[:, 1])

    mask = jnp.asarray([[True, True, True], [True, True, False]])
    cls, patches = normal(2, 1, 5), normal(2, 12, 5, seed=1)
    out, _ = attention.over_space(add_first_patch, cls, patches, 3, mask)
    expected = cls[1] + patches[1, jnp.asarray([0, 4])].mean(0, keepdims=True)
    np.testing.assert_allclose(out[1], expected, atol=1e-6)


@over_space
def test_over_space_with_padding_that_is_no_number():
    """NaN in a padded frame reaches neither the CLS token nor its gradient."""

    def add_first_patch(rows):
        return rows.at[:, 0].add(rows[:, 1])

    mask = jnp.asarray([[True, True, False]])
    cls, patches = normal(1, 1, 5), normal(1, 12, 5, seed=1).at[:, 8:].set(jnp.nan)

    def total(cls):
        return attention.over_space(add_first_patch, cls, patches, 3, mask)[0].sum()

    with jax.disable_jit():  # a compiler may turn 0 * NaN into 0
        out, _ = attention.over_space(add_first_patch, cls, patches, 3, mask)
        slope = jax.grad(total)(cls)
    expected = cls + patches[:, jnp.asarray([0, 4])].mean(1, keepdims=True)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(slope, np.ones((1, 1, 5)), rtol=1e-6)


@over_space
@pytest.mark.parametrize("mask", [None, PADDED])
def test_over_space_shows_what_is_no_number_in_a_real_frame(mask):
    """NaN in a real frame is a fault, and reaches the CLS token of that clip alone."""

    def add_first_patch(rows):
        return rows.at[:, 0].add(rows[:, 1])

    cls, patches = normal(2, 1, 5), normal(2, 12, 5, seed=1).at[0, 4].set(jnp.nan)
    out, _ = attention.over_space(add_first_patch, cls, patches, 3, mask)
    assert np.isnan(np.asarray(out)).all((1, 2)).tolist() == [True, False]
