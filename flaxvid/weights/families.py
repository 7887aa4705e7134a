"""Whose parameters can be had from elsewhere: for each architecture, how they are told and loaded.

A new architecture's weights are one table in a file beside this one, and one entry here.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flaxvid.models import bert as sequence_models
from flaxvid.models import c3d as convolutional
from flaxvid.models import embedding_transformer as hybrids
from flaxvid.models import timesformer as timesformers
from flaxvid.models import timesformer_writeup as notebooks
from flaxvid.models import videomae as videomaes
from flaxvid.models import videoprism as videoprisms
from flaxvid.models import vivit as vivits
from flaxvid.models import vjepa2 as vjepas
from flaxvid.recipes import zoo
from flaxvid.weights import (
    bert,
    c3d,
    embedding_transformer,
    read,
    timesformer,
    timesformer_writeup,
    videomae,
    videoprism,
    vivit,
    vjepa2,
)

HEAD_DIM = 64  # of every ViT that was published; no array of a TimeSformer tells it
# What a file and a model must agree on; all else can be resized or replaced.
BUILD = (
    *("dim", "depth", "time_depth", "mlp_dim", "patch_size", "tubelet_size"),
    *("num_heads", "pooler_depth", "epsilon"),
)


@dataclasses.dataclass(frozen=True)
class Family:
    """Weights of one architecture."""

    arch: str
    load: Callable[..., Any]
    """`load(arrays, params, config=, said=, origin=)`; `said` is what config.json says."""
    owns: Callable[[Mapping[str, np.ndarray]], bool] = lambda arrays: False
    """Whether a file with such names is of this architecture."""
    describe: Callable[..., dict[str, Any]] | None = None
    """`describe(arrays, said, origin=)` gives the fields of the config that a file tells; None: it
    can't be opened by itself."""
    refuse: Callable[[Mapping[str, Any], str], None] = lambda said, origin: None
    """Refuses what config.json says of a model that computes something else."""
    last: str = "head"
    """Where the layer is that gives the logits."""


def _plain(load):
    """A loader that asks for nothing but arrays and parameters."""
    return lambda arrays, params, *, config, said, origin: load(arrays, params, origin=origin)


def _with_config(load):
    return lambda arrays, params, *, config, said, origin: load(
        arrays, params, config=config, origin=origin
    )


def _own(describe):
    return lambda arrays, said, *, origin: describe(arrays, said)


def _timesformer(arrays, said, *, origin):
    fields = timesformer.describe(arrays, origin=origin)
    heads = said.get("num_attention_heads", max(1, fields["dim"] // HEAD_DIM))
    return fields | {"num_heads": heads}


def _is_timesformer(names):
    try:
        timesformer.find_naming(names)
    except read.WeightsError:
        return False
    return True


def is_image_model(arrays: Mapping[str, np.ndarray], said: Mapping[str, Any]) -> bool:
    """Whether a TimeSformer's names are those of an image ViT: nothing in it knows time."""
    if said.get("model_type") == "timesformer" or any("time_embed" in name for name in arrays):
        return False
    return not any(re.match(r"(module\.)?model\.|timesformer\.", name) for name in arrays)


FAMILIES: Mapping[type, Family] = {
    videomaes.VideoMAEConfig: Family(
        "videomae",
        _plain(videomae.load),
        videomae.owns,
        _own(videomae.describe),
        videomae.refuse,
    ),
    vivits.ViViTConfig: Family(
        "vivit",
        vivit.load,
        vivit.owns,
        vivit.describe,
        vivit.refuse,
    ),
    vjepas.VJEPA2Config: Family(
        "vjepa2",
        _plain(vjepa2.load),
        vjepa2.owns,
        _own(vjepa2.describe),
        vjepa2.refuse,
        last="head/linear",
    ),
    videoprisms.VideoPrismConfig: Family(
        "videoprism",
        _with_config(videoprism.load),
        videoprism.owns,
        _own(videoprism.describe),
        last="head/linear",
    ),
    # Last of those that are told by names: an image ViT's are a TimeSformer's too.
    timesformers.TimeSformerConfig: Family(
        "timesformer",
        _plain(timesformer.load),
        _is_timesformer,
        _timesformer,
    ),
    notebooks.WriteupConfig: Family("timesformer", _plain(timesformer_writeup.load)),
    hybrids.EmbeddingTransformerConfig: Family(
        "embedding_transformer", _plain(embedding_transformer.load)
    ),
    convolutional.C3DConfig: Family("c3d", _plain(c3d.load)),
    sequence_models.BertConfig: Family("bert", _plain(bert.load)),
}


def of_config(config: Any, spec: str) -> Family:
    """The family of a model's config.

    Raises:
        WeightsError: if no weights are known for such a model.
    """
    found = FAMILIES.get(type(config))
    if found is None:
        known = ", ".join(kind.__name__.removesuffix("Config") for kind in FAMILIES)
        beside = "; --encoder-weights are for its encoder" if hasattr(config, "encoder") else ""
        raise read.WeightsError(
            f"--weights {spec}: {type(config).__name__.removesuffix('Config')} takes none from "
            f"elsewhere; there are loaders for {known}{beside}"
        )
    return found


def of_file(arrays: Mapping[str, np.ndarray], spec: str) -> tuple[type, Family]:
    """The config and the family that the names in a file tell.

    Raises:
        WeightsError: if they are of no model that can be opened by itself.
    """
    for kind, family in FAMILIES.items():
        if family.describe is not None and family.owns(arrays):
            return kind, family
    known = ", ".join(family.arch for family in FAMILIES.values() if family.describe)
    first = ", ".join(list(arrays)[:3])
    raise read.WeightsError(f"{spec}: is of no {known} and no image ViT: it begins with {first}")


def described(
    family: Family, arrays: Mapping[str, np.ndarray], said: Mapping[str, Any], spec: str
) -> dict[str, Any]:
    """The fields of the config that a file tells.

    Raises:
        WeightsError: if its first layers are missing, or it computes something else.
    """
    family.refuse(said, spec)
    try:
        return family.describe(arrays, said, origin=spec)
    except (KeyError, IndexError, ValueError, AttributeError, ZeroDivisionError):
        raise read.WeightsError(
            f"{spec}: is of no whole {family.arch}: its embeddings or its first block are missing "
            "or misshapen"
        ) from None


def check_build(family: Family, config: Any, file: Mapping[str, Any], spec: str) -> None:
    """Refuses a file of another size than the model's, and says which size would do.

    Raises:
        WeightsError: naming what differs.
    """
    differ = [
        name
        for name in BUILD
        if name in file and hasattr(config, name) and file[name] != getattr(config, name)
    ]
    if not differ:
        return
    remedy = " ".join(f"--model.{name.replace('_', '-')} {file[name]:g}" for name in differ)
    for size, preset in zoo.ARCHITECTURES[family.arch].sizes.items():
        known = preset.config(num_classes=1)
        if all(file[name] == getattr(known, name, None) for name in BUILD if name in file):
            remedy = f"--size {size}"
    if differ == ["num_heads"]:
        raise read.WeightsError(
            f"{spec}: has {file['num_heads']} heads, and the model has {config.num_heads}: "
            f"say {remedy}"
        )
    there = ", ".join(f"{name} {file[name]:g}" for name in differ)
    here = ", ".join(f"{name} {getattr(config, name):g}" for name in differ)
    raise read.WeightsError(
        f"{spec}: is of another size: it has {there}, and the model has {here}; say {remedy}"
    )
