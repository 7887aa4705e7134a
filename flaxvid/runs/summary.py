"""The first screen of `train`: what it is about to do, and which option changes it."""

import shutil
import textwrap
from collections import Counter, defaultdict

import jax
import numpy as np

from flaxvid import errors, stores
from flaxvid.data import balance, embeddings, flip, groups, manifest
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, datasets, sampling, selection

LINES = ("data", "groups", "frames", "pixels", "steps", "rate", "run")
MANY = 0.1  # of the frames: padding that is worth a word of advice
FEW = 1000  # training videos, too few to learn from pixels without weights to start from
OFTEN = 100  # epochs, after which few videos are known by heart
WIDTH = 100  # columns, at most


def text(
    settings: config.Settings,
    videos: manifest.Manifest,
    stored: embeddings.Stored | None,
    *,
    parameters: int,
    start: int,
    total: int,
) -> str:
    """What a run does: data, splits, groups, sampling, padding, mirroring, steps, and a warning for
    everything that makes its numbers mean less than they seem to. Each with the option that changes
    it, on lines as wide as a terminal has them.

    Args:
        settings: of the run.
        videos: all of its rows.
        stored: their embeddings, if the model sees those.
        parameters: numbers that are learnt or frozen.
        start: steps made already.
        total: steps of the whole run.
    """
    embedded = f", embedded by {settings.embedding.encoder}" if settings.embedding else ""
    said = {
        "data": _data(settings, videos) + _unread(stored),
        "groups": _groups(videos),
        "frames": _frames(settings, videos, stored) + embedded,
        "pixels": None if stored else _pixels(settings.preprocessing),
        "steps": "solved in closed form, over all training videos at once"
        if settings.arch == "linear"
        else _steps(settings, videos, start, total),
        "rate": None if settings.arch == "linear" else _rate(settings.recipe, total),
        "run": f"{settings.run.out}, on {jax.device_count()} x {jax.devices()[0].device_kind}"
        f"{_how(settings.machine)}",
    }
    shown = [_wrapped(f"{name:<7} {said[name]}", " " * 8) for name in LINES if said[name]]
    warnings = [_wrapped(f"warning: {line}", " " * 9) for line in _warnings(settings, videos)]
    advice = [_wrapped(f"note: {line}", " " * 6) for line in _advice(settings, videos, total)]
    head = f"{settings.arch} {settings.size}: {parameters:,} parameters"
    return "\n".join([head, *shown, *warnings, *advice])


def _wrapped(line, indent):
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


# ---------------------------------------------------------------- data
def _data(settings, videos):
    counts = ", ".join(f"{count} {split}" for split, count in videos.splits().items())
    names = ", ".join(videos.labels[:5]) + (", ..." if len(videos.labels) > 5 else "")
    place = stores.path(settings.data.data)
    drawn = " (drawn; another --seed draws others)" if _is_drawn(place) else ""
    several = f"; {_labels_a_video(videos)}" if videos.multi_label else ""
    return (
        f"{settings.data.data}: {len(videos.labels)} classes ({names}){several}; videos: "
        f"{counts}{drawn}"
    )


def _unread(stored):
    count = 0 if stored is None else len(stored.skipped)
    return f", of which {count} could not be read" if count else ""


def _labels_a_video(videos):
    numbers = [len(videos.names(row)) for row in videos.rows]
    return f"{np.mean(numbers):.1f} labels a video, {min(numbers)} to {max(numbers)}"


def _is_drawn(place):
    """Whether the splits are drawn: of a folder that states none."""
    stated = ("manifest.csv", embeddings.INDEX, *manifest.SPLITS)
    return place.is_dir() and not any((place / name).exists() for name in stated)


def _groups(videos):
    if all(_is_its_own(row) for row in videos.rows):
        return (
            "none given: each video counts as a recording of its own. If several were cut from "
            "one, say so (--group-regex): split apart, they make the test too easy"
        )
    counts = (
        f"{len({row.group for row in videos.split(split).rows})} {split}"
        for split in videos.splits()
    )
    return f"{len({row.group for row in videos.rows})}: {', '.join(counts)}; none is in two splits"


def _is_its_own(row):
    return row.group in ("", row.path)


# ---------------------------------------------------------------- what the model sees
def _frames(settings, videos, stored):
    shown = settings.preprocessing
    number, stride = shown.num_frames, shown.stride
    if settings.embedding is not None and settings.embedding.tokens:
        return f"{number} spread over each video, as {settings.embedding.tokens} tokens"
    if stride is None:
        how = f"{number} spread over each video (--num-frames, --stride)"
    else:
        how = (
            f"{number} of each video (--num-frames), {stride} apart (--stride): "
            f"{sampling.span(number, stride)} from the first to the last"
        )
    if stored is not None:
        how = f"{number} spread over each video (--num-frames)"
    rows = videos.split("train")
    if stored is None:
        found = sampling.lengths(rows)
    else:
        split = np.array([row.split == "train" for row in stored.manifest.rows])
        lengths = stored.lengths[: len(split)]  # after them come the views
        found = lengths[split & (lengths > 0)]
    if not len(found):
        return how
    usual = zoo.find(settings.arch, settings.size).preprocessing.stride
    if stored is None:
        if stride is None and usual is not None:
            how += f", not {usual} apart as usual, which spans {sampling.span(number, usual)}"
        how += f"; half of the videos have {np.median(found):.0f} frames or fewer"
    share = sampling.padded_share(found, number, stride)
    advice = ""
    if share > MANY and stride is None:
        advice = ": fewer would do (--num-frames)"
    elif share > MANY:
        advice = ": give a smaller --stride, or None, which spreads the frames"
    padded = f"{share:.0%} of the frames are" if share else "none of the frames is"
    return f"{how}; {padded} padding{advice}"


def _pixels(shown):
    if shown.jitter is None or shown.jitter == (shown.resize, shown.resize):
        size = f"short side resized to {shown.resize} (--resize)"
        if isinstance(shown.resize, tuple):
            size = f"resized to {shown.resize[0]} x {shown.resize[1]} (--resize)"
    else:
        size = f"short side resized to {shown.jitter[0]} to {shown.jitter[1]} (--jitter)"
    seen = f"the model sees {shown.crop_size} x {shown.crop_size} (--image-size)"
    mirrored = (
        "half of the clips are mirrored (--no-flip)" if shown.flip else "not mirrored (--flip)"
    )
    changes = f"; {shown.augment} random changes each (--augment)" if shown.augment else ""
    if shown.center == "clip":
        changes += "; less the mean over the frames of each clip (--center)"
    return f"{size}, {seen}; {mirrored}{changes}"


# ---------------------------------------------------------------- how it learns
def _epochs(settings, videos, total):
    """How often each training clip is seen, and how many clips there are."""
    clips = videos.splits()["train"] * settings.data.clips_per_video
    return total * settings.recipe.batch_size / clips, clips


def _steps(settings, videos, start, total):
    epochs, clips = _epochs(settings, videos, total)
    number = f"{start} to {total}" if start else f"{total}"
    by = "--epochs" if settings.recipe.steps is None else "--steps, or --epochs"
    return (
        f"{number}, of {settings.recipe.batch_size} clips each (--batch-size): {epochs:,.1f} "
        f"epochs of {clips:,} clips ({by})"
    )


def _rate(recipe: recipes.Recipe, total: int) -> str:
    rate = f"{recipe.optimizer}, at most {recipe.learning_rate:g} (--learning-rate)"
    match recipe.schedule:
        case "cosine":
            return f"{rate}, reached after {recipe.warmup_steps(total)} steps, then falling"
        case "step":
            falls = ", ".join(map(str, recipe.milestone_steps(total)))
            return f"{rate}, a tenth of it from each of the steps {falls} on"
        case "constant":
            return f"{rate}, always"


def _how(machine):
    """What is unusual about how the devices are used."""
    said = [machine.parallel] if machine.parallel != "mesh" else []
    said += [machine.precision] if machine.precision != "float32" else []
    said += ["remat"] if machine.remat else []
    if machine.accumulate > 1:
        said.append(f"gradients accumulated over {machine.accumulate} micro-batches")
    said += [f"{jax.process_count()} processes"] if jax.process_count() > 1 else []
    return "".join(f", {word}" for word in said)


# ---------------------------------------------------------------- what is not as it seems
def _warnings(settings, videos):
    found = flip.naming_a_side(videos.labels)
    if settings.embedding is None and settings.preprocessing.flip and found:
        yield (
            f"half of the clips are mirrored, and {errors.some(found)} "
            f"{'name' if len(found) > 1 else 'names'} a side: a mirrored clip shows another class. "
            "Give --no-flip"
        )
    if "validation" not in videos.splits() and (chosen := selection.by_judging(settings)):
        keep_last = (
            "" if settings.recipe.keep == "last" or videos.multi_label else ", or --keep last"
        )
        yield (
            f"no validation videos: {' and '.join(chosen)} chosen on the test videos, so that what "
            "is measured on these is too high. Give three or more groups of each class, `prepare "
            f"folder --validation 0.2`{keep_last}"
        )
    counts = Counter(row.label for row in videos.split("train").rows)
    one = not videos.multi_label and settings.arch != "linear"  # which takes no --balance
    if one and settings.recipe.balance == "none" and balance.is_uneven(list(counts.elements())):
        yield (
            f"classes have {min(counts.values())} to {max(counts.values())} training videos: small "
            "ones are named too seldom. Try --balance sampling or --balance loss"
        )
    alike = _classes_alike(videos.labels)
    if alike:
        yield (
            f"{errors.some(alike)} are classes of their own, though they are spelt alike: if they "
            "are one, give them one name"
        )
    leaks = _leaks_by_name(videos)
    if leaks:
        yield (
            f"by their names, {errors.some(leaks)} {'are' if len(leaks) > 1 else 'is'} in more "
            "than one split: the test is too easy. Give groups, by --group-regex or in the manifest"
        )


def _classes_alike(labels):
    """Those that differ from another by case, spaces and punctuation alone, as people spell."""
    spelt = {label: "".join(filter(str.isalnum, label.casefold())) or label for label in labels}
    counts = Counter(spelt.values())
    return sorted((label for label in labels if counts[spelt[label]] > 1), key=spelt.get)


def _advice(settings, videos, total):
    """For whoever means several labels by one, or takes what is made for thousands of videos."""
    if not videos.multi_label and any(manifest.BETWEEN in label for label in videos.labels):
        found = next(label for label in videos.labels if manifest.BETWEEN in label)
        yield (
            f"{found} is a class of its own; if labels with {manifest.BETWEEN} are several of one "
            "video, give --multi-label"
        )
    count, epochs = videos.splits()["train"], _epochs(settings, videos, total)[0]
    from_scratch = settings.embedding is None and not settings.starts()
    if not from_scratch or count >= FEW or datasets.is_motion(settings.data.data):
        return
    often = f", and in {epochs:,.0f} epochs they are learnt by heart" if epochs > OFTEN else ""
    yield (
        f"{count} videos are few to learn from pixels alone{often}. Try what starts from features "
        "of ImageNet, --arch embedding_transformer or --arch linear; published --weights; or a "
        "small number of --epochs"
    )


def _leaks_by_name(videos):
    """Recordings that names tell of, and no group, in more than one split."""
    found = defaultdict(set)
    for row in videos.rows:
        if _is_its_own(row) and (group := groups.of_name(row.path, row.label)):
            found[group].add(row.split)
    return sorted(group for group, splits in found.items() if len(splits) > 1)
