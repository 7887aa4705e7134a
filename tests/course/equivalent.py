"""Mutants that no check can tell from the original, with the reason for each: they give the same,
or differ only on a GPU, or in what no text asks for.

By exercise and by the change as `mutants.Mutant.change` writes it; the line counts from the first
one of the definition.
"""

INT64 = "NumPy's own whole numbers are int64"
TWO_AXES = "there are two axes, and the last one is axis 1"
NO_INIT = "the lesson says that no check asks for the first values"
WEIGHTS = "a weight is 0 or 1, so their sum is 0 or at least 1"
FLOAT = "a float64 of NumPy is a float"
BROADCAST = "a check lets learners broadcast as in NumPy"
ALONE = "what is done here is done again in the loop below"
ON_A_GPU = "checks run on a CPU; tests/models/test_divided_gpu.py looks at what a GPU is given"
TAKEN = "53: divided_gpu.cls_token(self, tokens, mask, rngs) -> divided_gpu.cls_token"
ON_THE_GPU_ALONE = {
    f"{TAKEN}({given})": ON_A_GPU
    for given in (
        *("tokens, self, mask, rngs", "self, mask, tokens, rngs", "self, tokens, rngs, mask"),
        *("self, tokens, ~mask, rngs", "self, tokens, None, rngs"),
    )
}
# Only what a GPU does asks whether weights are dropped.
DROPS = "rngs is not None and self.dropout.rate > 0"
DROPS_OR_NOT = [
    f"50: {DROPS} -> rngs is not None or self.dropout.rate > 0",
    f"50: {DROPS} -> self.dropout.rate > 0",
    f"50: {DROPS} -> rngs is not None",
    "50: rngs is not None -> rngs is None",
    "50: self.dropout.rate > 0 -> self.dropout.rate >= 0",
    "50: self.dropout.rate > 0 -> self.dropout.rate < 0",
    "50: 0 -> 1",
    "50: 0 -> -1",
    "51: _without_scores(query, drops) or scaled_dot_product -> scaled_dot_product",
]
NOT_COPIED = "a clip of full length is the same, copied or not"
NAMED_DTYPE = "layers take the name of a dtype as well"
SAME_LENGTH = "config.stages() has compared the lengths"
NO_WAVE = "where half is 0 there is no wave to be divided"
ALL_PLACES = "each axis has a number for every place"
HALVES = "einops takes a whole number as a float as well: 3.0 for 3"
NO_VIDEOS = "a group or a class more, without videos, is neither held out nor wanted"
FIRST_TO_GIVE = "which class gives first decides it as well, and no text has an order"
KEPT = "frames that are kept in memory are counted all the same"
NEGATIVE = "no text asks what becomes of a number below 0"
WHOLE = "the lesson leaves segments aside, so the first frame is frame 0"
DAMAGE = "it matters for files with damage before the frames wanted, of which no text speaks"
BELOW_0 = "raise ValueError(f'frames count from 0, so {min(wanted)} is not one')"
NO_SIGN = "np.abs takes the sign"
FLOAT32 = "a layer that is told no dtype gives float32 of bfloat16 by itself"

EQUIVALENT: dict[str, dict[str, str]] = {
    "models.schemes.over_strides": {
        "4: rows.shape[0] // batch -> rows.shape[0] / batch": HALVES,
        "18: time // 2 -> time / 2": HALVES,
        "20: height // 2 -> height / 2": HALVES,
        "28: sets.shape[1] // (time // 2) -> sets.shape[1] / (time // 2)": HALVES,
        "28: time // 2 -> time / 2": HALVES,
        "37: time // 2 -> time / 2": HALVES,
        "38: height // 2 -> height / 2": HALVES,
    },
    "video.sample.interval_indices": {
        "18: np.arange(min(num_samples, num_frames), dtype=np.int64) -> "
        "np.arange(min(num_samples, num_frames))": INT64,
    },
    "video.sample.pad_clip": {
        "23: if time < num_samples: frames = frames[np.minimum(positions, time - 1)] -> "
        "if True: frames = frames[np.minimum(positions, time - 1)]": NOT_COPIED,
        "23: time < num_samples -> time <= num_samples": NOT_COPIED,
    },
    "video.sample.uniform_indices": {
        "18: np.arange(segments, dtype=np.int64) -> np.arange(segments)": INT64,
    },
    "video.sample.random_segment_indices": {
        "20: np.arange(segments + 1, dtype=np.int64) * num_frames // segments -> "
        "np.arange(segments + 1, dtype=np.int64) * num_frames / segments": (
            "rng.integers rounds its limits down itself"
        ),
        "20: np.arange(segments + 1, dtype=np.int64) -> np.arange(segments + 1)": INT64,
    },
    "video.sample.window_indices": {
        "15: _at_least_one(num_frames=num_frames, num_samples=num_samples, stride=stride) -> "
        "_at_least_one(num_samples=num_samples, stride=stride)": (
            "a video without frames has no place for a start, which is refused below"
        ),
        "18: np.arange(num_samples, dtype=np.int64) -> np.arange(num_samples)": INT64,
    },
    "video.sample.view_indices": {
        "3: 0 -> -1": "a window that was cut to what fits always has a start",
        "29: np.arange(num_views, dtype=np.int64) -> np.arange(num_views)": INT64,
    },
    "video.transform.three_crops": {
        "15: width >= height -> width > height": "a square has no longer side",
    },
    "video.transform.normalise": {
        "16: tuple(range(video.ndim - 1)) -> range(video.ndim - 1)": "a range holds the same axes",
        "16: video.ndim - 1 -> 1 - video.ndim": BROADCAST,
        "16: 1 -> 2": BROADCAST,
        "17: jnp.expand_dims(jnp.array(preprocessing.mean, jnp.float32), other_axes) -> "
        "jnp.array(preprocessing.mean, jnp.float32)": BROADCAST,
        "18: jnp.expand_dims(jnp.array(preprocessing.std, jnp.float32), other_axes) -> "
        "jnp.array(preprocessing.std, jnp.float32)": BROADCAST,
        "19: video.astype(jnp.float32) -> video": "times a float, uint8 becomes float32 by itself",
    },
    "models.convnet.global_average_pool": {
        "8: (1, 2) -> (2, 1)": "a mean over two axes has no order",
    },
    "models.attention.scaled_dot_product": {
        "20: jax.nn.softmax(scores, axis=-1) -> jax.nn.softmax(scores)": (
            "the last axis is the default"
        ),
    },
    "models.embedding_transformer.EncoderBlock": {
        "14: attention.Attention(dim, num_heads, dropout=attention_dropout, init=init, rngs=rngs) "
        "-> attention.Attention(dim, num_heads, dropout=attention_dropout, rngs=rngs)": NO_INIT,
        "18: layers.MLP(dim, dense_dim, init=init, rngs=rngs) -> "
        "layers.MLP(dim, dense_dim, rngs=rngs)": NO_INIT,
    },
    "models.bilstm.lstm_update": {"12: -1 -> 1": TWO_AXES},
    "training.step.cross_entropy": {
        "14: 0.0 -> 1.0": "a row that does not count may have any logits",
        "14: 0.0 -> -1.0": "a row that does not count may have any logits",
        "15: -1 -> 1": TWO_AXES,
        "18: 1.0 -> 0.5": WEIGHTS,
    },
    "models.layers.Dropout": {
        "14: rngs is None or not self.rate -> rngs is None": "at rate 0 all is kept, divided by 1",
        "20: math.prod(sizes) -> sizes": "drawn as one list or in its shape, as many are drawn",
        "21: 1 -> 2": "at rate 1 nothing is kept, whatever it is divided by",
    },
    "training.metrics.accuracy": {
        "11: -1 -> 1": TWO_AXES,
        "12: -1 -> 1": TWO_AXES,
        "12: (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32) -> "
        "jnp.argmax(logits, axis=-1) == labels": "times a weight, a truth value is 0.0 or 1.0",
        "13: 1.0 -> 0.5": WEIGHTS,
    },
    "training.averaging.averaged": {
        "13: state.step.astype(jnp.float32) -> state.step": (
            "two whole numbers divide to a float32 of the same value"
        ),
    },
    "training.optimizer.schedule": {
        "15: 0.0 if warmup else peak -> 0.0 if True else peak": (
            "where nothing warms up, no step is taken at the first value"
        ),
        "15: 1 -> 2": "after the last step there is no other",
    },
    "training.gradients.share_of": {"3: 1.0 -> 0.5": WEIGHTS},
    "training.gradients.accumulate": {
        "23: jax.tree.map(jnp.add, gradients, own) -> jax.tree.map(jnp.add, own, gradients)": (
            "a sum has no order"
        ),
    },
    "models.timesformer.TimeSformer": {
        "25: jnp.dtype(config.dtype) -> config.dtype": NAMED_DTYPE,
        "34: float(r) -> r": FLOAT,
        **ON_THE_GPU_ALONE,
        "54: if cls is None: cls = self._after_blocks(tokens, mask, rngs)[:, 0] -> "
        "if True: cls = self._after_blocks(tokens, mask, rngs)[:, 0]": ON_A_GPU,
        "56: cls.astype(jnp.float32) -> cls": FLOAT32,
        "79: tokens[:, 1:].astype(jnp.float32) -> tokens[:, 1:]": FLOAT32,
        "84: layers.run_block(block, tokens, mask, remat=self.config.remat, rngs=rngs) -> "
        "layers.run_block(block, tokens, mask, rngs=rngs)": (
            "the lesson leaves remat aside, which changes no number"
        ),
    },
    "models.c3d.C3D": {
        "20: jnp.dtype(config.dtype) -> config.dtype": NAMED_DTYPE,
        "22: zip(config.stages(), config.widths, strict=True) -> "
        "zip(config.stages(), config.widths)": SAME_LENGTH,
        "22: True -> False": SAME_LENGTH,
        "67: features.astype(jnp.float32) -> features": FLOAT32,
        "78: 2 -> 3": "frames are as wide as high",
    },
    "models.convolution.conv_by_frames": {
        "5: 2 -> 1'": "more zeros behind the clip than any of its copies reaches",
        "11: list(kernel) -> kernel": "jnp.concatenate takes an array as the list of its parts",
        "11: -2 -> 2": "a tap has four axes, and axis 2 is the last but one",
    },
    "models.vjepa2.place_angles": {
        "16: third // 2 -> third / 2": "np.arange takes a float that is whole",
        "17: (1.0 / LONGEST_WAVE ** (np.arange(half) / max(half, 1))).astype(np.float32) -> "
        "1.0 / LONGEST_WAVE ** (np.arange(half) / max(half, 1))": "it meets a float32 of JAX",
        "17: max(half, 1) -> half": NO_WAVE,
        "17: 1 -> 0": NO_WAVE,
        "17: 1 -> 2": "the first wave is 1, whatever its number 0 is divided by",
        "20: 0 -> 1": ALL_PLACES,
        "20: 0 -> -1": ALL_PLACES,
    },
    "video.sample.natural_key": {
        "14: tuple(parts) -> parts": "in a tuple, lists compare as tuples do",
    },
    "video.decode.count_frames": {
        "8: source.survey(keep=False) -> source.survey()": KEPT,
        "8: False -> True": KEPT,
    },
    "video.decode.read_frames": {
        "23: int(index) -> index": "NumPy's whole numbers index as Python's do",
        f"24: if wanted and min(wanted) < 0: {BELOW_0} -> if False: {BELOW_0}": NEGATIVE,
        "24: 0 -> -1": NEGATIVE,
        f"25: {BELOW_0} -> pass": NEGATIVE,
        f"25: {BELOW_0} -> {BELOW_0.replace('ValueError', 'RuntimeError')}": NEGATIVE,
        "28: stop - first -> stop + first": WHOLE,
        "28: stop - first -> stop": WHOLE,
        "29: stop - first -> stop + first": WHOLE,
        "29: stop - first -> stop": WHOLE,
        "34: _read(path, choose, start, end, numbered=True) -> "
        "_read(path, choose, start, end)": DAMAGE,
        "34: True -> False": DAMAGE,
    },
    "data.splits.hold_out": {
        "25: np.asarray(labels, str) -> labels": "np.unique makes an array of a list",
        "26: np.asarray(groups, str) -> groups": "np.unique makes an array of a list",
        "27: -1 -> 1": NO_VIDEOS,
        "27: 1 -> 0": NO_VIDEOS,
        "27: 1 -> 2'": NO_VIDEOS,
        "27: -1 -> 1'": NO_VIDEOS,
        "27: 1 -> 0''": NO_VIDEOS,
        "27: 1 -> 2'''": NO_VIDEOS,
        "28: 1 -> 2": "all counts are doubled, and what is wanted with them",
        "34: held - wanted -> wanted - held": NO_SIGN,
        "34: held + counts[candidate] - wanted -> wanted - (held + counts[candidate])": NO_SIGN,
        "41: held + counts[smallest] -> held": FIRST_TO_GIVE,
        "41: held + counts[smallest] -> held - counts[smallest]": FIRST_TO_GIVE,
        "40: counts[g].sum -> counts[g].mean": "every group has as many classes to be divided by",
    },
    "models.attention.Attention": dict.fromkeys(DROPS_OR_NOT, ON_A_GPU),
    "training.step.make_train_step": {
        "17: states.merge(parts.train_def, params, stats) -> "
        "states.merge(parts.train_def, stats, params)": "NNX puts states together in any order",
        "27: optax.apply_updates(state.params, updates) -> "
        "optax.apply_updates(updates, state.params)": "a sum is the same from either side",
    },
    "data.views.reorder": {
        "24: 1 -> 2": "reshape takes any negative length as the one that is left open",
        "19: int(mask.sum()) -> mask.sum()": "NumPy's whole numbers index as Python's do",
        "31: places[:real] = rng.permutation(real) -> pass": ALONE,
    },
    "evaluation.scores.interval": {
        "32: float(low) -> low": FLOAT,
        "32: float(high) -> high": FLOAT,
    },
}
