"""Trackers: what was written is read back; one that fails or is slow leaves the run alone."""

import glob
import json
import sqlite3
import threading
import time
from pathlib import Path

import matplotlib.figure
import pytest

from flaxvid import errors
from flaxvid.runs import tracking


def _figure():
    figure = matplotlib.figure.Figure(figsize=(1, 0.5), dpi=40)
    figure.subplots().plot([0, 1])
    return figure


def _track(name, folder):
    """Two steps and a picture, as a run gives them."""
    (folder / "run").mkdir()
    trackers = tracking.Trackers([name], folder / "run", {"seed": 3, "model.widths": [1, 2]})
    trackers.numbers(1, {"loss": 2.5, "learning_rate": 0.1})
    trackers.numbers(2, {"validation_accuracy": 0.25})
    trackers.picture(2, "confusion", _figure())
    trackers.close()


WANTED = [("train/learning_rate", 1, 0.1), ("train/loss", 1, 2.5), ("validation/accuracy", 2, 0.25)]


def _needs(name, monkeypatch, tmp_path):
    pytest.importorskip(tracking.KNOWN[name].module)
    monkeypatch.setattr(tracking, "PATIENCE", 300.0)
    monkeypatch.chdir(tmp_path)


def test_tensorboard_is_read_back(tmp_path, monkeypatch):
    """Scalars by name and step, and the picture, from the event file's records."""
    _needs("tensorboard", monkeypatch, tmp_path)
    from tensorboardX.proto import event_pb2

    _track("tensorboard", tmp_path)
    (path,) = (tmp_path / "run" / "tensorboard").glob("events.*")
    data, found, pictures = path.read_bytes(), [], []
    while data:  # length, its checksum, the record, its checksum
        length = int.from_bytes(data[:8], "little")
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            if value.HasField("image"):
                pictures.append((value.tag, event.step, value.image.width, value.image.height))
            else:
                found.append((value.tag, event.step, round(value.simple_value, 6)))
        data = data[16 + length :]
    assert sorted(found) == WANTED
    assert pictures == [("confusion", 2, 40, 20)]


def test_trackio_is_read_back(tmp_path, monkeypatch):
    """From its SQLite, where nothing was sent to a Space."""
    _needs("trackio", monkeypatch, tmp_path)
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "kept", raising=False)
    import trackio.sqlite_storage
    from trackio.sqlite_storage import SQLiteStorage

    monkeypatch.setattr(trackio.sqlite_storage, "TRACKIO_DIR", tmp_path / "kept", raising=False)
    _track("trackio", tmp_path)
    rows = SQLiteStorage.get_logs(tracking.PROJECT, "run")
    found = [(k, r["step"], v) for r in rows for k, v in r.items() if isinstance(v, float)]
    assert [row for row in sorted(found) if "/" in row[0]] == WANTED
    assert any("confusion" in row for row in rows)


def test_wandb_is_read_back(tmp_path, monkeypatch):
    """From the file of its offline run."""
    _needs("wandb", monkeypatch, tmp_path)
    from wandb.proto import wandb_internal_pb2

    monkeypatch.delenv("WANDB_MODE", raising=False)
    _track("wandb", tmp_path)
    (path,) = glob.glob(f"{tmp_path}/run/wandb/offline-run-*/run-*.wandb")
    data, found = Path(path).read_bytes()[7:], []
    assert len(data) < 2**15  # one block of LevelDB's log format, in which every record is whole
    while data:  # a checksum, the length and the kind of the record
        length = int.from_bytes(data[4:6], "little")
        said = wandb_internal_pb2.Record.FromString(data[7 : 7 + length])
        data = data[7 + length :]
        row = {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in said.history.item}
        found += [(k, row["_step"], v) for k, v in row.items() if "/" in k]
    assert sorted(found) == WANTED
    assert glob.glob(f"{tmp_path}/run/wandb/offline-run-*/files/media/images/confusion*.png")


def test_mlflow_is_read_back(tmp_path, monkeypatch):
    """From mlflow.db in the current folder, and its artifacts."""
    _needs("mlflow", monkeypatch, tmp_path)
    pytest.importorskip("sqlalchemy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _track("mlflow", tmp_path)
    base = sqlite3.connect(tmp_path / "mlflow.db")
    assert sorted(base.execute("select key, step, value from metrics")) == WANTED
    said = dict(base.execute("select key, value from params"))
    assert said == {"seed": "3", "model.widths": "[1, 2]"}
    base.close()
    assert glob.glob(f"{tmp_path}/mlruns/*/*/artifacts/confusion.png")


# ------------------------------------------------------------------ what goes wrong
def _known(monkeypatch, begin):
    monkeypatch.setitem(tracking.KNOWN, "wandb", tracking._Known("sys", begin))


@pytest.mark.parametrize("when", ["begin", "numbers", "picture", "close"])
def test_a_tracker_that_fails_is_left_off(when, tmp_path, monkeypatch, capsys):
    """One line, wherever it fails, even by SystemExit; the others go on."""

    def broken(*_):
        raise SystemExit("the disk\nis full")

    def writer(*_):
        if when == "begin":
            broken()
        parts = {name: lambda *_: None for name in ("numbers", "picture", "close")}
        return tracking.Writer(**parts | {when: broken})

    _known(monkeypatch, writer)
    _track("wandb", tmp_path)
    said = capsys.readouterr().err
    assert said == (
        "--track wandb: failed, and the run goes on without it: SystemExit: the disk is full\n"
    )


def test_a_tracker_that_hangs_is_not_waited_for(tmp_path, monkeypatch, capsys):
    """Neither at a step, when its queue is full, nor for long at the end."""
    hangs = threading.Event()
    _known(monkeypatch, lambda *_: hangs.wait())
    monkeypatch.setattr(tracking, "PATIENCE", 0.05)
    monkeypatch.setattr(tracking, "WAITING", 2)
    began = time.monotonic()
    _track("wandb", tmp_path)
    assert time.monotonic() - began < 5
    assert "has not written all of it in time, and is left" in capsys.readouterr().err
    hangs.set()
    # What it says when it goes on belongs to this test, and not to the one after it.
    for thread in threading.enumerate():
        if thread.name == "track wandb":
            thread.join()


def test_what_is_missing_is_named(monkeypatch):
    """All of it, with the extras that have it."""
    for name in ("trackio", "mlflow"):
        begin = tracking.KNOWN[name].begin
        monkeypatch.setitem(tracking.KNOWN, name, tracking._Known("no_such_module", begin))
    with pytest.raises(errors.UserError, match=r'trackio mlflow: .*"flaxvid\[trackio,mlflow\]"'):
        tracking.refuse_missing(["trackio", "mlflow"])
    tracking.refuse_missing([])
