"""Options and data together: what is left open in one is filled in from the other."""

import dataclasses

import jax

from flaxvid import errors
from flaxvid.data import content_hash, embeddings, manifest
from flaxvid.models import frame_encoders
from flaxvid.recipes import zoo
from flaxvid.runs import config, directory, options, parsing, sampling


def settings(
    chosen: options.TrainOptions, videos: manifest.Manifest, stored: embeddings.Stored | None = None
) -> config.Settings:
    """The settings of a run: the model gets its classes, and the shape of what it will see.

    Raises:
        UserError: if a resumed run was trained on other data, or `stored` embeddings are of
            another size than was asked for.
    """
    resumed = chosen.run.resume
    content = content_hash.by_split(videos) if stored is None else {}
    if resumed is not None:
        _refuse_other_data(resumed, chosen.data.data, videos, stored, content)
    preset, wanted = zoo.find(chosen.arch, chosen.size), chosen.data
    if stored is None:
        if "stride" not in chosen.said and resumed is None:
            stride = sampling.stride_for(videos, wanted.num_frames, wanted.stride)
            if wanted.sampling == "interval":  # which says already where the frames are
                stride = None
            wanted = dataclasses.replace(wanted, stride=stride)
        preprocessing = _preprocessing(preset, wanted, chosen.recipe)
        if resumed is not None:
            preprocessing = preprocessing.coloured_as(config.load(resumed).preprocessing)
        seen = dict(image_size=wanted.image_size)
    else:
        wanted = _as_stored(chosen, stored)
        preprocessing = stored.about.preprocessing
        seen = dict(embedding_dim=stored.about.dim, num_frames=stored.about.rows)
    model = dataclasses.replace(
        chosen.model,
        **dict(num_classes=len(videos.labels), num_frames=wanted.num_frames) | seen,
    )
    model = _as_the_machine(model, chosen)
    recipe = chosen.recipe
    if stored is not None and (recipe.augment or recipe.cutmix):
        raise errors.UserError(
            f"--augment {recipe.augment} --cutmix {recipe.cutmix:g}: {chosen.arch} learns from "
            "embeddings, which have no pixels; --mixup works on them, and --views N augments videos"
        )
    folder = chosen.run.out or directory.new_folder(chosen.arch, chosen.size)
    return config.Settings(
        arch=chosen.arch,
        size=chosen.size,
        model=model,
        preprocessing=preprocessing,
        data=wanted,
        recipe=chosen.recipe,
        run=dataclasses.replace(chosen.run, out=folder),
        machine=chosen.machine,
        labels=videos.labels,
        manifest=videos.fingerprint(),
        embedding=None if stored is None else stored.about,
        content=content,
    )


def batch_size(chosen: options.TrainOptions, videos: manifest.Manifest) -> options.TrainOptions:
    """The options with a batch that an epoch fills and that divides over the devices.

    A size that was said, or that a run began with, stays; the recipe's becomes smaller for a set
    that has fewer clips to learn from, or for a number of devices that does not divide it.

    Raises:
        UserError: if a size that was said is larger than an epoch.
    """
    size, clips = chosen.recipe.batch_size, videos.splits().get("train", 0)
    clips *= chosen.data.clips_per_video
    if "batch_size" in chosen.said or chosen.run.resume is not None:
        if 0 < clips < size:
            raise errors.UserError(
                f"--batch-size {size} is larger than the {clips} training clips of "
                f"{chosen.data.data}: choose {clips} or less, or leave it out"
            )
        return chosen
    unit = jax.device_count() * chosen.machine.accumulate
    fitting = min(size, clips) // unit * unit
    if fitting in (0, size):  # none fits: what is said of it names the devices
        return chosen
    devices = "a device" if jax.device_count() == 1 else f"{jax.device_count()} devices"
    print(
        f"batches of {fitting} clips in place of {size}, for {clips} to learn from on {devices} "
        "(--batch-size)"
    )
    return dataclasses.replace(
        chosen, recipe=dataclasses.replace(chosen.recipe, batch_size=fitting)
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
        center=wanted.center,
        augment=recipe.augment,
        magnitude=recipe.magnitude,
    )


def _as_the_machine(model, chosen):
    """The model's config with the precision and remat asked for.

    Raises:
        UserError: for a model that has no such choice.
    """
    asked = dict(dtype=options.DTYPES[chosen.machine.precision], remat=chosen.machine.remat)
    for name, value in asked.items():
        if hasattr(model, name):
            model = dataclasses.replace(model, **{name: value})
        elif value not in ("float32", False):
            option = "--remat" if value is True else f"--precision {chosen.machine.precision}"
            raise errors.UserError(f"{option}: {chosen.arch} has no such choice; leave it out")
    return model


def _refuse_other_data(resumed, data, videos, stored, content):
    """A run goes on with the rows it began with, and with the same files under their names."""
    saved = config.load(resumed)
    about, trained_on = None if stored is None else stored.about, saved.embedding
    if about is not None and trained_on is not None and not trained_on.content:
        about = dataclasses.replace(about, content="")  # a run from before there was one
    if saved.manifest != videos.fingerprint() or trained_on != about:
        raise errors.UserError(
            f"--resume {resumed}: {data} is not the data of that run, or has changed since: start "
            "a new run"
        )
    if stored is None and saved.content and saved.content != content:
        raise errors.UserError(
            f"--resume {resumed}: the videos of {data} are not those of that run, though their "
            "names and labels are: start a new run"
        )


def _as_stored(chosen, stored):
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
    default = parsing.from_recipe(chosen.arch, chosen.size, chosen.data.data).data
    for name, value in found.items():
        asked = getattr(chosen.data, name)
        if name == "encoder_stage" and not about.tokens:
            asked = frame_encoders.which_stage(about.encoder, asked) or "top"
        if asked != value and getattr(chosen.data, name) not in (None, getattr(default, name)):
            raise errors.UserError(
                f"--{name.replace('_', '-')} {asked}: the embeddings in {stored.folder} were made "
                f"with {value}; leave it out, or make others with `prepare embeddings`"
            )
    return dataclasses.replace(chosen.data, **found)
