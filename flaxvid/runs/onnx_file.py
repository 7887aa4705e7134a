"""A trained model as ONNX, for runtimes that know nothing of JAX.

jax2onnx writes it from the model's primitive operations, and ONNX Runtime, on a CPU, says what it
gives: a file that gives other logits is none.
"""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from flaxvid import errors

INSTALL = 'pip install "flaxvid[onnx]" && pip install --no-deps jax2onnx==0.17.1'
TOLERANCE = 1e-4  # of the largest logit, or of 1 where that is smaller
LARGEST = 2**31 - 1  # bytes: protobuf writes no longer message
# Calls that only name, remember or differentiate what is inside them.
CALLS = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat", "remat2")


def refuse_missing() -> None:
    """Refuses to begin without what writes the file and what checks it.

    Raises:
        UserError: with the command that installs them.
    """
    try:
        with _quiet():
            import jax2onnx  # noqa: F401
            import onnxruntime  # noqa: F401
    except ImportError as error:
        raise errors.UserError(f"--format onnx: {error.name} is not installed; {INSTALL}") from None


def convert(
    logits: Callable[..., jax.Array], inputs: Sequence[jax.ShapeDtypeStruct], names: Sequence[str]
) -> bytes:
    """The ONNX of a function of arrays; its inputs are called `names`, its output `logits`.

    Raises:
        UserError: if jax2onnx can't write it, or it is longer than protobuf's 2 GiB.
    """
    import jax2onnx
    import onnx_ir
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    try:
        with _quiet():
            plain = primitives_of(logits, inputs)
            model = jax2onnx.to_onnx(
                plain, inputs, input_names=names, output_names=["logits"], return_mode="ir"
            )
            model = onnx_ir.to_proto(RemoveUnusedNodesPass()(model).model)
    except Exception as error:  # of many kinds, each for an operation that it does not know
        said = (str(error).splitlines() or [""])[0]
        raise errors.UserError(
            f"--format onnx: jax2onnx can't write this model: {type(error).__name__}: {said}"
        ) from error
    if model.ByteSize() > LARGEST:
        raise errors.UserError(
            f"--format onnx: takes {model.ByteSize() / 2**30:.1f} GiB, and a file of ONNX has "
            "2 GiB at most; take --format stablehlo"
        )
    return model.SerializeToString()


def difference(
    data: bytes, logits: Callable[..., jax.Array], batches: Sequence[dict[str, np.ndarray]]
) -> float:
    """The largest difference of logits in ONNX Runtime, on a CPU, over some batches of inputs.

    Raises:
        UserError: if it is not within `TOLERANCE`.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    apart, largest = 0.0, 1.0
    for batch in batches:
        wanted = np.asarray(logits(*batch.values()), np.float64)
        (found,) = session.run(None, batch)
        # NaN is as far away as can be.
        apart = max(apart, float(np.nan_to_num(np.abs(found - wanted), nan=np.inf).max()))
        largest = max(largest, float(np.abs(wanted).max()))
    if not apart <= TOLERANCE * largest:
        raise errors.UserError(
            f"--format onnx: ONNX Runtime's logits differ by {apart:.1e} from JAX's, of "
            f"{largest:.1f} at most; no file was written: take --format stablehlo"
        )
    return apart


def primitives_of(
    function: Callable[..., jax.Array], inputs: Sequence[jax.ShapeDtypeStruct]
) -> Callable[..., jax.Array]:
    """The same function of arrays as nothing but primitive operations, those for a CPU.

    jax2onnx does not know what chooses between platforms, nor all arguments of functions as
    `jnp.mean`; what they come down to, it does.
    """
    closed = jax.make_jaxpr(function)(*inputs)
    return lambda *arrays: _evaluate(closed.jaxpr, closed.consts, arrays)[0]


def _evaluate(jaxpr, consts, inputs):
    """The outputs of a jaxpr, what its calls have inside in the place of the calls."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))

    def value_of(atom):
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        given = [value_of(atom) for atom in equation.invars]
        if name == "platform_index":
            found = [_for_cpu(params["platforms"])]
        elif name == "cond" and isinstance(given[0], int):  # such an index
            found = _inside(params["branches"][given[0]], given[1:])
        elif name in CALLS:
            found = _inside(params.get("jaxpr") or params["call_jaxpr"], given)
        else:
            found = equation.primitive.bind(*given, **params)
            found = found if equation.primitive.multiple_results else [found]
        values |= zip(equation.outvars, found, strict=True)
    return [value_of(atom) for atom in jaxpr.outvars]


def _inside(jaxpr: Any, inputs):
    return _evaluate(getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ()), inputs)


def _for_cpu(platforms):
    """The place of the branch that a CPU takes; None stands for all that have no branch."""
    return next(i for i, names in enumerate(platforms) if names is None or "cpu" in names)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside, the libraries' remarks for their own developers are not printed."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
