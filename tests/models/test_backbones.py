"""VideoMAE, ViViT, V-JEPA 2 and VideoPrism against the reference implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost, layers, videomae
from flaxvid.recipes import zoo
from tests.golden import backbones, regenerate
from tests.models import filled


@jax.jit
def logits_of(model, video, mask=None):
    return model(video, mask)


@jax.jit
def tokens_of(model, video, mask=None):
    return model.tokens(video, mask)


def gap(found, name, what):
    expected = backbones.golden(name, what)
    return float(np.abs(np.asarray(found).reshape(expected.shape) - expected).max())


# ------------------------------------------------------------------ the reference
@pytest.mark.parametrize("name", backbones.NAMES)
def test_logits_and_features_are_the_reference_s(name):
    """With the same weights and clips, logits and features agree within 2e-5."""
    model, _ = backbones.converted(name)
    video = backbones.video_of(name, model.config)
    assert gap(logits_of(model, video), name, "logits") < 2e-5
    tokens = tokens_of(model, video)
    if name == "vivit":  # which puts the CLS token in front of them
        expected = backbones.golden(name, "tokens")[:, 1:]
        assert np.abs(np.asarray(tokens).reshape(expected.shape) - expected).max() < 2e-5
    else:
        assert gap(tokens, name, "tokens") < 2e-5


def test_videoprism_pads_as_its_authors_do():
    """Features of real frames are those of the authors' code with paddings."""
    model, _ = backbones.converted("videoprism")
    video = backbones.video_of("videoprism", model.config)
    mask = jnp.asarray([[True] * 3, [True, True, False]])
    tokens = np.asarray(tokens_of(model, video, mask))
    expected = backbones.golden("videoprism", "padded/tokens").reshape(tokens.shape)
    real = np.asarray(mask)
    np.testing.assert_allclose(tokens[real], expected[real], atol=2e-5)


def test_videoprism_resizes_as_its_authors_do():
    """Four frames of 18 pixels in place of three of 12: positions are interpolated alike."""
    model, report = backbones.converted("videoprism", num_frames=4, image_size=18)
    video = jnp.asarray(regenerate.inputs("videoprism wider", (2, 4, 18, 18, 3)))
    assert gap(logits_of(model, video), "videoprism", "wider/logits") < 2e-5
    notes = [row.note for row in report.rows if row.note]
    assert notes == ["resized from 4 to 9", "resized from 3 to 4"]


# ------------------------------------------------------------------ sizes
COUNTS = [
    ("videomae", "small", 22_033_936),
    ("videomae", "base", 86_534_800),
    ("videomae", "large", 304_270_736),
    ("vivit", "base", 88_954_000),
    ("vjepa2", "large", 353_631_632),
    ("vjepa2", "huge", 709_231_760),
    ("vjepa2", "giant", 1_105_986_576),
]


@pytest.mark.parametrize(("name", "size", "expected"), COUNTS)
def test_parameters_to_the_digit(name, size, expected):
    """With 400 classes, as many as Transformers' models have, without V-JEPA 2's predictor."""
    preset = zoo.find(name, size)

    def count(depth):
        config = preset.config(num_classes=400, depth=depth, init_std=0.0)
        abstract = nnx.eval_shape(lambda: preset.module(config, rngs=nnx.Rngs(0)))
        return cost.count_parameters(nnx.to_pure_dict(nnx.state(abstract, nnx.Param)))

    # All blocks are alike: what one is more tells them all.
    depth, first = preset.config(num_classes=400).depth, count(1)
    assert first + (depth - 1) * (count(2) - first) == expected


# ------------------------------------------------------------------ what all of them do
@pytest.fixture(scope="module", params=backbones.NAMES)
def tiny(request):
    """A small one full of numbers, and clips for it."""
    fields = dict(num_frames=4, image_size=16, dim=16, num_heads=2, mlp_dim=24, depth=2)
    config = zoo.configure(request.param, num_classes=3, **fields)
    preset = zoo.find(request.param)
    model = filled.random(lambda: preset.module(config, rngs=nnx.Rngs(0)))
    video = np.random.default_rng(0).normal(size=(2, 4, 16, 16, 3)).astype(np.float32)
    return model, video


def test_padding_has_no_say(tiny):
    """Whatever stands in padded frames, logits are the same; in real ones it counts."""
    model, video = tiny
    mask = jnp.asarray([[True] * 4, [True, True, False, False]])
    changed, seen = video.copy(), video.copy()
    changed[1, 2:], seen[1, :2] = 7.0, 7.0
    before, after, other = (logits_of(model, jnp.asarray(v), mask) for v in (video, changed, seen))
    np.testing.assert_allclose(before, after, atol=1e-5)
    assert np.abs(before[1] - other[1]).max() > 1e-3


def test_order_of_frames_counts(tiny):
    """Backwards, a clip is another."""
    model, video = tiny
    forwards, backwards = (logits_of(model, jnp.asarray(v)) for v in (video, video[:, ::-1]))
    assert np.abs(forwards - backwards).max() > 1e-3


def test_other_clips_are_refused(tiny):
    """More frames than the positions were made for: one line with both shapes."""
    model, video = tiny
    with pytest.raises(errors.UserError, match=r"takes clips of \(4, 16, 16\)"):
        model(jnp.asarray(np.concatenate([video, video], axis=1)))


def test_half_a_tubelet_is_refused():
    """Five frames are no whole number of tubelets of two."""
    with pytest.raises(errors.UserError, match="5 frames does not divide into tubelets of 2"):
        layers.tubelet_count(5, 2)


# ------------------------------------------------------------------ pieces
def test_a_tubelet_with_a_real_frame_is_real():
    """Three real frames of six are two real tubelets of three."""
    mask = jnp.asarray([[True, True, True, False, False, False]])
    assert layers.real_steps(mask, 2).tolist() == [[True, True, False]]


def test_videomae_s_table_is_resized_for_other_clips():
    """For clips of its weights' shape a table is as it is; for others it is theirs, resized."""
    own = videomae.VideoMAEConfig.tiny(num_classes=2)
    smaller, resized = (
        videomae.VideoMAEConfig.tiny(num_classes=2, image_size=16, positions=made_for)
        for made_for in (None, own.grid())
    )
    assert videomae.position_table(resized).shape == (1, 4 * 2 * 2, 64)
    assert jnp.abs(videomae.position_table(resized) - videomae.position_table(smaller)).max() > 0.1
    expected = layers.resize_positions(videomae.position_table(own), own.grid(), (4, 2, 2))
    np.testing.assert_allclose(videomae.position_table(resized), expected, atol=1e-6)


def test_sinusoids_by_hand():
    """Sine and cosine of the number for the fastest wave, then of a hundredth of it."""
    table = videomae.sinusoids(3, 4)
    expected = [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)]
    np.testing.assert_allclose(table[2], expected, atol=1e-6)
