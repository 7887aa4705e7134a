"""Ridge regression in closed form, and the choice of its penalty."""

import numpy as np

from flaxvid.training import ridge


def data(rows=60, dim=40, signal=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    features = rng.normal(size=(rows, dim)).astype(np.float32)
    features[:, :3] += 6 * signal * np.eye(3)[labels]
    return features + 5, labels, np.array([f"scene_{row // 6}" for row in range(rows)])


def test_it_solves_the_normal_equations():
    """The same weights as from (X'X + penalty) w = X'y on centred data."""
    features, labels, groups = data()
    found = ridge.fit(features, labels, groups, 3)
    centred = features.astype(np.float64) - features.mean(axis=0)
    targets = np.eye(3)[labels]
    penalty = found.strength * (centred**2).sum(axis=1).mean()
    expected = np.linalg.solve(
        centred.T @ centred + penalty * np.eye(40), centred.T @ (targets - targets.mean(axis=0))
    )
    np.testing.assert_allclose(found.kernel, expected, atol=1e-5)
    scores = features @ found.kernel + found.bias
    np.testing.assert_allclose(scores.mean(axis=0), targets.mean(axis=0), atol=1e-4)


def test_it_generalises_where_there_is_something_to_find():
    """New rows of the same kind are told apart, and what was validated says how well."""
    found = ridge.fit(*data(), 3)
    features, labels, _ = data(seed=1)
    right = (features @ found.kernel + found.bias).argmax(axis=1) == labels
    assert right.mean() > 0.85
    assert found.validated > 0.85


def test_groups_are_left_out_whole():
    """A group known by heart is worth nothing on other groups: no more than a guess is claimed."""
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(20, 200))
    groups = np.repeat(np.arange(20), 4)
    features = (scenes[groups] + 0.05 * rng.normal(size=(80, 200))).astype(np.float32)
    labels = np.repeat(rng.integers(0, 2, 20), 4)
    assert ridge.fit(features, labels, groups, 2).validated < 0.75
    assert ridge.fit(features, labels, np.arange(80), 2).validated > 0.95


def test_one_group_and_equal_rows():
    """A single group is split by rows, and rows that are all alike give no error."""
    features, labels, groups = data()
    assert ridge.fit(features, labels, np.zeros(60), 3).validated > 0.85
    assert np.isfinite(ridge.fit(np.ones_like(features), labels, groups, 3).kernel).all()


def test_several_labels_a_row_are_solved_for_at_once():
    """With 0 and 1 for each class: the same as with class numbers, and chosen by another score."""
    features, labels, groups = data()
    several = np.eye(3)[labels]

    def strongest(outputs, targets):
        assert outputs.shape == targets.shape == (60, 3)
        return 0.5

    found = ridge.fit(features, several, groups, 3, strongest)
    assert (found.strength, found.validated) == (ridge.STRENGTHS[-1], 0.5)
    one = ridge.fit(features, labels, groups, 3, lambda *_: 0.5)
    np.testing.assert_array_equal(one.kernel, found.kernel)
