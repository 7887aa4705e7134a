"""A run that starts from published weights: what is taken from them, unless the options differ.

Options given on the command line come first; then what a file beside the weights says; then what is
known of published files by their name; the architecture's recipe last.
"""

import dataclasses

from flaxvid.data import embeddings
from flaxvid.runs import config, options
from flaxvid.weights import pretrained, provenance


def sampled(chosen: options.TrainOptions) -> options.TrainOptions:
    """The options with stride and mirroring of published weights, where neither was said."""
    if chosen.run.weights is None or chosen.run.resume is not None:
        return chosen
    found = provenance.sampling_of(chosen.run.weights)
    if "sampling" in chosen.said or "num_frames" in chosen.said:
        found.pop("stride", None)  # it was for their number of frames
    changes = {name: value for name, value in found.items() if name not in chosen.said}
    return dataclasses.replace(chosen, data=dataclasses.replace(chosen.data, **changes))


def prepared(settings: config.Settings, chosen: options.TrainOptions) -> config.Settings:
    """The settings with the pixels, and the model's positions, that the weights have learnt from.

    A run that goes on has them from its own config.json: the weights may be gone by then.

    Raises:
        UserError: if the weights can't be found.
    """
    spec = settings.run.weights
    if spec is None or settings.embedding is not None:
        return settings
    if chosen.run.resume is not None:
        saved = config.load(chosen.run.resume)
        names = [*provenance.COLOURS, *(() if "resize" in chosen.said else ("resize",))]
        pixels = {name: getattr(saved.preprocessing, name) for name in names}
        shown = dataclasses.replace(settings.preprocessing, **pixels)
        return dataclasses.replace(settings, preprocessing=shown)
    shown = provenance.prepared_for(
        spec, settings.preprocessing, keep=chosen.said & {"resize", "jitter"}
    )
    return dataclasses.replace(
        settings, preprocessing=shown, model=pretrained.adapted(spec, settings.model)
    )


def told(
    settings: config.Settings, chosen: options.TrainOptions, stored: embeddings.Stored | None
) -> str:
    """Where the preparation of the pixels is from, in three lines, and the licence."""
    spec = settings.run.weights
    if stored is not None:
        return (
            "  from which features it has learnt is not known; it is shown those of "
            f"{stored.about.encoder}\n{provenance.licence(spec)}"
        )
    return provenance.told(spec, settings.preprocessing, chosen.said)
