"""Where what a model with other people's weights is shown comes from, and under which licence.

What a file beside the weights tells comes first; then what is known of published files by their
name; and what was chosen by the user before either, where it can be.
"""

import contextlib
import dataclasses
import re
from collections.abc import Collection
from typing import Any

from flaxvid import errors, files
from flaxvid.video import preprocess
from flaxvid.weights import fetch, processor, published_files

COLOURS = ("channel_order", "scale", "mean", "std")
PIXELS = ("num_frames", "stride", "image_size", "resize", "jitter", "flip", "sampling")
AUTHORS = ("hf:facebook/", "hf:MCG-NJU/", "hf:google/")  # where they publish
# Of published weights, where no card beside them says it.
LICENCES = {
    "timesformer": "CC-BY-NC 4.0, by its authors: not for commercial use",
    "videomae": "CC-BY-NC 4.0, by its authors: not for commercial use",
    "vjepa2": "as the card at huggingface.co/facebook says; it is not beside the weights",
    "videoprism": "as the card at huggingface.co/google says; it is not beside the weights",
    "vivit": "as the card at huggingface.co/google says; it is not beside the weights",
}


def prepared_for(
    spec: str, preprocessing: preprocess.Preprocessing, *, keep: Collection[str] = ()
) -> preprocess.Preprocessing:
    """The same frames, with the pixels that published weights have learnt from.

    Channel order, scale, mean and standard deviation become theirs, by the file beside them or
    else by their name; the margin around the crop too, if the file tells it. All else is kept, and
    so is what is in `keep`.
    """
    found, published = preprocessing, published_files.find(spec)
    if published is not None:
        colours = {name: getattr(published, name) for name in COLOURS}
        found = dataclasses.replace(found, **colours)
    beside = processor.read(spec, fetch.locate(spec))
    if beside is not None:
        found = beside.applied(found)
    return dataclasses.replace(found, **{name: getattr(preprocessing, name) for name in keep})


def sampling_of(spec: str) -> dict[str, Any]:
    """Stride and mirroring that published weights were trained with; nothing for other files."""
    published = published_files.find(spec)
    return {} if published is None else dict(stride=published.stride, flip=published.flip)


def origins(
    spec: str, shown: preprocess.Preprocessing, chosen: Collection[str] | None = None
) -> tuple[str, str, str]:
    """Where the preparation of the pixels comes from, in three lines: file, published, chosen.

    Args:
        spec: where the weights are.
        shown: the preparation in the end.
        chosen: names of the options that were said; None: none could be.
    """
    beside, published = processor.read(spec, fetch.locate(spec)), published_files.find(spec)
    file = "nothing beside the weights tells of pixels"
    if beside is not None:
        file = f"{beside.name}: {beside}"
    named = "nothing, as it is not among the published files"
    if published is not None:
        named = f"{_frames(published)}, {published.channel_order.upper()}, "
        named += "mirrored in training" if published.flip else "not mirrored"
    if beside is None and published is None:
        named += f"; it is shown {_colours(shown)}"
    options = [f"--{name.replace('_', '-')}" for name in PIXELS if name in (chosen or ())]
    own = f"{', '.join(options) or 'nothing of it'}; in the end {_frames(shown)}, {_colours(shown)}"
    return f"  file: {file}", f"  published: {named}", f"  chosen by you: {own}"


def told(spec: str, shown: preprocess.Preprocessing, chosen: Collection[str] | None = None) -> str:
    """What is told to who loads weights: `origins`, and the licence, in four lines."""
    return "\n".join([*origins(spec, shown, chosen), licence(spec)])


def licence(spec: str) -> str:
    """What the card beside the weights says of their licence, or what is known of it, in a line.

    Raises:
        WeightsError: if the weights can't be found.
    """
    said = by_card(spec)
    if said is not None:
        return f"  licence: {said}, by the card beside the weights"
    return f"  licence: {by_name(spec) or 'not beside the weights; see where you had them from'}"


def by_card(spec: str) -> str | None:
    """The licence that the card beside the weights names, as `mit`; None: it names none.

    Raises:
        WeightsError: if the weights can't be found.
    """
    card = fetch.beside(spec, fetch.locate(spec), "README.md")
    text = ""
    if card is not None:
        with contextlib.suppress(errors.FileError):  # a card that can't be read says nothing
            text = files.read_text(card)
    front = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    said = re.search(r"^license:\s*(\S+)\s*$", front[1] if front else "", re.MULTILINE)
    return errors.printable(said[1]) if said else None


def by_name(spec: str) -> str | None:
    """What is known of the licence of published weights by their name; None: nothing.

    A file of somebody's own may lie in a folder called timesformer, and its licence is another.
    """
    names = [name for name in published_files.BY_NAME if name in spec]
    names += [spec] if spec.startswith(AUTHORS) else []
    return next((LICENCES[key] for name in names for key in LICENCES if key in name.lower()), None)


def _frames(shown):
    how = "spread over the video" if shown.stride is None else f"{shown.stride} apart"
    return f"{shown.num_frames} frames {how}"


def _colours(shown):
    mean, std = (" ".join(f"{v:.4g}" for v in dict.fromkeys(c)) for c in (shown.mean, shown.std))
    return f"{shown.channel_order.upper()}, mean {mean}, std {std}"
