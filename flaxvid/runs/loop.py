"""The loop: a step, a look at its numbers, an evaluation and a checkpoint, until the end."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from flaxvid import errors, progress
from flaxvid.data import batches
from flaxvid.evaluation import overfitting
from flaxvid.figures import curves
from flaxvid.runs import config, metrics_log, objective, tracking
from flaxvid.training import checkpoint, distributed, metrics, parallel
from flaxvid.training import state as states

REWINDS = 3  # of a run, with --on-nan rewind
PROFILED = range(10, 15)  # steps after the start; the first ones compile


@dataclasses.dataclass(frozen=True)
class Job:
    """What the loop is given to do: all of it made and placed."""

    settings: config.Settings
    total: int
    """Steps of the whole run."""
    epoch_clips: int
    train_step: Callable
    judge: Callable
    """`judge(weights, stats)` gives loss and scores on the split that is `watched`."""
    score: str
    """The one of them by which the best checkpoint is chosen."""
    watched: str
    chance: overfitting.Chance
    """Of the split that is `watched`."""
    rate: Callable[[int], float]
    """Learning rate of a step."""
    data: batches.Prefetched
    checkpoints: checkpoint.Checkpoints
    interrupted: Callable[[], bool]
    tracked: tracking.Trackers


def learn(job: Job, state: states.TrainState) -> states.TrainState:
    """Steps until the end of the run, an interruption, or patience is over; the last is saved.

    Raises:
        UserError: if loss or gradient is NaN or infinite, and there is no checkpoint to rewind to.
    """
    settings, total = job.settings, job.total
    folder, recipe = settings.run.out, settings.recipe
    batch_size = settings.recipe.batch_size
    start = number = int(state.step)
    log = metrics_log.MetricsLog(
        folder / "metrics.jsonl",
        resume_step=start,
        writes=distributed.first(),
        tracked=job.tracked,
    )
    eval_every = settings.run.eval_every or max(1, total // 10)
    patience = Patience(recipe.patience, log.read(), job.score)
    rewinds, profile = 0, Profile(folder / "profile" if settings.machine.profile else None, start)

    warned = False
    with progress.Progress(start, total, silent=not distributed.first()) as bar:
        window, window_began, timed_from = [], time.monotonic(), (0, 0.0)
        while number < total and not patience.over:
            number += 1
            profile.step(number)
            state, measured = job.train_step(state, next(job.data))
            window.append(measured)
            bar.advance()
            if number == start + 1:  # the rate is one without compiling
                timed_from = len(window), time.monotonic()

            judging = number % eval_every == 0 or number == total
            logging = number % settings.run.log_every == 0 or judging
            # Several processes agree at the steps that are logged.
            last = (logging or jax.process_count() == 1) and asked_to_stop(job)
            if logging or last:
                mean = {key: float(np.mean([m[key] for m in window])) for key in measured}
                now = time.monotonic()
                seconds = now - window_began
                untimed, since = timed_from if timed_from[0] < len(window) else (0, window_began)
                clips = (len(window) - untimed) * batch_size / (now - since)
                window, window_began, timed_from = [], now, (0, now)
                found, judged = mean, {}
                if judging and not metrics.not_finite(found):
                    judged = job.judge(state.weights(), state.stats)
                    # The last update may have spoilt what its own loss does not show.
                    found = mean | {f"{job.watched} loss": judged["loss"]}
                if wrong := metrics.not_finite(found):
                    job.checkpoints.wait()
                    newest = job.checkpoints.newest()
                    advice = _advice(settings, number, wrong, found, newest)
                    if settings.run.on_nan == "stop" or newest is None or rewinds == REWINDS:
                        raise errors.UserError(advice)
                    # The data goes on from where it is: the same clips would end the same way.
                    rewinds += 1
                    state, _ = job.checkpoints.restore(newest, state)
                    number = newest
                    log.rewind(newest)
                    bar.say(f"{advice}\nback at step {newest}, and on with other clips")
                    bar.rewind(newest)
                    continue
                log.write(
                    number,
                    epoch=round(number * batch_size / job.epoch_clips, 3),
                    **mean,
                    learning_rate=float(job.rate(number - 1)),
                    clips_per_second=round(clips, 1),
                    seconds=round(seconds, 2),
                )
                bar.show(number, mean["loss"], mean.get("accuracy"), clips)

            if judging:
                log.write(number, **{f"validation_{k}": v for k, v in judged.items()})
                score = judged[job.score]
                bar.say(
                    f"step {number}: {job.watched} loss {judged['loss']:.3f}, "
                    f"{objective.NAMES[job.score]} {score:.1%}"
                )
                if not warned and (said := _by_heart(job, log, score)):
                    warned = True
                    bar.say(said)
                patience.saw(score)
                log.flush()
                job.checkpoints.save(state, job.data.get_state(), score)
                if distributed.first():
                    curves.save(log.read(), folder / "curves.png")
                window_began = time.monotonic()
                timed_from = 0, window_began
            elif last:
                log.flush()
                job.checkpoints.save(state, job.data.get_state(), checkpoint.NOT_JUDGED)
            if last:
                break
    profile.close()
    job.data.close()
    job.checkpoints.wait()
    if patience.over and number < total:
        allowed = f"{recipe.patience} evaluation{'s' if recipe.patience > 1 else ''}"
        better = objective.NAMES[job.score]
        print(f"stopped at step {number}: {allowed} without a better {better}")
    return state


def _by_heart(job, log, accuracy):
    """A warning, if only the training videos are known."""
    if not distributed.first():  # which alone prints, and writes the log
        return None
    learnt = overfitting.training_accuracy(log.read())
    told = dict(arch=job.settings.arch, pixels=job.settings.embedding is None)
    return overfitting.warning(learnt, job.watched, accuracy, job.chance, **told)


def asked_to_stop(job: Job) -> bool:
    """Whether any process got a signal to end the run; all of them ask at once, and agree.

    One that goes on alone would wait for the others for ever.
    """
    return parallel.any_process(job.interrupted())


def _advice(settings, number, wrong, mean, newest):
    recipe = settings.recipe
    rest = f"the checkpoint of step {newest} is sound" if newest else "nothing was saved yet"
    return (
        f"step {number}: {wrong} is {mean[wrong]}; {rest}. Try a --learning-rate below "
        f"{recipe.learning_rate:g}, a --clip-norm below {recipe.clip_norm}, more --warmup, or "
        "--precision float32"
    )


class Patience:
    """Counts evaluations since the best one, over resumes too."""

    def __init__(self, allowed: int | None, rows: list[dict], score: str = "accuracy"):
        self._allowed, self._best, self._since = allowed, -1.0, 0
        for row in rows:
            if f"validation_{score}" in row:
                self.saw(row[f"validation_{score}"])

    def saw(self, score: float) -> None:
        """One more evaluation."""
        self._since = 0 if score > self._best else self._since + 1
        self._best = max(self._best, score)

    @property
    def over(self) -> bool:
        """Whether there were as many evaluations without a better score as are allowed."""
        return self._allowed is not None and self._since >= self._allowed


class Profile:
    """A trace of a few steps under way, if there is a folder for it."""

    def __init__(self, folder: Path | None, start: int):
        self._folder, self._start, self._tracing = folder, start, False

    def step(self, number: int) -> None:
        """A step is about to begin."""
        if self._folder is None:
            return
        since = number - self._start
        if since == PROFILED.start:
            jax.profiler.start_trace(self._folder)
            self._tracing = True
        elif since == PROFILED.stop:
            self.close()

    def close(self) -> None:
        """Ends the trace, if one is running."""
        if self._tracing:
            jax.profiler.stop_trace()
            self._tracing = False
            print(f"{self._folder}: trace of {len(PROFILED)} steps, for ui.perfetto.dev or XProf")
