"""Train a model. Without further options, draw the motion videos into data/motion, train the
architecture's tiny size on them, and leave a run directory under runs/."""

import contextlib
import functools
import sys
import time
from pathlib import Path

import jax

from flaxvid import errors, exercise
from flaxvid.data import balance, batches, processes
from flaxvid.evaluation import inference, overfitting
from flaxvid.exercise import mine
from flaxvid.models import cost
from flaxvid.runs import (
    compile_cache,
    config,
    datasets,
    directory,
    dry_run,
    embed,
    from_weights,
    initial_values,
    interrupt,
    last_screen,
    loop,
    metrics_log,
    objective,
    options,
    options_file,
    parsing,
    pretrained_encoder,
    resolve,
    resuming,
    selection,
    summary,
    thresholds,
    tracked_pictures,
    tracking,
    trained_model,
)
from flaxvid.training import (
    averaging,
    checkpoint,
    distributed,
    freezing,
    mixing,
    optimizer,
    parallel,
    step,
)
from flaxvid.training import state as states

COMMAND = "python -m flaxvid.train"


def main() -> None:
    """The command `python -m flaxvid.train`."""
    with errors.one_line_errors():
        compile_cache.use()
        train(parse(sys.argv[1:]))


def parse(arguments: list[str]) -> options.TrainOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return parsing.parse(arguments, __doc__)


def train(chosen: options.TrainOptions) -> Path | None:
    """The story of a run, from options to its directory; None after a dry run or --print-config."""
    began = time.monotonic()
    if chosen.print_config:
        print(options_file.text(chosen), end="")
        return None
    machine = chosen.machine
    distributed.join(machine.coordinator, machine.num_processes, machine.process_id)
    with (
        distributed.one_voice(),
        mine.exits_refused(chosen.run.mine),
        errors.or_skipped(chosen.data.bad_videos),
        contextlib.ExitStack() as at_end,
    ):
        folder = _train(chosen, began, at_end)
    distributed.leave()
    return folder


def _train(chosen, began, at_end):
    tracking.refuse_missing(chosen.run.track)
    if chosen.run.mine is not None:
        names = exercise.install_from(chosen.run.mine)
        print(f"{chosen.run.mine}: training with your {', '.join(names)}, where the run calls them")

    # ------------------------------------------------------------------ data
    chosen = from_weights.sampled(chosen)
    with distributed.first_alone():  # what is drawn or embedded is so once
        videos = datasets.open_data(chosen.data, chosen.run.seed)
        chosen = resolve.batch_size(chosen, videos)
        stored = embed.for_training(chosen, videos)
    settings = resolve.settings(chosen, videos, stored)
    directory.refuse_unfit(settings)
    settings = from_weights.prepared(settings, chosen)
    encoder = None
    if settings.run.resume is None:
        asked = settings.data.encoder_weights
        encoder = pretrained_encoder.open_weights(settings.model, asked)
    if encoder is not None:
        settings = encoder.prepare(settings)
    batch_size, threads = settings.recipe.batch_size, settings.data.threads
    skipped = batches.Skipped()
    loaders = datasets.loaders(settings, videos, stored, skipped)
    watched = selection.watched(loaders)
    if not {"train", watched} <= set(loaders):
        raise errors.UserError(
            f"--data {settings.data.data}: has {', '.join(videos.splits())} videos, but training "
            "takes a train split and a validation or test split: `prepare folder` draws one"
        )
    epoch_clips = len(loaders["train"].manifest.rows) * settings.data.clips_per_video

    # ------------------------------------------------------------------ model, optimizer, steps
    how, recipe = settings.machine.parallel, settings.recipe
    parts = initial_values.parts(settings, chosen, stored, encoder)
    total = optimizer.total_steps(recipe, epoch_clips, batch_size)
    if recipe.steps is None or settings.data.views:
        print(_by_size(settings, loaders["train"], total))
    update = optimizer.create(recipe, total, parts.params)
    inputs_of, aim = trained_model.inputs_of(settings), objective.of(settings)
    differentiate = freezing.without(
        freezing.frozen(recipe, parts.params),
        parallel.differentiate(how, settings.machine.accumulate),
    )
    train_step = step.make_train_step(parts, update, inputs_of, aim.loss, differentiate)
    train_step = objective.measuring(train_step, aim)
    if recipe.mixup or recipe.cutmix:
        classes = settings.model.num_classes
        axis = parallel.AXIS if how == "pmap" else None
        train_step = mixing.mixed(train_step, classes, recipe.mixup, recipe.cutmix, axis)
    if recipe.average is not None:
        train_step = averaging.averaged(train_step, recipe.average)
    state = states.create(parts, update, settings.run.seed, average=recipe.average is not None)
    eval_step = step.make_eval_step(parts, inputs_of)
    introduce = functools.partial(
        summary.text,
        settings,
        videos,
        stored,
        parameters=cost.count_parameters(parts.params),
        total=total,
    )

    # ------------------------------------------------------------------ on the devices
    mesh = parallel.data_mesh(batch_size, settings.machine.accumulate, how)
    state = parallel.put_state(state, mesh, how)
    train_step = parallel.compiled(train_step, state, mesh, how)
    put_batch = functools.partial(parallel.put_batch, mesh=mesh, how=how)
    if settings.run.dry_run:
        print(introduce(start=0))
        print(dry_run.report(settings, videos, parts, state, train_step, put_batch, total))
        return None
    share, workers = batch_size // jax.process_count(), settings.data.workers
    processes.refuse_too_large(settings.preprocessing, share, workers)
    decoded = batches.train_batches(
        balance.balanced(loaders["train"], recipe.balance),
        batch_size,
        seed=settings.run.seed,
        threads=threads,
        workers=workers,
        clips_per_video=settings.data.clips_per_video,
        process=jax.process_index(),
        processes=jax.process_count(),
    )
    answers = functools.partial(
        inference.logits_of, jax.jit(eval_step), batch_size=batch_size, mesh=mesh, threads=threads
    )

    # ------------------------------------------------------------------ learn, or go on with it
    folder = settings.run.out
    at_end.enter_context(distributed.deaths_told(folder / "checkpoints"))
    with (
        directory.training(settings) if distributed.first() else contextlib.nullcontext(),
        checkpoint.Checkpoints(folder / "checkpoints") as checkpoints,
        interrupt.interruptible() as interrupted,
        # Once more: before checkpoints are closed, which would wait for the dead.
        distributed.deaths_told(folder / "checkpoints"),
    ):
        followed = settings.run.track if distributed.first() else ()
        tracked = tracking.Trackers(followed, folder, tracking.config_of(settings))
        at_end.callback(tracked.close)
        job = loop.Job(
            settings=settings,
            total=total,
            epoch_clips=epoch_clips,
            train_step=train_step,
            judge=lambda *model: aim.summarise(*answers(*model, loaders[watched])),
            score=aim.score,
            watched=watched,
            chance=overfitting.chance(loaders[watched].manifest),
            rate=optimizer.schedule(recipe, total),
            data=batches.Prefetched(decoded, put_batch),
            checkpoints=checkpoints,
            interrupted=interrupted,
            tracked=tracked,
        )
        if settings.run.resume is not None:
            newest = checkpoints.newest()
            if newest is not None:
                resuming.refuse_unfit(settings, total, newest, aim.score)
                state, position = checkpoints.restore(newest, state)
                job.data.set_state(position)
            if distributed.first() and (changed := config.update(folder, settings, newest or 0)):
                print(changed)
        print(introduce(start=int(state.step)), flush=True)
        state = loop.learn(job, state)
        last_screen.list_skipped(skipped, folder)
        if loop.asked_to_stop(job) and int(state.step) < total:
            print(f"stopped after step {state.step}; go on with\n  {COMMAND} --resume {folder}")
            return folder

        # -------------------------------------------------------------- judge the best, once
        best = checkpoints.to_use(recipe.keep)
        weights, stats = checkpoints.restore_model(
            best, (state.params, state.stats), average=recipe.average is not None
        )
    final = "test" if "test" in loaders else watched
    by_chance = overfitting.chance(loaders[final].manifest)
    logits, truth = answers(weights, stats, loaders[final])
    judged = aim.summarise(logits, truth)
    if settings.data.multi_label:
        by = (logits, truth) if watched == final else answers(weights, stats, loaders[watched])
        settings = thresholds.choose(settings, *by, watched)
    if distributed.first():
        log = metrics_log.MetricsLog(
            folder / "metrics.jsonl", resume_step=int(state.step), tracked=tracked
        )
        found = {f"{final}_{name}": value for name, value in judged.items()}
        log.write(int(state.step), best_step=best, **found)
        log.flush()
        if tracked:
            shown = tracked_pictures.figures(loaders[final], settings, logits, truth)
            for name, figure in shown.items():
                tracked.picture(int(state.step), name, figure)
        multiply_adds = trained_model.multiply_adds(settings, parts)
        print(last_screen.speed(log.read(), settings, multiply_adds))
        learnt = overfitting.training_accuracy(log.read())
        told = dict(arch=settings.arch, pixels=settings.embedding is None)
        said = overfitting.warning(learnt, final, judged[aim.score], by_chance, **told)
        if said is not None and final != watched:  # else it was said on the way
            print(said)
    print(
        last_screen.text(
            settings,
            judged,
            split=final,
            watched=watched,
            best=best,
            seconds=time.monotonic() - began,
            example=videos.path(loaders[final].manifest.rows[0]),
        )
    )
    return folder


def _by_size(settings, loader, total):
    """What was chosen by the number of training videos, and how to choose otherwise."""
    videos, views = len(loader.manifest.rows), settings.data.views
    shown = f"{views} augmented views of each (--views), " if views else ""
    return f"{videos} training videos: {shown}{total} steps (--steps)"


if __name__ == "__main__":
    main()
