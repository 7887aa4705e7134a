"""Wrong answers for the exercises of flaxvid.training.ridge."""

import numpy as np


def _solved(products, targets, penalty):
    return np.linalg.solve(products.astype(np.float64) + penalty * np.eye(len(products)), targets)


def _fitted(features, targets, penalty, centre, mean):
    centred = features - centre
    kernel = centred.T @ _solved(centred @ centred.T, targets - mean, penalty)
    return kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32)


# --- solve ------------------------------------------------------------------------------
def solve_an_unknown_for_each_number(features, targets, penalty):  # a matrix of dim x dim
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    centred = (features - centre).astype(np.float64)
    penalised = centred.T @ centred + penalty * np.eye(features.shape[1])
    kernel = np.linalg.solve(penalised, centred.T @ (targets - mean))
    return kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32)


def solve_through_the_origin(features, targets, penalty):  # the kernel has to reach the mean too
    kernel = features.T @ _solved(features @ features.T, targets, penalty)
    return kernel.astype(np.float32), np.zeros(targets.shape[1], np.float32)


def solve_with_a_penalised_bias(features, targets, penalty):  # a column of ones as one more number
    longer = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    kernel = longer.T @ _solved(longer @ longer.T, targets, penalty)
    return kernel[:-1].astype(np.float32), kernel[-1].astype(np.float32)


def solve_with_features_as_they_are(features, targets, penalty):  # only the targets are centred
    mean = targets.mean(axis=0)
    kernel = features.T @ _solved(features @ features.T, targets - mean, penalty)
    return kernel.astype(np.float32), mean.astype(np.float32)


def solve_with_targets_as_they_are(features, targets, penalty):
    centre = features.mean(axis=0)
    centred = features - centre
    kernel = centred.T @ _solved(centred @ centred.T, targets, penalty)
    return kernel.astype(np.float32), (-centre @ kernel).astype(np.float32)


def solve_with_the_bias_of_centred_rows(features, targets, penalty):
    mean = targets.mean(axis=0)
    kernel, _ = _fitted(features, targets, penalty, features.mean(axis=0), mean)
    return kernel, mean.astype(np.float32)


def solve_the_mean_error(features, targets, penalty):  # the penalty counts as often as rows
    return _fitted(
        features, targets, penalty * len(features), features.mean(axis=0), targets.mean(axis=0)
    )


def solve_penalised_by_the_square(features, targets, penalty):
    return _fitted(features, targets, penalty**2, features.mean(axis=0), targets.mean(axis=0))


def solve_half_penalised(features, targets, penalty):  # of half the squared errors
    return _fitted(features, targets, penalty / 2, features.mean(axis=0), targets.mean(axis=0))


def solve_without_a_penalty(features, targets, penalty):
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    kernel = np.linalg.pinv(features - centre) @ (targets - mean)
    return kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32)


def solve_with_one_mean_for_all(features, targets, penalty):  # of all numbers, not of each
    return _fitted(features, targets, penalty, features.mean(), targets.mean(axis=0))


def solve_with_one_mean_for_all_classes(features, targets, penalty):
    return _fitted(
        features, targets, penalty, features.mean(axis=0), np.full(targets.shape[1], targets.mean())
    )


def solve_in_float64(features, targets, penalty):
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    centred = features - centre
    kernel = centred.T @ _solved(centred @ centred.T, targets - mean, penalty)
    return kernel.astype(np.float64), (mean - centre @ kernel).astype(np.float64)


def solve_of_a_float32_system(features, targets, penalty):
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    centred = (features - centre).astype(np.float32)
    products = centred @ centred.T + np.float32(penalty) * np.eye(len(centred), dtype=np.float32)
    kernel = centred.T @ np.linalg.solve(products, (targets - mean).astype(np.float32))
    return kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32)


def solve_centred_in_place(features, targets, penalty):  # the caller's features are others now
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    features -= centre
    kernel = features.T @ _solved(features @ features.T, targets - mean, penalty)
    return kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32)


def solve_for_classes_alone(features, targets, penalty):  # targets as if they were 0 and 1
    return _fitted(
        features,
        np.eye(targets.shape[1])[targets.argmax(axis=1)],
        penalty,
        features.mean(axis=0),
        targets.mean(axis=0),
    )
