"""Weight files of other projects to arrays: safetensors, PyTorch's, Keras' HDF5, NumPy's, Orbax's;
none of them run.

arrays = read.read(read.locate("hf:facebook/timesformer-base-finetuned-k400"))
"""

import functools
import stat
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import huggingface_hub
import jax
import ml_dtypes  # noqa: F401  (gives NumPy the name bfloat16, which safetensors looks up)
import numpy as np
import safetensors
import safetensors.numpy
from huggingface_hub import errors as hub_errors

from flaxvid import errors, files, store_copies, stores
from flaxvid.weights import keras_files, pickles, torch_files

# Where training scripts keep the weights in what they save, the likeliest first.
WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")
HUB_SECONDS = 5.0  # for the hub to answer, before what was fetched earlier is taken
# What a repository or folder calls its weights, the safest first; the second lists several files.
INDEX = "model.safetensors.index.json"
FILES = ("model.safetensors", INDEX, "pytorch_model.bin")
# Repositories that call them otherwise.
NAMED = {
    "google/videoprism-base-f16r288": "flax_base_f16r288_repeated.npz",
    "google/videoprism-large-f8r288": "flax_large_f8r288_repeated.npz",
}
# One of these is in every folder that Orbax wrote.
TREE = "_METADATA"  # of Orbax, in the folder of a tree
ORBAX = (TREE, "_CHECKPOINT_METADATA", "manifest.ocdbt")
REMEDY = "nothing of it was run; find a .safetensors file, or one of a state_dict() alone"

_DAMAGED = (
    *(ValueError, LookupError, TypeError, OverflowError, EOFError, MemoryError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, safetensors.SafetensorError),
)


class WeightsError(errors.UserError):
    """A weight file that is missing, damaged, unsafe, or of another model."""


def locate(spec: str) -> Path:
    """The file that `PATH` or `hf:owner/name[@revision]` means, fetched from the hub if need be.

    A path may be a folder; of a folder or repository, the first of `FILES` is taken, or else the
    only `.safetensors` or `.npz`. A folder that Orbax wrote is weights itself.

    Raises:
        WeightsError: if the repository or its weights can't be had.
    """
    if spec.startswith("hf:"):
        return fetched(spec)
    path = store_copies.local(spec) if stores.is_store(spec) else Path(spec).expanduser()
    if path.is_dir():
        if any((path / name).exists() for name in ORBAX):
            return path
        found = [path / name for name in FILES if (path / name).exists()]
        others = [*path.glob("*.safetensors"), *path.glob("*.npz")]
        if not found and len(others) != 1:
            raise WeightsError(f"{spec}: the folder has no {' or '.join(FILES)}; name the file")
        return (found or others)[0]
    return path


def fetch_beside(spec: str, path: Path, name: str) -> Path | None:
    """The file `name` beside the weights that `locate(spec)` found at `path`; None: not there."""
    beside = path.with_name(name)
    if beside.is_file():  # of the same revision, where it came from the hub
        return beside
    if stores.is_store(spec):
        there = stores.path(spec).with_name(name)
        return store_copies.local(there) if there.is_file() else None
    if not spec.startswith("hf:"):
        return None
    return fetched(spec, (name,))


@functools.cache
def fetched(spec: str, names: tuple[str, ...] | None = None) -> Path | None:
    """The first of the files `names` in a repository, or its weights; the hub is asked once.

    Raises:
        WeightsError: if none can be had. A file that is only to stand beside the weights is None
            then, and stays so.
    """
    try:
        return _fetch(spec, names)
    except WeightsError:
        if names is None:
            raise
        return None


def files_of(path: Path) -> list[Path]:
    """The files that hold the weights at `path`, as `locate` found it: its own, or several.

    Raises:
        WeightsError: if it lists files that are damaged or lie elsewhere.
    """
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return _shards(path) if path.name.endswith(".index.json") else [path]


def _shards(path):
    with errors.damage_in(path, "fetch it again", WeightsError):
        names = sorted(set(files.read_json(path)["weight_map"].values()))
        for name in names:
            if name != Path(name).name:
                raise ValueError(f"it lists {name!r}, which is not beside it")
    return [path.with_name(name) for name in names]


def _fetch(spec, names=None):
    repository, _, revision = spec.removeprefix("hf:").partition("@")
    if names is None:
        names = (NAMED[repository],) if repository in NAMED else FILES
        found = _fetch(spec, names)
        if found.name.endswith(".index.json"):
            for shard in _shards(found):
                _fetch(spec, (shard.name,))
        return found
    online = True
    for name in names:
        try:
            online = online and _is_reached(repository, name, revision or None)
            return Path(
                huggingface_hub.hf_hub_download(
                    repository, name, revision=revision or None, local_files_only=not online
                )
            )
        except hub_errors.EntryNotFoundError:
            continue
        except (hub_errors.HfHubHTTPError, hub_errors.HFValidationError) as error:
            reason = str(error).strip().splitlines()[0]
            raise WeightsError(f"{spec}: {reason}; check owner, name and revision") from None
        except Exception as error:  # of the HTTP library, which has changed before, or of the disk
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise WeightsError(f"{spec}: can't be fetched ({reason}); run it again") from None
    if not online:
        raise WeightsError(
            f"{spec}: the hub can't be reached and its files were not fetched before; "
            "go online, or give the path of a file"
        )
    raise WeightsError(f"{spec}: has no {' or '.join(names)}; fetch its file and give the path")


def _is_reached(repository, name, revision):
    """Whether the hub answers, asked once: `hf_hub_download` on its own tries for 40 seconds.

    That the answer is no, `hf_hub_download` says better.
    """
    try:
        address = huggingface_hub.hf_hub_url(repository, name, revision=revision)
        huggingface_hub.get_hf_file_metadata(address, timeout=HUB_SECONDS)
    except hub_errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 500)
        return status < 500 and status not in (408, 429)
    except Exception:  # of whichever HTTP library it uses
        return False
    return True


def read(path: Path | str) -> dict[str, np.ndarray]:
    """The weights in a file, in those that an `.index.json` lists, or in a folder that Orbax wrote.

    A file is a `.safetensors`, `.pth`, `.pt`, `.pyth`, `.ckpt`, `.bin`, `.h5` or `.npz`.

    What kind of file it is follows from its contents. Of nested dictionaries the weights are,
    in this order: what stands under one of `WRAPPERS`; the tensors at the top; the only
    dictionary of tensors below. The rest (epoch, optimizer, settings) is left out. No code in
    the file is ever run. Arrays are read-only, and share memory where tensors shared storage.

    Raises:
        WeightsError: if the file can't be read, is damaged, holds no weights, or would run code.
    """
    path = Path(path)
    if path.is_dir():
        return _from_orbax(path)
    if path.name.endswith(".index.json"):
        parts = [read(shard) for shard in _shards(path)]
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
        f"{path}: is no weight file, as it starts with {start!r}; "
        "give a .safetensors file, or one that torch.save or Keras wrote"
    )


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
        raise WeightsError(f"{path}: is no whole folder of Orbax ({reason[:200]})") from None
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
