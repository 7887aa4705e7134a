"""The page for those who come from a write-up: its commands run, and what it names is there."""

import contextlib
import dataclasses
import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from flaxvid import evaluate, predict, prepare, train
from flaxvid.models import frame_encoders
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import encoder as encoders
from flaxvid.runs import encoding, options
from flaxvid.video import decode, write
from tests.runs import test_embed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "course" / "FROM_THE_WRITEUPS.md").read_text(encoding="utf-8")
COMMANDS = dict(prepare=prepare, train=train, evaluate=evaluate, predict=predict)
ITEMS = [line for line in PAGE.splitlines() if re.search(r"\| (Y|Y≠) \|", line)]
# What is said after a command of the page, so that it takes no time.
SMALL = {
    "prepare embeddings": "--num-frames 4 --image-size 16",
    "train": "--epochs 1 --eval-every 2 --batch-size 2 --model.dim 8 --model.depth 1 "
    "--model.num-heads 2 --model.mlp-dim 8",
    "evaluate": "--no-orders --batch-size 2",
}


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Two classes of four groups, 8 frames each at 4 a second, flat in a folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for label in ("Biking", "YoYo"):
        for group in range(1, 5):
            frames = rng.integers(0, 256, (8, 16, 24, 3), np.uint8)
            path = tmp_path / "UCF-101" / f"v_{label}_g{group:02d}_c01.avi"
            path.parent.mkdir(exist_ok=True)
            write.write_video(path, frames, fps=4)


def encoder(name, spec=None, *, num_frames=4, image_size=16, stage="top", grid=None):
    """As `test_embed.fake`, under the name that was asked for."""
    (shown,) = frame_encoders.find(name).preprocessings.values()
    shown = shown.fitted(num_frames=num_frames, stride=None, crop_size=image_size)
    return encoders.Encoder(name, spec or "fake", "0" * 64, 12, shown, test_embed.brightness)


@pytest.mark.usefixtures("unchecked_shapes")
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
    """Ninety items and more; one that differs says why."""
    assert len(ITEMS) >= 90
    for line in ITEMS:
        _, what, here, mark, reason = (cell.strip() for cell in line.split("|")[:5])
        assert what
        assert here
        assert mark == "Y" or reason, line


def test_every_row_of_a_table_is_an_item():
    """A mark of another kind, as one for what is missing, is found here."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.startswith("| it does | here |")]
    assert len(heads) == 5
    assert len(rows) == len(heads) + len(ITEMS)


def options_of(kind):
    """The options that the fields of a dataclass are, as they are typed."""
    for field in dataclasses.fields(kind):
        name = field.name.replace("_", "-")
        yield from (f"--{name}", f"--no-{name}")


def test_its_options_are_those_of_the_commands():
    """Each option that an item or a command of the page names is there, under that name."""
    kinds = [options.Data, options.Run, options.Machine, options.TrainOptions, recipes.Recipe]
    kinds += [evaluate.EvaluateOptions, predict.PredictOptions]
    kinds += [kind for kind, _ in prepare.COMMANDS.values()]
    known = {option for kind in kinds for option in options_of(kind)}
    for arch, entry in zoo.ARCHITECTURES.items():
        for size in entry.sizes:
            model = type(zoo.configure(arch, size, num_classes=2))
            known |= {f"--model.{option[2:]}" for option in options_of(model)}
    cells = [line.split("|")[2] for line in ITEMS]
    cells += re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    named = {found for cell in cells for found in re.findall(r"(?<![\w-])--[a-z][\w.-]*", cell)}
    assert len(named) > 30
    assert named <= known, named - known


def test_its_lessons_have_what_it_says():
    """The exercise and the heading that an item names stand in that lesson."""
    found = 0
    for line in ITEMS:
        for number, kind, name in re.findall(r'lesson (\d+), (exercise `|")([^`"]+)', line):
            (path,) = (ROOT / "course").glob(f"{int(number):02d}_*.ipynb")
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            texts = ["".join(cell["source"]) for cell in cells]
            wanted = rf"### Exercise `[\w.]*\b{name}`" if "`" in kind else rf"## {re.escape(name)}"
            assert any(re.search(wanted, text) for text in texts), line
            found += 1
    assert found >= 10


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
