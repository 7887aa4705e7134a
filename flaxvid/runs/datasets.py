"""The data of a run: what `--data` names, and how its rows become rows of a batch."""

from pathlib import Path

from flaxvid import errors
from flaxvid.data import batches, embeddings, from_tfds, manifest, motion, motion_scenes, sources
from flaxvid.runs import config, options


def open_data(chosen: options.Data, seed: int) -> manifest.Manifest:
    """The manifest that `--data` names; `motion` is drawn if it is not there yet.

    Raises:
        UserError: if there is nothing, or nothing usable, under that name.
    """
    name, _, level = chosen.data.partition(":")
    drawn = name == "motion" and not Path(chosen.data).exists()
    if chosen.multi_label and (drawn or name == "tfds"):
        raise errors.UserError(
            f"--multi-label: the videos of {chosen.data} have one label each; give --data a "
            "manifest with labels as in `run|jump`"
        )
    if drawn:
        if motion_scenes.is_named(level):
            return motion_scenes.open_or_draw(level)
        return motion.open_or_draw(level or "easy")
    if name == "tfds":
        return from_tfds.open_tfds(level)
    place = sources.place(chosen.data)
    if embeddings.is_stored(place):
        videos = embeddings.read(place).manifest
        return manifest.several(videos) if chosen.multi_label else videos
    return sources.open_data(
        place,
        allow_leakage=chosen.allow_leakage,
        seed=seed,
        group_regex=chosen.group_regex,
        multi_label=chosen.multi_label,
    )


def takes_groups(data: str) -> bool:
    """Whether `--data` names a folder or a manifest, whose videos `--group-regex` may group."""
    path = sources.place(data)
    return path.exists() and not embeddings.is_stored(path)


def why_no_groups(data: str) -> str:
    """Why `--group-regex` can't be of what `--data` names, and what to do."""
    if sources.place(data).exists():
        return (
            f"the groups of {data} were settled when its videos were embedded; leave it out, or "
            "give it to `prepare embeddings`"
        )
    return f"--data {data} has groups of its own, or is not there; leave it out"


def is_there(data: str) -> bool:
    """Whether opening what `--data` names would neither download it nor draw it."""
    name, _, level = data.partition(":")
    if name == "motion" and not Path(data).exists():
        if motion_scenes.is_named(level):
            folder = Path("data") / motion_scenes.Kind.parse(level).folder
        else:
            folder = motion.folder_of(level or "easy")
        return (folder / motion.INDEX).exists()
    return name != "tfds"


def is_motion(data: str) -> bool:
    """Whether `--data` names the drawn motion videos on plain grounds, or embeddings of them.

    `motion:scenes` are as people's own videos are, and trained on as those.
    """
    name, _, level = data.partition(":")
    if name == "motion" and not Path(data).exists():
        return not motion_scenes.is_named(level)
    place = sources.place(data)
    if not embeddings.is_stored(place):
        return False
    return set(embeddings.read(place).manifest.labels) == set(motion.CLASSES)


def loaders(
    settings: config.Settings,
    videos: manifest.Manifest,
    stored: embeddings.Stored | None,
    skipped: batches.Skipped,
) -> dict[str, batches.Rows]:
    """Split -> how its rows become rows of a batch; of `stored` embeddings, if there are."""
    if stored is not None:
        skipped.update(stored.skipped)
        return {
            split: embeddings.EmbeddingRows(stored, split, skipped) for split in videos.splits()
        }
    return {
        split: batches.VideoRows(
            videos.split(split), settings.preprocessing, settings.data.bad_videos, skipped
        )
        for split in videos.splits()
    }
