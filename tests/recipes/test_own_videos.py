"""Sizes for videos of one's own: what two cores can train, and nothing mirrored."""

import pytest
from flax import nnx
from jax import ShapeDtypeStruct

from flaxvid.models import cost
from flaxvid.recipes import zoo


@pytest.mark.parametrize("arch", ["timesformer", "c3d", "conv_lstm", "conv_transformer"])
def test_a_small_model_is_small_and_sees_videos_as_they_are(arch):
    """Below 4 billion multiply-adds a clip; left stays left, and the whole video is shown."""
    small = zoo.find(arch, "small")
    shown = small.preprocessing
    assert (shown.crop_size, shown.flip, shown.stride) == (112, False, None)
    config = small.config(num_classes=3, num_frames=shown.num_frames)
    assert config.image_size == shown.crop_size
    model = cost.abstract_model(lambda: small.module(config, rngs=nnx.Rngs(0)))
    graph, params = nnx.split(model)
    video = ShapeDtypeStruct((1, shown.num_frames, 112, 112, 3), "float32")
    counted = cost.multiply_adds(lambda p, v: nnx.merge(graph, p)(v), params, video)
    assert 0.5e9 < counted < 4e9
