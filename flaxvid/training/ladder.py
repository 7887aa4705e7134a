"""Layer decay: how far below the head each parameter lies, in layers.

There is one ladder for a whole network, in the order in which data flows through it; its rungs are

    what comes before the blocks of a model: patches, positions, a class token
    each block, residual unit or recurrent layer
    what comes after them: last norm, fully connected layer, head

In a model of a frame encoder and a sequence model, all of the encoder lies below all of the
sequence model; what stands at the encoder's end, behind its blocks, is a rung of its own.

Source: Clark et al., "ELECTRA" (2020), appendix B; one rung a block over networks of several stages
as in timm's `param_groups_layer_decay`.
"""

import re
from collections.abc import Sequence

# Numbered parts of a model: blocks and, within stages, units; LSTMs of both directions; the
# convolution between two stages of a DenseNet.
BLOCK = re.compile(
    r"^(?:stack/)?(?:blocks|stages|convs|forwards|backwards|(transitions))/(\d+)/(?:(\d+)/)?"
)
STACKS = ("encoder", "sequence")  # of a model of two, the lower one first
BEHIND = (
    "norm",
    "fc",
    "head_hidden",
    "head",
)  # the blocks of a whole model, or of a sequence model
ENDS_ENCODER = ("norm", "norm5", "top", "top_norm", "project")
BEFORE, WITHIN, AFTER = range(3)


def rungs_below_head(names: Sequence[str]) -> list[int] | None:
    """How many layers below the head each parameter lies: 0 for the head's own.

    Args:
        names: paths of all parameters of a model, as `blocks/0/attn/qkv/kernel`.

    Returns:
        A number for each name; None for a model without blocks.
    """
    places = [_place(name) for name in names]
    if not any(section == WITHIN for _, section, *_ in places):
        return None
    top = (len(STACKS), AFTER)
    rungs = sorted({*places, top}, reverse=True)
    below = {place: number for number, place in enumerate(rungs)}
    return [below[place] for place in places]


def _place(name):
    """Where a parameter stands on the ladder: tuples in the order of the layers."""
    first, _, rest = name.partition("/")
    stack = STACKS.index(first) if first in STACKS else len(STACKS)
    inside = rest if first in STACKS else name
    if found := BLOCK.match(inside):
        between, number, unit = found.groups()
        return stack, WITHIN, int(number), bool(between), int(unit or 0)
    part = inside.partition("/")[0]
    if first == "encoder":
        return (stack, AFTER) if part in ENDS_ENCODER else (stack, BEFORE)
    return (len(STACKS), AFTER) if part in BEHIND else (stack, BEFORE)
