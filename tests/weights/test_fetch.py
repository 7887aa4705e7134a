"""Where weights are found: in a path, a folder, or a repository that may be out of reach."""

from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import errors as hub_errors

from flaxvid.weights import fetch, read


@pytest.fixture(autouse=True)
def asked_anew():
    """What the hub answered in one test is nothing to the next."""
    fetch.fetched.cache_clear()


def test_locate_a_path(tmp_path):
    """A path is itself, and a folder is the safest weight file in it."""
    assert fetch.locate(str(tmp_path / "a.pth")) == tmp_path / "a.pth"
    (tmp_path / "pytorch_model.bin").touch()
    assert fetch.locate(str(tmp_path)) == tmp_path / "pytorch_model.bin"
    (tmp_path / "model.safetensors").touch()
    assert fetch.locate(str(tmp_path)) == tmp_path / "model.safetensors"


def test_locate_in_a_folder_without_weights(tmp_path):
    """A folder without weights is refused with the names that were looked for."""
    with pytest.raises(read.WeightsError, match="no model.safetensors or .* or pytorch_model.bin"):
        fetch.locate(str(tmp_path))


def test_locate_on_the_hub(monkeypatch):
    """`hf:owner/name@revision` asks for safetensors, and for PyTorch's file if there are none."""
    asked = []

    def download(repository, file, revision, local_files_only):
        assert not local_files_only
        asked.append((repository, file, revision))
        if file.startswith("model.safetensors"):
            raise hub_errors.EntryNotFoundError("404")
        return f"/cache/{file}"

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: None)
    assert fetch.locate("hf:owner/name@v1") == Path("/cache/pytorch_model.bin")
    assert asked == [
        ("owner/name", "model.safetensors", "v1"),
        ("owner/name", fetch.INDEX, "v1"),
        ("owner/name", "pytorch_model.bin", "v1"),
    ]
    fetch.locate("hf:owner/name")
    assert asked[-1][2] is None


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        ("hf:owner/name", "go online, or give the path"),
        ("hf:owner/name@v1", "go online, or give the path"),
        ("hf:own er/name", "check owner, name and revision"),
        ("hf:", "check owner, name and revision"),
    ],
)
def test_locate_offline(spec, remedy, monkeypatch, tmp_path):
    """Without a network, or with a name that can't be, the message is one line with the remedy."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(read.WeightsError, match=remedy) as caught:
        fetch.locate(spec)
    assert str(caught.value).startswith(f"{spec}: ")
    assert "\n" not in str(caught.value)


def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch, tmp_path, capfd):
    """For five seconds; then what was fetched earlier is taken, or one line says what to do."""
    asked = []

    def ask(address, timeout):
        asked.append((address, timeout))
        raise TimeoutError("timed out")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", ask)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(read.WeightsError, match="the hub can't be reached .*; go online, or give"):
        fetch.locate("hf:owner/name")
    assert [timeout for _, timeout in asked] == [5.0]
    assert capfd.readouterr() == ("", "")
    kept = tmp_path / "models--owner--name"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("a" * 40)
    weights = kept / "snapshots" / ("a" * 40) / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert fetch.locate("hf:owner/name") == weights
    weights.with_name("config.json").touch()
    assert len(asked) == 2
    assert fetch.beside("hf:owner/name", weights, "config.json").name == "config.json"
    assert len(asked) == 2


def test_a_hub_that_breaks_off_is_one_line(monkeypatch):
    """With whatever error its HTTP library has."""

    def break_off(*_, **__):
        raise RuntimeError("peer closed\nthe connection")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", break_off)
    with pytest.raises(read.WeightsError, match="can't be fetched .peer closed.; run it again"):
        fetch.locate("hf:owner/name")
