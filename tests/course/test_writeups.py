"""The page for those who come from a write-up: its commands run, and what it names is there."""

import contextlib
import importlib
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from flaxvid import evaluate, predict, prepare, train
from flaxvid.models import frame_encoders
from flaxvid.recipes import zoo
from flaxvid.runs import encoder as encoders
from flaxvid.runs import encoding
from flaxvid.video import decode, write
from tests.runs import test_embed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "course" / "FROM_THE_WRITEUPS.md").read_text(encoding="utf-8")
COMMANDS = dict(prepare=prepare, train=train, evaluate=evaluate, predict=predict)
ITEMS = [line for line in PAGE.splitlines() if re.search(r"\| (Y|Y≠|–) \|", line)]
# What is said after a command of the page, so that it takes no time.
SMALL = {
    "prepare embeddings": "--num-frames 4 --image-size 16",
    "train": "--epochs 1 --eval-every 2 --batch-size 2 --model.dim 8 --model.depth 1 "
    "--model.num-heads 2 --model.mlp-dim 8",
    "evaluate": "--no-orders --batch-size 2",
}


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Two classes of four groups, 12 frames each at 4 a second, flat in a folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for label in ("Biking", "YoYo"):
        for group in range(1, 5):
            frames = rng.integers(0, 256, (12, 16, 24, 3), np.uint8)
            path = tmp_path / "UCF-101" / f"v_{label}_g{group:02d}_c01.avi"
            path.parent.mkdir(exist_ok=True)
            write.write_video(path, frames, fps=4)


def encoder(name, spec=None, *, num_frames=4, image_size=16, stage="top", grid=None):
    """As `test_embed.fake`, under the name that was asked for."""
    (shown,) = frame_encoders.find(name).preprocessings.values()
    shown = shown.fitted(num_frames=num_frames, stride=None, crop_size=image_size)
    return encoders.Encoder(name, spec or "fake", "0" * 64, 12, shown, test_embed.brightness)


def test_from_raw_files_to_a_gif(clips, monkeypatch):
    """Every command of the page, one after the other; at the end there is a GIF of the frames."""
    monkeypatch.setattr(encoding, "open_encoder", encoder)
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [shlex.split(line) for line in block.strip().splitlines()]
    assert len(lines) == 6
    for _, _, module, *arguments in lines:
        name = module.removeprefix("flaxvid.")
        small = SMALL.get(f"{name} {arguments[0]}", SMALL.get(name, ""))
        monkeypatch.setattr(sys, "argv", [name, *arguments, *small.split()])
        ended = contextlib.nullcontext()
        if name == "predict":  # which says by its exit code whether a video was left out
            ended = pytest.raises(SystemExit, match="^0$")
        with ended:
            COMMANDS[name].main()
    assert len(decode.read_clip(Path("seen.gif"), lambda count: np.arange(count))) > 1
    assert Path("splits", "train_ucf101.json").exists()


def test_every_item_is_there_or_has_a_reason():
    """Ninety items and more; one that differs, or is not there, says why."""
    assert len(ITEMS) >= 90
    for line in ITEMS:
        _, what, here, mark, reason = (cell.strip() for cell in line.split("|")[:5])
        assert what
        assert here
        assert mark == "Y" or reason, line


def test_what_it_names_is_there():
    """Files, presets, encoders and modules of the page exist."""
    for path in re.findall(r"`(tests/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"--encoder (\w+)", PAGE):
        frame_encoders.find(name)
    for arch, size in re.findall(r"--arch (\w+) --size (\w+)", PAGE):
        zoo.find(arch, size)
    for dotted in re.findall(r"`((?:video|data|models|weights)\.\w+(?:\.\w+)?)`", PAGE):
        module, _, name = dotted.partition(".")[2].partition(".")
        found = importlib.import_module(f"flaxvid.{dotted.partition('.')[0]}.{module}")
        assert not name or hasattr(found, name), dotted
