"""Every architecture by name: its sizes, and for each its network, pixels and training.

model = zoo.create("timesformer", size="base", num_classes=101, rngs=nnx.Rngs(0))

A new architecture is one file beside this one, and one line here.
"""

import dataclasses
import difflib
from collections.abc import Mapping

from flax import nnx

from flaxvid import errors
from flaxvid.recipes import (
    c3d,
    embedding_transformer,
    end_to_end,
    linear,
    preset,
    probe,
    sequences,
    tcn,
    timesformer,
    videomae,
    videoprism,
    vivit,
    vjepa2,
)

ARCHITECTURES: Mapping[str, preset.Architecture] = {
    "c3d": c3d.C3D,
    "timesformer": timesformer.TIMESFORMER,
    "videomae": videomae.VIDEOMAE,
    "vivit": vivit.VIVIT,
    "vjepa2": vjepa2.VJEPA2,
    "videoprism": videoprism.VIDEOPRISM,
    "embedding_transformer": embedding_transformer.EMBEDDING_TRANSFORMER,
    "bilstm": sequences.BILSTM,
    "bert": sequences.BERT,
    "roberta": sequences.ROBERTA,
    "tcn": tcn.TCN,
    "linear": linear.LINEAR,
    "probe": probe.PROBE,
    "conv_lstm": end_to_end.CONV_LSTM,
    "conv_transformer": end_to_end.CONV_TRANSFORMER,
}


def find(name: str, size: str = "tiny") -> preset.Preset:
    """The preset `size` of the architecture `name`.

    Raises:
        UserError: for an unknown name or size, with those there are and the nearest one.
    """
    if name not in ARCHITECTURES:
        raise errors.UserError(f"--arch {name!r}: {_unknown(name, ARCHITECTURES)}")
    sizes = ARCHITECTURES[name].sizes
    if size not in sizes:
        raise errors.UserError(f"--size {size!r} of {name}: {_unknown(size, sizes)}")
    return sizes[size]


def _unknown(name, known):
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}there are {', '.join(known)}"


def create(
    name: str, *, size: str = "tiny", num_classes: int, rngs: nnx.Rngs, **overrides
) -> nnx.Module:
    """A fresh model: architecture, preset, classes, and any field of its config.

    Raises:
        UserError: for an unknown architecture, size or field, or a config that does not fit.
    """
    found = find(name, size)
    return found.module(configure(name, size, num_classes=num_classes, **overrides), rngs=rngs)


def configure(name: str, size: str = "tiny", **overrides):
    """The config of a preset with some fields replaced.

    Raises:
        UserError: for an unknown architecture, size or field.
    """
    found = find(name, size)
    try:
        return found.config(**overrides)
    except TypeError:
        fields = [f.name for f in dataclasses.fields(found.config(num_classes=1))]
        wrong = next(field for field in overrides if field not in fields)
        raise errors.UserError(
            f"{name} {size} has no field {wrong!r}: {_unknown(wrong, fields)}"
        ) from None
