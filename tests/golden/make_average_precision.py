"""Makes average_precision.npz with scikit-learn.

pip install scikit-learn && python tests/golden/make_average_precision.py

Needs scikit-learn, and nothing of flaxvid.
"""

from pathlib import Path

import numpy as np
from sklearn import metrics

CLIPS, CLASSES = 60, 7


def main():
    """Scores with many equal ones, a class of one clip, and each class's average precision."""
    rng = np.random.default_rng(0)
    targets = (rng.random((CLIPS, CLASSES)) < np.linspace(0.05, 0.9, CLASSES)).astype(np.float64)
    targets[:, 0] = 0
    targets[17, 0] = 1
    scores = np.round(rng.random((CLIPS, CLASSES)) + 0.3 * targets, 1)
    times = rng.integers(0, 4, CLIPS).astype(np.float64)
    times[17] = 2
    arrays = dict(scores=scores, targets=targets, times=times)
    arrays["by_class"] = metrics.average_precision_score(targets, scores, average=None)
    arrays["mean"] = metrics.average_precision_score(targets, scores, average="macro")
    arrays["weighted"] = metrics.average_precision_score(
        targets, scores, average=None, sample_weight=times
    )
    np.savez_compressed(Path(__file__).with_name("average_precision.npz"), **arrays)


if __name__ == "__main__":
    main()
