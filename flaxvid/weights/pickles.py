"""Pickles of PyTorch, read without running them: data comes out, and no code goes in.

A pickle is a small program for a stack machine, and two of its instructions call any function
they can name; that is how a weight file can run what its author likes. `pickletools` of the
standard library takes the program apart, and `load` carries out the instructions that build
data. Functions are never looked up: the few that weights need are imitated here, a few more are
known and left out, and every other name is refused.
"""

import dataclasses
import io
import math
import mmap
import pickletools
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np


class Refused(ValueError):
    """The pickle asks for something that weights have no need of; says what."""


@dataclasses.dataclass(frozen=True)
class Storage:
    """A run of numbers that lies elsewhere in the file."""

    key: str
    dtype: np.dtype
    size: int

    @property
    def num_bytes(self) -> int:
        return self.size * self.dtype.itemsize


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, data: bytes) -> np.ndarray:
        """The tensor as a read-only array over the bytes of its storage."""
        if math.prod(self.shape) > self.storage.size:
            raise Refused(f"a tensor of shape {self.shape} has only {self.storage.size} numbers")
        itemsize = self.storage.dtype.itemsize
        return np.ndarray(
            self.shape,
            self.storage.dtype,
            buffer=data,
            offset=self.offset * itemsize,
            strides=tuple(stride * itemsize for stride in self.strides),
        )


class LeftOut:
    """Stands where something harmless stood that weights have no need of."""


@dataclasses.dataclass(frozen=True)
class _Name:
    """What the pickle calls a function or class; only ever a name here."""

    name: str


_DTYPES = {
    "torch.DoubleStorage": np.dtype(np.float64),
    "torch.FloatStorage": np.dtype(np.float32),
    "torch.HalfStorage": np.dtype(np.float16),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype(np.int64),
    "torch.IntStorage": np.dtype(np.int32),
    "torch.ShortStorage": np.dtype(np.int16),
    "torch.CharStorage": np.dtype(np.int8),
    "torch.ByteStorage": np.dtype(np.uint8),
    "torch.BoolStorage": np.dtype(np.bool_),
}


def _tensor(storage, offset, shape, strides, requires_grad=None, hooks=None, metadata=None):
    if not isinstance(storage, Storage) or len(shape) != len(strides) or len(shape) > 32:
        raise Refused("a tensor in it is malformed")
    counts = (offset, *shape, *strides)
    if not all(isinstance(count, int) and 0 <= count < 2**63 for count in counts):
        raise Refused("a tensor in it has impossible sizes")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _ordered_dict(pairs=()):
    items = {}
    for key, value in pairs:
        _set_items(items, (key, value))
    return items


_IMITATED: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, requires_grad, hooks: data,
}

# What training scripts keep beside the weights: settings, best scores, schedules.
_LEFT_OUT = {
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "fvcore.common.config.CfgNode",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "pathlib.PosixPath",
    "torch.Size",
    "torch.device",
    "torch.float16",
    "torch.float32",
    "yacs.config.CfgNode",
}


def load(stream: io.BytesIO | mmap.mmap) -> tuple[Any, dict[str, Storage]]:
    """The object of the pickle that starts here, and the storages it speaks of by key.

    Tensors come as `Tensor`, and what is known to be of no use as `LeftOut`. The stream is left
    where the pickle ends. Reads the protocols from 2 on, which is all that PyTorch writes.

    Raises:
        Refused: for a function, class or instruction that weights have no need of.
        ValueError, LookupError, TypeError: if the pickle is damaged.
    """
    stack, marks, memo, storages = [], [], {}, {}

    def since_mark():
        start = marks.pop()
        values = stack[start:]
        del stack[start:]
        return values

    for opcode, argument, _ in pickletools.genops(stream):
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop(), storages
            case "MARK":
                marks.append(len(stack))
            # ---------------------------------------------------------- plain values
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode.name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "LONG4" | "BINFLOAT":
                stack.append(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "BINBYTES" | "SHORT_BINBYTES":
                stack.append(argument)
            # ---------------------------------------------------------- containers
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(opcode.name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "EMPTY_LIST":
                stack.append([])
            case "APPEND":
                value = stack.pop()
                _extend(stack[-1], [value])
            case "APPENDS":
                values = since_mark()
                _extend(stack[-1], values)
            case "EMPTY_DICT":
                stack.append({})
            case "SETITEM":
                item = stack.pop(-2), stack.pop()
                _set_items(stack[-1], item)
            case "SETITEMS":
                items = since_mark()
                _set_items(stack[-1], items)
            # ---------------------------------------------------------- what was there before
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            # ---------------------------------------------------------- names, calls, storages
            case "GLOBAL":
                stack.append(_name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                stack.append(_name(stack.pop(-2), stack.pop()))
            case "REDUCE" | "NEWOBJ":
                stack.append(_call(stack.pop(-2), stack.pop()))
            case "BUILD":
                # Attributes of an OrderedDict, or of what is left out: of no use here.
                stack.pop()
                if not isinstance(stack[-1], dict | LeftOut):
                    raise Refused("its pickle sets attributes of what is not a dictionary")
            case "BINPERSID":
                storage = _storage(stack.pop())
                if storages.setdefault(storage.key, storage) != storage:
                    raise Refused("two storages in it have one name")
                stack.append(storage)
            case _:
                raise Refused(f"its pickle has the instruction {opcode.name}")
    raise ValueError("its pickle has no end")


def _name(module, name):
    if not isinstance(module, str) or not isinstance(name, str):
        raise Refused("its pickle names something by what is not text")
    full = f"{module}.{name}"
    if full not in _IMITATED and full not in _LEFT_OUT and full not in _DTYPES:
        raise Refused(f"its pickle wants to use {full[:80]!a}, which weights have no need of")
    return _Name(full)


def _call(function, arguments):
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        raise Refused("its pickle calls something that is not a function")
    if function.name in _LEFT_OUT:
        return LeftOut()
    if function.name not in _IMITATED:
        raise Refused(f"its pickle calls {function.name}")
    return _IMITATED[function.name](*arguments)


def _storage(reference):
    # (name, type, key, device, size); files of long ago may add a view of another storage.
    if not isinstance(reference, tuple) or len(reference) not in (5, 6):
        raise Refused("its pickle refers to something that is not a storage of numbers")
    kind, dtype, key, _, size, *view = reference
    if kind != "storage" or not isinstance(dtype, _Name) or dtype.name not in _DTYPES:
        raise Refused("its pickle refers to something that is not a storage of numbers")
    if not isinstance(key, str) or not isinstance(size, int) or size < 0 or any(view):
        raise Refused("a storage in it is malformed")
    return Storage(key, _DTYPES[dtype.name], size)


def _extend(target, values):
    if isinstance(target, list):
        target.extend(values)
    elif not isinstance(target, LeftOut):
        raise Refused("its pickle appends to something that is not a list")


def _set_items(target, items):
    if isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Tuples in tuples can take for ever to hash, and nothing here is named by one.
            if not isinstance(key, str | int | float | bytes | LeftOut | None):
                raise Refused(f"a dictionary in it has a {type(key).__name__} for a key")
            target[key] = value
    elif not isinstance(target, LeftOut):
        raise Refused("its pickle sets items of something that is not a dictionary")
    return target
