"""Attention without its scores in memory, where the device has it.

On an NVIDIA GPU cuDNN computes attention in half precision tile by tile, and no array of
`query x key` is ever written: that is faster, and a training step keeps far less. A CPU has
`chunked_attention` for many tokens. Everywhere else, and in float32 on a GPU, attention is the
formula as `attention.scaled_dot_product` writes it.
"""

import dataclasses
import types
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

FEWEST = 128  # tokens over which attention is fused
MULTIPLE = 8  # cuDNN's gradients take a number of tokens that is one of it


@dataclasses.dataclass(frozen=True)
class How:
    """What computes; the defaults are an NVIDIA GPU's."""

    implementation: Literal["cudnn", "xla"] = "cudnn"
    """Of `jax.nn.dot_product_attention`."""
    kernels: bool = True
    """Whether LayerNorm and attention over time are those of `kernels`."""
    interpret: bool = False
    """Run kernels step by step, on any device."""


def here(tokens: Array) -> How | None:
    """How work on these tokens is fused where it will run; None: it is not.

    Settled when a program is traced, and only for programs with fixed shapes: one whose batch is
    left open is to be exported, for any platform. The device is the one that `jax.default_device`
    names, or the first there is. Kernels of our own are not split over devices, so that with
    several only attention is fused.
    """
    half = tokens.dtype in (jnp.bfloat16, jnp.float16)
    if not half or not all(isinstance(size, int) for size in tokens.shape):
        return None
    return How(kernels=jax.device_count() == 1) if _has_fused_attention(device()) else None


def device() -> jax.Device | types.SimpleNamespace:
    """Where a program that is traced now will run, or what has that platform's name."""
    named = jax.config.jax_default_device
    if isinstance(named, str):  # the name of a platform
        named = None if named in ("gpu", "cuda") else types.SimpleNamespace(platform=named)
    return named or jax.devices()[0]


def _has_fused_attention(device) -> bool:
    """NVIDIA's, from Ampere on; an AMD GPU is a "gpu" to JAX too, of capability "gfx..."."""
    capability = str(getattr(device, "compute_capability", "")).replace(".", "")
    return device.platform == "gpu" and capability.isdigit() and int(capability) >= 80


def takes(tokens: int, head_dim: int) -> bool:
    """Whether it is worth it, and heads are of a width that cuDNN takes.

    Over few tokens the scores are small, and the formula will do.
    """
    return tokens >= FEWEST and head_dim % 8 == 0 and head_dim <= 128


def dot_product(
    query: Float[Array, "batch token head dim"],
    key: Float[Array, "batch token head dim"],
    value: Float[Array, "batch token head dim"],
    mask: Bool[Array, "batch token"] | None = None,
    *,
    how: How,
    length: int | None = None,
) -> Float[Array, "batch token head dim"]:
    """`scaled_dot_product` of tokens over themselves, without the scores.

    `length` is how many tokens are real where they are padded already; what stands at the others
    in the result means nothing.
    """
    tokens = query.shape[1]
    length = tokens if length is None else length
    count = jnp.full(query.shape[0], length, jnp.int32)
    lengths = dict(query_seq_lengths=count, key_value_seq_lengths=count)
    if mask is not None:
        # The mean of the values does not ask for their order: the real ones go to the front,
        # where a number says how many there are.
        order = jnp.argsort(~mask, axis=1, stable=True)[:, :, None, None]
        key, value = (jnp.take_along_axis(array, order, axis=1) for array in (key, value))
        lengths["key_value_seq_lengths"] = jnp.sum(mask, axis=1, dtype=jnp.int32)
    missing = -tokens % MULTIPLE
    if missing:
        around = ((0, 0), (0, missing), (0, 0), (0, 0))
        query, key, value = (jnp.pad(array, around) for array in (query, key, value))
    elif mask is None and length == tokens:
        lengths = {}
    attended = jax.nn.dot_product_attention(
        query, key, value, implementation=how.implementation, **lengths
    )
    return attended[:, :tokens]
