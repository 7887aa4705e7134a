"""A call and its values in a few words, as a verdict shows them."""

import dataclasses
import os
import re
import textwrap
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from flax import nnx


def call(name: str, arguments: Sequence, options: Mapping) -> str:
    """A call as one would write it: `uniform_indices(9, 3)`."""
    given = [value(argument) for argument in arguments]
    given += [f"{key}={value(argument)}" for key, argument in options.items()]
    return f"{name}({', '.join(given)})"


def value(thing: object) -> str:
    """A value in a few words: small arrays in full, large ones as their type and shape."""
    if isinstance(getattr(thing, "primal", None), jax.Array):  # where a gradient is taken
        return value(thing.primal)
    if isinstance(thing, jax.core.Tracer):
        return f"traced {thing.dtype} array of shape {thing.shape}"
    if isinstance(thing, jax.Array) and jax.dtypes.issubdtype(thing.dtype, jax.dtypes.prng_key):
        return f"random key {value(jax.random.key_data(thing))}"
    if isinstance(thing, np.ndarray | jax.Array):
        if thing.size <= 24:
            told = " ".join(np.array2string(np.asarray(thing), separator=", ").split())
            return told.replace("[ ", "[")
        return f"{thing.dtype} array of shape {thing.shape}"
    if isinstance(thing, types.FunctionType):
        return "a function"
    if isinstance(thing, nnx.Module | nnx.Rngs):  # all it holds would fill the screen
        return f"{type(thing).__name__}(...)"
    if isinstance(thing, dict):
        inside = ", ".join(f"{key!r}: {value(item)}" for key, item in thing.items())
        return short(f"{{{inside}}}")
    if hasattr(thing, "_fields"):  # a state, an optimizer: the numbers are too many to help
        return f"{type(thing).__name__}(...)"
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return short(_changed(thing))
    if isinstance(thing, tuple):
        inside = ", ".join(map(value, thing))
        return f"({inside},)" if len(thing) == 1 else f"({inside})"
    if isinstance(thing, list) and any(isinstance(one, np.ndarray | jax.Array) for one in thing):
        return short(f"[{', '.join(map(value, thing))}]")
    if isinstance(thing, os.PathLike):
        return repr(Path(thing).name)
    if isinstance(thing, np.inexact):
        return str(thing)  # in the digits of its own precision
    if isinstance(thing, np.generic):
        thing = thing.item()  # 0.5 and not np.float64(0.5)
    return short(re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(thing)))


def _changed(thing) -> str:
    """A dataclass by those of its fields that differ from their defaults."""
    told = [
        f"{field.name}={value(getattr(thing, field.name))}"
        for field in dataclasses.fields(thing)
        if field.repr and repr(getattr(thing, field.name)) != repr(field.default)
    ]
    return f"{type(thing).__name__}({', '.join(told)})"


def short(text: str) -> str:
    return textwrap.shorten(text, 200, placeholder=" ...")


def exactly(thing):
    """A value with all its digits."""
    if isinstance(thing, np.ndarray | jax.Array):
        return short(f"{np.asarray(thing).tolist()} ({thing.dtype})")
    return short(repr(thing))
