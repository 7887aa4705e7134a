"""The weights of a text encoder, BERT's or RoBERTa's, as a start for sequences of frames.

params, report = bert.load(read.read(fetch.locate("hf:google-bert/bert-base-uncased")), params)
"""

import re
from collections.abc import Mapping

import numpy as np
from jaxtyping import PyTree

from flaxvid.weights import convert, read

# Names of Transformers, and of the leaves here; N is the block.
NAMES = {
    "embeddings.position_embeddings": "stack.position_embed",
    "embeddings.token_type_embeddings": "stack.token_type_embed",
    "embeddings.LayerNorm": "stack.norm",
    "encoder.layer.N.attention.self.qkv": "stack.blocks.N.attn.qkv",
    "encoder.layer.N.attention.output.dense": "stack.blocks.N.attn.proj",
    "encoder.layer.N.attention.output.LayerNorm": "stack.blocks.N.norm1",
    "encoder.layer.N.intermediate.dense": "stack.blocks.N.mlp.fc1",
    "encoder.layer.N.output.dense": "stack.blocks.N.mlp.fc2",
    "encoder.layer.N.output.LayerNorm": "stack.blocks.N.norm2",
}
PROJECTION = r"(.*\.attention\.self\.)(query|key|value)(\.(?:weight|bias))"
PREFIX = r"^(bert|roberta)\."
WORDS = "embeddings.word_embeddings.weight"
# What reads text, and what was trained on top of it.
UNUSED = (
    r"embeddings\.position_ids",
    r"pooler\.dense\.(weight|bias)",
    r"(cls|lm_head|classifier|qa_outputs)\..*",
)
# The first token of every text: [CLS] in BERT's vocabularies, <s> in RoBERTa's.
CLS_WORD = {"bert": 101, "roberta": 0}


def load(
    arrays: Mapping[str, np.ndarray], params: PyTree, *, origin: str = "the weights"
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh `bert.Bert`, a pure dict, from the arrays of a file.

    Names may have the prefix `bert.` or `roberta.`, or none. A model with fewer blocks gets the
    first of the file's. The CLS token becomes the embedding of the word that starts every text.
    The projection and the head, which no text encoder has, keep their fresh values. `origin`
    names the file in errors.

    Raises:
        WeightsError: if the file is of another model or size.
    """
    arrays = {re.sub(PREFIX, "", name): array for name, array in arrays.items()}
    leaves = convert.by_name(params)
    family = _check(arrays, leaves, origin)

    rules = [rule for name in NAMES for rule in _rules(name)]
    ignore, fresh = [*UNUSED], ["project/.*", "head/.*"]
    cls = CLS_WORD[family]
    if "cls_token" in leaves and cls < len(arrays.get(WORDS, ())):
        note = f"the embedding of word {cls}, with which every text starts"
        rules.append(
            convert.Rule(re.escape(WORDS), "cls_token", lambda words: words[None, None, cls], note)
        )
    else:
        ignore.append(re.escape(WORDS))
        fresh.append("cls_token")
    ignore += [rf"encoder\.layer\.{number}\..*" for number in _blocks(arrays, leaves)]
    return convert.convert(
        convert.join_qkv(arrays, PROJECTION),
        params,
        rules,
        ignore=tuple(ignore),
        fresh=tuple(fresh),
        origin=origin,
    )


def _check(arrays, leaves, origin):
    """The family of the file; refuses one that is no text encoder, or of another size."""
    try:
        positions = arrays["embeddings.position_embeddings.weight"].shape
        types = arrays["embeddings.token_type_embeddings.weight"].shape
    except KeyError:
        raise read.WeightsError(
            f"{origin}: is of no BERT and no RoBERTa: its first names are "
            f"{', '.join(list(arrays)[:3])}"
        ) from None
    of_file = _build(positions, types)
    of_model = _build(leaves["stack/position_embed"].shape, leaves["stack/token_type_embed"].shape)
    if of_file != of_model:
        raise read.WeightsError(
            f"{origin}: is of another model: it has {of_file}, and the model has {of_model}; "
            "choose the architecture, bert or roberta, and its size to match"
        )
    return "roberta" if types[0] == 1 else "bert"


def _build(positions, types):
    return f"max_positions {positions[0]}, dim {positions[-1]}, token_types {types[0]}"


def _blocks(arrays, leaves):
    """Numbers of the file's blocks that the model has no place for."""
    found = {
        int(match[1]) for name in arrays if (match := re.match(r"encoder\.layer\.(\d+)", name))
    }
    return sorted(n for n in found if f"stack/blocks/{n}/norm1/scale" not in leaves)


def _rules(name):
    """A row of the table `NAMES` as rules of conversion."""
    source = re.escape(name).replace(r"\.N\.", r"\.(\d+)\.")
    leaf = NAMES[name].replace(".", "/").replace("/N/", r"/\1/")
    if leaf.endswith("_embed"):
        return [convert.Rule(rf"{source}\.weight", leaf)]
    if name.endswith("LayerNorm"):
        # Files from before PyTorch call them gamma and beta.
        return [
            convert.Rule(rf"{source}\.(?:weight|gamma)", f"{leaf}/scale"),
            convert.Rule(rf"{source}\.(?:bias|beta)", f"{leaf}/bias"),
        ]
    return [
        convert.Rule(rf"{source}\.weight", f"{leaf}/kernel", np.transpose),
        convert.Rule(rf"{source}\.bias", f"{leaf}/bias"),
    ]
