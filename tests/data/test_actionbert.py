"""ActionBERT's own embeddings: read, refused, and written so that it reads them."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from flaxvid import errors, prepare
from flaxvid.data import actionbert, embeddings, manifest

LENGTHS = {"train": (3, 1, 2), "test": (2,)}
NAMES = {
    "train": ("v_YoYo_g01_c01", "v_Biking_g01_c01", "v_Biking_g02_c01"),
    "test": ("v_YoYo_g03_c01",),
}


def numbers(split):
    """Rows of 512 numbers, zeros after a video's end."""
    lengths = LENGTHS[split]
    array = np.random.default_rng(len(lengths)).normal(size=(len(lengths), max(lengths), 512))
    real = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    return np.where(real[..., None], array, 0).astype(np.float32)


@pytest.fixture(params=["memmap_size", "memmap_shape"])
def files(request, tmp_path):
    """A pair of files for each split: as the README has them, or as the program wrote them."""
    pairs = {}
    for split, names in NAMES.items():
        pairs[split] = tmp_path / f"{split}.json", tmp_path / f"{split}.npy"
        entries = [
            dict(video_idx=i, video_name=name, video_length=n, label_idx=int("YoYo" in name))
            for i, (name, n) in enumerate(zip(names, LENGTHS[split], strict=True))
        ]
        kept = np.memmap(pairs[split][1], np.float32, "w+", shape=numbers(split).shape)
        kept[:] = numbers(split)
        kept.flush()
        data = entries if request.param == "memmap_size" else json.dumps(entries)
        said = {"data": data, request.param: list(kept.shape)}
        pairs[split][0].write_text(json.dumps(said))
    return pairs


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["prepare", *map(str, arguments)])
    prepare.main()


def test_in_and_out_again(files, tmp_path, monkeypatch, capsys):
    """Made a folder for --data, and written back, the numbers and the index are what they were."""
    pairs = ["--train", *files["train"], "--test", *files["test"]]
    run(monkeypatch, "from-actionbert", tmp_path / "kept", *pairs)
    stored = embeddings.read(tmp_path / "kept")
    assert stored.manifest.labels == ("Biking", "YoYo")
    assert stored.lengths.tolist() == [3, 1, 2, 2]
    np.testing.assert_array_equal(stored.array[:3], numbers("train"))
    np.testing.assert_array_equal(stored.array[3:, :2], numbers("test"))
    assert "--arch bert --data" in capsys.readouterr().out

    run(monkeypatch, "to-actionbert", tmp_path / "kept", tmp_path / "theirs")
    said = json.loads((tmp_path / "theirs" / "train.json").read_text())
    assert (said["memmap_size"], said["split"]) == ([3, 3, 512], "train")
    assert json.loads((tmp_path / "theirs" / "test.json").read_text())["memmap_size"] == [1, 2, 512]
    again = actionbert.read(tmp_path / "theirs" / "train.json", tmp_path / "theirs" / "train.npy")
    np.testing.assert_array_equal(again.array, numbers("train"))
    assert again.names == NAMES["train"]
    assert again.numbers.tolist() == [1, 0, 0]


@pytest.mark.parametrize("files", ["memmap_size"], indirect=True)
def test_files_that_do_not_belong_together_are_refused(files):
    """An array of another size, a length beyond the array, or no index at all."""
    with pytest.raises(errors.UserError, match="don't belong together"):
        actionbert.read(files["train"][0], files["test"][1])
    with pytest.raises(errors.UserError, match="is not an index of ActionBERT's"):
        actionbert.read(files["train"][1], files["train"][1])
    said = json.loads(files["train"][0].read_text())
    said["data"][0]["video_length"] = 9
    files["train"][0].write_text(json.dumps(said))
    with pytest.raises(errors.UserError, match="video_length of 9, and the longest is 3"):
        actionbert.read(*files["train"])


@pytest.mark.parametrize("files", ["memmap_size"], indirect=True)
def test_leaks_and_other_encoders_are_refused(files, tmp_path, monkeypatch, capsys):
    """Groups on both sides, as its own splits have them; numbers that another network makes."""
    pairs = ["--train", *files["train"], "--test", *files["train"]]
    with pytest.raises(SystemExit):
        run(monkeypatch, "from-actionbert", tmp_path / "kept", *pairs)
    assert "--allow-leakage" in capsys.readouterr().err
    pairs = ["--train", *files["train"], "--test", *files["test"], "--encoder", "lite0"]
    with pytest.raises(SystemExit):
        run(monkeypatch, "from-actionbert", tmp_path / "kept", *pairs)
    assert "512 numbers a frame, and lite0 gives 1280" in capsys.readouterr().err


@pytest.mark.parametrize("files", ["memmap_size"], indirect=True)
def test_a_class_has_one_number(files):
    """`label_idx` 0 for one YoYo and 1 for another is an error that names the second."""
    splits = {name: actionbert.read(*pair) for name, pair in files.items()}
    splits["test"] = dataclasses.replace(splits["test"], numbers=np.asarray([0]))
    with pytest.raises(manifest.ManifestError, match="v_YoYo_g03_c01: has label_idx 0"):
        actionbert.videos_of(splits)
