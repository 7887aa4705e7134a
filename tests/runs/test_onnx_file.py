"""ONNX: what jax2onnx is given has no calls in it, and a file that differs is refused."""

import sys
import types

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.models import convolution
from flaxvid.runs import onnx_file


def _network(video, mask):
    """What stops jax2onnx: a choice of platforms inside a custom gradient, a mean with `where`."""
    found = jax.jit(convolution.conv3d)(video, jnp.ones((3, 3, 3, 3, 2)))
    found = convolution.max_pool(jax.nn.relu(found), (2, 2, 2))
    return jnp.mean(found, axis=(2, 3), where=mask[:, ::2, None, None, None])


def test_calls_come_down_to_primitives():
    """The same numbers, and no call or choice of platforms is left, with the batch open too."""
    (batch,) = jax.export.symbolic_shape("batch")
    rng = np.random.default_rng(0)
    video = rng.normal(size=(2, 4, 6, 8, 3)).astype(np.float32)
    mask = np.array([[True] * 4, [True, True, False, False]])
    for rows in (batch, 2):
        inputs = [jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype) for x in (video, mask)]
        plain = onnx_file.primitives_of(_network, inputs)
        left = {equation.primitive.name for equation in jax.make_jaxpr(plain)(*inputs).eqns}
        assert "conv_general_dilated" in left
        assert not left & {*onnx_file.CALLS, "platform_index", "cond"}
    wanted = _network(video, mask)
    np.testing.assert_allclose(plain(video, mask), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("off", "refused"), [(5e-5, None), (2e-4, r"differ by 2\.0e-04"), (np.nan, "differ by inf")]
)
def test_logits_that_differ_are_refused(off, refused, monkeypatch):
    """Above 1e-4, or NaN; by less, the difference is told."""
    logits = np.array([[0.5, -0.25]])
    session = types.SimpleNamespace(run=lambda names, batch: [logits + off])
    runtime = types.SimpleNamespace(
        SessionOptions=types.SimpleNamespace, InferenceSession=lambda *_, **__: session
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    batches = [{"video": np.zeros(1), "mask": np.zeros(1)}]
    if refused is None:
        found = onnx_file.difference(b"", lambda *_: logits, batches)
        assert found == pytest.approx(off)
        return
    with pytest.raises(errors.UserError, match=refused):
        onnx_file.difference(b"", lambda *_: logits, batches)


def test_what_is_missing_is_named(monkeypatch):
    """Before anything is opened, with the commands that install it."""
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(errors.UserError, match=r"flaxvid\[onnx\].*--no-deps jax2onnx==0\.17\.1"):
        onnx_file.refuse_missing()


def test_what_jax2onnx_cannot_write_is_refused_in_one_line(monkeypatch):
    """Whatever it raises."""

    def fails(*_, **__):
        raise NotImplementedError("no rule for `sort`\nand more")

    for name in ("onnx_ir", "onnx_ir.passes", "onnx_ir.passes.common"):
        fake = types.SimpleNamespace(RemoveUnusedNodesPass=None)
        monkeypatch.setitem(sys.modules, name, fake)
    monkeypatch.setitem(sys.modules, "jax2onnx", types.SimpleNamespace(to_onnx=fails))
    inputs = [jax.ShapeDtypeStruct((1,), jnp.float32)]
    with pytest.raises(errors.UserError, match="NotImplementedError: no rule for `sort`$"):
        onnx_file.convert(lambda x: x, inputs, ["x"])
