"""Reading a run's checkpoints changes nothing, whatever state they are in."""

import errno
import os
import shutil

import jax
import numpy as np
import pytest

from flaxvid import errors, evaluate, export
from flaxvid.training import checkpoint, saved
from tests.training import test_checkpoint as made


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Checkpoints of steps 1, 2 and 3, of which the second is the most accurate."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    with checkpoint.Checkpoints(folder) as checkpoints:
        for step, accuracy in enumerate((0.2, 0.9, 0.4), start=1):
            checkpoints.save(made.state_of(step=step, seed=step), {"next_index": step}, accuracy)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy, to be damaged."""
    return shutil.copytree(written, tmp_path / "checkpoints")


@pytest.fixture
def read_only(monkeypatch):
    """A file system that permits nothing but reading, to root too."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "utime", "link"):
        monkeypatch.setattr(os, name, refuse)


def snapshot(folder):
    return {p: (p.lstat().st_mtime_ns, p.lstat().st_ino) for p in folder.parent.rglob("*")}


def read(folder):
    """The best checkpoint's step, and its parameters."""
    like = made.state_of()
    found = saved.Saved(folder)
    step = found.best()
    return step, found.restore_model(step, (like.params, like.stats))[0]


def test_a_read_only_folder_is_read(folder, read_only):
    """The best of three, though nothing can be written there."""
    before = snapshot(folder)
    step, params = read(folder)
    assert step == 2
    made.assert_same(
        made.state_of()._replace(params=params),
        made.state_of()._replace(params=made.state_of(seed=2).params),
    )
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "gone", ["metrics/metrics", "state/manifest.ocdbt", "_CHECKPOINT_METADATA", "checksums.json"]
)
def test_a_half_deleted_checkpoint_stays_where_it_is(gone, folder, capsys):
    """As a run leaves it that is killed, or in training at the moment; the next best is taken."""
    shutil.move(folder / "2" / gone, folder.parent / "elsewhere")
    if gone == "checksums.json":
        shutil.move(folder / "2" / "state" / "d", folder.parent / "arrays")
    before = snapshot(folder)
    assert read(folder)[0] == 3
    assert snapshot(folder) == before
    said = capsys.readouterr().err
    assert said.startswith(f"{folder / '2'}")
    assert said.count("\n") == 1
    assert "is damaged; the checkpoint before it is taken" in said


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"a": 1}', '{"a": [1]}', "[" * 100_000])
def test_checksums_that_are_none(text, folder):
    """Whatever stands in their file, it is damage, and no traceback."""
    (folder / "2" / "checksums.json").write_text(text)
    assert saved.Saved(folder).best() == 3


def test_a_checkpoint_that_goes_away_meanwhile(folder):
    """A run in training removes it after it was chosen: one line."""
    like = made.state_of()
    shutil.rmtree(folder / "2" / "state")
    with pytest.raises(checkpoint.CheckpointError, match="2: can't be read .*try again") as caught:
        saved.Saved(folder).restore_model(2, (like.params, like.stats))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_without_numbers_is_refused(tmp_path):
    """For use and for going on: every video would be of the first class."""
    state = made.state_of(step=1)
    spoilt = jax.tree.map(lambda leaf: leaf * np.float32(np.nan), state.params)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state._replace(params=spoilt), {}, 0.5)
    found = saved.Saved(tmp_path)
    for restore, like in (
        (found.restore, state),
        (found.restore_model, (state.params, state.stats)),
    ):
        with pytest.raises(checkpoint.CheckpointError, match="1: holds NaN .* in fc/"):
            restore(1, like)


def test_no_folder_holds_no_checkpoint(tmp_path):
    """And none is made."""
    assert saved.Saved(tmp_path / "none").newest() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [evaluate, export])
def test_where_nothing_can_be_kept_nothing_is_begun(command, tmp_path, monkeypatch):
    """Before a model is opened: `evaluate` and `export` say which option gives another place."""
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    name = command.__name__.rpartition(".")[2]
    with pytest.raises(errors.FileError, match=f"{tmp_path}.*no permission.*another place with --"):
        getattr(command, name)(command.parse([str(tmp_path)]))
