"""Ridge regression in closed form, and the choice of its penalty."""

import numpy as np
import pytest

from flaxvid.training import ridge

solve = pytest.mark.exercise("training.ridge.solve")


def data(rows=60, dim=40, signal=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    features = rng.normal(size=(rows, dim)).astype(np.float32)
    features[:, :3] += 6 * signal * np.eye(3)[labels]
    return features + 5, labels, np.array([f"scene_{row // 6}" for row in range(rows)])


# ------------------------------------------------------------------ one penalty
@solve
def test_two_rows_by_hand():
    """Rows at 1 and 3 with targets 0 and 4: about their means, 2 · 2 / (2 + penalty) is the slope.

    With a penalty of 2 it is 1, and the line goes through the means: (2, 2).
    """
    kernel, bias = ridge.solve(np.array([[1.0], [3.0]]), np.array([[0.0], [4.0]]), 2.0)
    np.testing.assert_allclose(kernel, [[1.0]], atol=1e-6)
    np.testing.assert_allclose(bias, [0.0], atol=1e-6)


@solve
@pytest.mark.parametrize("penalty", [1.0, 30.0])
def test_the_sum_that_is_made_smallest(penalty):
    """At the smallest sum its slopes are 0: those of the kernel, and those of the bias."""
    features, labels, _ = data()
    targets = np.eye(3)[labels]
    kernel, bias = ridge.solve(features, targets, penalty)
    errors = features.astype(np.float64) @ kernel + bias - targets
    np.testing.assert_allclose(errors.sum(axis=0), 0, atol=2e-3)
    centred = features - features.mean(axis=0)
    np.testing.assert_allclose(centred.T @ errors + penalty * kernel, 0, atol=2e-3)


@solve
def test_a_constant_is_the_bias():
    """Features and targets far from 0 have the kernel of those about it; the bias does the rest."""
    features, labels, _ = data()
    targets = np.eye(3)[labels]
    kernel, _ = ridge.solve(features, targets, 5.0)
    moved, bias = ridge.solve(features + 100, targets + 7, 5.0)
    np.testing.assert_allclose(moved, kernel, atol=1e-4)
    np.testing.assert_allclose((features + 100).mean(axis=0) @ moved + bias, 7 + 1 / 3, atol=1e-3)


@solve
def test_each_class_is_fitted_by_itself():
    """The column of a class does not change with another's targets, and need not be 0 and 1."""
    features, labels, _ = data()
    targets = np.stack([labels == 0, 3.5 * labels], axis=1).astype(np.float64)
    kernel, bias = ridge.solve(features, targets, 5.0)
    assert kernel.shape == (40, 2)
    assert bias.shape == (2,)
    for column in range(2):
        alone = ridge.solve(features, targets[:, column : column + 1], 5.0)
        np.testing.assert_allclose(kernel[:, column : column + 1], alone[0], atol=1e-5)
        np.testing.assert_allclose(bias[column : column + 1], alone[1], atol=1e-4)


@solve
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_comes_out(dtype):
    """Whichever of the two goes in, which stays as it is."""
    features, labels, _ = data()
    features, targets = features.astype(dtype), np.eye(3)[labels]
    before = features.copy(), targets.copy()
    kernel, bias = ridge.solve(features, targets, 5.0)
    assert (kernel.dtype, bias.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(features, before[0])
    np.testing.assert_array_equal(targets, before[1])


@solve
def test_an_unknown_for_each_row():
    """Rows of a million numbers: a matrix of a million times a million has no place anywhere."""
    features = np.zeros((3, 1_000_000), np.float32)
    features[:, :3] = np.diag([3.0, 0.0, -3.0])
    kernel, _ = ridge.solve(features, np.array([[1.0], [0.0], [-1.0]]), 9.0)
    np.testing.assert_allclose(kernel[:3, 0], [1 / 6, 0, 1 / 6], atol=1e-6)
    assert not kernel[3:].any()


@solve
def test_equations_in_double_precision():
    """A penalty of a hundred-millionth of the rows' lengths still counts; float32 would lose it."""
    features = np.array([[1000.0, 0.0], [1000.0, 0.001], [-1000.0, 0.0], [-1000.0, -0.001]])
    targets = np.array([[0.0], [1.0], [0.0], [-1.0]])
    kernel, _ = ridge.solve(features, targets, 1e-6)
    centred = features - features.mean(axis=0)
    expected = np.linalg.solve(
        centred.T @ centred + 1e-6 * np.eye(2), centred.T @ (targets - targets.mean(axis=0))
    )
    np.testing.assert_allclose(kernel, expected, rtol=1e-3)


# ------------------------------------------------------------------ the choice of it
def test_the_penalty_is_a_share_of_the_rows_lengths():
    """What is chosen is solved for: the strength times the mean squared length of centred rows."""
    features, labels, groups = data()
    found = ridge.fit(features, labels, groups, 3)
    centred = features.astype(np.float64) - features.mean(axis=0)
    penalty = found.strength * (centred**2).sum(axis=1).mean()
    kernel, bias = ridge.solve(features, np.eye(3)[labels], penalty)
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-5)
    np.testing.assert_allclose(found.bias, bias, atol=1e-5)


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


@pytest.mark.parametrize("in_turn", [True, False])
def test_groups_whose_classes_come_in_an_order_are_told(in_turn):
    """Of 40 groups every fifth has the same class, or each class has the next eight: folds have all
    classes, so that those left out can be told."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 5 if in_turn else np.arange(40) // 8
    features = (4 * np.eye(5)[labels] + 0.3 * rng.normal(size=(40, 5))).astype(np.float32)
    groups = np.array([f"group_{number:02}" for number in range(40)])
    assert ridge.fit(features, labels, groups, 5).validated > 0.9


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0]])
def test_where_no_class_is_in_two_groups_the_penalty_is_the_usual_one(labels):
    """There is nothing to choose by, and the strongest of equals would leave nothing learnt."""
    labels = np.array(labels)
    features = np.eye(6, dtype=np.float32)[: len(labels)]
    groups = np.array(["a", "a", "b", "b", "c", "c"])[: len(labels)]
    found = ridge.fit(features, labels, groups, 3)
    assert found.strength == ridge.USUAL
    assert np.isnan(found.validated)
    assert ((features @ found.kernel + found.bias).argmax(axis=1) == labels).all()
