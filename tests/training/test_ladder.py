"""The ladder of layer decay: every layer of every architecture on a rung of its own, in order."""

import functools
import re

import jax
import pytest
from flax import nnx

from flaxvid.recipes import zoo
from flaxvid.training import ladder
from flaxvid.training import state as states

# What stands before the blocks. A part of a new model belongs here, or among those of `ladder`.
BEFORE = {
    "cls_token", "conv0", "conv1", "bn1", "norm0", "patch_embed", "pos_embed", "position_embed",
    "project", "space_embed", "stack/norm", "stack/position_embed", "stack/token_type_embed",
    "stem", "stem_norm", "time_embed",
}  # fmt: skip
ENCODERS = ("conv", "resnet18", "lite0", "densenet121")
# Larger presets have more blocks of the same parts.
SIZES = [(arch, size) for arch, found in zoo.ARCHITECTURES.items() for size in found.sizes]
LARGER = ("small", "base", "hr", "large", "huge", "giant")
MODELS = [(arch, size, None) for arch, size in SIZES if size not in LARGER]
MODELS += [("conv_transformer", "tiny", encoder) for encoder in ENCODERS[:-1]]
MODELS += [pytest.param("conv_transformer", "tiny", ENCODERS[-1], marks=pytest.mark.long)]


@functools.cache
def rungs_of(arch, size="tiny", encoder=None):
    """Layers below the head of every parameter, by its path."""
    preset = zoo.find(arch, size)
    config = preset.config(num_classes=5, **({"encoder": encoder} if encoder else {}))
    module = nnx.eval_shape(lambda: preset.module(config, rngs=nnx.Rngs(0)))
    leaves = jax.tree.leaves_with_path(states.split(module).params)
    names = [states.path_name(path) for path, _ in leaves]
    found = ladder.rungs_below_head(names)
    return None if found is None else dict(zip(names, found, strict=True))


@pytest.mark.parametrize(("arch", "size", "encoder"), MODELS)
def test_every_parameter_is_known_and_no_rung_is_empty(arch, size, encoder):
    """Only what is known to stand before the blocks is put there; head at 0, the rest counted."""
    rungs = rungs_of(arch, size, encoder)
    if rungs is None:
        assert arch in ("c3d", "linear", "probe")
        return
    assert set(rungs.values()) == set(range(max(rungs.values()) + 1))
    assert {below for name, below in rungs.items() if "head" in name} == {0}
    for name, below in rungs.items():
        inside = re.sub(r"^(encoder|sequence)/", "", name)
        if below and not ladder.BLOCK.match(inside):
            part = re.match(r"stack/\w+|\w+", inside)[0]
            ends = name.startswith("encoder/") and part in ladder.ENDS_ENCODER
            assert ends or part in BEFORE, name


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_encoder_lies_below_the_sequence_model(encoder):
    """No layer of a frame encoder learns as fast as any of the Transformer on top of it."""
    rungs = rungs_of("conv_transformer", "tiny", encoder)
    lowest = max(below for name, below in rungs.items() if name.startswith("sequence/"))
    assert min(below for name, below in rungs.items() if name.startswith("encoder/")) == lowest + 1


@pytest.mark.parametrize(
    ("encoder", "places"),
    [
        ("lite0", {"top": 4, "blocks/15": 5, "blocks/0": 20, "stem": 21}),
        ("resnet18", {"stages/3/1": 4, "stages/3/0": 5, "stages/0/0": 11, "conv1": 12}),
        ("conv", {"project": 4, "convs/2": 5, "convs/0": 7}),
        ("densenet121", {"norm5": 4, "blocks/3/15": 5, "transitions/2": 21, "blocks/2/23": 22}),
    ],
)
def test_layers_of_an_encoder_by_hand(encoder, places):
    """Above it: head 0, two blocks 1 and 2, positions and projection 3."""
    rungs = rungs_of("conv_transformer", "tiny", encoder)
    for place, expected in places.items():
        inside = {below for name, below in rungs.items() if name.startswith(f"encoder/{place}/")}
        assert inside == {expected}
    assert rungs["sequence/stack/blocks/1/norm1/scale"] == 1
    assert rungs["sequence/project/kernel"] == rungs["sequence/stack/norm/scale"] == 3


def test_a_recurrent_layer_is_a_rung():
    """Both directions of an LSTM lie on one, and what reads them on the head's."""
    rungs = rungs_of("conv_lstm")
    assert rungs["sequence/forwards/0/from_input/kernel"] == 1
    assert rungs["sequence/backwards/0/from_hidden/kernel"] == 1
    assert rungs["sequence/fc/kernel"] == rungs["sequence/head/kernel"] == 0
    assert rungs["encoder/project/kernel"] == 2
