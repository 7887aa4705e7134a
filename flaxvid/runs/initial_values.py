"""What a model starts from: fresh parameters, weights, an encoder's weights, or a closed form."""

from flax import nnx

from flaxvid.data import embeddings
from flaxvid.models import linear
from flaxvid.recipes import zoo
from flaxvid.runs import baseline, config, from_weights, options, pretrained_encoder, unused_options
from flaxvid.training import parallel
from flaxvid.training import state as states
from flaxvid.weights import convert, pretrained


def parts(
    settings: config.Settings,
    chosen: options.TrainOptions,
    stored: embeddings.Stored | None,
    encoder: pretrained_encoder.PretrainedEncoder | None,
) -> states.Parts:
    """The model's parameters and statistics before the first step; prints what came from where.

    Args:
        settings: of the run. One that is resumed takes no weights here: its checkpoint has them.
        chosen: the options as given, for what is printed.
        stored: the embeddings it learns from; None: it learns from pixels.
        encoder: pretrained weights of its frame encoder; None: it has none.

    Raises:
        WeightsError: if weights can't be read, or are another model's.
        UserError: if an option would freeze what starts fresh.
    """
    model = zoo.find(settings.arch, settings.size).module(
        settings.model, rngs=nnx.Rngs(settings.run.seed)
    )
    parts = states.split(
        model,
        axis=parallel.AXIS if settings.machine.parallel == "pmap" else None,
        freezes=settings.recipe.freezes,
    )
    if stored is not None:
        parts = parts._replace(stats=baseline.with_statistics(parts.stats, stored, settings.model))
    if settings.run.weights is not None and settings.run.resume is None:
        params, report = pretrained.load(
            settings.run.weights, settings.model, parts.params, labels=settings.labels
        )
        parts = parts._replace(params=params)
        print(f"{settings.run.weights}:\n{report.brief()}")
        unused_options.refuse_fresh(settings.recipe, report.fresh())
        print(from_weights.told(settings, chosen, stored))
    if encoder is not None:
        parts, report = encoder.fill(parts)
        print(
            f"{encoder.spec}: the frame encoder {encoder.name} starts from it: {report.summary()}"
        )
        fresh = [n for n in convert.by_name(parts.params) if not n.startswith("encoder/")]
        unused_options.refuse_fresh(settings.recipe, fresh, "--encoder-weights", "^encoder/")
    if isinstance(settings.model, linear.LinearConfig) and settings.run.resume is None:
        found = baseline.solved(parts.params, parts.stats, stored, settings.model)
        parts = parts._replace(params=found)
    return parts
