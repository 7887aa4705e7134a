"""What a model costs, counted without running it: parameters and multiply-adds."""

import math
from collections.abc import Callable

import jax
import jax.extend
from flax import nnx
from jaxtyping import PyTree


def count_parameters(params: PyTree) -> int:
    """Numbers in a tree of arrays, or of their shapes."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def abstract_model(build: Callable[[], nnx.Module]) -> nnx.Module:
    """The module that `build()` makes, with shapes in place of values: no memory is spent."""
    return nnx.eval_shape(build)


def multiply_adds(function: Callable, *arguments) -> int:
    """Multiply-adds of all matrix products and convolutions in `function(*arguments)`.

    `arguments` are arrays or `jax.ShapeDtypeStruct`s. Papers print this figure as "FLOPs";
    elementwise work is not counted, as is the custom.
    """
    return _count(jax.make_jaxpr(function)(*arguments).jaxpr)


def _count(jaxpr):
    total = 0
    for equation in jaxpr.eqns:
        match equation.primitive.name:
            case "dot_general":
                (contracted, _), _ = equation.params["dimension_numbers"]
                left = equation.invars[0].aval.shape
                inner = math.prod(left[axis] for axis in contracted)
                total += math.prod(equation.outvars[0].aval.shape) * inner
            case "conv_general_dilated":
                kernel = equation.invars[1].aval.shape
                out_axis = equation.params["dimension_numbers"].rhs_spec[0]
                per_output = math.prod(kernel) // kernel[out_axis]
                total += math.prod(equation.outvars[0].aval.shape) * per_output
            case "scan":
                total += equation.params["length"] * _count(equation.params["jaxpr"].jaxpr)
            case "cond":
                total += max(_count(branch.jaxpr) for branch in equation.params["branches"])
            case _:
                inner_programs = jax.extend.core.jaxprs_in_params(equation.params)
                total += sum(map(_count, inner_programs))
    return total
