"""One step on two devices: shards, copies, and the same numbers as on one."""

import jax
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.training import parallel


def test_batch_is_cut_and_state_is_copied():
    """Each of two devices holds 3 of 6 rows, and all of the state."""
    mesh = parallel.data_mesh(6)
    batch = parallel.put_batch({"label": np.arange(6, dtype=np.int32)}, mesh)
    shards = [np.asarray(shard.data).tolist() for shard in batch["label"].addressable_shards]
    assert shards == [[0, 1, 2], [3, 4, 5]]
    state = jax.device_put(np.arange(4.0), parallel.replicated(mesh))
    assert [shard.data.shape for shard in state.addressable_shards] == [(4,), (4,)]


def test_batch_that_does_not_divide_is_refused():
    """7 clips do not divide over 2 devices: the message says what to choose."""
    with pytest.raises(errors.UserError, match="--batch-size 7 .* multiple of 2"):
        parallel.data_mesh(7)
