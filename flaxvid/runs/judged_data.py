"""The rows that a model is judged on, as it sees them: of its run's own data, or of other data."""

import dataclasses
from pathlib import Path

from flaxvid import errors, stores
from flaxvid.data import batches, content_hash, embeddings, groups, manifest
from flaxvid.runs import config, datasets, embed, parsing


def open_rows(
    settings: config.Settings,
    run: Path | None,
    *,
    data: str | None,
    group_regex: str | None = None,
    split: str,
    threads: int,
    model: str,
) -> batches.Rows:
    """A split of the run's own data, which must be what it was; or of other data, by name.

    Args:
        settings: of the model.
        run: its directory; None: its weights are from elsewhere.
        data: as `--data` has it; None: the run's own.
        group_regex: what finds the group of a video of `data` in its path; None: the run's.
        split: which part of it.
        threads: that decode.
        model: what the model is called in messages.

    Raises:
        UserError: if the run's own data have changed since; for a class that the model does not
            know, a split that is not there, or embeddings of another kind.
    """
    saved = (
        parsing.from_recipe(settings.arch, settings.size) if run is None else parsing.from_run(run)
    )
    asked = dataclasses.replace(saved.data, bad_videos="skip", threads=threads)
    if data is not None:
        # Nothing is learnt from these: views would be made for nothing.
        asked = dataclasses.replace(asked, data=data, views=0)
        if group_regex is not None and not datasets.takes_groups(data):
            raise errors.UserError(f"--group-regex: {datasets.why_no_groups(data)}")
        if group_regex is not None:
            asked = dataclasses.replace(asked, group_regex=group_regex)
    try:
        videos = datasets.open_data(asked, settings.run.seed)
    except groups.NotFoundError as error:
        if data is None or group_regex is not None:
            raise
        raise errors.UserError(
            f"{error}. It is that of {model}; for other data give another, or '.*' for videos that "
            "have nothing in common"
        ) from None
    if settings.embedding is None:
        _refuse_changed(settings, videos.split(split), videos, data, split, model)
    if data is not None and run is not None:
        _say_what_was_learnt(saved, settings, videos.split(split), model)
    unknown = sorted(set(videos.labels) - set(settings.labels))
    if unknown:
        raise errors.UserError(
            f"--data {asked.data}: has a class {unknown[0]!r} that {model} was not trained on; "
            f"it knows {', '.join(settings.labels)}"
        )
    videos = dataclasses.replace(videos, labels=settings.labels)
    stored = embed.for_training(dataclasses.replace(saved, data=asked), videos)
    if stored is not None:
        _refuse_other_embeddings(stored, settings.embedding, is_own=data is None)
    loaders = datasets.loaders(
        dataclasses.replace(settings, data=asked), videos, stored, batches.Skipped()
    )
    if split not in loaders:
        raise errors.UserError(
            f"--split {split}: {asked.data} has {', '.join(loaders)} and no {split}"
        )
    return loaders[split]


def _say_what_was_learnt(saved, settings, judged, model):
    """Videos of other data may be some that the model was trained on; where those are, it shows."""
    if not datasets.is_there(saved.data.data):
        return
    try:
        own = datasets.open_data(saved.data, settings.run.seed).split("train")
    except errors.UserError:  # moved or changed since: then nothing is known
        return
    learnt = {stores.absolute(own.path(row)) for row in own.rows}  # whichever part of it
    both = sum(stores.absolute(judged.path(row)) in learnt for row in judged.rows)
    if both:
        print(
            f"warning: {model} was trained on {both} of these {len(judged.rows)} videos: what is "
            "measured on them says nothing of others"
        )


def _refuse_changed(settings, rows, videos, data, split, model):
    """What was the run's own data must be so still, unless it is named anew by --data."""
    same_rows = videos.fingerprint() == settings.manifest
    own = settings.content.get(split)  # None: of a run from before there was one
    if same_rows and own in (None, content_hash.by_split(rows).get(split)):
        return
    if data is None:
        what = "there are other videos under their names" if same_rows else "its rows are others"
        raise errors.UserError(
            f"{settings.data.data}: has changed since {model} was trained ({what}), and some "
            f"of it may be of training; to judge on it anyway, add --data {settings.data.data}"
        )
    if same_rows:
        print(f"{data}: names and labels are those of the run's own data, and the videos are not")


def _refuse_other_embeddings(stored, trained_on, is_own):
    """The model knows the numbers of its own encoder, size and sampling, and no others."""
    found = stored.about
    expected = dataclasses.replace(trained_on, dtype=found.dtype)
    if not is_own:  # other videos, embedded alike
        expected = dataclasses.replace(expected, manifest=found.manifest, content=found.content)
    elif not trained_on.content:
        expected = dataclasses.replace(expected, content=found.content)
    embeddings.check(stored, expected)


def content_of(videos: manifest.Manifest) -> str | None:
    """Fingerprint of the files judged; None if they are not there, as embeddings can do without."""
    if not any(content_hash.are_there(videos)):
        return None
    return content_hash.fingerprint(videos, sample=content_hash.BRIEF)
