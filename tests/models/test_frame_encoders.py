"""Frame encoders by name: what they cost, how they meet time, and how they learn."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost, efficientnet, frame_encoders, resnet
from flaxvid.training import state as states

distributed = pytest.mark.exercise("models.frame_encoders.time_distributed")


@functools.cache
def abstract(name, num_classes=1000):
    """A network's parts, with shapes in place of values."""
    return states.split(
        cost.abstract_model(
            lambda: frame_encoders.create(name, num_classes=num_classes, rngs=nnx.Rngs(0))
        )
    )


def clips(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape).astype(np.float32))


# ------------------------------------------------------------------ through time
def corner_and_mean(images):
    """A tiny encoder that one can follow: two numbers for an image."""
    return jnp.stack([images[:, 0, 0, 0], images.mean(axis=(1, 2, 3))], axis=-1)


@distributed
def test_time_distributed_shape():
    """Two clips of three frames give two rows of three vectors."""
    embedding = frame_encoders.time_distributed(corner_and_mean, clips(2, 3, 4, 5, 3))
    assert embedding.shape == (2, 3, 2)


@distributed
def test_time_distributed_equals_a_loop():
    """Frame t of clip b gives what the network gives for that frame alone."""
    video = clips(2, 3, 4, 5, 3)
    embedding = frame_encoders.time_distributed(corner_and_mean, video)
    for b, t in np.ndindex(2, 3):
        alone = corner_and_mean(video[b, t][None])[0]
        np.testing.assert_allclose(embedding[b, t], alone, atol=1e-6)


@distributed
def test_time_distributed_is_one_call():
    """`encode` is called once, with the 6 frames of 2 clips of 3 as a batch of 6 images."""
    seen = []
    frame_encoders.time_distributed(
        lambda images: seen.append(images.shape) or corner_and_mean(images), clips(2, 3, 4, 5, 3)
    )
    assert seen == [(6, 4, 5, 3)]


@distributed
def test_time_distributed_goes_clip_after_clip():
    """Of 2 clips of 3 frames, images 0, 1 and 2 are those of clip 0; image 4 is frame 1 of clip 1.

    A frame is filled with ten times its clip's number, and its own.
    """
    seen = []
    numbers = jnp.asarray([[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]])
    video = jnp.broadcast_to(numbers[:, :, None, None, None], (2, 3, 4, 5, 3))
    frame_encoders.time_distributed(
        lambda images: seen.append(images[:, 0, 0, 0].tolist()) or corner_and_mean(images), video
    )
    assert seen == [[0, 1, 2, 10, 11, 12]]


@distributed
def test_time_distributed_leaves_the_type_of_frames():
    """Frames of uint8 reach `encode` as uint8: it is the network that makes numbers of bytes."""
    seen = []
    video = jnp.asarray(np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 3), np.uint8))
    frame_encoders.time_distributed(
        lambda images: seen.append(images.dtype.name) or images[:, 0, 0] / 255, video
    )
    assert seen == ["uint8"]


# ------------------------------------------------------------------ what the published ones cost
@pytest.mark.parametrize(
    ("name", "headless", "with_head"),
    [
        ("resnet18", 11_176_512, 11_689_512),
        ("densenet121", 6_953_856, 7_978_856),
        ("lite0", 3_371_008, 4_652_008),
    ],
)
def test_parameters_to_the_digit(name, headless, with_head):
    """As many parameters as the published networks, without and with the head of ImageNet."""
    params = abstract(name).params
    assert cost.count_parameters(params) == with_head
    assert cost.count_parameters(params) - cost.count_parameters(params["head"]) == headless


def test_without_classes_there_is_no_head():
    """An encoder made for no classes has no head, and gives its features."""
    assert "head" not in abstract("resnet18", None).params
    assert apply("resnet18", None, (2, 64, 96, 3))[0].shape == (2, 512)


def apply(name, num_classes, shape):
    """What comes out for images of some shape, and the function that gives it."""
    parts = abstract(name, num_classes)

    def call(params, stats, images):
        return states.merge(parts.eval_def, params, stats)(images)

    arguments = parts.params, parts.stats, jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.eval_shape(call, *arguments), cost.multiply_adds(call, *arguments)


@pytest.mark.long(except_for=["resnet18-1.814", "lite0-0.385"])
@pytest.mark.parametrize(
    ("name", "giga"), [("resnet18", 1.814), ("densenet121", 2.834), ("lite0", 0.385)]
)
def test_multiply_adds(name, giga):
    """An image of 224 pixels costs the multiply-adds that papers print, and gives 1000 logits."""
    logits, count = apply(name, 1000, (1, 224, 224, 3))
    assert logits.shape == (1, 1000)
    assert round(count / 1e9, 3) == giga


@pytest.mark.parametrize("name", list(frame_encoders.ENCODERS))
def test_the_table_tells_the_length_of_the_vector(name):
    """`dim` in the table is the number of features that the network's head sees."""
    assert abstract(name).params["head"]["kernel"].shape[0] == frame_encoders.find(name).dim


def test_an_unknown_encoder_is_refused():
    """With the names that there are."""
    with pytest.raises(errors.UserError, match="'resnet19': there are lite0, resnet18"):
        frame_encoders.find("resnet19")


# ------------------------------------------------------------------ learning
def test_training_uses_the_batch_and_moves_the_statistics():
    """In training BatchNorm takes the batch's own statistics; in use, those it has kept."""
    parts = states.split(resnet.Block(3, 4, 2, rngs=nnx.Rngs(0)))
    images = clips(3, 6, 8, 3)

    @functools.partial(jax.jit, static_argnums=0)
    def apply(definition):
        block = states.merge(definition, parts.params, parts.stats)
        return block(images), nnx.to_pure_dict(nnx.state(block, nnx.BatchStat))

    learning, moved = apply(parts.train_def)
    in_use, kept = apply(parts.eval_def)
    assert jnp.abs(learning - in_use).max() > 1e-2
    np.testing.assert_array_equal(kept["bn1"]["mean"], parts.stats["bn1"]["mean"])
    assert jnp.abs(moved["bn1"]["mean"] - parts.stats["bn1"]["mean"]).max() > 1e-4


def test_stochastic_depth_drops_whole_branches_of_an_image():
    """With rngs a branch is dropped or doubled, image by image; without, it is as it is."""
    block = efficientnet.Block(4, 4, size=3, stride=1, expansion=2, drop_path=0.5, rngs=nnx.Rngs(0))
    block = nnx.view(block, use_running_average=True)
    images = clips(6, 5, 7, 4)
    branch = np.asarray(block(images) - images)
    learning = np.asarray(block(images, nnx.Rngs(dropout=0)) - images)
    dropped = [np.abs(image).max() < 1e-6 for image in learning]
    assert 0 < sum(dropped) < 6
    kept = np.logical_not(dropped)
    np.testing.assert_allclose(learning[kept], 2 * branch[kept], atol=1e-5)


# ------------------------------------------------------------------ stages and grids
@pytest.mark.long(except_for=["resnet18", "lite0"])
@pytest.mark.parametrize("name", frame_encoders.ENCODERS)
def test_middle_stage_has_a_sixteenth_of_the_image(name):
    """112 pixels become 7 x 7 places, each stage has the channels stated, and the grid is 4 x 4."""
    entry, parts = frame_encoders.find(name), abstract(name, None)
    images = jax.ShapeDtypeStruct((2, 112, 112, 3), jnp.float32)

    for stage, channels in enumerate(entry.stages, start=1):
        maps = functools.partial(_maps, parts.eval_def, stage)
        found = jax.eval_shape(maps, parts.params, parts.stats, images)
        assert found.shape[-1] == channels
        if stage == entry.middle:
            assert found.shape == (2, 7, 7, channels)


def _maps(definition, stage, params, stats, images):
    return states.merge(definition, params, stats).maps(images, stage=stage)


def test_stages_by_name_and_number():
    """`middle` and `top` stand for every encoder's own; what there is not is refused."""
    assert frame_encoders.which_stage("lite0", "middle") == 5
    assert frame_encoders.which_stage("resnet18", "top") is None
    assert frame_encoders.which_stage("resnet18", 2) == 2
    for wrong in (0, 5, "bottom"):
        with pytest.raises(errors.UserError, match="resnet18 has stages 1 to 4"):
            frame_encoders.which_stage("resnet18", wrong)
    assert frame_encoders.embedding_dim("lite0", 5, 4) == 112 * 16
    assert frame_encoders.embedding_dim("densenet121") == 1024
