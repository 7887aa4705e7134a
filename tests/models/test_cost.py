"""Costs: parameters and multiply-adds counted by hand, no memory spent."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from flaxvid.models import cost


def shape_of(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def test_parameters_of_a_linear_layer():
    """3 inputs and 5 outputs: 15 weights and 5 biases, counted from shapes alone."""
    model = cost.abstract_model(lambda: nnx.Linear(3, 5, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 20


def test_a_model_of_a_terabyte_is_counted():
    """An abstract model takes no memory, however large it would be."""
    model = cost.abstract_model(lambda: nnx.Linear(500_000, 500_000, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == 500_000 * 500_001


def test_matrix_product():
    """(2, 3) @ (3, 5): 30 multiply-adds; batched by 7, seven times that."""
    assert cost.multiply_adds(jnp.matmul, shape_of(2, 3), shape_of(3, 5)) == 30
    assert cost.multiply_adds(jnp.matmul, shape_of(7, 2, 3), shape_of(7, 3, 5)) == 210


def test_convolution():
    """A 3x3 kernel from 4 to 6 channels on 5x7 outputs: 5 x 7 x 6 x 9 x 4; grouped by 2, half."""

    def convolve(groups):
        def call(image, kernel):
            return jax.lax.conv_general_dilated(
                image, kernel, (1, 1), "SAME",
                dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups,
            )  # fmt: skip

        return call

    image = shape_of(1, 5, 7, 4)
    assert cost.multiply_adds(convolve(1), image, shape_of(3, 3, 4, 6)) == 5 * 7 * 6 * 9 * 4
    assert cost.multiply_adds(convolve(2), image, shape_of(3, 3, 2, 6)) == 5 * 7 * 6 * 9 * 2


def test_loops_and_inner_functions_are_followed():
    """A scan of 4 products under jit counts four times; of two branches, the dearer one."""
    square = shape_of(3, 3)

    @jax.jit
    def powers(matrix):
        return jax.lax.scan(lambda carry, _: (carry @ matrix, None), matrix, length=4)[0]

    def either(matrix):
        return jax.lax.cond(True, lambda m: m @ m @ m, lambda m: m @ m, matrix)

    assert cost.multiply_adds(powers, square) == 4 * 27
    assert cost.multiply_adds(either, square) == 2 * 27


def test_remat_counts_once():
    """What is recomputed in the backward pass is not counted as the model's work."""
    square = shape_of(3, 3)
    assert cost.multiply_adds(jax.checkpoint(jnp.matmul), square, square) == 27


def test_training_takes_three_times_the_way_forth():
    """10 multiply-adds forwards: 20 operations, and twice that backwards."""
    assert cost.training_flops(10) == 60


@pytest.mark.parametrize(
    ("kind", "dtype", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.4e12),
        ("NVIDIA H100 PCIe", "bfloat16", 756e12),
        ("NVIDIA A100-SXM4-40GB", "float32", 156e12),
        ("TPU v5 lite", "bfloat16", 197e12),
        ("TPU v5p", "bfloat16", 459e12),
        ("NVIDIA L4", "bfloat16", 121e12),
        ("NVIDIA L40S", "bfloat16", None),
        ("NVIDIA RTX A1000", "bfloat16", None),
        ("cpu", "float32", None),
    ],
)
def test_peaks_are_found_by_name(kind, dtype, peak):
    """As JAX names devices, by whole words: an L40S is no L4; the longer name comes first."""
    assert cost.peak_flops(kind, dtype) == peak
