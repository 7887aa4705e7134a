"""Mutants of modules that live and are no gap, with the reason for each: they give the same, or
change the words of a message or what no test should pin.

By module and by the change as `mutants.named` names it.
"""

FLOAT = "a float64 of NumPy is a float"
DRAWS = "how many draws, or which, only has to do"
WEIGHTS = "a weight is 0 or 1, so their sum is 0 or at least 1"
TWO_AXES = "there are two axes, and the last one is axis 1"

EQUIVALENT: dict[str, dict[str, str]] = {
    "video.decode": {
        "choose: …chosen_frames(self._path, choose, end=end, timed=timed): -> "
        "…chosen_frames(self._path, choose, timed=timed):": (
            "only how much of the file is looked at, or kept"
        ),
        "frame_times: return source.survey(keep=False).seconds -> return "
        "source.survey().seconds": "only how much of the file is looked at, or kept",
        "read_frames: wanted = None if indices is None else {int(index) for index in "
        "indices} -> wanted = None if indices is None else {index for index in indices}": (
            "whole numbers of NumPy are found as well"
        ),
    },
    "video.write": {
        "_wrapped: if line and font.getlength(line + letter) > width: -> if line and "
        "font.getlength(line + letter) >= width:": ("no text is exactly as wide"),
        "gif: first.save(made, format='GIF', save_all=True, append_images=ot… -> "
        "first.save(made, format='GIF', append_images=ot…": (
            "Pillow saves all frames that are appended"
        ),
        "_wrapped: if font.getlength(joined) <= width: -> if font.getlength(joined) < width:": (
            "no text is exactly as wide"
        ),
        "gif: duration, made = (max(20, 10 * round(100 / fps)), io.BytesIO()) -> "
        "duration, made = (max(21, 10 * round(100 / fps)), io.BytesIO())": (
            "a GIF counts in hundredths of a second"
        ),
        "write_video: if not (opened and _readable(partial, len(frames))): -> if not "
        "_readable(partial, len(frames)):": "where nothing was opened there is nothing to be read",
        "write_video: for frame in frames if opened else (): -> for frame in frames if "
        "True else ():": "what is not open writes nothing",
        "write_video: …cv2.VideoWriter(str(partial), cv2.CAP_FFMPEG, fourcc, float(fps), "
        "(width, height)) -> …cv2.VideoWriter(str(partial), cv2.CAP_FFMPEG, fourcc, fps, "
        "(width, height))": "OpenCV takes whole numbers as well",
        "caption: …* line_height), line, font=font, fill='white') -> …* line_height), "
        "line, font=font)": "white is what Pillow takes by itself",
    },
    "data.views": {
        "clips_of: …grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * "
        "threads) -> …grain.ReadOptions(num_threads=threads, prefetch_buffer_size=1 * "
        "threads)": "only how far threads read ahead",
        "clips_of: …grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * "
        "threads) -> …grain.ReadOptions(num_threads=threads)": "only how far threads read ahead",
        "_one: return {name: np.asarray(value)[None] for name, value in row.items()} -> "
        "return {name: value[None] for name, value in row.items()}": (
            "values of a row are of NumPy already"
        ),
    },
    "data.splits": {
        "hold_out: counts = np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 1), "
        "np.int64) -> counts = np.zeros((group.max(initial=-1) + 2, label.max(initial=-1) + "
        "1), np.int64)": (
            "a group or a class more, without videos, is neither held out nor wanted"
        ),
        "hold_out: np.add.at(counts, (group, label), 1) -> np.add.at(counts, (group, "
        "label), 2)": "what is counted twice has the same shares",
        "hold_out: counts = np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + "
        "1), np.int64) -> counts = np.zeros((group.max(initial=1) + 1, "
        "label.max(initial=-1) + 1), np.int64)": (
            "a group or a class more, without videos, is neither held out nor wanted"
        ),
        "hold_out: counts = np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + "
        "1), np.int64) -> counts = np.zeros((group.max(initial=-0) + 1, "
        "label.max(initial=-1) + 1), np.int64)": (
            "a group or a class more, without videos, is neither held out nor wanted"
        ),
        "hold_out: …np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 1), "
        "np.int64) -> …np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 2), "
        "np.int64)": "a group or a class more, without videos, is neither held out nor wanted",
        "hold_out: …np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 1), "
        "np.int64) -> …np.zeros((group.max(initial=-1) + 1, label.max(initial=1) + 1), "
        "np.int64)": "a group or a class more, without videos, is neither held out nor wanted",
        "hold_out: …np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 1), "
        "np.int64) -> …np.zeros((group.max(initial=-1) + 1, label.max(initial=-0) + 1), "
        "np.int64)": "a group or a class more, without videos, is neither held out nor wanted",
        "hold_out: _, group = np.unique(np.asarray(groups, str), return_inverse=True) -> "
        "_, group = np.unique(groups, return_inverse=True)": "an array of words is one of words",
        "hold_out: _, label = np.unique(np.asarray(labels, str), return_inverse=True) -> "
        "_, label = np.unique(labels, return_inverse=True)": "an array of words is one of words",
        "hold_out: …min(members, key=lambda g: counts[g].sum()) -> "
        "…min(members, key=lambda g: counts[g].mean())": (
            "of as many numbers the mean is in the order of the sum"
        ),
        "hold_out_rows: …in zip(groups, chosen, strict=True) if out} -> …in zip(groups, "
        "chosen, strict=False) if out}": "there is a truth value for each of them",
    },
    "training.gradients": {
        "share_of: return jnp.sum(weight) / jnp.maximum(total, 1.0) -> return "
        "jnp.sum(weight) / jnp.maximum(total, 0.5)": WEIGHTS,
    },
    "training.metrics": {
        "accuracy: right = (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32) -> "
        "right = (jnp.argmax(logits, axis=1) == labels).astype(jnp.float32)": (
            "there are two axes, and the last one is axis 1"
        ),
        "not_finite: …for k in mean if k.endswith(('loss', 'norm'))), key=lambda k: k != "
        "'loss') -> …for k in mean if k.endswith(('norm', 'loss'))), key=lambda k: k != "
        "'loss')": ("either ending will do"),
        "top_k_accuracy: return float(np.mean(np.any(best == labels[:, None], axis=-1))) "
        "-> return np.mean(np.any(best == labels[:, None], axis=-1))": FLOAT,
        "refuse_no_numbers: …np.nonzero(~np.isfinite(outputs).all(axis=-1)) -> "
        "…np.nonzero(~np.isfinite(outputs).all(axis=1))": TWO_AXES,
        "binary_loss: return float(np.mean(np.logaddexp(0, logits) - targets * logits)) "
        "-> return float(np.mean(np.logaddexp(logits, 0) - targets * logits))": (
            "logaddexp takes both alike"
        ),
        "top_k_accuracy: best = np.argsort(-logits, axis=-1, kind='stable')[:, :k] -> "
        "best = np.argsort(-logits, axis=1, kind='stable')[:, :k]": TWO_AXES,
        "summarise: …np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) -> "
        "…np.log(np.exp(shifted).sum(axis=1, keepdims=True))": TWO_AXES,
        "accuracy: right = (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32) "
        "-> right = jnp.argmax(logits, axis=-1) == labels": "times a weight it is a number",
    },
    "training.mixing": {
        "_box: down, across = (jnp.abs((jnp.arange(n) + 0.5) / n - middle) <= half for "
        "n, middle … -> down, across = (jnp.abs(middle - (jnp.arange(n) + 0.5) / n) <= "
        "half for n, middle …": "the absolute value takes the sign",
        "_box: …(jnp.abs((jnp.arange(n) + 0.5) / n - middle) <= half for n, middle in "
        "zip(s… -> …(jnp.abs((jnp.arange(n) + 0.5) / n - middle) < half for n, middle in "
        "zip(s…": "a pixel is never exactly on the edge of what is drawn",
        "module: MIXING = 2 ** 31 - 1 -> MIXING = 2 - 1": (
            "any number that dropout does not fold in would do"
        ),
    },
    "training.optimizer": {
        "create: if set(jax.tree.leaves(by_leaf)) - {0.0, 1.0}: -> if True:": (
            "factors of 1 change nothing"
        ),
        "_below_head: return [0] * len(paths) -> return [-1] * len(paths)": (
            "1 to the power of anything is 1"
        ),
        "factors: …dict(zip(paths, _below_head(recipe, paths), strict=True)) -> "
        "…dict(zip(paths, _below_head(recipe, paths)))": "there is a number for each path",
        "create: if set(jax.tree.leaves(by_leaf)) - {0.0, 1.0}: -> if "
        "set(jax.tree.leaves(by_leaf)) - {-1.0, 1.0}:": (
            "a leaf of factor 0 is frozen all the same"
        ),
    },
    "training.step": {
        "cross_entropy: …jax.nn.one_hot(labels, logits.shape[-1]) -> "
        "…jax.nn.one_hot(labels, logits.shape[1])": TWO_AXES,
    },
    "training.averaging": {
        "step: number = state.step.astype(jnp.float32) -> number = state.step": (
            "JAX divides whole numbers into floats"
        ),
    },
    "training.checkpoint": {
        "__init__: …None and jax.process_count() > 1 -> …None and jax.process_count() > 2": (
            "two processes with a store are a long test of tests/test_stores.py"
        ),
        "module: SMALL = 2 ** 20 -> SMALL = 2 ** 19": (
            "what counts as small is only when it is looked at"
        ),
        "module: SMALL = 2 ** 20 -> SMALL = 2 ** 21": (
            "what counts as small is only when it is looked at"
        ),
        "module: SMALL = 2 ** 20 -> SMALL = 3 ** 20": (
            "what counts as small is only when it is looked at"
        ),
    },
    "training.parallel": {
        "on_each: options = RECOMPUTING if mesh.devices.flat[0].platform == 'cpu' else None "
        "-> options = RECOMPUTING if mesh.devices.flat[-1].platform == 'cpu' else None": (
            "all devices of a mesh are of one kind"
        ),
        "put_state: if jax.process_count() == 1: -> if True:": (
            "of one process both ways give the same"
        ),
        "put_state: if jax.process_count() == 1: -> if jax.process_count() != 1:": (
            "of one process both ways give the same"
        ),
        "gather: if jax.process_count() == 1: -> if jax.process_count() == 0:": (
            "of one process both ways give the same"
        ),
    },
    "evaluation.scores": {
        "by_class: …right / np.maximum(taken + there, 1)} -> …right / np.maximum(taken + "
        "there, 2)}": "a class of one clip, taken or there, is never right",
        "calibration: return _binned(probabilities.max(axis=-1), "
        "probabilities.argmax(ax… -> return _binned(probabilities.max(axis=1), "
        "probabilities.argmax(ax…": TWO_AXES,
        "mean_gap: return float(np.sum(found['share'] * np.abs(found['accuracy'] - "
        "found['confidence']))) -> return np.sum(found['share'] * "
        "np.abs(found['accuracy'] - found['confidence']))": FLOAT,
        "interval: return (float(low), float(high)) -> return (low, float(high))": FLOAT,
        "interval: return (float(low), float(high)) -> return (float(low), high)": FLOAT,
        "mean_gap: …float(np.sum(found['share'] * np.abs(found['accuracy'] - "
        "found['confidence']))) -> …float(np.sum(found['share'] * "
        "np.abs(found['confidence'] - found['accuracy'])))": "np.abs takes the sign",
        "interval: …share: float=0.95, draws: int=2000, seed: int=0) -> tuple[float, "
        "float]: -> …share: float=0.95, draws: int=2001, seed: int=0) -> tuple[float, "
        "float]:": DRAWS,
        "interval: …share: float=0.95, draws: int=2000, seed: int=0) -> tuple[float, "
        "float]: -> …share: float=0.95, draws: int=1999, seed: int=0) -> tuple[float, "
        "float]:": DRAWS,
        "interval: …float=0.95, draws: int=2000, seed: int=0) -> tuple[float, float]: -> "
        "…float=0.95, draws: int=2000, seed: int=1) -> tuple[float, float]:": DRAWS,
        "_binned: bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - "
        "1) -> bin_of = np.clip(0, np.ceil(confidence * bins).astype(int) - 1, bins - 1)": (
            "the larger of two is the same in either order"
        ),
    },
    "models.layers": {
        "__init__: …hidden_dim: int, *, dropout: float=0.0, init=INIT, dtype=None, rngs): -> "
        "…hidden_dim: int, *, dropout: float=-1.0, init=INIT, dtype=None, rngs):": (
            "at a rate of 0 or below nothing is dropped"
        ),
        "__call__: …jax.random.bernoulli(rngs[self.rng_collection](), keep, "
        "math.prod(sizes)) -> …jax.random.bernoulli(rngs[self.rng_collection](), keep, "
        "sizes)": "the numbers are the same; as one list they compile faster",
        "__call__: …jnp.where(kept.reshape(sizes), inputs / (keep or 1), 0) -> "
        "…jnp.where(kept.reshape(sizes), inputs / (keep or 2), 0)": (
            "where nothing is kept, it is divided by anything but 0"
        ),
        "__call__: …rows.reshape(*inputs.shape[:-1], rows.shape[-1]) -> "
        "…rows.reshape(*inputs.shape[:-1], rows.shape[1])": TWO_AXES,
    },
}
