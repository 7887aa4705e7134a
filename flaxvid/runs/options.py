"""From the command line to the settings of a run: recipe or resumed run, then what was said."""

import argparse
import dataclasses
from pathlib import Path
from typing import Generic, TypeVar

import tyro

from flaxvid import commandline, errors
from flaxvid.data import embeddings, from_tfds, manifest, motion
from flaxvid.models import frame_encoders
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, directory, sampling, unused

Model = TypeVar("Model")


@dataclasses.dataclass(frozen=True)
class TrainOptions(Generic[Model]):
    """Everything that can be said on the command line."""

    data: tyro.conf.OmitArgPrefixes[config.Data]
    recipe: tyro.conf.OmitArgPrefixes[recipes.Recipe]
    run: tyro.conf.OmitArgPrefixes[config.Run]
    machine: tyro.conf.OmitArgPrefixes[config.Machine]
    model: Model
    arch: str = "timesformer"
    """Architecture; its recipe gives the defaults shown here."""
    size: str = "tiny"
    """Preset of the architecture: `tiny` for a laptop, `base` as published."""
    said: tyro.conf.Suppress[frozenset[str]] = frozenset()
    """Names of the options that stood on the command line."""


def parse(arguments: list[str], description: str) -> TrainOptions:
    """Options from the command line; what is not said comes from the recipe, or the run resumed.

    Raises:
        UserError: for an unknown architecture or size, or one that the resumed run does not have;
            for a value out of its range; for options that contradict each other, or that would
            change nothing; for an option by the name that another project gives it.
    """
    # Which recipe or run gives the defaults has to be known before the rest can be read.
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("--arch", "--size", "--resume", "--data"):
        first.add_argument(name, nargs="?")
    chosen, _ = first.parse_known_args(arguments)
    if chosen.resume is None:
        defaults = from_recipe(
            chosen.arch or "timesformer", chosen.size or "tiny", chosen.data or "motion"
        )
    else:
        defaults = from_run(Path(chosen.resume))
    said = commandline.names(arguments)
    if {"steps", "epochs"} <= said:
        raise errors.UserError("--steps, --epochs: both say how long to train; give one of them")
    if "epochs" in said:  # what is said comes before the steps of the recipe, or of the run
        recipe = dataclasses.replace(defaults.recipe, steps=None)
        defaults = dataclasses.replace(defaults, recipe=recipe)
    options = commandline.parse(
        TrainOptions[type(defaults.model)],
        arguments,
        default=defaults,
        prog="python -m flaxvid.train",
        description=description,
    )
    options = dataclasses.replace(options, said=said)
    if chosen.resume is not None:
        _refuse_another_model(options, defaults)
    unused.refuse(options)
    return options


def from_recipe(arch: str, size: str, data: str = "motion") -> TrainOptions:
    """The defaults of an architecture on the data named: its preset and its recipe.

    Raises:
        UserError: for an unknown architecture or size.
    """
    preset = zoo.find(arch, size)
    if preset.own is not None and not is_motion(data):
        preset = preset.own
    data = config.Data(
        data=data,
        batch_size=preset.batch_size,
        num_frames=preset.preprocessing.num_frames,
        stride=preset.preprocessing.stride,
        sampling=preset.preprocessing.sampling,
        padding=preset.preprocessing.padding,
        image_size=preset.preprocessing.crop_size,
        flip=preset.preprocessing.flip,
        encoder=preset.encoder or config.Data.encoder,
        encoder_stage=preset.encoder_stage,
        views=preset.views,
    )
    model = preset.config(num_classes=1)
    return TrainOptions(data, preset.recipe, config.Run(), config.Machine(), model, arch, size)


def is_motion(data: str) -> bool:
    """Whether `--data` names the drawn motion videos, or embeddings of them."""
    if data.partition(":")[0] == "motion" and not Path(data).exists():
        return True
    if not embeddings.is_stored(Path(data)):
        return False
    return set(embeddings.read(Path(data)).manifest.labels) == set(motion.CLASSES)


def from_run(folder: Path) -> TrainOptions:
    """The options of the run in `folder`, to go on with.

    Raises:
        UserError: if there is no run in it.
    """
    saved = directory.load(folder)
    kept = dataclasses.replace(saved.run, out=folder, resume=folder)
    # Which processes take part is said each time.
    machine = dataclasses.replace(
        saved.machine, coordinator=None, num_processes=None, process_id=None
    )
    data = dataclasses.replace(saved.data, flip=saved.preprocessing.flip)
    return TrainOptions(data, saved.recipe, kept, machine, saved.model, saved.arch, saved.size)


def _refuse_another_model(options, saved):
    for name in ("arch", "size", "model"):
        asked, kept = getattr(options, name), getattr(saved, name)
        if asked != kept:
            raise errors.UserError(
                f"--resume {options.run.resume}: that run's {name} is {kept}, not {asked}; "
                f"leave --{name} out, or start a new run"
            )
    if options.run.weights != saved.run.weights:
        raise errors.UserError(
            f"--resume {options.run.resume}: that run has started already, from "
            f"{saved.run.weights or 'fresh weights'}; leave --weights out, or start a new run"
        )


def open_data(options: config.Data, seed: int) -> manifest.Manifest:
    """The manifest that `--data` names; `motion` is drawn if it is not there yet.

    Raises:
        UserError: if there is nothing, or nothing usable, under that name.
    """
    name, _, level = options.data.partition(":")
    if name == "motion" and not Path(options.data).exists():
        return motion.open_or_draw(level or "easy")
    if name == "tfds":
        return from_tfds.open_tfds(level)
    if embeddings.is_stored(Path(options.data)):
        return embeddings.read(Path(options.data)).manifest
    return manifest.open_data(
        Path(options.data),
        allow_leakage=options.allow_leakage,
        seed=seed,
        group_regex=options.group_regex,
    )


def settle(
    options: TrainOptions, videos: manifest.Manifest, stored: embeddings.Stored | None = None
) -> config.Settings:
    """Options and data together: the model gets its classes, and the shape of what it will see.

    Raises:
        UserError: if a resumed run was trained on other data, or `stored` embeddings are of
            another size than was asked for.
    """
    resumed = options.run.resume
    if resumed is not None and not _same_data(directory.load(resumed), videos, stored):
        raise errors.UserError(
            f"--resume {resumed}: {options.data.data} is not the data of that run, or has changed "
            "since: start a new run"
        )
    preset, wanted = zoo.find(options.arch, options.size), options.data
    if stored is None:
        if "stride" not in options.said and resumed is None:
            stride = sampling.stride_for(videos, wanted.num_frames, wanted.stride)
            if wanted.sampling == "interval":  # which says already where the frames are
                stride = None
            wanted = dataclasses.replace(wanted, stride=stride)
        preprocessing = _preprocessing(preset, wanted, options.recipe)
        seen = dict(image_size=wanted.image_size)
    else:
        wanted = _as_stored(options, stored)
        preprocessing = stored.about.preprocessing
        seen = dict(embedding_dim=stored.about.dim)
    model = dataclasses.replace(
        options.model, num_classes=len(videos.labels), num_frames=wanted.num_frames, **seen
    )
    model = _as_the_machine(model, options)
    recipe = options.recipe
    if stored is not None and (recipe.augment or recipe.cutmix):
        raise errors.UserError(
            f"--augment {recipe.augment} --cutmix {recipe.cutmix:g}: {options.arch} learns from "
            "embeddings, which have no pixels; --mixup works on them, and --views N augments videos"
        )
    folder = options.run.out or directory.new_folder(options.arch, options.size)
    return config.Settings(
        arch=options.arch,
        size=options.size,
        model=model,
        preprocessing=preprocessing,
        data=wanted,
        recipe=options.recipe,
        run=dataclasses.replace(options.run, out=folder),
        machine=options.machine,
        labels=videos.labels,
        manifest=videos.fingerprint(),
        embedding=None if stored is None else stored.about,
    )


def _preprocessing(preset, wanted, recipe):
    """The preset's pixels with what was asked for."""
    shown = preset.preprocessing.fitted(
        num_frames=wanted.num_frames, stride=wanted.stride, crop_size=wanted.image_size
    )
    return dataclasses.replace(
        shown,
        sampling=wanted.sampling,
        padding=wanted.padding,
        resize=shown.resize if wanted.resize is None else wanted.resize,
        jitter=shown.jitter if wanted.jitter is None else wanted.jitter,
        flip=wanted.flip,
        augment=recipe.augment,
        magnitude=recipe.magnitude,
    )


def _as_the_machine(model, options):
    """The model's config with the precision and remat asked for.

    Raises:
        UserError: for a model that has no such choice.
    """
    asked = dict(dtype=config.DTYPES[options.machine.precision], remat=options.machine.remat)
    for name, value in asked.items():
        if hasattr(model, name):
            model = dataclasses.replace(model, **{name: value})
        elif value not in ("float32", False):
            option = "--remat" if value is True else f"--precision {options.machine.precision}"
            raise errors.UserError(f"{option}: {options.arch} has no such choice; leave it out")
    return model


def _same_data(saved, videos, stored):
    about, trained_on = None if stored is None else stored.about, saved.embedding
    if about is not None and trained_on is not None and not trained_on.content:
        about = dataclasses.replace(about, content="")  # a run from before there was one
    return saved.manifest == videos.fingerprint() and trained_on == about


def _as_stored(options, stored):
    """The options of the data as the embeddings have them; asked for otherwise, they don't fit."""
    about = stored.about
    shown = about.preprocessing
    found = dict(
        num_frames=shown.num_frames,
        image_size=shown.crop_size,
        encoder=about.encoder,
        encoder_stage=about.stage or "top",
        encoder_grid=about.grid,
        views=about.views,
    )
    found |= dict(sampling=shown.sampling, padding=shown.padding)
    default = from_recipe(options.arch, options.size, options.data.data).data
    for name, value in found.items():
        asked = getattr(options.data, name)
        if name == "encoder_stage":
            asked = frame_encoders.which_stage(about.encoder, asked) or "top"
        if asked != value and getattr(options.data, name) not in (None, getattr(default, name)):
            raise errors.UserError(
                f"--{name.replace('_', '-')} {asked}: the embeddings in {stored.folder} were made "
                f"with {value}; leave it out, or make others with `prepare embeddings`"
            )
    return dataclasses.replace(options.data, **found)
