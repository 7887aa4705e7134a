"""A command line read: the recipe's defaults, or those of the run resumed, then the options of a
file, then what was said."""

import argparse
import dataclasses
import operator
from pathlib import Path

from flaxvid import commandline, errors, stores
from flaxvid.recipes import zoo
from flaxvid.runs import (
    clip_encoding,
    config,
    datasets,
    options,
    options_file,
    pretrained_encoder,
    probes,
    unused_options,
)


def parse(arguments: list[str], description: str) -> options.TrainOptions:
    """Options from the command line; what is not said comes from the file of --config, the recipe,
    or the run resumed.

    Raises:
        UserError: for an unknown architecture or size, or one that the resumed run does not have;
            for a value out of its range; for options that contradict each other, or that would
            change nothing; for an option by the name that another project gives it; for a file that
            can't be read, or has an option or a value that can't be.
    """
    arguments = probes.rewritten(arguments)
    # Which recipe or run gives the defaults has to be known before the rest can be read.
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    names = ("--arch", "--size", "--resume", "--data", "--encoder", "--encoder-weights", "--config")
    for name in names:
        first.add_argument(name, nargs="?")
    given, _ = first.parse_known_args(arguments)
    said = commandline.names(arguments)
    if given.config is not None:
        defaults = _from_file(given, said)
    elif given.resume is None:
        defaults = from_recipe(
            given.arch or "timesformer", given.size or "tiny", given.data or "motion"
        )
        defaults = _shaped(defaults, given.encoder, given.encoder_weights)
    else:
        defaults = from_run(stores.path(given.resume))
    if {"steps", "epochs"} <= said:
        raise errors.UserError("--steps, --epochs: both say how long to train; give one of them")
    if "epochs" in said:  # what is said comes before the steps of the recipe, or of the run
        recipe = dataclasses.replace(defaults.recipe, steps=None, least_steps=0)
        defaults = dataclasses.replace(defaults, recipe=recipe)
    chosen = commandline.parse(
        options.TrainOptions[type(defaults.model)],
        arguments,
        default=defaults,
        prog="python -m flaxvid.train",
        description=description,
    )
    chosen = dataclasses.replace(chosen, said=said | defaults.said)
    if given.resume is None:
        chosen = _without_foreign_freeze(chosen, defaults)
    else:
        _refuse_another_model(chosen, defaults)
        if chosen.print_config:
            raise errors.UserError(
                f"--print-config, --resume {given.resume}: for another run with its options, say "
                f"--config {given.resume}/{config.NAME} --print-config"
            )
    unused_options.refuse(chosen)
    return chosen


def _without_foreign_freeze(chosen, defaults):
    """What a recipe freezes of its own frame encoder may learn in another, and in a random one."""
    if "freeze" in chosen.said or not hasattr(chosen.model, "encoder"):
        return chosen
    starts = pretrained_encoder.spec_of(chosen.model, chosen.data.encoder_weights) is not None
    if starts and chosen.model.encoder == defaults.model.encoder:
        return chosen
    return dataclasses.replace(chosen, recipe=dataclasses.replace(chosen.recipe, freeze=()))


def from_recipe(arch: str, size: str, data: str = "motion") -> options.TrainOptions:
    """The defaults of an architecture on the data named: its preset and its recipe.

    Raises:
        UserError: for an unknown architecture or size.
    """
    preset = zoo.find(arch, size)
    if preset.own is not None and not datasets.is_motion(data):
        preset = preset.own
    data = options.Data(
        data=data,
        num_frames=preset.preprocessing.num_frames,
        stride=preset.preprocessing.stride,
        sampling=preset.preprocessing.sampling,
        padding=preset.preprocessing.padding,
        image_size=preset.preprocessing.crop_size,
        flip=preset.preprocessing.flip,
        center=preset.preprocessing.center,
        encoder=preset.encoder or options.Data.encoder,
        encoder_stage=preset.encoder_stage,
        views=preset.views,
    )
    model = preset.config(num_classes=1)
    return options.TrainOptions(
        data, preset.recipe, options.Run(), options.Machine(), model, arch, size
    )


def from_run(folder: Path) -> options.TrainOptions:
    """The options of the run in `folder`, to go on with.

    Raises:
        UserError: if there is no run in it.
    """
    saved = config.load(folder)
    kept = dataclasses.replace(saved.run, out=folder, resume=folder)
    # Which processes take part is said each time.
    machine = dataclasses.replace(
        saved.machine, coordinator=None, num_processes=None, process_id=None
    )
    data = dataclasses.replace(saved.data, flip=saved.preprocessing.flip)
    return options.TrainOptions(
        data, saved.recipe, kept, machine, saved.model, saved.arch, saved.size
    )


def _from_file(given, said):
    """The defaults of what is named in the file, or on the command line, with the file's options.

    Raises:
        UserError: see `parse`.
    """
    if given.resume is not None:
        raise errors.UserError(
            "--config, --resume: a resumed run goes on with its own settings; give one of them"
        )
    file = options_file.read(Path(given.config))
    for name in ("arch", "size"):
        asked, there = getattr(given, name), file.values.get(name)
        if asked is not None and there not in (None, asked):
            raise errors.UserError(
                f"--{name} {asked}: {given.config} has the options of {name} {there}; leave "
                f"--{name} out, or take another file"
            )
    named = {
        name: getattr(given, name) or file.values.get(name, usual)
        for name, usual in (("arch", "timesformer"), ("size", "tiny"), ("data", "motion"))
    }
    try:
        defaults = from_recipe(**named)
    except errors.UserError as error:
        in_file = {"arch", "size"} & set(file.values) - said
        raise errors.UserError(f"{given.config}: {error}" if in_file else str(error)) from None
    if not {"num-frames", "image-size"} <= set(file.values):
        encoder, weights = (
            getattr(given, name.replace("-", "_")) or file.values.get(name)
            for name in ("encoder", "encoder-weights")
        )
        defaults = _shaped(defaults, encoder, weights)
    return options_file.apply(file, defaults, said)


def _shaped(defaults, encoder, weights):
    """A backbone's clips are by themselves as its weights have learnt from."""
    if encoder not in clip_encoding.NAMES or not weights or weights == "None":
        return defaults
    shape = clip_encoding.shape_of(encoder, weights)
    return dataclasses.replace(defaults, data=dataclasses.replace(defaults.data, **shape))


def _refuse_another_model(chosen, saved):
    model_of = operator.attrgetter("model")
    for name, of, prefix in (
        *((name, lambda one: one, "") for name in ("arch", "size")),
        *((field.name, model_of, "model.") for field in dataclasses.fields(saved.model)),
    ):
        asked, kept = getattr(of(chosen), name), getattr(of(saved), name)
        if asked != kept:
            option = (prefix + name).replace("_", "-")
            raise errors.UserError(
                f"--resume {chosen.run.resume}: that run's {option} is {kept}, not {asked}; "
                f"leave --{option} out, or start a new run"
            )
    if chosen.run.seed != saved.run.seed:
        raise errors.UserError(
            f"--resume {chosen.run.resume}: that run's seed is {saved.run.seed}, not "
            f"{chosen.run.seed}; leave --seed out, or start a new run"
        )
    if chosen.run.weights != saved.run.weights:
        raise errors.UserError(
            f"--resume {chosen.run.resume}: that run has started already, from "
            f"{saved.run.weights or 'fresh weights'}; leave --weights out, or start a new run"
        )
    asked, kept = chosen.data.encoder_weights, saved.data.encoder_weights
    if asked != kept and zoo.ARCHITECTURES[saved.arch].inputs == "video":
        raise errors.UserError(
            f"--resume {chosen.run.resume}: the encoder of that run has started already, from "
            f"{kept or 'fresh weights'}; leave --encoder-weights out, or start a new run"
        )
