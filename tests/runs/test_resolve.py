"""What is left open in options is filled in from the data."""

from pathlib import Path

import jax
import pytest

from flaxvid import errors
from flaxvid.data import manifest
from flaxvid.runs import parsing, resolve


def videos(count):
    """So many videos to learn from, and one to test on."""
    rows = [manifest.Row(f"{number}.mp4", "nod", split="train") for number in range(count)]
    rows = (*rows, manifest.Row("last.mp4", "nod", split="test"))
    return manifest.Manifest(Path(), rows, ("nod",))


def fitted(count, *words):
    words = ["--arch", "conv_lstm", *words]
    chosen = resolve.batch_size(parsing.parse(words, ""), videos(count))
    return chosen.recipe.batch_size


def test_a_recipe_s_batch_is_no_larger_than_an_epoch(capsys, monkeypatch):
    """15 videos of one's own can be learnt from with no option, and that is said."""
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert fitted(100) == 32
    assert capsys.readouterr().out == ""
    assert fitted(15) == 15
    assert (
        "batches of 15 clips in place of 32, for 15 to learn from on a device"
        in capsys.readouterr().out
    )
    assert fitted(15, "--clips-per-video", "2") == 30


def test_a_recipe_s_batch_divides_over_the_devices(capsys, monkeypatch):
    """On three devices 32 become 30; with micro-batches each has to have as many."""
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    assert fitted(100) == 30
    assert "30 clips in place of 32, for 100 to learn from on 3 devices" in capsys.readouterr().out
    assert fitted(100, "--accumulate", "4") == 24
    assert fitted(15, "--accumulate", "2") == 12
    assert fitted(2) == 32  # no batch fits: which is refused with the number of devices


def test_a_batch_that_was_said_stays_or_is_refused():
    """Before anything is made of the videos, which may take hours."""
    assert fitted(100, "--batch-size", "7") == 7
    with pytest.raises(errors.UserError, match="--batch-size 32 is larger than the 15 training"):
        fitted(15, "--batch-size", "32")
