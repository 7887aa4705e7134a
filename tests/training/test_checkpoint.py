"""Checkpoints: what is saved comes back bit for bit, or is refused by name."""

import logging
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from flaxvid.training import checkpoint
from flaxvid.training import state as states


class Net(nnx.Module):
    """One layer and one norm."""

    def __init__(self, width=4, seed=0):
        self.fc = nnx.Linear(3, width, rngs=nnx.Rngs(seed))
        self.norm = nnx.BatchNorm(width, rngs=nnx.Rngs(seed))


def state_of(width=4, seed=0, step=0):
    state = states.create(states.split(Net(width, seed)), optax.adam(0.1), seed=seed)
    return state._replace(step=jnp.asarray(step))


def assert_same(actual, expected):
    unkeyed = [
        jax.tree.leaves(s._replace(key=jax.random.key_data(s.key))) for s in (actual, expected)
    ]
    for left, right in zip(*unkeyed, strict=True):
        np.testing.assert_array_equal(left, right)


def test_state_comes_back_bit_for_bit(tmp_path):
    """Parameters, statistics, optimizer state, key and the place in the data."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(seed=7, step=5), {"next_index": 80}, accuracy=0.5)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        state, position = checkpoints.restore(5, state_of(seed=1))
    assert position == {"next_index": 80}
    assert_same(state, state_of(seed=7, step=5))


def test_newest_and_best_are_kept_apart(tmp_path):
    """Of five saves the last two stay, and the most accurate one."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        for step, accuracy in enumerate((0.2, 0.9, 0.4, 0.3, 0.5), start=1):
            checkpoints.save(state_of(step=step), {}, accuracy)
            checkpoints.wait()
        assert (checkpoints.newest(), checkpoints.best()) == (5, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4", "5"]


def test_of_two_alike_the_earlier_is_the_best_and_is_kept(tmp_path):
    """0.9 at step 2 and again at 3: step 2, also when newer ones have pushed others out."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        for step, accuracy in enumerate((0.2, 0.9, 0.9, 0.3, 0.5), start=1):
            checkpoints.save(state_of(step=step), {}, accuracy)
            checkpoints.wait()
            assert checkpoints.best() == min(step, 2)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        assert (checkpoints.newest(), checkpoints.best()) == (5, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4", "5"]


def test_checkpoint_that_was_not_judged_is_never_the_best(tmp_path):
    """An interrupted run's last state is there to go on with, not to use."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(step=1), {}, 0.0)
        checkpoints.save(state_of(step=2), {}, checkpoint.NOT_JUDGED)
        checkpoints.wait()
        assert (checkpoints.newest(), checkpoints.best()) == (2, 1)


def test_orbax_does_not_speak_into_the_progress():
    """Nor of how long it waited for itself; other warnings are shown."""
    kept, logger = [], logging.getLogger("absl")
    for text in ("Waiting for previous save to complete took %f seconds.", "another, of %f"):
        record = logger.makeRecord("absl", logging.WARNING, "", 0, text, (1.5,), None)
        kept.append(bool(logger.filter(record)))
    assert kept == [False, True]


def test_nothing_saved(tmp_path):
    """A fresh folder has neither a newest nor a best checkpoint."""
    with checkpoint.Checkpoints(tmp_path / "none") as checkpoints:
        assert checkpoints.newest() is None
        assert checkpoints.best() is None


def test_model_alone(tmp_path):
    """Parameters and statistics are read without the optimizer's state."""
    saved = state_of(seed=3, step=1)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(saved, {}, 0.5)
    like = state_of()
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        params, stats = checkpoints.restore_model(1, (like.params, like.stats))
    np.testing.assert_array_equal(params["fc"]["kernel"], saved.params["fc"]["kernel"])
    np.testing.assert_array_equal(stats["norm"]["var"], saved.stats["norm"]["var"])


def test_what_earlier_versions_kept_among_the_statistics_is_found(tmp_path):
    """They moved frozen parameters there; the model comes back as any other."""
    state = state_of(seed=7, step=3)
    # Of a model without statistics of its own, too: nothing is left of `norm`.
    state = state._replace(stats={})
    stats = {"fc": state.params["fc"]}
    params = {"norm": state.params["norm"]}
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state._replace(params=params, stats=stats), {}, accuracy=0.5)
    fresh = state_of(seed=1)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        found = checkpoints.restore_model(3, (fresh.params, {}))
    jax.tree.map(np.testing.assert_array_equal, found, (state.params, state.stats))


def test_another_width_is_refused_by_name(tmp_path):
    """The message names the leaf, its shape in the file and the shape that is needed."""
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(width=4, step=1), {}, 0.5)
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        pytest.raises(checkpoint.CheckpointError, match=r"params/fc/bias is float32\[4\].*\[5\]"),
    ):
        checkpoints.restore(1, state_of(width=5))


def test_another_type_is_refused_by_name(tmp_path):
    """Half precision in the file is not cast to float32 without a word."""
    saved = state_of(step=1)
    halved = jax.tree.map(lambda x: x.astype(jnp.bfloat16), saved.params)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(saved._replace(params=halved), {}, 0.5)
    with (
        checkpoint.Checkpoints(tmp_path) as checkpoints,
        pytest.raises(checkpoint.CheckpointError, match="params/fc/bias is bfloat16"),
    ):
        checkpoints.restore(1, state_of())


@pytest.fixture
def three_saved(tmp_path):
    """Checkpoints of steps 1, 2 and 3, of which the second is the most accurate."""
    with checkpoint.Checkpoints(tmp_path / "checkpoints") as checkpoints:
        for step, accuracy in enumerate((0.2, 0.9, 0.4), start=1):
            checkpoints.save(state_of(step=step, seed=step), {"next_index": step}, accuracy)
    return tmp_path / "checkpoints"


def spoil(path, kind):
    content = path.read_bytes()
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


@pytest.mark.parametrize("kind", ["gone", "cut", "flipped"])
@pytest.mark.parametrize("which", ["metrics/metrics", "_CHECKPOINT_METADATA", "state/d/*"])
def test_damaged_checkpoint_gives_way_to_the_one_before(which, kind, three_saved, capsys):
    """Names, sizes and checksums of files tell; the damaged one is kept aside, and that is said."""
    (damaged,) = (three_saved / "3").glob(which)
    spoil(damaged, kind)
    with checkpoint.Checkpoints(three_saved) as checkpoints:
        assert (checkpoints.newest(), checkpoints.best()) == (2, 2)
        state, position = checkpoints.restore(2, state_of())
    assert position == {"next_index": 2}
    assert_same(state, state_of(seed=2, step=2))
    said = capsys.readouterr().err
    assert f"{damaged}: is damaged; the checkpoint before it is taken" in said
    assert (three_saved.parent / "checkpoints.damaged" / "3").is_dir()


def test_a_damaged_best_gives_way_to_the_next_best(three_saved):
    """Of 0.2, 0.9 and 0.4, the 0.9 is damaged: 0.4."""
    spoil(next((three_saved / "2" / "state" / "d").iterdir()), "flipped")
    with checkpoint.Checkpoints(three_saved) as checkpoints:
        assert checkpoints.best() == 3


@pytest.mark.parametrize("first", [True, False])
def test_the_first_process_alone_writes_checksums(tmp_path, monkeypatch, first):
    """Of several that save one state together."""
    monkeypatch.setattr(checkpoint.distributed, "first", lambda: first)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state_of(step=1), {}, 0.5)
    assert (tmp_path / "1" / "checksums.json").exists() == first


def test_a_step_whose_checkpoint_was_damaged_is_saved_anew(three_saved, monkeypatch):
    """A run that goes on from the one before comes to it again; a large file is read late."""
    monkeypatch.setattr(checkpoint, "SMALL", 0)
    spoil(next((three_saved / "3" / "state" / "d").iterdir()), "flipped")
    with checkpoint.Checkpoints(three_saved) as checkpoints:
        assert checkpoints.newest() == 2
        checkpoints.save(state_of(step=3), {}, 0.5)
    assert checkpoint.saved.damaged_file(three_saved / "3") is None
    with checkpoint.Checkpoints(three_saved) as checkpoints:
        assert checkpoints.newest() == 3


def test_checkpoint_without_checksums_is_taken(three_saved):
    """A run killed between Orbax's last file and the list of checksums lost nothing."""
    (three_saved / "3" / "checksums.json").unlink()
    with checkpoint.Checkpoints(three_saved) as checkpoints:
        assert checkpoints.newest() == 3


def test_what_a_run_leaves(three_saved):
    """The most accurate one, or the newest."""
    with checkpoint.Checkpoints(three_saved) as checkpoints:
        assert (checkpoints.to_use("best"), checkpoints.to_use("last")) == (2, 3)


def test_a_damaged_one_takes_the_place_of_an_earlier_one(three_saved):
    """What an earlier run put aside under the same number is not mixed with it."""
    aside = three_saved.parent / "checkpoints.damaged" / "3"
    aside.mkdir(parents=True)
    (aside / "of an earlier run").touch()
    spoil(three_saved / "3" / "metrics" / "metrics", "cut")
    with checkpoint.Checkpoints(three_saved):
        pass
    assert (aside / "metrics" / "metrics").exists()
    assert not (aside / "of an earlier run").exists()
    assert sorted(path.name for path in three_saved.iterdir()) == ["2"]


def test_a_damaged_one_that_cannot_be_moved(three_saved):
    """A file stands where it would go: one line says so, and what to do."""
    (three_saved.parent / "checkpoints.damaged").touch()
    spoil(three_saved / "3" / "metrics" / "metrics", "cut")
    with pytest.raises(checkpoint.CheckpointError, match=r"3: can't be moved aside \(.+\); permit"):
        checkpoint.Checkpoints(three_saved)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("No room.\nBesides: of no use"), "No room."),
        (RuntimeError("RESOURCE_EXHAUSTED"), "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_checkpoint_that_cannot_be_written(three_saved, monkeypatch, error, reason):
    """The reason in one line, and which checkpoint is whole: 2, where 3 is damaged since."""

    def fail(*_, **__):
        raise error

    def said(checkpoints):
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints._orbax, "save_async", fail)
            with pytest.raises(checkpoint.CheckpointError) as caught:
                checkpoints.save(state_of(step=4), {}, 0.5)
        return str(caught.value)

    with checkpoint.Checkpoints(three_saved) as checkpoints:
        told = f"{three_saved}: a checkpoint can't be written ({reason}); the one of step"
        assert said(checkpoints).startswith(f"{told} 3 is whole. Make room")
        spoil(three_saved / "3" / "metrics" / "metrics", "cut")
        assert said(checkpoints).startswith(f"{told} 2 is whole. Make room")
    with checkpoint.Checkpoints(three_saved.parent / "none") as checkpoints:
        assert f"({reason}); there is none yet. Make room" in said(checkpoints)


def test_an_error_of_a_run_is_not_hidden(tmp_path, monkeypatch):
    """What is raised while checkpoints are open comes out, though nothing more can be written."""

    def fail():
        raise OSError(28, "No space left on device")

    def run():
        with checkpoint.Checkpoints(tmp_path) as checkpoints:
            monkeypatch.setattr(checkpoints._orbax, "wait", fail)
            raise KeyError("of the run")

    with pytest.raises(KeyError, match="of the run"):
        run()


def test_full_disk_costs_no_checkpoint(tmp_path):
    """A process that may write no more than 64 KiB a file: one line, and step 1 is whole."""
    script = (
        "import resource, signal, sys\n"
        "from tests.training.test_checkpoint import checkpoint, state_of\n"
        "with checkpoint.Checkpoints(sys.argv[1]) as checkpoints:\n"
        "    checkpoints.save(state_of(step=1), {}, 0.5)\n"
        "    checkpoints.wait()\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))\n"
        "    try:\n"
        "        checkpoints.save(state_of(width=100_000, step=2), {}, 0.6)\n"
        "        checkpoints.wait()\n"
        "    except checkpoint.CheckpointError as error:\n"
        "        print(error, flush=True)\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "checkpoints")]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=120)
    assert "a checkpoint can't be written" in done.stdout, done.stdout + done.stderr
    assert "the one of step 1 is whole" in done.stdout
    with checkpoint.Checkpoints(tmp_path / "checkpoints") as checkpoints:
        assert checkpoints.newest() == 1
        assert_same(checkpoints.restore(1, state_of())[0], state_of(step=1))


def test_running_mean_is_saved_and_read_alone(tmp_path):
    """A run that averages has its mean in the checkpoint, beside the parameters."""
    parts = states.split(Net())
    state = states.create(parts, optax.adam(0.1), seed=0, average=True)
    state = state._replace(average=jax.tree.map(lambda leaf: leaf + 1, state.params))
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state._replace(step=jnp.asarray(1)), {}, 0.5)
    with checkpoint.Checkpoints(tmp_path) as checkpoints:
        mean, _ = checkpoints.restore_model(1, (state.params, state.stats), average=True)
    np.testing.assert_array_equal(mean["fc"]["bias"], state.params["fc"]["bias"] + 1)
