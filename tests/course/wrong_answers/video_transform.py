"""Wrong answers for the exercises of flaxvid.video.transform."""

from flaxvid.video import transform


# --- center_crop --------------------------------------------------------------------------
def center_crop_of_the_corner(frames, size):
    return frames[:, :size, :size]


def center_crop_axes_swapped(frames, size):
    height, width = frames.shape[1:3]
    return transform.crop(frames, (width - size) // 2, (height - size) // 2, size)


def center_crop_rounded_up(frames, size):
    height, width = frames.shape[1:3]
    return transform.crop(frames, (height - size + 1) // 2, (width - size + 1) // 2, size)


def center_crop_without_an_error(frames, size):
    height, width = frames.shape[1:3]
    top, left = max(0, (height - size) // 2), max(0, (width - size) // 2)
    return frames[:, top : top + size, left : left + size]
