"""Options that would change nothing: refused, for whoever gives one believes that it does."""

from collections.abc import Callable, Sequence
from typing import Any

from flaxvid import errors
from flaxvid.models import frame_encoders
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import datasets, pretrained_encoder
from flaxvid.runs import options as option_types

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
    if pretrained_encoder.spec_of(options.model, options.data.encoder_weights) is not None:
        return  # what else is frozen can be told when they are there: `refuse_fresh`
    # What a preset freezes has its numbers otherwise: of the linear model, in closed form.
    preset = zoo.find(options.arch, options.size).recipe
    by_preset = {option for option, _, _ in preset.factor_groups()}
    remedy = "give --weights, or leave it out"
    if hasattr(options.model, "encoder"):
        by_preset = set()  # of a frame encoder, by weights, and there are none
        remedy = "give a --model.encoder with weights, as resnet18, or leave it out"
    for option, _, rate in options.recipe.factor_groups():
        if rate == 0 and option not in by_preset:
            raise errors.UserError(
                f"{option}: without --weights all parameters are random, and these would stay so; "
                f"{remedy}"
            )


def refuse_fresh(
    recipe: recipes.Recipe,
    fresh: Sequence[str],
    option: str = "--weights",
    example: str = "^(?!head)",
) -> None:
    """Refuses to freeze parameters that a file of weights gave nothing for.

    Args:
        recipe: of the run.
        fresh: the paths of those parameters, as `head/kernel`.
        option: that the weights were given by.
        example: a regular expression of what they have.

    Raises:
        UserError: naming the first of them that would stay random.
    """
    kept = next(filter(recipe.freezes, fresh), None)
    if kept is not None:
        raise errors.UserError(
            f"--freeze {' '.join(recipe.freeze)}: {kept} is not among the {option}: it starts "
            f"fresh and would stay so; freeze only what they have, as {example}"
        )


def _sees(inputs) -> Callable[[Any], bool]:
    return lambda options: zoo.ARCHITECTURES[options.arch].inputs == inputs


def _is_one_product(options):
    return options.arch == "linear" or getattr(options.model, "pooling", None) == "linear"


def _starts_from_weights(options):
    if _sees("embedding")(options):
        return options.data.encoder_weights != option_types.RANDOM
    return getattr(options.model, "encoder", None) in frame_encoders.ENCODERS


def _why_no_encoder_weights(options):
    if _sees("embedding")(options):
        return f"{options.arch} takes embeddings by an encoder that was trained; leave it out"
    why = f"is of models with an encoder that was trained on images, and {options.arch} has none"
    if hasattr(options.model, "encoder"):
        return f"{why}; say --model.encoder resnet18, lite0 or densenet121"
    return f"{why}; leave it out"


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
        ("encoder",),
        _sees("embedding"),
        lambda options: (
            f"is of models over embeddings, and {options.arch} sees pixels; "
            + ("say --model.encoder" if hasattr(options.model, "encoder") else "leave it out")
        ),
    ),
    (
        ("encoder_weights",),
        _starts_from_weights,
        _why_no_encoder_weights,
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
        ("workers",),
        _sees("video"),
        lambda options: (
            f"{options.arch} sees embeddings, for which nothing is decoded in training; --threads "
            "is for making them"
        ),
    ),
    (
        ("workers",),
        lambda options: options.run.mine is None,
        lambda _options: (
            "other processes would not have your functions of --mine; leave one of the two out"
        ),
    ),
    (
        ("precision",),
        lambda options: options.machine.precision == "float32" or not _is_one_product(options),
        lambda options: (
            f"{options.arch} is one product, whose logits are float32 as all are; leave it out"
        ),
    ),
    (
        ("balance",),
        lambda options: options.arch != "linear",
        lambda _options: "linear is solved over all videos at once; leave it out",
    ),
    (
        ("balance",),
        lambda options: not options.data.multi_label or options.recipe.balance == "none",
        lambda _options: (
            "goes by the one class of each video, and with --multi-label there may be several; "
            "leave it out"
        ),
    ),
    (
        ("group_regex",),
        lambda options: datasets.takes_groups(options.data.data),
        lambda options: datasets.why_no_groups(options.data.data),
    ),
)
