"""C3D: tiny, as its PyTorch port trains it, and as mmaction2 does."""

import dataclasses

from flaxvid.models import c3d
from flaxvid.recipes import own_videos, preprocessing, preset
from flaxvid.recipes import recipe as recipes
from flaxvid.video import preprocess

# jfzhang95/pytorch-video-recognition: x0.1 every 10 of 100 epochs, the last layer 10 times as fast.
PORT = recipes.Recipe(
    batch_size=20,
    optimizer="sgd",
    learning_rate=1e-3,
    momentum=0.9,
    epochs=100.0,
    schedule="step",
    milestones=tuple(tenth / 10 for tenth in range(1, 10)),
    weight_decay=5e-4,
    clip_norm=None,
    rate_factors=("^fc8/=10",),
)
# mmaction2's c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb: x0.1 at epochs 20 and 40 of 45.
MMACTION2 = dataclasses.replace(
    PORT, batch_size=30, epochs=45.0, milestones=(20 / 45, 40 / 45), clip_norm=40.0, rate_factors=()
)


def _sports1m(**changes):
    """16 frames one after the other, 112 pixels; pixels less the mean, and not scaled."""
    unscaled = dict(num_frames=16, stride=1, crop_size=112, flip=True, scale=1.0, std=(1.0,) * 3)
    return preprocess.Preprocessing(**unscaled | changes)


C3D = preset.Architecture(
    {
        "tiny": preset.Preset(
            c3d.C3DConfig.tiny,
            c3d.create,
            preprocessing.motion(),
            recipes.Recipe(steps=500, learning_rate=1e-3),
        ),
        "small": preset.Preset(
            c3d.C3DConfig.small,
            c3d.create,
            own_videos.pixels(16, center="clip"),
            own_videos.FROM_PIXELS,
        ),
        "base": preset.Preset(
            c3d.C3DConfig.base,
            c3d.create,
            _sports1m(resize=(128, 171), channel_order="bgr", mean=(90.0, 98.0, 102.0)),
            PORT,
        ),
        # The same model, trained and fed as mmaction2 does: its frames are RGB.
        "mmaction2": preset.Preset(
            c3d.C3DConfig.base,
            c3d.create,
            _sports1m(resize=128, mean=(104.0, 117.0, 128.0)),
            MMACTION2,
        ),
    }
)
