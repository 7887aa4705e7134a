"""The zoo: every entry can be built, fits its preprocessing, and answers to its name only."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import zoo
from flaxvid.training import config

ENTRIES = [(name, size) for name, entry in zoo.ARCHITECTURES.items() for size in entry.sizes]


@pytest.mark.parametrize(("name", "size"), ENTRIES)
def test_entry_takes_what_its_preprocessing_gives(name, size):
    """A batch of two clips as prepared gives logits `2 classes`; shapes only, no memory."""
    if zoo.ARCHITECTURES[name].inputs != "video":
        pytest.skip("takes embeddings")
    shown = zoo.find(name, size).preprocessing

    def logits():
        fields = dict(num_frames=shown.num_frames, image_size=shown.crop_size)
        model = zoo.create(name, size=size, num_classes=7, rngs=nnx.Rngs(0), **fields)
        video = jnp.zeros((2, shown.num_frames, shown.crop_size, shown.crop_size, 3))
        return model(video, jnp.ones(video.shape[:2], bool))

    assert jax.eval_shape(logits).shape == (2, 7)


@pytest.mark.parametrize(("name", "size"), ENTRIES)
def test_recipe_can_be_read(name, size):
    """A recipe names fields that there are."""
    recipe = dict(zoo.find(name, size).recipe)
    for of_data in ("batch_size", "encoder"):
        recipe.pop(of_data, None)
    config.Recipe(**recipe)


def test_every_architecture_has_a_size_for_laptops():
    """`tiny` is what `--size` stands at."""
    assert all("tiny" in entry.sizes for entry in zoo.ARCHITECTURES.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.find("timesformers"), "--arch 'timesformers': did you mean 'timesformer'"),
        (
            lambda: zoo.find("timesformer", "bas"),
            "--size 'bas' of timesformer: did you mean 'base'",
        ),
        (lambda: zoo.configure("timesformer", num_classes=2, widht=3), "no field 'widht'"),
    ],
)
def test_unknown_names_are_refused(call, message):
    """The nearest name that there is stands in the message."""
    with pytest.raises(errors.UserError, match=message):
        call()
