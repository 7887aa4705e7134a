"""Wrong answers for the exercises of flaxvid.data.views."""

import numpy as np


# --- reorder ----------------------------------------------------------------------------
def _reorder(clip, mask, order, rng, *, real=None, middle=None, again=True, masked=True):
    """The right one, but for what the options say."""
    real = int(mask.sum()) if real is None else real
    places = np.arange(len(clip))
    middle = (real - 1) // 2 if middle is None else middle
    if order == "single":
        alone = places == middle
        shown = np.where(alone.reshape(-1, *[1] * (clip.ndim - 1)), clip, 0).astype(clip.dtype)
        return shown, alone & mask if masked else mask
    if order == "reversed":
        places[:real] = places[:real][::-1]
    elif order == "frozen":
        places[:real] = middle
    else:
        places[:real] = rng.permutation(real)
        while again and real > 1 and np.array_equal(places, np.arange(len(clip))):
            places[:real] = rng.permutation(real)
    return clip[places], mask


def reorder_padding_too(clip, mask, order, rng):  # a reversed clip that begins with its padding
    return _reorder(clip, mask, order, rng, real=len(clip))


def reorder_shuffled_perhaps_not(clip, mask, order, rng):  # one draw in 24 changes nothing
    return _reorder(clip, mask, order, rng, again=False)


def reorder_single_unmasked(clip, mask, order, rng):  # black frames that the model takes for real
    return _reorder(clip, mask, order, rng, masked=False)


def reorder_frozen_at_the_first(clip, mask, order, rng):
    return _reorder(clip, mask, order, rng, middle=0)


def reorder_mask_with_the_frames(clip, mask, order, rng):  # the padding moves to the front
    clip, mask_then = _reorder(clip, mask, order, rng)
    return clip, mask_then[::-1] if order == "reversed" else mask_then


def reorder_in_place(clip, mask, order, rng):  # and the caller's clip with it
    clip[:], mask[:] = _reorder(clip.copy(), mask.copy(), order, rng)
    return clip, mask


def reorder_by_a_draw_of_its_own(clip, mask, order, rng):
    return _reorder(clip, mask, order, np.random.default_rng())


def reorder_until_the_pixels_differ(clip, mask, order, rng):  # where they never do, for ever
    if order != "shuffled" or mask.sum() < 2:
        return _reorder(clip, mask, order, rng)
    for _ in range(1000):
        shuffled, _ = _reorder(clip, mask, order, rng, again=False)
        if not np.array_equal(shuffled, clip):
            return shuffled, mask
    raise RuntimeError("1,000 draws, and no other order")


def reorder_with_its_padding_turned_round(clip, mask, order, rng):
    if order != "reversed":
        return _reorder(clip, mask, order, rng)
    backwards = np.arange(len(clip))[::-1]
    return clip[np.roll(backwards, int(mask.sum()) - len(clip))], mask


def reorder_single_by_multiplication(clip, mask, order, rng):  # NaN in the padding stays
    if order != "single":
        return _reorder(clip, mask, order, rng)
    alone = np.arange(len(clip)) == (int(mask.sum()) - 1) // 2
    black = alone.reshape(-1, *[1] * (clip.ndim - 1)).astype(clip.dtype)
    return clip * black, alone & mask
