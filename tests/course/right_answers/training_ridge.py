"""Right answers for the exercises of flaxvid.training.ridge, in other ways."""

import numpy as np


# --- solve ------------------------------------------------------------------------------
def solve_by_singular_values(features, targets, penalty):
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    left, sizes, right = np.linalg.svd((features - centre).astype(float), full_matrices=False)
    shrunk = sizes / (sizes**2 + penalty)
    kernel = right.T @ (shrunk[:, None] * (left.T @ (targets - mean)))
    return kernel.astype(np.float32), (mean - kernel.T @ centre).astype(np.float32)


def solve_by_eigenvectors(features, targets, penalty):
    features, targets = np.asarray(features, np.float64), np.asarray(targets, np.float64)
    mean = features.mean(0)
    values, vectors = np.linalg.eigh((features - mean) @ (features - mean).T)
    about = targets - targets.mean(0)
    weights = vectors @ ((vectors.T @ about) / (values + penalty)[:, None])
    kernel = np.einsum("rd,rc->dc", features - mean, weights)
    return np.float32(kernel), np.float32(targets.mean(0) - mean @ kernel)


def solve_with_the_bias_as_an_unknown(features, targets, penalty):
    rows, classes = targets.shape
    system = np.zeros((rows + 1, rows + 1))
    system[:rows, :rows] = features.astype(np.float64) @ features.T + penalty * np.eye(rows)
    system[:rows, rows] = system[rows, :rows] = 1
    found = np.linalg.solve(system, np.concatenate([targets, np.zeros((1, classes))]))
    kernel = features.T @ found[:rows]
    return kernel.astype(np.float32), found[rows].astype(np.float32)


def solve_class_by_class(features, targets, penalty):
    centre = features.mean(axis=0, dtype=np.float64)
    centred = features - centre
    inverse = np.linalg.inv(centred @ centred.T + penalty * np.identity(len(features)))
    columns = [centred.T @ (inverse @ (each - each.mean())) for each in targets.T]
    kernel = np.stack(columns, axis=1)
    bias = [each.mean() - centre @ column for each, column in zip(targets.T, columns, strict=True)]
    return kernel.astype("float32"), np.array(bias, "float32")
