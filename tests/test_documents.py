"""Every document that flaxvid reads, each of its values replaced: read, or refused in a line."""

import ast
import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import flaxvid
from flaxvid import compare, errors
from flaxvid.data import actionbert, embeddings, manifest, manifest_file, packed, ucf101
from flaxvid.evaluation import leaderboard
from flaxvid.runs import config, metrics_log
from flaxvid.video import frame_folder, preprocess
from flaxvid.weights import pretrained
from tests import test_compare
from tests.prediction import examples

PACKAGE = Path(flaxvid.__file__).parent
DEEP = "[" * 100_000
HOSTILE = (None, [], {}, "", "x", "\x1b[31m\n", -1, 10**30, 1e400, True, [["a"]], {"a": {}})


def _about():
    shown = preprocess.Preprocessing(num_frames=2)
    made_of = embeddings.About("lite0", "w", "0" * 64, 3, shown, "m")
    return made_of.to_dict()


def _entry(number, split):
    entry = dict(video_idx=number, video_name=f"v_YoYo_g0{number + 1}_c01", video_length=2)
    return entry | dict(label_idx=0, split=split, group="", start=0.0, end=None)


ENTRIES = [_entry(0, "train"), _entry(1, "test")]
EMBEDDINGS = {"data": ENTRIES, "memmap_size": [2, 2, 3], "labels": ["YoYo"], "root": ".",
              "about": _about(), "skipped": {}}  # fmt: skip
SHARD = {"sha256": "0", "bytes": 1, "rows": [["a", "b", "c"]], "skipped": {}}
ROW = dataclasses.asdict(manifest.Row("a.mp4", "yo", "g", "train", 0.0, 2.0))


def _arrays(folder):
    np.save(folder / "embeddings.npy", np.zeros((2, 2, 3), np.float32))
    (folder / "array.npy").write_bytes(bytes(4 * 2 * 2 * 3))
    (folder / "YoYo").mkdir(exist_ok=True)
    for entry in ENTRIES:
        (folder / "YoYo" / f"{entry['video_name']}.avi").touch()


def _report(folder):
    return leaderboard.markdown(leaderboard.rank([compare.read_report(folder)] * 2))


# The name of a document -> what one holds, and what reads it from a folder.
DOCUMENTS = {
    "manifest.json": (
        {"labels": ["yo"], "rows": [ROW]},
        lambda folder: manifest_file.read(folder / "manifest.json").fingerprint(),
    ),
    "config.json": (None, config.load),
    "report.json": (test_compare.REPORT, _report),
    "index.json": (EMBEDDINGS, embeddings.read),
    "bert.json": (
        {"data": ENTRIES, "memmap_size": [2, 2, 3], "split": "train"},
        lambda folder: actionbert.read(folder / "bert.json", folder / "array.npy"),
    ),
    "ucf.json": (
        ENTRIES,
        lambda folder: ucf101.read_json(folder, {"train": folder / "ucf.json"}),
    ),
    "packed.json": (
        {"settings": {"quality": 90}, "shards": {"a": SHARD}},
        packed.damaged_shards,
    ),
    "frames.json": (
        {"fps": 2.0, "seconds": [0.0, 0.5], "end": 1.0},
        lambda folder: frame_folder._facts(folder / "frames.json", 2),
    ),
    "metrics.jsonl": (
        {"step": 5, "loss": 0.1, "seconds": 2.0},
        lambda folder: metrics_log.training_seconds(metrics_log.read(folder / "metrics.jsonl")),
    ),
    "hub.json": (
        {"num_attention_heads": 12, "id2label": {"0": "yo"}},
        lambda folder: pretrained._labels(_hub(folder), 1),
    ),
}


def _hub(folder):
    path = (folder / "hub.json").replace(folder / "config.json")
    return pretrained.read_config(str(folder), path.with_name("model.safetensors"))


def replaced(value):
    """Every value inside a document replaced by each hostile one, and every name taken out."""
    places = list(_places(value))
    for place in places:
        for hostile in HOSTILE:
            yield _changed(value, place, lambda holder, key, h=hostile: holder.__setitem__(key, h))
        yield _changed(value, place, lambda holder, key: holder.pop(key))
    yield from HOSTILE


def _places(value, before=()):
    if isinstance(value, dict):
        inside = value.items()
    else:
        inside = enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*before, key)
        yield from _places(inner, (*before, key))


def _changed(value, place, change):
    made = copy.deepcopy(value)
    holder = made
    for key in place[:-1]:
        holder = holder[key]
    change(holder, place[-1])
    return made


# As for users: nothing checks types in front of the readers.
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_value_is_read_or_refused_in_one_line(name, tmp_path):
    """And the line names the file; as it is, the document is read."""
    value, read = DOCUMENTS[name]
    _arrays(tmp_path)
    if value is None:
        config.write(tmp_path, examples.trained().settings)
        value = json.loads((tmp_path / name).read_text())
    texts = [json.dumps(other) for other in replaced(value)]
    for text in (json.dumps(value), *texts, DEEP, "", "\x00", "\ud800", "{" * 9):
        (tmp_path / name).write_text(text, "utf-8", "surrogatepass")
        try:
            read(tmp_path)
        except errors.UserError as error:
            line = str(error)
            assert text != json.dumps(value), line
            assert "\n" not in line, (text, line)
            assert name.partition(".")[0] in line or str(tmp_path) in line, (text, line)
            assert len(line) < 1000, line


# ------------------------------------------------------------------ one way only
DIRECT = ("read_text", "loads", "DictReader", "reader")
# What reads a text otherwise, and why it may.
ALLOWED = {
    "files.py": {"loads", "DictReader"},  # it is the way
    "data/actionbert.py": {"loads"},  # of JSON inside JSON
    "data/embeddings_writer.py": {"loads", "read_text"},  # its own journal, line by line
    "exercise/board.py": {"loads", "read_text"},  # a broken one counts as none
    "exercise/catalogue.py": {"loads", "read_text"},  # our own
    "exercise/__main__.py": {"read_text"},
    "exercise/compared.py": {"read_text"},  # our own tests
    "exercise/mine.py": {"read_text"},
    "exercise/working_copies.py": {"loads", "read_text"},  # our own
    "runs/config.py": {"loads"},  # of what it has just written
    "runs/options_file.py": {"loads"},  # of TOML, of a text that files has read
    "runs/metrics_log.py": {"loads"},  # line by line
    "store_copies.py": {"loads", "read_text"},  # a broken index counts as none
    "training/saved.py": {"loads", "read_text"},  # damage is no error there
}


def test_nothing_is_read_but_by_files():
    """`files.read_text`, `read_json`, `read_csv`: no pipe, no device, no traceback."""
    assert [place for path in sorted(PACKAGE.rglob("*.py")) for place in reads(path)] == []


def reads(path):
    """Where a file reads another by itself, and does not say above why."""
    allowed = ALLOWED.get(path.relative_to(PACKAGE).as_posix(), set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            ours = ast.unparse(node.func).startswith("files.")
            direct = node.func.attr in DIRECT and not ours
            if direct and node.func.attr not in allowed:
                yield f"{path}:{node.lineno}: use files"
