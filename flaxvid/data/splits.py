"""Which videos are held out: whole groups only, so that no recording is on both sides."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool


def hold_out(
    labels: Sequence[str], groups: Sequence[str], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, " videos"]:
    """Chooses about `share` of every class for testing, all videos of a group or none.

    Groups come in random order; one is held out if that brings the classes closer to their
    share. A class that would stay without a test video gives its smallest group, if it has two.

    Args:
        labels: the class of each video.
        groups: the group of each video: the recording, the actor or the place it comes from.
        share: of the videos, above 0 and up to 0.5.
        rng: where the randomness comes from.

    Returns:
        True for the videos held out.

    Raises:
        ValueError: if `share` is out of its range.

    Source: the idea is that of scikit-learn's StratifiedGroupKFold.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"the share held out must be above 0 and up to 0.5, not {share}")
    _, label = np.unique(np.asarray(labels, str), return_inverse=True)
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    counts = np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 1), np.int64)
    np.add.at(counts, (group, label), 1)
    wanted = share * counts.sum(axis=0)
    order = rng.permutation(len(counts))
    held_out = np.zeros(len(counts), bool)
    held = np.zeros(counts.shape[1])
    for candidate in order:
        before, after = np.abs(held - wanted).sum(), np.abs(held + counts[candidate] - wanted).sum()
        if after < before:
            held_out[candidate], held = True, held + counts[candidate]
    for class_number in np.flatnonzero(held == 0):
        members = [g for g in order if counts[g, class_number]]
        if len(members) > 1:
            held_out[min(members, key=lambda g: counts[g].sum())] = True
    return held_out[group]
