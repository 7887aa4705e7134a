"""Options that would change nothing: refused, for whoever gives one believes that it does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flaxvid import errors
from flaxvid.data import embeddings
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo

PIXELS = ("stride", "resize", "jitter", "flip", "center", "clips_per_video")


def refuse(options: Any) -> None:
    """Refuses what was said and has no effect together with the rest.

    Args:
        options: `options.TrainOptions` from a command line.

    Raises:
        UserError: naming the option, why it does nothing, and the way out.
    """
    for names, used, why in RULES:
        given = [name for name in names if name in options.said]
        if given and not used(options):
            option = given[0].replace("_", "-")
            raise errors.UserError(f"--{option}: {why(options)}")
    _refuse_frozen_chance(options)


def _refuse_frozen_chance(options):
    """Parameters that were never trained are noise; freezing them keeps it."""
    if options.run.weights is not None or options.run.resume is not None:
        return
    # What a preset freezes has its numbers otherwise: of the linear model, in closed form.
    preset = zoo.find(options.arch, options.size).recipe
    by_preset = {option for option, _, _ in preset.factor_groups()}
    for option, _, rate in options.recipe.factor_groups():
        if rate == 0 and option not in by_preset:
            raise errors.UserError(
                f"{option}: without --weights all parameters are random, and these would stay so; "
                "give --weights, or leave it out"
            )


def refuse_fresh(recipe: recipes.Recipe, fresh: Sequence[str]) -> None:
    """Refuses to freeze parameters that a file of weights gave nothing for.

    Args:
        recipe: of the run.
        fresh: the paths of those parameters, as `head/kernel`.

    Raises:
        UserError: naming the first of them that would stay random.
    """
    kept = next(filter(recipe.freezes, fresh), None)
    if kept is not None:
        raise errors.UserError(
            f"--freeze {' '.join(recipe.freeze)}: {kept} is not among the --weights: it starts "
            "fresh and would stay so; freeze only what they have, as ^(?!head)"
        )


def _sees(inputs) -> Callable[[Any], bool]:
    return lambda options: zoo.ARCHITECTURES[options.arch].inputs == inputs


def _is_folder_or_table(options):
    path = Path(options.data.data)
    return path.exists() and not embeddings.is_stored(path)


# Options, whether they have an effect beside the others, and what to say if not.
RULES: tuple[tuple[tuple[str, ...], Callable[[Any], bool], Callable[[Any], str]], ...] = (
    (
        ("warmup",),
        lambda options: options.recipe.schedule == "cosine",
        lambda options: (
            f"the {options.recipe.schedule} schedule has no warm-up; leave it out, or add "
            "--schedule cosine"
        ),
    ),
    (
        ("milestones",),
        lambda options: options.recipe.schedule == "step",
        lambda options: (
            f"the {options.recipe.schedule} schedule has none; leave it out, or add --schedule step"
        ),
    ),
    (
        ("momentum",),
        lambda options: options.recipe.optimizer == "sgd",
        lambda options: (
            f"is of sgd, and the optimizer is {options.recipe.optimizer}; leave it out, or add "
            "--optimizer sgd"
        ),
    ),
    (
        ("magnitude",),
        lambda options: options.recipe.augment > 0,
        lambda _options: "is of --augment, which makes no change at 0; add --augment 2",
    ),
    (
        ("mixup", "cutmix"),
        lambda options: options.recipe.batch_size > 1,
        lambda _options: (
            "mixes the clips of a batch, and --batch-size 1 has no other; give 2 or more"
        ),
    ),
    (
        ("encoder", "encoder_weights"),
        _sees("embedding"),
        lambda options: (
            f"is of models over embeddings, and {options.arch} sees pixels; leave it out"
        ),
    ),
    (
        PIXELS,
        _sees("video"),
        lambda options: (
            f"{options.arch} sees embeddings, made once of frames spread over the whole video and "
            "not mirrored; leave it out"
        ),
    ),
    (
        ("balance",),
        lambda options: options.arch != "linear",
        lambda _options: "linear is solved over all videos at once; leave it out",
    ),
    (
        ("group_regex",),
        _is_folder_or_table,
        lambda options: (
            f"--data {options.data.data} has groups of its own; leave it out, or give a folder of "
            "videos or a manifest"
        ),
    ),
)
