"""Weights of the hybrid's PyTorch form, whose block is built on `torch.nn.MultiheadAttention`.

params, report = embedding_transformer.load(read.read(path), params)
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import PyTree

from flaxvid.weights import convert, read


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills an `EmbeddingTransformer` of one block and of the embeddings' own width.

    The head keeps its fresh value if the file's is for another number of classes, and the report
    says so. No file tells the number of heads of attention: it is the model's. `origin` names the
    file in errors.

    Raises:
        WeightsError: if the file is of another model, or holds more or less than it should.
    """
    rules = [
        convert.Rule(r"pos_embedding\.position_embeddings\.weight", "position_embed"),
        *_block(r"transformer_layer\.", "blocks/0/"),
        *_linear("fc", "head"),
    ]
    if "transformer_layer.attention.in_proj_weight" not in arrays:
        raise read.WeightsError(
            f"{origin}: is not of the PyTorch hybrid: its first names are "
            f"{', '.join(list(arrays)[:3])}"
        )
    if "project" in params or len(params["blocks"]) != 1:
        raise read.WeightsError(
            f"{origin}: is for one block of the embeddings' own width; choose --size writeup"
        )
    ignore, fresh = [r"pos_embedding\.position_ids"], []
    if "fc.bias" in arrays and arrays["fc.bias"].shape != params["head"]["bias"].shape:
        ignore.append(r"fc\.(weight|bias)")
        fresh.append("head/.*")
    return convert.convert(
        arrays, params, rules, ignore=tuple(ignore), fresh=tuple(fresh), origin=origin
    )


def load_block(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills one `EncoderBlock`.

    Raises:
        WeightsError: if the arrays are of another layer.
    """
    return convert.convert(arrays, params, _block("", ""), origin=origin)


def _block(source, target):
    # Query, key and value lie one after the other, each with all its heads, as they do here.
    joint = rf"{source}attention\.in_proj"
    return [
        convert.Rule(rf"{joint}_weight", f"{target}attn/qkv/kernel", np.transpose),
        convert.Rule(rf"{joint}_bias", f"{target}attn/qkv/bias"),
        *_linear(rf"{source}attention\.out_proj", f"{target}attn/proj"),
        *_linear(rf"{source}dense_proj\.0", f"{target}mlp/fc1"),
        *_linear(rf"{source}dense_proj\.2", f"{target}mlp/fc2"),
        *_norm(rf"{source}layernorm_1", f"{target}norm1"),
        *_norm(rf"{source}layernorm_2", f"{target}norm2"),
    ]


def _linear(source, target):
    return [
        convert.Rule(rf"{source}\.weight", f"{target}/kernel", np.transpose),
        convert.Rule(rf"{source}\.bias", f"{target}/bias"),
    ]


def _norm(source, target):
    return [
        convert.Rule(rf"{source}\.weight", f"{target}/scale"),
        convert.Rule(rf"{source}\.bias", f"{target}/bias"),
    ]
