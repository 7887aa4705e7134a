"""What a model costs, counted without running it: parameters and multiply-adds."""

import math
import re
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
    with jax.default_device("cpu"):  # where nothing is fused or padded, whatever else there is
        return _count(jax.make_jaxpr(function)(*arguments).jaxpr)


def training_flops(multiply_adds: int) -> int:
    """Floating-point operations of learning from what takes `multiply_adds` forwards.

    Two for a multiply-add, and the backward pass costs twice the forward pass. Work done again to
    save memory is not counted, as is the custom for model FLOP/s.

    Source: Chowdhery et al., "PaLM" (2022), appendix B.
    """
    return 3 * 2 * multiply_adds


# Dense peaks without sparsity, in TFLOP/s: float32 as XLA runs it by default (TF32 on NVIDIA), and
# bf16. From the makers' data sheets. The first name, a whole word of the device's kind, counts.
PEAKS = {
    "H200": (494.7, 989.4),
    "H100 PCIe": (378.0, 756.0),
    "H100": (494.7, 989.4),
    "A100": (156.0, 312.0),
    "A10": (62.5, 125.0),
    "L4": (60.0, 121.0),
    "TPU v2": (22.5, 22.5),
    "TPU v3": (61.5, 61.5),
    "TPU v4": (275.0, 275.0),
    "TPU v5 lite": (197.0, 197.0),
    "TPU v5p?": (459.0, 459.0),
    "TPU v6": (918.0, 918.0),
}


def peak_flops(device_kind: str, dtype: str) -> float | None:
    """What one device of this kind can do at best, in FLOP/s; None: not known, as for a CPU."""
    for kind, (single, half) in PEAKS.items():
        if re.search(rf"\b{kind}\b", device_kind):
            return (half if dtype == "bfloat16" else single) * 1e12
    return None


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
