"""Scores: against loops, hand counts, and what an interval promises."""

import numpy as np
import pytest

from flaxvid.evaluation import scores

LABELS = np.array([0, 0, 1, 1, 2], np.int64)
PREDICTED = np.array([0, 1, 1, 1, 0], np.int64)
COUNTS = np.array([[1, 1, 0], [0, 2, 0], [1, 0, 0]])


def test_confusion_by_hand():
    """Rows are what clips are, columns what they were taken for."""
    np.testing.assert_array_equal(scores.confusion(LABELS, PREDICTED, 3), COUNTS)


def test_confusion_of_a_loop():
    """300 clips of 7 classes counted one by one; a class without a clip keeps its row of zeros."""
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 6, 300), rng.integers(0, 6, 300)
    expected = [[0] * 7 for _ in range(7)]
    for label, taken in zip(labels, predicted, strict=True):
        expected[label][taken] += 1
    np.testing.assert_array_equal(scores.confusion(labels, predicted, 7), expected)


def test_by_class():
    """Class 1: taken for it 3, of it 2 and both found. Class 2: never found, never divided by 0."""
    found = scores.by_class(COUNTS)
    np.testing.assert_allclose(found["precision"], [1 / 2, 2 / 3, 0])
    np.testing.assert_allclose(found["recall"], [1 / 2, 1, 0])
    np.testing.assert_allclose(found["f1"], [1 / 2, 4 / 5, 0])


def test_by_class_of_single_clips():
    """Class 0: one of its two clips found, and nothing else taken for it. Class 1: its only clip is
    found, among two. Class 2: there is none and nothing is taken for it."""
    found = scores.by_class(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
    np.testing.assert_allclose(found["precision"], [1, 1 / 2, 0])
    np.testing.assert_allclose(found["recall"], [1 / 2, 1, 0])
    np.testing.assert_allclose(found["f1"], [2 / 3, 2 / 3, 0])


def odds_of(confidence, winner):
    """Two classes, `winner` with `confidence`."""
    rows = np.array([[c, 1 - c] for c in confidence])
    return np.where(np.array(winner)[:, None] == 0, rows, rows[:, ::-1])


@pytest.mark.exercise("evaluation.scores.calibration_error")
def test_calibration_error_by_hand():
    """9 in 10 sure, right twice of two; 6 in 10 sure, right once of two: (0.1 + 0.1) / 2."""
    odds = odds_of([0.9, 0.9, 0.6, 0.6], [0, 1, 0, 0])
    error = scores.calibration_error(odds, np.array([0, 1, 0, 1]))
    assert error == pytest.approx(0.1)


@pytest.mark.exercise("evaluation.scores.calibration_error")
def test_errors_of_two_bins_do_not_cancel():
    """Too sure in one bin and not sure enough in another is two errors, not none.

    Of ten bins from 0 to 1, 0.92 and 0.98 are in the last; half of its clips are right.
    """
    odds = odds_of([0.92, 0.98, 0.7, 0.7], [0, 0, 0, 0])
    error = scores.calibration_error(odds, np.array([0, 1, 0, 0]))
    assert error == pytest.approx((0.45 + 0.3) / 2)


@pytest.mark.exercise("evaluation.scores.calibration_error")
def test_calibration_error_of_the_always_sure():
    """Certain of everything and right in a quarter: 0.75."""
    odds = odds_of([1.0] * 4, [0] * 4)
    assert scores.calibration_error(odds, np.array([0, 1, 1, 1])) == pytest.approx(0.75)


@pytest.mark.exercise("evaluation.scores.calibration_error")
def test_a_bin_counts_by_its_clips():
    """4 clips 0.95 sure, 3 right; 2 clips 0.65 sure, 2 right: (4 x 0.2 + 2 x 0.35) / 6."""
    odds = odds_of([0.95] * 4 + [0.65] * 2, [0] * 6)
    error = scores.calibration_error(odds, np.array([0, 0, 0, 1, 0, 0]))
    assert error == pytest.approx(0.25)


def test_bins_of_calibration_end_with_their_upper_ends():
    """Of four bins, 0.5 is in the second, 0.6 and 0.75 in the third, 0.8 and 1 in the fourth."""
    sure = [0.5, 0.6, 0.75, 0.8, 1.0]
    found = scores.calibration(odds_of(sure, [0] * 5), np.array([0, 0, 1, 0, 0]), bins=4)
    np.testing.assert_allclose(found["share"], [0, 1 / 5, 2 / 5, 2 / 5])
    np.testing.assert_allclose(found["confidence"], [0, 0.5, 0.675, 0.9])
    np.testing.assert_allclose(found["accuracy"], [0, 1, 1 / 2, 1])


@pytest.mark.exercise("evaluation.scores.calibration_error")
def test_calibration_error_in_the_bins_asked_for():
    """In one bin, 0.9 sure and wrong and 0.6 sure and right are 0.75 sure on average, 0.25 off."""
    odds, labels = odds_of([0.9, 0.6], [0, 0]), np.array([1, 0])
    assert scores.calibration_error(odds, labels, bins=1) == pytest.approx(0.25)
    assert scores.calibration_error(odds, labels) == pytest.approx((0.9 + 0.4) / 2)


def test_calibration_of_each_class_by_itself():
    """Two clips of two classes are four answers: of two bins, 0 and 0.4 are in the first, none of
    them there; 0.6 and 1 in the second, both there."""
    odds, targets = np.array([[0.0, 0.6], [1.0, 0.4]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    found = scores.calibration_of_each(odds, targets, bins=2)
    np.testing.assert_allclose(found["share"], [1 / 2, 1 / 2])
    np.testing.assert_allclose(found["confidence"], [0.2, 0.8])
    np.testing.assert_allclose(found["accuracy"], [0, 1])


def test_a_confidence_rounded_to_more_than_1_is_in_the_last_bin():
    """As float32 may have it, where probabilities sum to 1.0000001."""
    odds = np.array([[1.0000001, 0.0]], np.float32)
    found = scores.calibration(odds, np.array([0]), bins=4)
    np.testing.assert_array_equal(found["share"], [0, 0, 0, 1])


def test_calibration_has_ten_bins():
    """Unless told otherwise: 0.51 and 0.59 are in one bin, and half of its clips are right."""
    odds, labels = odds_of([0.51, 0.59], [0, 0]), np.array([0, 1])
    share = scores.calibration(odds, labels)["share"]
    np.testing.assert_array_equal(share, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    assert scores.calibration_error(odds, labels) == pytest.approx(0.05)
    assert len(scores.calibration_of_each(odds, np.eye(2))["share"]) == 10


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_of_the_always_right():
    """Whatever is drawn, the accuracy is 1."""
    assert scores.interval(np.ones(9, bool), np.arange(9)) == (1.0, 1.0)


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_of_single_clips_is_that_of_a_normal():
    """400 clips of a group each, 80% right: 0.8 +- 1.96 sqrt(0.8 x 0.2 / 400), within 0.004."""
    right = np.arange(400) < 320
    low, high = scores.interval(right, np.arange(400))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    np.testing.assert_allclose([low, high], [0.8 - half, 0.8 + half], atol=0.004)


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_of_differences():
    """400 clips of a group each, of -1, 0, 1 and 1 in turns: 0.25 +- 1.96 x 0.829 / 20."""
    difference = np.array([-1, 0, 1, 1])[np.arange(400) % 4]
    low, high = scores.interval(difference, np.arange(400))
    half = 1.96 * np.std(difference) / np.sqrt(400)
    np.testing.assert_allclose([low, high], [0.25 - half, 0.25 + half], atol=0.01)


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_of_numbers_that_are_not_whole():
    """Of eight clips of a half each, whichever are drawn, the mean is a half."""
    assert scores.interval(np.full(8, 0.5), np.arange(8)) == (0.5, 0.5)


@pytest.mark.exercise("evaluation.scores.interval")
def test_more_draws_are_other_draws():
    """Over groups of unlike sizes 200, 600, 2,000 and 6,000 draws never end in the same place."""
    right, groups = np.arange(300) % 7 > 1, np.arange(300) ** 2 % 37
    found = {n: scores.interval(right, groups, draws=n) for n in (200, 600, 2000, 6000)}
    if len(set(found.values())) < 4:
        pytest.fail(f"by the number of draws there are {found}: some are the same")


@pytest.mark.exercise("evaluation.scores.interval")
def test_clips_of_a_group_are_drawn_together():
    """25 copies of each clip are no new evidence: the interval stays that of the 16 groups."""
    right = np.arange(16) < 12
    once = scores.interval(right, np.arange(16))
    copied = scores.interval(np.repeat(right, 25), np.repeat(np.arange(16), 25))
    np.testing.assert_allclose(copied, once, atol=1e-12)
    assert once[1] - once[0] > 0.3


@pytest.mark.exercise("evaluation.scores.interval")
def test_all_clips_of_a_group_are_drawn():
    """Of groups that are half right each, whichever are drawn, half is right: no clip is left out.

    So it is of a single group too.
    """
    assert scores.interval(np.array([True, False]), np.array([7, 7])) == (0.5, 0.5)
    right, groups = np.arange(24) % 2 == 0, np.arange(24) // 6
    assert scores.interval(right, groups) == (0.5, 0.5)


@pytest.mark.exercise("evaluation.scores.interval")
def test_clips_of_a_group_need_not_stand_side_by_side():
    """Clips that come group by group in turns have the interval of the same clips in a row."""
    right, groups = np.arange(48) % 5 > 1, np.arange(48) // 3
    order = np.argsort(np.arange(48) % 3, kind="stable")
    np.testing.assert_allclose(
        scores.interval(right[order], groups[order]), scores.interval(right, groups), atol=1e-12
    )


@pytest.mark.exercise("evaluation.scores.interval")
@pytest.mark.parametrize("names", [(3, 8, 900), ("me", "them", "you")])
def test_groups_may_have_any_numbers_and_names(names):
    """Groups 3, 8 and 900, or me, them and you, are three groups, as 0, 1 and 2 are."""
    right, numbers = np.arange(30) % 4 > 0, np.arange(30) // 10
    named = scores.interval(right, np.array(names)[numbers])
    np.testing.assert_allclose(named, scores.interval(right, numbers), atol=1e-12)


@pytest.mark.exercise("evaluation.scores.interval")
def test_the_seed_alone_decides_whatever_the_names():
    """The same seed gives the same answer: a set of names has another order in every run."""
    right, numbers = np.arange(300) % 7 > 1, np.arange(300) ** 2 % 37
    named = scores.interval(right, np.array([f"clip_{n:02d}" for n in numbers]), draws=100)
    np.testing.assert_allclose(named, scores.interval(right, numbers, draws=100), atol=1e-12)


@pytest.mark.exercise("evaluation.scores.interval")
@pytest.mark.parametrize(("alone", "long"), [("alone", "long"), (3, 8)])
@pytest.mark.parametrize(
    ("share", "expected"), [(0.95, (0.0, 1.0)), (0.4, (0.025, 0.025)), (0.6, (0.0, 1.0))]
)
def test_a_large_group_counts_more(share, expected, alone, long):
    """One right clip alone, and 39 wrong ones of one recording: both drawn are 1 of 40, 0.025.

    Of two draws from two groups, a quarter has 0 right, a half 0.025 and a quarter all, so the
    middle 40% of the draws are all 0.025. Groups numbered 3 and 8 are two, and not nine.
    """
    right, groups = np.arange(40) == 0, np.array([alone] + [long] * 39)
    np.testing.assert_allclose(scores.interval(right, groups, share=share), expected)


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_cuts_off_both_ends_alike():
    """400 clips, 80% right: half of the draws lie within 0.6745 standard deviations of 0.8."""
    low, high = scores.interval(np.arange(400) < 320, np.arange(400), share=0.5)
    half = 0.6745 * np.sqrt(0.8 * 0.2 / 400)
    np.testing.assert_allclose([low, high], [0.8 - half, 0.8 + half], atol=0.003)


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_repeats_with_its_seed():
    """The same seed draws the same groups; groups may be named, not only numbered."""
    # Groups of unlike sizes and few draws: another draw ends elsewhere.
    right, groups = np.arange(300) % 7 > 1, np.array([f"g{n * n % 37}" for n in range(300)])
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    found = [scores.interval(right, groups, draws=100, seed=3) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    low, high = found[0]
    assert low < right.mean() < high
    assert any(scores.interval(right, groups, draws=100, seed=s) != found[0] for s in (4, 5, 6))
    if not np.array_equal(np.random.get_state()[1], before):  # noqa: NPY002
        pytest.fail("NumPy's global generator was seeded or drawn from: make one of your own")


@pytest.mark.exercise("evaluation.scores.interval")
def test_interval_of_one_draw():
    """Of a single draw the lowest and the highest are the same."""
    low, high = scores.interval(np.arange(300) % 7 > 1, np.arange(300), draws=1)
    assert low == high


def test_no_mistake_seen_is_not_no_mistake_made():
    """Of 5 groups without one, a model that is right in 48% of all still has a chance of 2.5%."""
    right = np.ones(10, bool)
    low, high = scores.reported_interval(right, np.arange(10) // 2)
    assert (low**5, high) == (pytest.approx(0.025), 1.0)
    low, high = scores.reported_interval(~right, np.arange(10) // 2)
    assert (low, (1 - high) ** 5) == (0.0, pytest.approx(0.025))
    assert scores.reported_interval(np.arange(10) < 5, np.zeros(10)) == (0.0, 1.0)
    mixed = np.arange(40) < 30
    for share in (0.95, 0.5):
        found = scores.reported_interval(mixed, np.arange(40), share=share)
        assert found == scores.interval(mixed, np.arange(40), share=share)
