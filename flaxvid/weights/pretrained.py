"""Models of other people, ready for use: which loader, which pixels, which class names.

params, report = pretrained.load("hf:facebook/timesformer-base-finetuned-k400", config, params)
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax import nnx
from jaxtyping import PyTree

from flaxvid import errors, files
from flaxvid.models import bert as sequence_models
from flaxvid.models import c3d as convolutional
from flaxvid.models import embedding_transformer as hybrids
from flaxvid.models import timesformer as models
from flaxvid.models import timesformer_writeup as notebooks
from flaxvid.recipes import zoo
from flaxvid.video import transform
from flaxvid.weights import (
    bert,
    c3d,
    convert,
    embedding_transformer,
    read,
    timesformer,
    timesformer_writeup,
)

HEAD_DIM = 64  # of every ViT that was published; no weights tell it


def _kinetics(size):
    return zoo.find("timesformer", size).preprocessing


def _something(size, **changes):
    """SSv2: frames spread over the whole video, BGR, and no mirrored left and right."""
    changes = dict(stride=None, channel_order="bgr", flip=False) | changes
    return dataclasses.replace(_kinetics(size), **changes)


# How the authors prepared pixels, by the name of their file or of its copy on the hub.
PUBLISHED: Mapping[str, transform.Preprocessing] = {
    "TimeSformer_divST_8x32_224_K400": _kinetics("base"),
    "TimeSformer_divST_16x16_448_K400": _kinetics("hr"),
    "TimeSformer_divST_96x4_224_K400": _kinetics("large"),
    "TimeSformer_divST_8x32_224_K600": _kinetics("base"),
    "TimeSformer_divST_16x16_448_K600": _kinetics("hr"),
    "TimeSformer_divST_96x4_224_K600": _kinetics("large"),
    "TimeSformer_divST_8_224_SSv2": _something("base"),
    "TimeSformer_divST_16_448_SSv2": _something("hr"),
    "TimeSformer_divST_64_224_SSv2": _something("large", num_frames=64),
    "timesformer-base-finetuned-k400": _kinetics("base"),
    "timesformer-hr-finetuned-k400": _kinetics("hr"),
    "timesformer-base-finetuned-k600": _kinetics("base"),
    "timesformer-hr-finetuned-k600": _kinetics("hr"),
    "timesformer-base-finetuned-ssv2": _something("base"),
    "timesformer-hr-finetuned-ssv2": _something("hr"),
}
# Whose parameters can be had from elsewhere.
LOADERS = {
    models.TimeSformerConfig: timesformer.load,
    notebooks.WriteupConfig: timesformer_writeup.load,
    hybrids.EmbeddingTransformerConfig: embedding_transformer.load,
    convolutional.C3DConfig: c3d.load,
    sequence_models.BertConfig: bert.load,
}


def load(spec: str, config: Any, params: PyTree) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh model from `PATH` or `hf:owner/name[@revision]`.

    `config` is the model's. What the weights can't give stays fresh, as the report says.

    Raises:
        WeightsError: if there is no loader for such a model, or the weights are not its.
    """
    loader = LOADERS.get(type(config))
    if loader is None:
        known = ", ".join(kind.__name__.removesuffix("Config") for kind in LOADERS)
        raise read.WeightsError(
            f"--weights {spec}: {type(config).__name__.removesuffix('Config')} takes none from "
            f"elsewhere; there are loaders for {known}"
        )
    path = read.locate(spec)
    heads = getattr(config, "num_heads", None)
    said = read_config(spec, path).get("num_attention_heads", heads)
    if said != heads:
        raise read.WeightsError(
            f"{spec}: has {said} heads, and the model has {heads}: say --model.num-heads {said}"
        )
    return loader(read.read(path), params, origin=spec)


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A model as it was published, head and all."""

    model: nnx.Module
    preprocessing: transform.Preprocessing
    labels: tuple[str, ...]
    """What the file beside the weights calls the classes; `class 0` and so on if there is none."""
    known: bool
    """Whether the preprocessing is the authors', and not a guess."""


def open_pretrained(spec: str) -> Pretrained:
    """The TimeSformer or image ViT in `PATH` or `hf:owner/name[@revision]`.

    Its size is that of the arrays; heads and class names are in the `config.json` beside them.

    Raises:
        WeightsError: if it is no such model, or has no head.
    """
    path = read.locate(spec)
    arrays, said = read.read(path), read_config(spec, path)
    fields = timesformer.describe(arrays, origin=spec)
    if "num_classes" not in fields:
        raise read.WeightsError(
            f"{spec}: has no head, so that it names no class; fine-tune it first: "
            f"python -m flaxvid.train --weights {spec} --data FOLDER"
        )
    heads = said.get("num_attention_heads", max(1, fields["dim"] // HEAD_DIM))
    config = models.TimeSformerConfig(**fields, num_heads=heads)
    abstract = nnx.eval_shape(lambda: models.TimeSformer(config, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(abstract)
    params, _ = timesformer.load(arrays, nnx.to_pure_dict(params), origin=spec)

    published = find(spec)
    guess = _kinetics("base").fitted(
        num_frames=config.num_frames, stride=None, crop_size=config.image_size
    )
    return Pretrained(
        model=nnx.merge(graphdef, params),
        preprocessing=published or guess,
        labels=_labels(said, config.num_classes),
        known=published is not None,
    )


def find(spec: str) -> transform.Preprocessing | None:
    """The preprocessing of a published file, told by its name; None: not one of `PUBLISHED`."""
    return next((found for name, found in PUBLISHED.items() if name in spec), None)


def prepared_for(spec: str, preprocessing: transform.Preprocessing) -> transform.Preprocessing:
    """The same frames, with the colours that published weights have learnt from.

    Channel order, scale, mean and standard deviation become theirs, all else is kept.
    """
    published = find(spec)
    if published is None:
        return preprocessing
    colours = ("channel_order", "scale", "mean", "std")
    return dataclasses.replace(
        preprocessing, **{name: getattr(published, name) for name in colours}
    )


def read_config(spec: str, path: Path) -> dict[str, Any]:
    """What Transformers' `config.json` beside the weights says; nothing if there is none.

    Raises:
        WeightsError: if it can't be understood.
    """
    beside = read.fetch_beside(spec, path, "config.json")
    if beside is None:
        return {}
    with errors.damage_in(beside, "fetch it again", read.WeightsError):
        said = dict(files.read_json(beside))
        heads = said.get("num_attention_heads", 1)
        if type(heads) is not int or not 1 <= heads <= 2**16:
            raise ValueError(f"num_attention_heads is {str(heads)[:60]}")
        names = said.get("id2label", {})
        if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
            raise ValueError("id2label is no table of names")
    return said


def _labels(said, num_classes):
    names = said.get("id2label", {})
    labels = tuple(str(names.get(str(index), f"class {index}")) for index in range(num_classes))
    # Names are shown in terminals, which would obey what can't be printed.
    return tuple("".join(filter(str.isprintable, label)) for label in labels)
