"""`Preprocessing`: kept in JSON, and refused where a field is out of range."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import pytest

from flaxvid import errors
from flaxvid.video import preprocess, transform

C3D = {"scale": 1.0, "mean": (90.0, 98.0, 102.0), "std": (1.0, 1.0, 1.0), "channel_order": "bgr"}


def small(**fields):
    return preprocess.Preprocessing(**{"crop_size": 8, "resize": 12, **fields})


@pytest.mark.parametrize(
    "preprocessing",
    [
        preprocess.Preprocessing(),
        small(stride=4, jitter=(9, 15), resize=(12, 17), flip=True, **C3D),
    ],
)
def test_preprocessing_survives_json(preprocessing):
    """Written to JSON and read back it is equal, down to the last digit of the scale."""
    written = preprocessing.to_dict()
    read = json.loads(json.dumps(written))
    assert read == written
    assert preprocess.Preprocessing.from_dict(read) == preprocessing


def test_preprocessing_can_be_static():
    """It has a hash, so `jax.jit` can take it as a static argument."""
    normalise = jax.jit(transform.normalise, static_argnums=1)
    preprocessing = preprocess.Preprocessing.from_dict(small().to_dict())
    assert normalise(jnp.zeros((4, 5, 3), jnp.uint8), preprocessing).shape == (4, 5, 3)


def test_every_field_is_documented():
    """Whoever opens a checkpoint's JSON finds each field explained in the source."""
    source = preprocess.__loader__.get_source(preprocess.__name__)
    for field in dataclasses.fields(preprocess.Preprocessing):
        definition = source.index(f"    {field.name}: ")
        assert source[definition:].splitlines()[1].lstrip().startswith('"""')


@pytest.mark.parametrize(("change", "word"), [("pop", "missing"), ("add", "unknown")])
def test_preprocessing_from_other_fields(change, word):
    """A field too many or too few is an error that names it."""
    fields = small().to_dict()
    if change == "pop":
        del fields["mean"]
    else:
        fields["means"] = fields["mean"]
    with pytest.raises(errors.UserError, match=f"{word} fields: mean"):
        preprocess.Preprocessing.from_dict(fields)


def test_preprocessing_from_before_augmentation():
    """Models saved before these fields existed were trained without: nothing is changed."""
    fields = small().to_dict()
    del fields["augment"], fields["magnitude"]
    assert preprocess.Preprocessing.from_dict(fields) == small()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_frames": 0}, "num_frames is 0: "),
        ({"stride": 0}, "stride is 0: "),
        ({"crop_size": 0}, "crop_size is 0: "),
        ({"crop_size": 13}, "resize is 12: .* crop_size, 13"),
        ({"resize": (7, 30)}, r"resize is \(7, 30\): .* crop_size, 8"),
        ({"jitter": (7, 15)}, r"jitter is \(7, 15\): .* crop_size, 8"),
        ({"jitter": (15, 9)}, r"jitter is \(15, 9\): .* smaller size first"),
        ({"scale": 0.0}, "scale is 0.0: "),
        ({"std": (1.0, 0.0, 1.0)}, r"std is \(1.0, 0.0, 1.0\): "),
    ],
)
def test_preprocessing_out_of_range(fields, message):
    """A value that cannot work is refused when it is given, by its name."""
    with pytest.raises(errors.UserError, match=f"^preprocessing {message}"):
        small(**fields)
