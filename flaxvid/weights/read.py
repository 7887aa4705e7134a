"""Weight files of other projects to arrays: safetensors, PyTorch's, Keras's HDF5, NumPy's, Orbax's.
No code in them is run.

arrays = read.read(fetch.locate("hf:facebook/timesformer-base-finetuned-k400"))
"""

import functools
import stat
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import jax
import ml_dtypes  # noqa: F401  (gives NumPy the name bfloat16, which safetensors looks up)
import numpy as np
import safetensors
import safetensors.numpy

from flaxvid import errors, files
from flaxvid.weights import keras_files, pickles, torch_files

# Where training scripts keep the weights in what they save, the likeliest first.
WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")
TREE = "_METADATA"  # of Orbax, in the folder of a tree
REMEDY = "nothing of it was run; find a .safetensors file, or one of a state_dict() alone"

_DAMAGED = (
    *(ValueError, LookupError, TypeError, OverflowError, EOFError, MemoryError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, safetensors.SafetensorError),
)


class WeightsError(errors.UserError):
    """A weight file that is missing, damaged, unsafe, or of another model."""


def read(path: Path | str) -> dict[str, np.ndarray]:
    """The weights in a file, in those that an `.index.json` lists, or in a folder that Orbax wrote.

    A file is a `.safetensors`, `.pth`, `.pt`, `.pyth`, `.ckpt`, `.bin`, `.h5` or `.npz`.

    What kind of file it is follows from its contents. Of nested dictionaries the weights are,
    in this order: what is under one of `WRAPPERS`; the tensors at the top; the only
    dictionary of tensors below. The rest (epoch, optimizer, settings) is left out. No code in
    the file is ever run. Arrays are read-only, and share memory where tensors shared storage.

    Raises:
        WeightsError: if the file can't be read, is damaged, holds no weights, or would run code.
    """
    path = Path(path)
    if path.is_dir():
        return _from_orbax(path)
    if path.name.endswith(".index.json"):
        parts = [read(shard) for shard in shards(path)]
        return {name: array for part in parts for name, array in part.items()}
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # to open a pipe waits for somebody who writes
            raise WeightsError(f"{path}: is {errors.kind(mode)}, and no file of weights")
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise WeightsError(
            f"{path}: can't be read ({error.strerror}); give a weight file or hf:owner/name"
        ) from None
    try:
        if start[8:9] == b"{":
            return _printable(_from_safetensors(path))
        if start.startswith(torch_files.ZIP_START) and _is_npz(path):
            return _printable(_from_npz(path))
        if start.startswith(torch_files.ZIP_START):
            return _printable(_from_torch(torch_files.open_zip(path)))
        if start.startswith(torch_files.LEGACY_START):
            return _printable(_from_torch(torch_files.open_legacy(path)))
        if start.startswith(keras_files.START):
            return _printable(keras_files.read(path))
    except WeightsError:
        raise
    except pickles.Refused as error:
        raise WeightsError(f"{path}: {error}; {REMEDY}") from None
    except _DAMAGED as error:
        raise WeightsError(f"{path}: is damaged or cut short ({error}); fetch it again") from None
    raise WeightsError(
        f"{path}: is not a weight file, as it starts with {start!r}; "
        "give a .safetensors file, or one that torch.save or Keras wrote"
    )


def shards(path: Path) -> list[Path]:
    """The files that an `.index.json` lists, beside it.

    Raises:
        WeightsError: if it is damaged, or lists files in other folders.
    """
    with errors.damage_in(path, "fetch it again", WeightsError):
        names = sorted(set(files.read_json(path)["weight_map"].values()))
        for name in names:
            if name != Path(name).name:
                raise ValueError(f"it lists {name!r}, which is not beside it")
    return [path.with_name(name) for name in names]


def _from_safetensors(path):
    try:
        return safetensors.numpy.load_file(path)
    except AttributeError as error:  # FP8, which NumPy has not
        raise WeightsError(
            f"{path}: has tensors of a type that can't be read ({error}); save it again in float32 "
            "or bfloat16"
        ) from None


def _is_npz(path):
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def _from_npz(path):
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name!a} holds {array.dtype}, no numbers")
    return arrays


def _from_orbax(path):
    """The arrays of a tree, under names like `params/encoder/kernel`."""
    import orbax.checkpoint as orbax  # only here: it takes long to import

    # Versions differ in the folder of its own that they put a tree into, and in how they call it.
    trees = [path] if (path / TREE).exists() else [found.parent for found in path.glob(f"*/{TREE}")]
    if len(trees) > 1:
        names = ", ".join(sorted(tree.name for tree in trees))
        raise WeightsError(f"{path}: holds several trees ({names}); name the folder of one")
    path = (trees or [path])[0]
    try:
        with warnings.catch_warnings():
            # That arrays come back on this machine's devices is what is wanted.
            warnings.simplefilter("ignore")
            tree = orbax.PyTreeCheckpointer().restore(path.absolute())
    except (*_DAMAGED, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{path}: is not a complete Orbax folder ({reason[:200]})") from None
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {
        jax.tree_util.keystr(place, simple=True, separator="/").removesuffix("/value"): leaf
        for place, leaf in leaves
    }
    return {name: np.asarray(leaf) for name, leaf in named.items() if hasattr(leaf, "shape")}


def _from_torch(opened):
    with opened as (tree, fetch):
        fetch = functools.cache(fetch)
        tensors = _weights(tree)
        return {name: tensor.array(fetch(tensor.storage)) for name, tensor in tensors.items()}


def _printable(arrays):
    # Names end up in messages and tables, where a terminal would obey them.
    if not all(name.isprintable() for name in arrays):
        raise pickles.Refused("has a name in it that can't be printed")
    return arrays


def _weights(tree: Any) -> dict[str, pickles.Tensor]:
    if not isinstance(tree, dict):
        raise pickles.Refused("holds no dictionary of tensors")
    for wrapper in WRAPPERS:
        if isinstance(tree.get(wrapper), dict):
            return _weights(tree[wrapper])
    if tensors := _tensors(tree):
        return tensors
    below = [tree[name] for name in tree if isinstance(tree[name], dict) and _tensors(tree[name])]
    if len(below) != 1:
        names = ", ".join(ascii(name)[:30] for name in list(tree)[:5])
        raise pickles.Refused(f"holds no weights that can be told from the rest, only {names}")
    return _tensors(below[0])


def _tensors(tree):
    return {
        name: value
        for name, value in tree.items()
        if isinstance(name, str) and isinstance(value, pickles.Tensor)
    }
