"""Training from the command line: runs that repeat, stop, go on and fail in one line."""

import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors, progress, train
from flaxvid.data import manifest_file, sources
from flaxvid.evaluation import overfitting
from flaxvid.models import cost
from flaxvid.recipes import zoo
from flaxvid.runs import config, directory, memory, metrics_log, parsing
from flaxvid.training import checkpoint, optimizer, parallel
from flaxvid.training import state as states
from flaxvid.video import write

# The fixture `whole` runs with shapes checked and draws curves, and it is enough that one does.
pytestmark = pytest.mark.usefixtures("unchecked_shapes", "blank_figures")

# A model of a few hundred parameters: what is tested is the run, not what it learns.
SMALL = ["--steps", "12", "--batch-size", "4", "--eval-every", "6", "--log-every", "3"]
SMALL += ["--model.dim", "8", "--model.depth", "1", "--model.num-heads", "2"]
SMALL += ["--model.mlp-dim", "8", "--num-frames", "4", "--model.patch-size", "16"]


def arguments(small_motion, folder, *more):
    return ["--data", str(small_motion.root / "manifest.csv"), "--out", str(folder), *SMALL, *more]


def run_train(*words):
    return train.train(parsing.parse(list(words), ""))


def final_state(folder, step=12):
    """Parameters and optimizer state of a step, and the place in the data."""
    settings = config.load(folder)
    like = state_of_zeros(settings.arch, settings.size, settings.model, settings.recipe)
    with checkpoint.Checkpoints(folder / "checkpoints") as checkpoints:
        state, position = checkpoints.restore(step, like)
    return state._replace(key=jax.random.key_data(state.key)), position


@functools.cache
def state_of_zeros(arch, size, model, recipe):
    """What a checkpoint of such a run is restored into."""
    module = cost.abstract_model(lambda: zoo.find(arch, size).module(model, rngs=nnx.Rngs(5)))
    parts = states.split(module)
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), parts.params)
    update = optimizer.create(recipe, recipe.steps, params)
    parts, averages = parts._replace(params=params), recipe.average is not None
    return states.create(parts, update, seed=5, average=averages)


def assert_same_bits(left, right):
    jax.tree.map(np.testing.assert_array_equal, final_state(left), final_state(right))


def without_times(folder):
    rows, times = metrics_log.read(folder / "metrics.jsonl"), {"clips_per_second", "seconds"}
    return [{k: v for k, v in row.items() if k not in times} for row in rows]


@pytest.fixture(scope="module")
def whole(small_motion, tmp_path_factory):
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run_train(*arguments(small_motion, folder))
    return folder


def test_run_directory_is_complete(whole, small_motion):
    """config.json, metrics.jsonl, curves.png and checkpoints, with what is in them; and a lock."""
    names = sorted(path.name for path in whole.iterdir())
    assert names == ["checkpoints", "config.json", "curves.png", "metrics.jsonl", "training.lock"]
    written = json.loads((whole / "config.json").read_text())
    assert written["labels"] == list(small_motion.labels)
    assert written["manifest"] == small_motion.fingerprint()
    assert written["versions"]["jax"]
    rows = metrics_log.read(whole / "metrics.jsonl")
    assert [row["step"] for row in rows] == [3, 6, 6, 9, 12, 12, 12]
    assert {"test_accuracy", "test_loss", "best_step"} <= rows[-1].keys()
    assert all(np.isfinite(list(row.values())).all() for row in rows)


def test_same_seed_same_metrics(whole, small_motion, tmp_path):
    """Again, with five decoding threads: the same numbers, speeds aside, and the same bits."""
    run_train(*arguments(small_motion, tmp_path / "again", "--threads", "5"))
    assert without_times(tmp_path / "again") == without_times(whole)
    assert_same_bits(tmp_path / "again", whole)


def test_another_seed_is_another_run(whole, small_motion, tmp_path):
    """Seed 1 starts elsewhere and sees the videos in another order."""
    run_train(*arguments(small_motion, tmp_path / "other", "--seed", "1"))
    assert without_times(tmp_path / "other")[0]["loss"] != without_times(whole)[0]["loss"]


def interrupt_step_5(monkeypatch, kind):
    """Sends this process a signal during step 5 of the next run."""
    advance, calls = progress.Progress.advance, []

    def advance_and_interrupt(bar):
        calls.append(bar)
        if len(calls) == 5:
            os.kill(os.getpid(), kind)
        advance(bar)

    monkeypatch.setattr(progress.Progress, "advance", advance_and_interrupt)


def stopped(folder):
    return f"stopped after step 5; go on with\n  {train.COMMAND} --resume {folder}"


def test_interrupted_run_goes_on_to_the_same_bits(
    whole, small_motion, tmp_path, monkeypatch, capsys
):
    """Ctrl-C after step 5, between evaluations; --resume ends as the whole run did."""
    folder = tmp_path / "stopped"
    interrupt_step_5(monkeypatch, signal.SIGINT)
    run_train(*arguments(small_motion, folder))
    assert stopped(folder) in capsys.readouterr().out
    run_train("--resume", str(folder))
    assert_same_bits(folder, whole)
    assert without_times(folder)[-1] == without_times(whole)[-1]


@pytest.mark.long
def test_killed_run_goes_on_to_the_same_bits(whole, small_motion, tmp_path):
    """SIGKILL in the middle of an epoch costs the steps since the last checkpoint, no more."""
    folder = tmp_path / "killed run ä"
    words = [sys.executable, "-m", "flaxvid.train", *arguments(small_motion, folder)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}
    process = subprocess.Popen(words, env=environment, cwd=Path(__file__).parents[1])
    log, deadline = folder / "metrics.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and any(row["step"] >= 9 for row in metrics_log.read(log)):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    run_train("--resume", str(folder))
    assert_same_bits(folder, whole)
    assert without_times(folder) == without_times(whole)


def test_run_that_explodes_stops_and_says_what_to_try(small_motion, tmp_path, capsys):
    """A learning rate of 1e30: a loss that is no number ends the run in one line."""
    more = ["--learning-rate", "1e30", "--clip-norm", "None", "--warmup", "0"]
    code, said = command(capsys, *arguments(small_motion, tmp_path / "run", *more))
    assert (code, said.count("error: ")) == (2, 1)
    assert re.search(r"step \d+: (loss|gradient_norm) is (nan|inf); ", said)
    assert "--learning-rate below 1e+30" in said


def exploding(monkeypatch, steps, *, told=True):
    """Makes the parameters of these calls of the training step NaN, and the loss if it is told."""
    compiled, calls = parallel.compiled, []

    def compile_and_explode(*arguments):
        train_step = compiled(*arguments)

        def step_or_explode(state, batch):
            state, measured = train_step(state, batch)
            calls.append(1)
            if len(calls) in steps:
                spoilt = jax.tree.map(lambda leaf: leaf * np.float32(np.nan), state.params)
                loss = np.float32(np.nan) if told else measured["loss"]
                return state._replace(params=spoilt), measured | {"loss": loss}
            return state, measured

        return step_or_explode

    monkeypatch.setattr(parallel, "compiled", compile_and_explode)


def test_rewind_goes_back_and_on_with_other_clips(small_motion, tmp_path, monkeypatch, capsys):
    """NaN by the update of step 12: back to step 6; steps 7 to 9 are written once.

    The loss of that step is still a number, and the model that would be kept is none.
    """
    exploding(monkeypatch, {12}, told=False)
    folder = run_train(*arguments(small_motion, tmp_path / "run", "--on-nan", "rewind"))
    said = capsys.readouterr().err
    assert "validation loss is nan; the checkpoint of step 6 is sound" in said
    assert "back at step 6, and on with other clips" in said
    state, _ = final_state(folder)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    rows = metrics_log.read(folder / "metrics.jsonl")
    assert [row["step"] for row in rows] == [3, 6, 6, 9, 12, 12, 12]


def test_rewind_gives_up_after_three_times(small_motion, tmp_path, monkeypatch, capsys):
    """A run that always explodes in the same place ends in the usual line."""
    exploding(monkeypatch, set(range(7, 100)))
    words = arguments(small_motion, tmp_path / "run", "--on-nan", "rewind")
    code, said = command(capsys, *words)
    assert code == 2
    assert said.count("back at step 6") == 3
    assert said.count("error: step ") == 1


def test_patience_ends_a_run_that_gets_no_better(small_motion, tmp_path, monkeypatch, capsys):
    """At a learning rate of 0 the second evaluation is as good as the first: one is allowed.

    If what it knows of the training videos were all of them, that would be said under way, once,
    and at the end.
    """
    monkeypatch.setattr(overfitting, "BY_HEART", 0.0)
    monkeypatch.setattr(overfitting, "ERRORS", 20)
    monkeypatch.setattr(overfitting, "GAP", -1.0)
    more = ["--learning-rate", "0", "--patience", "1", "--eval-every", "2"]
    folder = run_train(*arguments(small_motion, tmp_path / "run", *more))
    said, under_way = capsys.readouterr()
    assert under_way.count("of 10 validation videos, which chance alone may reach") == 1
    assert said.count("of 20 test videos, which chance alone may reach") == 1
    assert "stopped at step 4: 1 evaluation without a better accuracy" in said
    assert "test top-1" in said
    assert metrics_log.read(folder / "metrics.jsonl")[-1]["best_step"] == 2
    # No step would be done at another rate, unless more evaluations are allowed.
    saved = config.load(folder)
    code, said = command(capsys, "--resume", folder, "--learning-rate", "0.25")
    assert (code, said.count("\n")) == (2, 1)
    assert "ended after 4 steps by --patience 1, and recipe.learning_rate would change" in said
    assert config.load(folder) == saved
    run_train("--resume", str(folder), "--patience", "9", "--steps", "12")
    assert metrics_log.read(folder / "metrics.jsonl")[-1]["step"] == 12


def test_damaged_newest_checkpoint_costs_only_its_steps(whole, small_motion, tmp_path, capsys):
    """Resumed from the one before, the run ends in the same bits."""
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    rows = metrics_log.read(folder / "metrics.jsonl")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]))
    next((folder / "checkpoints" / "12" / "state" / "d").iterdir()).write_bytes(b"")
    run_train("--resume", str(folder))
    assert "is damaged; the checkpoint before it is taken" in capsys.readouterr().err
    assert_same_bits(folder, whole)
    assert without_times(folder) == without_times(whole)


EVERYTHING = ["--average", "0.9", "--mixup", "0.8", "--cutmix", "1", "--augment", "2"]
EVERYTHING += ["--layer-decay", "0.8", "--label-smoothing", "0.1", "--accumulate", "2"]
EVERYTHING += ["--precision", "bf16", "--remat", "--parallel", "fsdp"]


@pytest.mark.long
def test_run_with_everything_resumes_to_the_same_bits(small_motion, tmp_path, monkeypatch, capsys):
    """Mixing, averaging, augmentation, pieces, bf16, remat and fsdp: 12 steps, or 5, until SIGTERM,
    and then 7."""
    run_train(*arguments(small_motion, tmp_path / "whole", *EVERYTHING))
    interrupt_step_5(monkeypatch, signal.SIGTERM)
    run_train(*arguments(small_motion, tmp_path / "stopped", *EVERYTHING))
    assert stopped(tmp_path / "stopped") in capsys.readouterr().out
    run_train("--resume", str(tmp_path / "stopped"))
    assert_same_bits(tmp_path / "stopped", tmp_path / "whole")
    assert without_times(tmp_path / "stopped")[-1] == without_times(tmp_path / "whole")[-1]
    state, _ = final_state(tmp_path / "whole")
    assert state.average


def test_profile_and_tensorboard_leave_their_files(small_motion, tmp_path):
    """A trace for Perfetto or XProf, and events with the run's numbers."""
    more = ["--profile", "--track", "tensorboard", "--steps", "18"]
    folder = run_train(*arguments(small_motion, tmp_path / "run", *more))
    assert list((folder / "profile").rglob("*.xplane.pb"))
    (events,) = (folder / "tensorboard").glob("events.*")
    for name in (b"train/loss", b"validation/accuracy", b"test/top5", b"confusion", b"predictions"):
        assert name in events.read_bytes()


def test_finished_run_has_nothing_left_to_do(whole, capsys):
    """--resume of a finished run trains no step, and says again what came out."""
    before = final_state(whole)
    run_train("--resume", str(whole))
    jax.tree.map(np.testing.assert_array_equal, final_state(whole), before)
    assert "12 to 12, of 4 clips each" in (said := capsys.readouterr().out)
    assert "test top-1" in said


def test_dry_run_trains_nothing(small_motion, tmp_path, capsys):
    """Shapes, parameters, multiply-adds, memory and time are printed; no folder is made."""
    run_train(*arguments(small_motion, tmp_path / "none", "--dry-run"))
    said = capsys.readouterr().out
    for word in ("uint8[4, 4, 32, 32, 3]", "float32[4, 10]", "parameters", "MiB", "clips/s"):
        assert word in said
    assert not (tmp_path / "none").exists()


def test_dry_run_does_not_begin_what_does_not_fit(small_motion, tmp_path, capsys, monkeypatch):
    """The system would kill it without a word: what it needs and what is free is told instead."""
    monkeypatch.setattr(memory, "available", lambda: 2**10)
    run_train(*arguments(small_motion, tmp_path / "none", "--dry-run"))
    said = capsys.readouterr().out
    assert "MiB for a training step" in said
    assert "not measured: it needs more than the 0 MiB that are free; try a smaller --batch" in said


@pytest.mark.long(except_for=["fsdp"])
@pytest.mark.parametrize("how", ["fsdp", "pmap"])
def test_dry_run_measures_the_step_that_would_run(how, small_motion, tmp_path, capsys):
    """Two devices, two micro-batches, mixed clips: no traceback, and the memory of each device."""
    more = ["--parallel", how, "--accumulate", "2", "--mixup", "0.8", "--dry-run"]
    run_train(*arguments(small_motion, tmp_path / "none", *more))
    said = capsys.readouterr().out
    assert re.search(r"memory +\d+ MiB for a training step on each device", said)


def test_dry_run_of_a_batch_that_does_not_divide_is_refused(small_motion, tmp_path, capsys):
    """As the run itself would be, in one line."""
    more = ["--batch-size", "6", "--accumulate", "2", "--dry-run"]
    code, said = command(capsys, *arguments(small_motion, tmp_path / "none", *more))
    assert (code, said.count("\n")) == (2, 1)
    assert "choose a multiple of 4" in said


def command(capsys, *words):
    """Exit code and stderr of `python -m flaxvid.train WORDS`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train", *map(str, words)])
        with pytest.raises(SystemExit) as exit_of:
            train.main()
    return exit_of.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arch", "timesfromer"], "--arch 'timesfromer': did you mean 'timesformer'?"),
        (["--size", "huge"], "--size 'huge' of timesformer: there are tiny, small, base"),
        (["--data", "no/such/place"], "no/such/place"),
        (["--resume", "no/run"], "no/run: is not a run directory"),
        (["--data", "motion:medium"], "motion:medium: the levels are easy, hard, scenes"),
        (["--image-size", "30"], "30"),
        (["--batch-size", "7"], "--batch-size 7"),
        (["--mine", "nobody.py"], "nobody.py"),
        (["--arch", "c3d", "--remat"], "--remat: c3d has no such choice"),
        (["--arch", "c3d", "--layer-decay", "0.5"], "--layer-decay 0.5: this model has no blocks"),
        (["--augment", "2", "--magnitude", "3"], "--magnitude 3.0: give 0 to 1"),
        (["--batch-size", "6", "--accumulate", "2"], "times --accumulate 2: choose a multiple of"),
    ],
)
def test_mistakes_are_one_line(words, message, small_motion, tmp_path, capsys):
    """Exit code 2 and one line that names the option and what to do."""
    usual = ["--data", small_motion.root / "manifest.csv", "--out", tmp_path / "run"]
    code, said = command(capsys, *usual, *words)
    assert (code, said.count("\n"), said.startswith("error: ")) == (2, 1, True)
    assert message in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "base"], "that run's size is tiny, not base"),
        (["--model.depth", "2"], "that run's model.depth is 1, not 2; leave --model.depth out"),
        (["--seed", "1"], "that run's seed is 0, not 1; leave --seed out"),
    ],
)
def test_resume_of_another_model_is_refused(whole, words, message, capsys):
    """A run goes on as what it is."""
    code, said = command(capsys, "--resume", whole, *words)
    assert (code, said.count("\n")) == (2, 1)
    assert message in said


def test_a_finished_run_can_not_be_changed(whole, capsys):
    """No step would be done at the new rate, and config.json would say that it was."""
    saved = config.load(whole)
    code, said = command(capsys, "--resume", whole, "--learning-rate", "0.25")
    assert (code, said.count("\n")) == (2, 1)
    assert "has done all of its 12 steps, and recipe.learning_rate would change nothing" in said
    assert config.load(whole) == saved


def test_resume_with_other_steps_is_written_down_or_refused(whole, tmp_path, capsys):
    """12 steps and then 15: config.json says both, and fewer than were done is refused."""
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    code, said = command(capsys, "--resume", folder, "--steps", "6")
    assert (code, said.count("\n")) == (2, 1)
    assert "that run has done 12 steps, and now 6 are asked for" in said
    assert config.load(folder) == config.load(whole)
    run_train("--resume", str(folder), "--steps", "15", "--learning-rate", "0.25")
    said = capsys.readouterr().out
    assert "from step 12 on: recipe." in said
    assert "recipe.steps 12 to 15" in said
    resumed, saved = config.load(folder), config.load(whole)
    assert (resumed.recipe.steps, resumed.recipe.learning_rate) == (15, 0.25)
    before = {"recipe.steps": 12, "recipe.learning_rate": saved.recipe.learning_rate}
    assert resumed.changes == ({"step": 12, "before": before},)
    assert "run.changes" in config.made_of(resumed)  # no seed of a run with 15 from the start
    assert "run.changes" not in config.made_of(saved)
    run_train("--resume", str(folder))
    assert config.load(folder) == resumed


def test_resume_of_a_run_that_is_being_trained_is_refused(whole, capsys):
    """Two that write one run would mix their numbers; whoever dies leaves the lock, and half a file
    for the next to remove."""
    left = whole / ".config.0badcafe.12345.partial.json"
    left.touch()
    with directory.training(
        dataclasses.replace(config.load(whole), run=parsing.from_run(whole).run)
    ):
        assert not left.exists()
        code, said = command(capsys, "--resume", whole)
    assert (code, said.count("\n")) == (2, 1)
    assert "another process is training this run" in said


def test_second_run_does_not_overwrite_the_first(whole, small_motion, capsys):
    """--out of a folder that holds a run is refused, with both ways out."""
    code, said = command(capsys, *arguments(small_motion, whole))
    assert code == 2
    assert "holds a run already" in said
    assert "--resume" in said


def test_resume_with_changed_data_is_refused(small_motion, tmp_path, capsys):
    """A manifest that is not the one trained on would repeat or leave out videos."""
    folder, copy = tmp_path / "run", tmp_path / "manifest.csv"
    videos = dataclasses.replace(small_motion, rows=small_motion.rows)
    manifest_file.write(videos, copy)
    words = arguments(small_motion, folder)
    words[1] = str(copy)
    run_train(*words)
    manifest_file.write(dataclasses.replace(videos, rows=videos.rows[2:]), copy)
    code, said = command(capsys, "--resume", folder)
    assert code == 2
    assert str(copy) in said


def test_resume_with_other_videos_of_the_same_names_is_refused(small_motion, tmp_path, capsys):
    """Encoded anew, or another set of the same layout: the run would go on with something else."""
    root = tmp_path / "copy"
    shutil.copytree(small_motion.root, root)
    words = arguments(small_motion, tmp_path / "run", "--steps", "1", "--eval-every", "1")
    run_train("--data", str(root / "manifest.csv"), *words[2:])
    shutil.copy(root / small_motion.rows[0].path, root / small_motion.rows[1].path)
    capsys.readouterr()
    code, said = command(capsys, "--resume", tmp_path / "run", "--steps", "2")
    assert (code, said.count("\n")) == (2, 1)
    assert "are not those of that run, though their names and labels are: start a new run" in said


# ---------------------------------------------------------------- videos that are no videos


def folder_of_videos(root, frames=12):
    """Two classes of two videos each for training and test, in class folders with spaces."""
    rng = np.random.default_rng(0)
    for label in ("wäve hello", "nod"):
        for number in range(6):
            path = root / label / f"clip {number}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            write.write_video(path, rng.integers(0, 256, (frames, 32, 48, 3), np.uint8), fps=8.0)
    return root


def test_folder_with_spaces_and_umlauts_trains(tmp_path):
    """Class folders and files may be named as people name them."""
    folder = run_train("--data", str(folder_of_videos(tmp_path / "my vídeos")), *SMALL[2:],
                       "--steps", "2", "--eval-every", "2", "--batch-size", "2",
                       "--out", str(tmp_path / "a run"))  # fmt: skip
    assert config.load(folder).labels == ("nod", "wäve hello")


def test_video_of_one_frame_is_padded_and_masked(tmp_path):
    """A video shorter than a clip trains all the same."""
    folder = run_train("--data", str(folder_of_videos(tmp_path / "short", frames=1)), *SMALL[2:],
                       "--steps", "2", "--eval-every", "2", "--batch-size", "2",
                       "--out", str(tmp_path / "run"))  # fmt: skip
    assert np.isfinite(metrics_log.read(folder / "metrics.jsonl")[-1]["test_loss"])


def broken(kind, path):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:600])
    elif kind == "text":
        path.write_text("this is no video")
    elif kind == "missing":
        path.unlink()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "the file is empty"),
        ("truncated", "can't be opened as a video"),
        ("text", "(can't be opened as a video|this is a text file)"),
        ("missing", "there is no such file"),
    ],
)
def test_bad_video_stops_training_in_one_line(kind, reason, tmp_path, capsys):
    """The line names the file; nothing is trained on black frames in its place."""
    root = folder_of_videos(tmp_path / "videos")
    videos = sources.open_data(root)
    index = tmp_path / "manifest.csv"
    manifest_file.write(videos, index)
    for path in root.rglob("clip *.avi"):
        broken(kind, path)
    code, said = command(capsys, "--data", index, *SMALL, "--batch-size", "2",
                         "--out", tmp_path / "run")  # fmt: skip
    assert (code, said.count("\n")) == (2, 1)
    assert re.match(rf"error: {root}/(nod|wäve hello)/clip \d.avi: {reason}", said)


def test_empty_class_folder_is_named(tmp_path, capsys):
    """A class without a video can't be learnt: the folder is named."""
    root = folder_of_videos(tmp_path / "videos")
    (root / "jump").mkdir()
    code, said = command(capsys, "--data", root, *SMALL, "--out", tmp_path / "run")
    assert (code, said.count("\n")) == (2, 1)
    assert "jump" in said


def test_bad_videos_are_left_out_and_listed(small_motion, tmp_path, capsys):
    """--bad-videos skip goes on and writes down which ones and why."""
    root = folder_of_videos(tmp_path / "videos")
    index = tmp_path / "manifest.csv"
    manifest_file.write(sources.open_data(root), index)
    bad = sorted(root.rglob("clip *.avi"))[::4]
    for path in bad:
        path.write_bytes(b"")
    options = ["--data", str(index), *SMALL, "--batch-size", "2", "--out", str(tmp_path / "run")]
    code, said = command(capsys, *options)
    assert (code, said.count("\n")) == (2, 1)
    assert said.endswith("; or leave out such videos with --bad-videos skip\n")
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    folder = run_train(*options, "--bad-videos", "skip")
    listed = json.loads((folder / "skipped.json").read_text(encoding="utf-8"))
    assert set(listed) == set(map(str, bad))
    assert "left out 3 videos that could not be read: " in capsys.readouterr().out


def test_errors_are_user_errors():
    """A VideoError is a UserError: commands turn it into one line."""
    from flaxvid.video import decode

    assert issubclass(decode.VideoError, errors.UserError)
