"""Occlusion sensitivity: what the likeliest class stands on is found, in place and in time."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from flaxvid.prediction import clips, occlusion
from tests.prediction import examples


def test_every_part_is_hidden_once():
    """64 parts, none over another, that are the whole clip together."""
    video = np.full((9, 10, 12, 3), 200, np.uint8)
    video[0] = 20
    clip = clips.Clip(video, np.arange(9) < 8)
    hidden, stretch = occlusion.occluded(clip)
    changed = np.any(hidden != video, axis=-1)
    assert len(hidden) == 64
    assert (changed.sum(axis=0) == 1).all()
    assert stretch.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3]
    colour = round((20 + 7 * 200) / 8)
    assert set(np.unique(hidden)) == {20, 200, colour}


def test_it_shows_where_and_when():
    """A model that is sure of what is bright at the top left, in the last frames alone."""

    def logits(batch):
        corner = jnp.asarray(batch["video"], jnp.float32)[:, 6:, :2, :2].mean(axis=(1, 2, 3, 4))
        return jnp.stack([0 * corner, corner / 64], axis=1)

    trained = dataclasses.replace(examples.trained(), logits=logits)
    video = np.zeros((8, 8, 8, 3), np.uint8)
    video[6:, :2, :2] = 255
    heat = occlusion.open_occlusion(trained)(clips.Clip(video, np.ones(8, bool)))
    assert heat.shape == (8, 4, 4)
    assert heat[6, 0, 0] == heat[7, 0, 0] > 0.1
    heat[6:, 0, 0] = 0
    assert not heat.any()
