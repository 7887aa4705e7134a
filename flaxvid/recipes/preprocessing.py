"""Preprocessing that several architectures share."""

from flaxvid.video import preprocess

MEAN_045 = dict(mean=(0.45,) * 3, std=(0.225,) * 3)  # TimeSformer and most Kinetics models
IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))  # torchvision's networks


def motion() -> preprocess.Preprocessing:
    """For the motion videos: 8 frames of 32 pixels, no crop to lose the sprite in, no flip."""
    return preprocess.Preprocessing(
        num_frames=8, crop_size=32, resize=32, jitter=None, flip=False, **MEAN_045
    )


def kinetics(num_frames: int, stride: int | None, crop_size: int) -> preprocess.Preprocessing:
    """Short side jittered in 256-320 at 224 pixels, and in proportion at other sizes."""
    low, high = round(crop_size * 256 / 224), round(crop_size * 320 / 224)
    return preprocess.Preprocessing(
        num_frames=num_frames,
        stride=stride,
        crop_size=crop_size,
        resize=crop_size,
        jitter=(low, high),
        flip=True,
        **MEAN_045,
    )


def frames(num_frames: int, size: int) -> preprocess.Preprocessing:
    """Frames for an encoder, which prepares their pixels its own way: only these two count."""
    return preprocess.Preprocessing(num_frames=num_frames, crop_size=size, resize=size)
