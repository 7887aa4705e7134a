"""How much memory is free, of a machine and of an accelerator."""

import types

import jax
import pytest

from flaxvid.runs import memory


def test_of_a_machine(tmp_path, monkeypatch):
    """What Linux says is available; nothing where there is no such file."""
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "meminfo")
    assert memory.available() is None
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\nMemAvailable:    2048 kB\n")
    assert memory.available() == 2 * 2**20


@pytest.mark.parametrize(
    ("said", "left"), [(dict(bytes_limit=10, bytes_in_use=4), 6), ({}, None), (None, None)]
)
def test_of_an_accelerator(said, left, monkeypatch):
    """What its allocator may still take, if it tells."""
    device = types.SimpleNamespace(platform="gpu", memory_stats=lambda: said)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert memory.available() == left
