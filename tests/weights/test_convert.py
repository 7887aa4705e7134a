"""Conversion by rules: complete or not at all, and a report of what became of everything."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from flaxvid.weights import convert, read

RULES = (
    convert.Rule(r"layer\.(\d+)\.weight", r"blocks/\1/kernel", np.transpose),
    convert.Rule(r"layer\.(\d+)\.bias", r"blocks/\1/bias"),
    convert.Rule(r"head\.weight", "head/kernel", np.transpose, note="turned"),
)


def source():
    """Two layers from 2 to 3 numbers, and a head from 3 to 5, as PyTorch has them."""
    rng = np.random.default_rng(0)
    shapes = {
        "layer.0.weight": (3, 2),
        "layer.0.bias": (3,),
        "layer.1.weight": (3, 2),
        "layer.1.bias": (3,),
        "head.weight": (5, 3),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def target(head=(3, 5)):
    def layer():
        return {"kernel": jnp.zeros((2, 3)), "bias": jnp.zeros(3)}

    return {"blocks": {0: layer(), 1: layer()}, "head": {"kernel": jnp.full(head, 7.0)}}


def refusal(*arguments, **options):
    with pytest.raises(read.WeightsError) as caught:
        convert.convert(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_leaf_is_filled():
    """Each leaf gets its own array in its own layout, in a tree built as the target is."""
    arrays = source()
    params, report = convert.convert(arrays, target(), RULES)
    assert jax.tree.structure(params) == jax.tree.structure(target())
    np.testing.assert_array_equal(params["blocks"][1]["kernel"], arrays["layer.1.weight"].T)
    np.testing.assert_array_equal(params["blocks"][0]["bias"], arrays["layer.0.bias"])
    np.testing.assert_array_equal(params["head"]["kernel"], arrays["head.weight"].T)
    assert report.summary() == "5 loaded, 0 ignored, 0 fresh"


def test_shapes_alone_do_for_a_target():
    """The target may be shapes and types without values."""
    shapes = jax.eval_shape(target)
    params, _ = convert.convert(source(), shapes, RULES)
    expected, _ = convert.convert(source(), target(), RULES)
    jax.tree.map(np.testing.assert_array_equal, params, expected)


def test_names_are_matched_whole():
    """A rule for `head.weight` does not take `my.head.weight`."""
    arrays = source()
    arrays["my.head.weight"] = arrays.pop("head.weight")
    message = refusal(arrays, target(), RULES)
    assert "1 without a place in the model (my.head.weight)" in message
    assert "1 of the model without an array (head/kernel)" in message


def test_array_without_a_place():
    """What no rule takes is an error that names it, unless it is ignored."""
    arrays = source() | {"extra.weight": np.zeros(2, np.float32)}
    message = refusal(arrays, target(), RULES, origin="file.pth")
    assert message.startswith("file.pth: does not fit the model: ")
    assert "1 without a place in the model (extra.weight)" in message
    _, report = convert.convert(arrays, target(), RULES, ignore=(r"extra\..*",))
    assert report.summary() == "5 loaded, 1 ignored, 0 fresh"


def test_leaf_without_an_array():
    """What nothing fills is an error that names it, unless it may stay fresh, as it was."""
    arrays = source()
    del arrays["head.weight"]
    message = refusal(arrays, target(), RULES)
    assert "1 of the model without an array (head/kernel)" in message
    params, report = convert.convert(arrays, target(), RULES, fresh=("head/.*",))
    np.testing.assert_array_equal(params["head"]["kernel"], np.full((3, 5), 7.0))
    assert report.rows[-1] == convert.Row("fresh", target="head/kernel", target_shape=(3, 5))


def test_a_layer_too_many():
    """A file deeper than the model is refused by the names of the layer too many."""
    arrays = source() | {"layer.2.bias": np.zeros(3, np.float32)}
    assert "1 without a place in the model (layer.2.bias)" in refusal(arrays, target(), RULES)


def test_another_shape_names_both():
    """An array that does not fit is named with its leaf and both shapes."""
    message = refusal(source(), target(head=(3, 4)), RULES)
    assert (
        "1 of another shape (head.weight (5, 3) for head/kernel (3, 4): becomes (3, 5))" in message
    )


@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_an_array_without_numbers_is_named(number):
    """A model of NaN would take every video for the first class."""
    arrays = source()
    arrays["head.weight"][1, 2] = number
    message = refusal(arrays, target(), RULES)
    assert "1 with NaN or infinite numbers (head.weight)" in message


def test_a_failing_transform_names_both():
    """A transform that can't take an array is told as a misfit, with its reason."""
    rule = convert.Rule(r"head\.weight", "head/kernel", lambda array: array.reshape(2, 2))
    message = refusal(source(), target(), (*RULES[:2], rule))
    assert "head.weight (5, 3) for head/kernel (3, 5): cannot reshape" in message


def test_a_leaf_filled_twice():
    """Two arrays for one leaf are an error that names all three."""
    rule = convert.Rule(r"layer\.1\.bias", "blocks/0/bias")
    message = refusal(source(), target(), (*RULES, rule))
    assert "1 filled twice (blocks/0/bias (from layer.0.bias and layer.1.bias))" in message


def test_one_array_for_two_leaves():
    """Every rule that matches is applied: a layer can start as a copy of another."""
    copy = convert.Rule(r"layer\.0\.(weight)", "blocks/1/kernel", np.transpose, note="copied")
    arrays = source()
    del arrays["layer.1.weight"]
    params, report = convert.convert(arrays, target(), (*RULES, copy))
    np.testing.assert_array_equal(params["blocks"][1]["kernel"], params["blocks"][0]["kernel"])
    assert [row.note for row in report.rows if row.target == "blocks/1/kernel"] == ["copied"]


def test_many_problems_are_counted():
    """Of many names the first three are shown, with their number."""
    arrays = {f"other.{index}": np.zeros(1, np.float32) for index in range(12)}
    message = refusal(arrays, target(), RULES)
    assert "12 without a place in the model (other.0, other.1, other.2, ...)" in message
    assert "5 of the model without an array (" in message


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_floating_types_become_the_models(dtype):
    """Half or double precision becomes the type of the leaf."""
    arrays = {name: array.astype(dtype) for name, array in source().items()}
    params, _ = convert.convert(arrays, target(), RULES)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(params["head"]["kernel"], source()["head.weight"].T, rtol=1e-2)


def test_whole_numbers_do_not_become_fractions():
    """Counts in place of weights are an error."""
    arrays = source() | {"layer.0.bias": np.arange(3)}
    assert "int64 is no float32" in refusal(arrays, target(), RULES)


def test_nothing_is_shared_with_the_file():
    """A change to the array that was read does not reach the parameters."""
    arrays = source()
    params, _ = convert.convert(arrays, target(), RULES)
    arrays["layer.0.bias"][:] = 9
    assert not (params["blocks"][0]["bias"] == 9).any()


def test_nothing_is_compiled(caplog):
    """A file has dozens of shapes: with a program or two for each, Lite0 took five seconds."""
    arrays, rule = (
        {"head.weight": np.ones((17, 19))},
        convert.Rule(r"head\.weight", "kernel", np.transpose),
    )
    with jax.log_compiles():  # of a shape that no other test has
        convert.convert(arrays, {"kernel": np.zeros((19, 17), np.float32)}, [rule])
        assert "Compiling" not in caplog.text
        jnp.isfinite(jnp.ones((3, 5, 7))).all()
    assert "Compiling" in caplog.text


def test_numbers_too_large_for_the_model_are_named():
    """In half precision they would be infinite."""
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float16), target())
    arrays = source() | {"layer.0.bias": np.full(3, 1e5, np.float32)}
    assert "NaN or infinite numbers (layer.0.bias)" in refusal(arrays, shapes, RULES)


def test_report_is_a_table():
    """Rows of one layer in many blocks are folded into one, and the columns line up."""
    arrays = source() | {"steps": np.asarray(3)}
    del arrays["layer.0.bias"], arrays["layer.1.bias"]
    fresh = (r"blocks/\d+/bias",)
    _, report = convert.convert(arrays, target(), RULES, ignore=("steps",), fresh=fresh)
    assert str(report).splitlines() == [
        "loaded   layer.{0-1}.weight  3x2     blocks/{0-1}/kernel  2x3",
        "loaded   head.weight         5x3     head/kernel          3x5  turned",
        "ignored  steps               scalar",
        "fresh                                blocks/{0-1}/bias    3",
        "3 loaded, 1 ignored, 2 fresh",
    ]


def test_brief_report_shows_the_unusual():
    """In brief: what was ignored, fresh or changed on the way."""
    _, report = convert.convert(
        source() | {"steps": np.asarray(3)}, target(), RULES, ignore=["st.*"]
    )
    assert report.brief().splitlines() == [
        "loaded   head.weight  5x3     head/kernel  3x5  turned",
        "ignored  steps        scalar",
        "5 loaded, 1 ignored, 0 fresh",
    ]
