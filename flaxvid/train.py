"""Train a model. Without further options, draw the motion videos into data/motion, train the
architecture's tiny size on them, and leave a run directory under runs/."""

import dataclasses
import functools
import json
import sys
import time
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from flaxvid import errors, exercise, progress
from flaxvid.data import batches
from flaxvid.figures import curves
from flaxvid.models import cost, zoo
from flaxvid.training import (
    checkpoint,
    dry_run,
    embed,
    evaluation,
    feed,
    interrupt,
    metrics,
    optimizer,
    options,
    parallel,
    run,
    step,
)
from flaxvid.training import state as states
from flaxvid.weights import pretrained

COMMAND = "python -m flaxvid.train"


def main() -> None:
    """The command `python -m flaxvid.train`."""
    with errors.one_line_errors():
        train(options.parse(sys.argv[1:], __doc__))


def train(chosen: options.Options) -> Path | None:
    """The story of a run, from options to its directory; None after a dry run."""
    began = time.monotonic()

    if chosen.run.mine is not None:
        names = exercise.install_from(chosen.run.mine)
        print(f"{chosen.run.mine}: training with your {', '.join(names)}")

    # ------------------------------------------------------------------ data
    videos = options.open_data(chosen.data, chosen.run.seed)
    stored = embed.for_training(chosen, videos)
    settings = options.settle(chosen, videos, stored)
    if settings.run.weights is not None:
        colours = pretrained.prepared_for(settings.run.weights, settings.preprocessing)
        settings = dataclasses.replace(settings, preprocessing=colours)
    batch_size, threads = settings.data.batch_size, settings.data.threads
    skipped = batches.Skipped()
    loaders = feed.loaders(settings, videos, stored, skipped)
    # Without validation videos the best checkpoint is chosen on the test split, and that is said.
    watched = "validation" if "validation" in loaders else "test"
    if not {"train", watched} <= set(loaders):
        raise errors.UserError(
            f"--data {settings.data.data}: has {', '.join(videos.splits())} videos, but training "
            "takes a train split and a validation or test split: `prepare folder` draws one"
        )
    epoch_clips = len(loaders["train"].manifest.rows) * settings.data.clips_per_video

    # ------------------------------------------------------------------ model, optimizer, steps
    model = zoo.find(settings.arch, settings.size).module(
        settings.model, rngs=nnx.Rngs(settings.run.seed)
    )
    parts = states.take_apart(model)
    if settings.run.weights is not None and settings.run.resume is None:
        params, report = pretrained.load(settings.run.weights, settings.model, parts.params)
        parts = parts._replace(params=params)
        print(f"{settings.run.weights}:\n{report.brief()}")
    total = optimizer.total_steps(settings.recipe, epoch_clips, batch_size)
    rate = optimizer.schedule(settings.recipe, total)
    update = optimizer.create(settings.recipe, total, parts.params)
    prepare = run.prepare(settings)
    train_step = step.make_train_step(parts, update, prepare, settings.recipe.label_smoothing)
    eval_step = jax.jit(step.make_eval_step(parts, prepare))
    if settings.run.dry_run:
        print(dry_run.report(settings, videos, parts, update, train_step, total))
        return None
    mesh = parallel.data_mesh(batch_size)
    state = states.create(parts, update, settings.run.seed)
    state = jax.device_put(state, parallel.replicated(mesh))
    train_step = jax.jit(train_step, donate_argnums=0)
    decoded = batches.train_batches(
        loaders["train"],
        batch_size,
        seed=settings.run.seed,
        threads=threads,
        clips_per_video=settings.data.clips_per_video,
    )
    data = batches.Prefetched(decoded, functools.partial(parallel.put_batch, mesh=mesh))
    judge = functools.partial(
        evaluation.judge, eval_step, batch_size=batch_size, mesh=mesh, threads=threads
    )

    # ------------------------------------------------------------------ run directory, or resume
    folder = settings.run.out
    if settings.run.resume is None:
        run.create(folder, settings)
    with (
        checkpoint.Checkpoints(folder / "checkpoints") as checkpoints,
        interrupt.interruptible() as interrupted,
    ):
        newest = checkpoints.newest() if settings.run.resume else None
        if newest is not None:
            state, position = checkpoints.restore(newest, state)
            data.set_state(position)
        start = int(state.step)
        journal = metrics.Journal(folder / "metrics.jsonl", resume_step=start)
        eval_every = settings.run.eval_every or max(1, total // 10)
        _introduce(settings, videos, parts, start, total)

        # -------------------------------------------------------------- learn
        with progress.Progress(start, total) as bar:
            window, window_began = [], time.monotonic()
            for number in range(start + 1, total + 1):
                state, measured = train_step(state, next(data))
                window.append(measured)
                bar.advance()

                last = number == total or interrupted()
                judging = number % eval_every == 0 or number == total
                if number % settings.run.log_every == 0 or judging or last:
                    mean = {key: float(np.mean([m[key] for m in window])) for key in measured}
                    _stop_at_nonsense(mean, number, settings, checkpoints)
                    seconds = time.monotonic() - window_began
                    speed = len(window) * batch_size / seconds
                    epoch = number * batch_size / epoch_clips
                    journal.write(
                        number,
                        epoch=round(epoch, 3),
                        **mean,
                        learning_rate=float(rate(number - 1)),
                        clips_per_second=round(speed, 1),
                    )
                    bar.show(number, mean["loss"], mean["accuracy"], speed)
                    window, window_began = [], time.monotonic()

                if judging:
                    judged = judge(state.params, state.stats, loaders[watched])
                    journal.write(number, **{f"validation_{k}": v for k, v in judged.items()})
                    bar.say(
                        f"step {number}: {watched} loss {judged['loss']:.3f}, "
                        f"accuracy {judged['accuracy']:.1%}"
                    )
                    checkpoints.save(state, data.get_state(), judged["accuracy"])
                    curves.save(metrics.read_journal(journal.path), folder / "curves.png")
                    window_began = time.monotonic()
                elif last:
                    checkpoints.save(state, data.get_state(), checkpoint.NOT_JUDGED)
                if last:
                    break
        data.close()
        checkpoints.wait()
        _list_skipped(skipped, folder)
        if int(state.step) < total:
            print(f"stopped after step {state.step}; go on with\n  {COMMAND} --resume {folder}")
            return folder

        # -------------------------------------------------------------- judge the best, once
        best = checkpoints.best()
        params, stats = checkpoints.restore_model(best, (state.params, state.stats))
    final = "test" if "test" in loaders else watched
    judged = judge(params, stats, loaders[final])
    journal.write(total, best_step=best, **{f"{final}_{k}": v for k, v in judged.items()})
    print(
        f"{final} top-1 {judged['accuracy']:.1%}, top-5 {judged['top5']:.1%} "
        f"(checkpoint of step {best}, best on {watched}) after "
        f"{progress.duration(time.monotonic() - began)}\n"
        f"{folder}: config.json, metrics.jsonl, curves.png, checkpoints/\n"
        f"try  python -m flaxvid.predict {folder} "
        f"{videos.path(loaders[final].manifest.rows[0])}"
    )
    return folder


def _introduce(settings, videos, parts, start, total):
    counts = ", ".join(f"{count} {split}" for split, count in videos.splits().items())
    parameters = cost.count_parameters(parts.params)
    print(
        f"{settings.arch} {settings.size}: {parameters:,} parameters, "
        f"{settings.preprocessing.num_frames} frames of {settings.preprocessing.crop_size} pixels"
        f"{f', embedded by {settings.embedding.encoder}' if settings.embedding else ''}\n"
        f"{settings.data.data}: {len(videos.labels)} classes, {counts}\n"
        f"{settings.run.out}: steps {start} to {total} of {settings.data.batch_size} clips "
        f"on {jax.device_count()} x {jax.devices()[0].device_kind}",
        flush=True,
    )


def _list_skipped(skipped, folder):
    reasons = skipped.reasons()
    if reasons:
        path = folder / "skipped.json"
        path.write_text(json.dumps(reasons, indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"{len(reasons)} videos could not be read and were left out; see {path}")


def _stop_at_nonsense(mean, number, settings, checkpoints):
    """Ends a run whose numbers are no numbers any more, and says what to try.

    Raises:
        UserError: if the loss or the norm of the gradient is not finite.
    """
    wrong = [key for key in ("loss", "gradient_norm") if not np.isfinite(mean[key])]
    if wrong:
        saved, recipe = checkpoints.newest(), settings.recipe
        rest = f"the checkpoint of step {saved} is sound" if saved else "nothing was saved yet"
        raise errors.UserError(
            f"step {number}: {wrong[0]} is {mean[wrong[0]]}; {rest}. Try a --learning-rate below "
            f"{recipe.learning_rate:g}, a --clip-norm below {recipe.clip_norm}, more --warmup, or "
            "--model.dtype float32"
        )


if __name__ == "__main__":
    main()
