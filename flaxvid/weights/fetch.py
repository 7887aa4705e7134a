"""Where weights are: a path, an object store or the Hugging Face hub, fetched if need be.

path = fetch.locate("hf:facebook/timesformer-base-finetuned-k400")
"""

import functools
from pathlib import Path

import huggingface_hub
from huggingface_hub import errors as hub_errors

from flaxvid import store_copies, stores
from flaxvid.weights import read

HUB_SECONDS = 5.0  # to wait for the hub, before using what was fetched earlier
# What a repository or folder calls its weights, the safest first; the second lists several files.
INDEX = "model.safetensors.index.json"
FILES = ("model.safetensors", INDEX, "pytorch_model.bin")
# Repositories that call them otherwise.
NAMED = {
    "google/videoprism-base-f16r288": "flax_base_f16r288_repeated.npz",
    "google/videoprism-large-f8r288": "flax_large_f8r288_repeated.npz",
}
# One of these is in every folder that Orbax wrote.
ORBAX = (read.TREE, "_CHECKPOINT_METADATA", "manifest.ocdbt")


def locate(spec: str) -> Path:
    """The file that `PATH` or `hf:owner/name[@revision]` means, fetched from the hub if need be.

    A path may be a folder; of a folder or repository, the first of `FILES` is taken, or else the
    only `.safetensors` or `.npz`. A folder that Orbax wrote is returned itself.

    Raises:
        WeightsError: if the repository or its weights can't be fetched.
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
            raise read.WeightsError(
                f"{spec}: the folder has no {' or '.join(FILES)}; name the file"
            )
        return (found or others)[0]
    return path


def beside(spec: str, path: Path, name: str) -> Path | None:
    """The file `name` beside the weights that `locate(spec)` found at `path`; None: not there."""
    neighbour = path.with_name(name)
    if neighbour.is_file():  # of the same revision, where it came from the hub
        return neighbour
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
        WeightsError: if the weights can't be fetched. For a file beside them, None is returned
            instead, and remembered.
    """
    try:
        return _fetch(spec, names)
    except read.WeightsError:
        if names is None:
            raise
        return None


def files_of(path: Path) -> list[Path]:
    """The files that hold the weights at `path`, as `locate` found it: its own, or several.

    Raises:
        WeightsError: if an index is damaged, or lists files in other folders.
    """
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return read.shards(path) if path.name.endswith(".index.json") else [path]


def _fetch(spec, names=None):
    repository, _, revision = spec.removeprefix("hf:").partition("@")
    if names is None:
        names = (NAMED[repository],) if repository in NAMED else FILES
        found = _fetch(spec, names)
        if found.name.endswith(".index.json"):
            for shard in read.shards(found):
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
            raise read.WeightsError(f"{spec}: {reason}; check owner, name and revision") from None
        except Exception as error:  # of the HTTP library, which has changed before, or of the disk
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise read.WeightsError(f"{spec}: can't be fetched ({reason}); run it again") from None
    if not online:
        raise read.WeightsError(
            f"{spec}: the hub can't be reached and its files were not fetched before; "
            "go online, or give the path of a file"
        )
    raise read.WeightsError(
        f"{spec}: has no {' or '.join(names)}; fetch its file and give the path"
    )


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
