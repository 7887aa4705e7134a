"""TimeSformer's weights from its authors' files, from Transformers', and from image ViTs.

params, report = timesformer.load(read.read(path), params)
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import einops
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from flaxvid.models import schemes
from flaxvid.weights import convert, read

# The authors' names, which are timm's too, and those of Transformers; N is the block.
NAMES = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "time_embed": "embeddings.time_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "blocks.N.temporal_norm1": "encoder.layer.N.temporal_layernorm",
    "blocks.N.temporal_attn.qkv": "encoder.layer.N.temporal_attention.attention.qkv",
    "blocks.N.temporal_attn.proj": "encoder.layer.N.temporal_attention.output.dense",
    "blocks.N.temporal_fc": "encoder.layer.N.temporal_dense",
    "blocks.N.norm1": "encoder.layer.N.layernorm_before",
    "blocks.N.attn.qkv": "encoder.layer.N.attention.attention.qkv",
    "blocks.N.attn.proj": "encoder.layer.N.attention.output.dense",
    "blocks.N.norm2": "encoder.layer.N.layernorm_after",
    "blocks.N.mlp.fc1": "encoder.layer.N.intermediate.dense",
    "blocks.N.mlp.fc2": "encoder.layer.N.output.dense",
    "norm": "layernorm",
    "head": "classifier",
}
PREFIXES = {
    "official": r"(?:module\.)?(?:model\.)?",
    "transformers": r"(?:timesformer\.|vit\.)?",
}
# Transformers' ViT has query, key and value apart.
PROJECTION = r"(.*\.attention\.attention\.)(query|key|value)(\..*)"
EMBEDDINGS = ("cls_token", "pos_embed", "time_embed")
# Layers that some image ViTs have before their head, and a TimeSformer has not.
UNUSED = (r"(vit\.)?pooler\.dense\.(weight|bias)", r"pre_logits\.fc\.(weight|bias)")
# What a file and a model must agree on; all else can be resized or replaced.
BUILD = ("dim", "depth", "mlp_dim", "patch_size")


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh TimeSformer, a pure dict, from the arrays of a file.

    What the file can't give keeps its fresh value, and the report says so: the head, if the
    number of classes differs; and, from an image ViT, the time embedding and `temporal_fc` (or
    `local_fc`, `width_fc`), whose zeros hold attention over time back at first. That attention
    starts as a copy of attention over space. Position and time embeddings are resized to the
    model's image size and number of frames, which the report says too. No file tells the number
    of heads: it is the model's. `origin` names the file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.

    Source: the authors' implementation, for the start from an image ViT.
    """
    file = describe(arrays, origin=origin)
    model = _describe({name: leaf.shape for name, leaf in convert.by_name(params).items()})
    _check(file, model, origin)

    naming = find_naming(arrays, origin=origin)
    rules = [_resized(rule, file, model) for rule in _rules(naming)]
    ignore, fresh = [*UNUSED], []
    if file.get("num_classes") != model["num_classes"]:
        ignore.append(_pattern(naming, "head") + r"\.(weight|bias)")
        fresh.append("head/.*")
    if file["attention"] == "space":
        first = [prefix for prefix in schemes.PREFIXES[model["attention"]].values() if prefix]
        space = [rule for rule in rules if re.search("/(attn|norm1)/", rule.target)]
        rules += [_copied(rule, prefix) for rule in space for prefix in first]
        fresh += ["time_embed", *(f"blocks/.*/{prefix}fc/.*" for prefix in first)]
    joined = convert.join_qkv(arrays, PROJECTION)
    return convert.convert(
        joined, params, rules, ignore=tuple(ignore), fresh=tuple(fresh), origin=origin
    )


def find_naming(
    names: Iterable[str], *, origin: str = "the weights"
) -> Literal["official", "transformers"]:
    """Whose names these are: the authors' (and timm's) or those of Transformers.

    Raises:
        WeightsError: if they are neither, naming the first of them.
    """
    names = list(names)
    for naming in PREFIXES:
        if any(re.fullmatch(_pattern(naming, "cls_token"), name) for name in names):
            return naming
    raise read.WeightsError(
        f"{origin}: is of no TimeSformer and no image ViT: its first names are "
        f"{', '.join(names[:3])}"
    )


def describe(
    arrays: Mapping[str, np.ndarray], *, origin: str = "the weights"
) -> dict[str, int | str]:
    """The fields of `TimeSformerConfig` that a file tells: all but the number of heads.

    An image ViT has no `num_frames`, and its attention is `space`.

    Raises:
        WeightsError: if the file is no TimeSformer's and no image ViT's.
    """
    rules = _rules(find_naming(arrays, origin=origin))
    shapes = {}
    for name, array in arrays.items():
        for rule in rules:
            if match := re.fullmatch(rule.source, name):
                shapes[match.expand(rule.target)] = array.shape
    try:
        return _describe(shapes)
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        raise read.WeightsError(
            f"{origin}: is of no whole TimeSformer or ViT: its embeddings or its first block are "
            "missing or misshapen"
        ) from None


def _describe(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    dim = shapes["cls_token"][-1]
    patch_size = math.isqrt(math.prod(shapes["patch_embed/kernel"]) // dim // 3)
    fields = dict(
        dim=dim,
        depth=len({leaf.split("/")[1] for leaf in shapes if leaf.startswith("blocks/")}),
        mlp_dim=shapes["blocks/0/mlp/fc1/bias"][0],
        patch_size=patch_size,
        image_size=patch_size * math.isqrt(shapes["pos_embed"][1] - 1),
        attention="space",
    )
    if "time_embed" in shapes:
        fields |= dict(num_frames=shapes["time_embed"][1], attention="joint")
    layers = {leaf.split("/")[2] for leaf in shapes if leaf.startswith("blocks/")}
    for scheme, prefixes in schemes.PREFIXES.items():
        if layers >= {f"{prefix}attn" for prefix in prefixes.values()} and len(prefixes) > 1:
            fields |= dict(attention=scheme)  # axial, the last, has all layers of divided too
    if "head/bias" in shapes:
        fields |= dict(num_classes=shapes["head/bias"][0])
    return fields


def _check(file, model, origin):
    """Refuses a file of another build, and one whose attention can't become the model's."""
    differ = [field for field in BUILD if file[field] != model[field]]
    if differ:
        raise read.WeightsError(
            f"{origin}: is of another size: it has {_fields(file, differ)}, and the model has "
            f"{_fields(model, differ)}; choose the model's size to match"
        )
    if file["attention"] not in ("space", model["attention"]):
        raise read.WeightsError(
            f"{origin}: was trained with {file['attention']} attention, and the model has "
            f"{model['attention']} attention; build the model with {file['attention']} attention"
        )


def _fields(values, names):
    return ", ".join(f"{name} {values[name]}" for name in names)


def _rules(naming):
    """The table `NAMES` as rules of conversion."""
    rules = []
    for name in NAMES:
        source = _pattern(naming, name)
        leaf = name.replace("patch_embed.proj", "patch_embed").replace(".", "/")
        leaf = leaf.replace("N", r"\1")
        if name in EMBEDDINGS:
            rules.append(convert.Rule(source, leaf))
        elif "norm" in name:
            rules.append(convert.Rule(rf"{source}\.weight", f"{leaf}/scale"))
            rules.append(convert.Rule(rf"{source}\.bias", f"{leaf}/bias"))
        else:
            transform = patch_kernel if name == "patch_embed.proj" else np.transpose
            rules.append(convert.Rule(rf"{source}\.weight", f"{leaf}/kernel", transform))
            rules.append(convert.Rule(rf"{source}\.bias", f"{leaf}/bias"))
    return rules


def _pattern(naming, name):
    known = name if naming == "official" else NAMES[name]
    return PREFIXES[naming] + re.escape(known).replace("N", r"(\d+)")


def _copied(rule, prefix):
    """The rule that starts attention of an earlier step as a copy of attention over space."""
    target = re.sub("/(attn|norm1)/", rf"/{prefix}\1/", rule.target)
    step = {"temporal_": "time", "local_": "local", "width_": "width"}[prefix]
    return dataclasses.replace(rule, target=target, note=f"copied: {step} starts as space")


def _resized(rule, file, model):
    """The rule, with its embedding resized if the file's does not fit the model."""
    if rule.target == "pos_embed" and file["image_size"] != model["image_size"]:
        side = model["image_size"] // model["patch_size"]
        return dataclasses.replace(
            rule,
            transform=lambda array: resize_position_embedding(jnp.float32(array), side),
            note=f"resized from {file['image_size']} to {model['image_size']} pixels",
        )
    old, new = file.get("num_frames"), model.get("num_frames")
    if rule.target == "time_embed" and old != new:
        return dataclasses.replace(
            rule,
            transform=lambda array: resize_time_embedding(jnp.float32(array), new),
            note=f"interpolated from {old} to {new} frames",
        )
    return rule


def patch_kernel(
    kernel: Float[np.ndarray, "dim channel height width"],
) -> Float[np.ndarray, "pixels dim"]:
    """A convolution kernel over patches, as PyTorch has it, as the kernel of a linear layer.

    The linear layer acts on patches laid out by `layers.patchify`: pixels row by row, the
    channels of a pixel together.
    """
    return einops.rearrange(kernel, "dim channel height width -> (height width channel) dim")


def resize_position_embedding(
    embedding: Float[Array, "1 token dim"], side: int
) -> Float[Array, "1 new_token dim"]:
    """Position embeddings for a grid of `side` x `side` patches, from those of another grid.

    The first token is the CLS token, which has no place and stays as it is. The others are a
    square image, row by row, which is resized by bicubic interpolation, with antialiasing if it
    shrinks: as Pillow and timm do, and PyTorch's `interpolate(..., antialias=True)`.

    Raises:
        WeightsError: if the embeddings are not those of a square grid and a CLS token.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), section 3.2.
    """
    cls, places = embedding[:, :1], embedding[:, 1:]
    old_side = math.isqrt(places.shape[1])
    if old_side**2 != places.shape[1]:
        raise read.WeightsError(
            f"{places.shape[1]} position embeddings beside that of the CLS token are no square "
            "grid: only square frames can be resized"
        )
    grid = einops.rearrange(places, "1 (h w) dim -> h w dim", h=old_side)
    grid = jax.image.resize(grid, (side, side, grid.shape[-1]), "cubic")
    return jnp.concatenate([cls, einops.rearrange(grid, "h w dim -> 1 (h w) dim")], axis=1)


def resize_time_embedding(
    embedding: Float[Array, "1 time dim"], num_frames: int
) -> Float[Array, "1 new_time dim"]:
    """Time embeddings for `num_frames` frames over the same span, by linear interpolation.

    Fewer frames take a weighted mean: the weight of an old frame falls in a straight line, from the
    middle of a new frame to 0 at the middles of those beside it.
    """
    shape = (1, num_frames, embedding.shape[-1])
    return jax.image.resize(embedding, shape, "linear")
