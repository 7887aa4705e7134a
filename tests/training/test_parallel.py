"""One step on many devices and in several processes: the same numbers as on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.experimental import multihost_utils

from flaxvid import errors, train
from flaxvid.data import batches
from flaxvid.models import layers, timesformer
from flaxvid.recipes import recipe as recipes
from flaxvid.runs import metrics_log, parsing
from flaxvid.training import distributed, optimizer, parallel, step
from flaxvid.training import state as states
from flaxvid.video import preprocess
from tests import several_processes

STEPS, BATCH = 20, 16
PREPROCESSING = preprocess.Preprocessing(num_frames=2, crop_size=8, resize=8)
ROOT = Path(__file__).parents[2]


class Normed(nnx.Module):
    """A BatchNorm between two layers: its statistics, and the gradient back through them, depend
    on all rows of a batch."""

    def __init__(self, rngs):
        # A bias before a BatchNorm has no gradient but rounding, which Adam would blow up.
        self.fc = nnx.Linear(2 * 8 * 8 * 3, 12, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(12, rngs=rngs)
        self.head = nnx.Linear(12, 5, rngs=rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        return self.head(self.norm(self.fc(inputs.reshape(len(inputs), -1))))


def former(rngs):
    """A TimeSformer of one block, large enough that fsdp cuts its kernels."""
    small = dict(patch_size=4, dim=32, depth=1, num_heads=2, mlp_dim=64, drop_path=0.0)
    shape = dict(num_classes=5, num_frames=2, image_size=8)
    return timesformer.TimeSformer(timesformer.TimeSformerConfig(**small, **shape), rngs=rngs)


MODELS = {"former": former, "normed": Normed}


def batch_of(number):
    """Noise; every fourth row or so counts for nothing."""
    rng = np.random.default_rng(number)
    return {
        "video": rng.integers(0, 256, (BATCH, 2, 8, 8, 3), np.uint8),
        "mask": np.ones((BATCH, 2), bool),
        "label": rng.integers(0, 5, BATCH).astype(np.int32),
        "weight": (rng.random(BATCH) > 0.25).astype(np.float32),
    }


def learn(model, how=None, pieces=1, steps=STEPS):
    """Loss, accuracy and gradient norm of every step, and the parameters at the end.

    `how` None is one device and nothing of `parallel`.
    """
    axis = parallel.AXIS if how == "pmap" else None
    parts = states.split(MODELS[model](nnx.Rngs(0)), axis=axis)
    recipe = recipes.Recipe(learning_rate=3e-3)
    update = optimizer.create(recipe, steps, parts.params)
    inputs_of = step.pixel_inputs(PREPROCESSING)
    state, put = jax.tree.map(jnp.copy, states.create(parts, update, 0)), dict
    if how is None:
        train_step = jax.jit(step.make_train_step(parts, update, inputs_of))
    else:
        mesh, differentiate = parallel.data_mesh(BATCH), parallel.differentiate(how, pieces)
        pure = step.make_train_step(parts, update, inputs_of, differentiate=differentiate)
        state = parallel.put_state(state, mesh, how)
        train_step = parallel.compiled(pure, state, mesh, how)

        def put(batch):
            return parallel.put_batch(batch, mesh, how)

    rows = []
    for number in range(steps):
        state, measured = train_step(state, put(batch_of(number)))
        rows.append([float(measured[name]) for name in sorted(measured)])
    return np.array(rows), jax.tree.map(np.asarray, state.params)


@pytest.fixture(scope="module")
def on_one_device():
    """What a run of each model gives on one device."""
    return {model: learn(model) for model in MODELS}


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("how", ["mesh", "fsdp", "pmap"])
def test_two_devices_give_the_numbers_of_one(model, how, on_one_device):
    """Loss, accuracy, gradient norm of 20 steps; with rows that do not count, and BatchNorm."""
    rows, params = learn(model, how)
    expected, at_the_end = on_one_device[model]
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)
    jax.tree.map(
        lambda found, wanted: np.testing.assert_allclose(found, wanted, atol=1e-4),
        params,
        at_the_end,
    )


@pytest.mark.parametrize("how", ["mesh", "pmap"])
def test_pieces_give_the_gradient_of_the_whole(how, on_one_device):
    """A batch in 4 pieces: the numbers of the whole, though pieces count unlike many rows."""
    rows, _ = learn("former", how, pieces=4)
    np.testing.assert_allclose(rows, on_one_device["former"][0], rtol=1e-5, atol=1e-6)


@pytest.mark.long
def test_eight_devices_give_the_numbers_of_one(on_one_device):
    """Mesh, fsdp and pmap over 8 devices: losses within 1e-6 over 20 steps."""
    script = (
        "import json\nfrom tests.training import test_parallel as t\n"
        "found = {how: t.learn('former', how)[0].tolist() for how in ('mesh', 'fsdp', 'pmap')}\n"
        "print(json.dumps(found))"
    )
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "8"}
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    losses = sorted(["accuracy", "gradient_norm", "loss"]).index("loss")
    for rows in found.values():
        expected = on_one_device["former"][0][:, losses]
        np.testing.assert_allclose(np.array(rows)[:, losses], expected, atol=1e-6)


@pytest.mark.cpu
def test_fsdp_keeps_a_share_on_each_device():
    """Of a kernel 32 x 96, a device holds 32 x 48; small leaves stand on both, Adam's means too."""
    parts = states.split(former(nnx.Rngs(0)))
    update = optimizer.create(recipes.Recipe(), 10, parts.params)
    state = parallel.put_state(states.create(parts, update, 0), parallel.data_mesh(2), "fsdp")
    kernel = state.params["blocks"][0]["attn"]["qkv"]["kernel"]
    assert kernel.shape == (32, 96)
    assert [shard.data.shape for shard in kernel.addressable_shards] == [(32, 48)] * 2
    bias = state.params["blocks"][0]["attn"]["qkv"]["bias"]
    assert [shard.data.shape for shard in bias.addressable_shards] == [(96,)] * 2
    whole = sum(leaf.nbytes for leaf in jax.tree.leaves(state.opt_state))
    held = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(state.opt_state))
    assert held < 0.65 * whole


class Deep(nnx.Module):
    """Eight MLP blocks, of which the backward pass needs more than all else."""

    def __init__(self, rngs, remat):
        self.blocks = nnx.List([layers.MLP(8, 64, rngs=rngs) for _ in range(8)])
        self.remat = remat

    def __call__(self, tokens):
        for block in self.blocks:
            tokens = tokens + layers.run_block(block, tokens, remat=self.remat)
        return jnp.mean(tokens**2)


@pytest.mark.cpu
@pytest.mark.parametrize("how", ["mesh", "fsdp"])
def test_remat_saves_memory_in_the_compiled_step(how):
    """Not only in what JAX keeps for the backward pass: XLA for CPUs would undo it."""
    mesh, batch = parallel.data_mesh(2), {"tokens": jnp.zeros((512, 8))}

    def temporary(remat):
        parts = states.split(Deep(nnx.Rngs(0), remat))

        def train_step(state, batch):
            loss = lambda params: nnx.merge(parts.train_def, params)(batch["tokens"])  # noqa: E731
            return state._replace(params=jax.grad(loss)(state.params)), {}

        state = states.create(parts, optax.identity(), 0)
        compiled = parallel.compiled(train_step, state, mesh, how).lower(state, batch).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(remat=True) < 0.6 * temporary(remat=False)


def held(shape, how, devices=2, dtype=jnp.float32):
    """The shape of what one device holds of an array."""
    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((devices,), ("data",), auto, devices=jax.devices()[:devices])
    leaf = jax.ShapeDtypeStruct(shape, dtype)
    placed = parallel.shardings({"norm": {}, "head": [leaf], "key": jax.random.key(0)}, mesh, how)
    assert set(placed) == {"norm", "head", "key"}
    assert placed["key"].is_fully_replicated
    return placed["head"][0].shard_shape(shape)


@pytest.mark.cpu
@pytest.mark.exercise("training.parallel.shardings")
def test_fsdp_cuts_the_longest_axis():
    """Of 40 x 96 a device holds 40 x 48, and of 96 x 40 it holds 48 x 40."""
    assert held((40, 96), "fsdp") == (40, 48)
    assert held((96, 40), "fsdp") == (48, 40)
    assert held((3, 16, 64, 30), "fsdp") == (3, 16, 32, 30)


@pytest.mark.cpu
@pytest.mark.exercise("training.parallel.shardings")
def test_fsdp_cuts_an_axis_that_divides():
    """95 rows do not divide over two devices, so the 40 columns are cut; 41 x 43 stays whole."""
    assert held((95, 40), "fsdp") == (95, 20)
    assert held((41, 43), "fsdp") == (41, 43)


@pytest.mark.cpu
@pytest.mark.exercise("training.parallel.shardings")
def test_fsdp_leaves_small_leaves_whole():
    """1,022 numbers are not worth it, 1,024 are; and a single number can't be cut."""
    assert held((2, 511), "fsdp") == (2, 511)
    assert held((1022,), "fsdp") == (1022,)
    assert held((4, 256), "fsdp") == (4, 128)
    assert held((1024,), "fsdp") == (512,)
    assert held((), "fsdp") == ()
    # Numbers count, of whatever type: not bytes.
    assert held((1024,), "fsdp", dtype=jnp.bfloat16) == (512,)
    assert held((1022,), "fsdp", dtype=np.float64) == (1022,)


@pytest.mark.cpu
@pytest.mark.exercise("training.parallel.shardings")
def test_fsdp_goes_by_the_devices_of_the_mesh():
    """1,025 columns do not divide over two devices, but over a mesh of one they do."""
    (auto,) = ((jax.sharding.AxisType.Auto,),)
    mesh = jax.make_mesh((1,), ("data",), auto, devices=jax.devices()[:1])
    leaf = jax.ShapeDtypeStruct((3, 1025), jnp.float32)
    placed = parallel.shardings([leaf], mesh, "fsdp")
    assert placed[0].spec == jax.sharding.PartitionSpec(None, "data")


@pytest.mark.cpu
@pytest.mark.exercise("training.parallel.shardings")
@pytest.mark.parametrize("how", ["mesh", "pmap"])
def test_other_ways_keep_the_whole_state_everywhere(how):
    """Only fsdp cuts."""
    assert held((40, 96), how) == (40, 96)


@pytest.mark.cpu
@pytest.mark.parametrize("how", ["mesh", "fsdp"])
def test_a_state_is_put_together_again(how):
    """Cut over two devices or held by both: arrays of NumPy with the same types and numbers."""
    tree = {"cut": np.arange(4096.0, dtype=np.float32).reshape(2, 2048), "step": np.int32(7)}
    placed = parallel.put_state(tree, parallel.data_mesh(2), how)
    found = parallel.whole(placed)
    for name, values in tree.items():
        assert type(found[name]) is np.ndarray
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.cpu
def test_batch_is_cut_and_state_is_copied():
    """Each of two devices holds 3 of 6 rows, and all of the state."""
    mesh = parallel.data_mesh(6)
    batch = parallel.put_batch({"label": np.arange(6, dtype=np.int32)}, mesh)
    shards = [np.asarray(shard.data).tolist() for shard in batch["label"].addressable_shards]
    assert shards == [[0, 1, 2], [3, 4, 5]]
    state = parallel.put_state(np.arange(4.0), mesh)
    assert [shard.data.shape for shard in state.addressable_shards] == [(4,), (4,)]


@pytest.mark.cpu
@pytest.mark.parametrize("how", ["mesh", "fsdp", "pmap"])
def test_a_step_uses_up_its_state_and_not_its_batch(how):
    """There is no room for two states; a batch may be looked at after the step."""
    mesh = parallel.data_mesh(2)
    parts = states.Parts(None, None, {"w": jnp.ones((40, 96))}, {})
    state = parallel.put_state(states.create(parts, optax.identity(), 0), mesh, how)
    batch = parallel.put_batch({"weight": np.ones(2, np.float32)}, mesh, how)

    def train_step(state, batch):
        params = {"w": state.params["w"] + 1}
        return state._replace(params=params), {"rows": jnp.sum(batch["weight"])}

    after, _ = parallel.compiled(train_step, state, mesh, how)(state, batch)
    assert (after.params["w"] == 2).all()
    assert state.params["w"].is_deleted()
    assert not batch["weight"].is_deleted()


@pytest.mark.cpu
def test_batch_for_pmap_has_an_axis_of_devices():
    """Of 6 rows the first three are row 0 and lie on device 0, the others are row 1 on device 1."""
    rows = {"label": np.arange(6, dtype=np.int32), "video": np.arange(12.0).reshape(6, 2)}
    batch = parallel.put_batch(rows, parallel.data_mesh(6), "pmap")
    np.testing.assert_array_equal(batch["label"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(batch["video"], np.arange(12.0).reshape(2, 3, 2))
    held = {
        shard.device: np.asarray(shard.data).tolist() for shard in batch["label"].addressable_shards
    }
    assert held == dict(zip(jax.devices(), ([[0, 1, 2]], [[3, 4, 5]]), strict=True))


@pytest.mark.cpu
def test_one_process_has_all_rows_and_the_only_say():
    """Nothing is asked of others."""
    batch = parallel.put_batch({"label": np.arange(6)}, parallel.data_mesh(6))
    found = parallel.gather(batch["label"])
    assert isinstance(found, np.ndarray)
    assert found.tolist() == list(range(6))
    assert (parallel.any_process(True), parallel.any_process(False)) == (True, False)


@pytest.mark.cpu
def test_several_processes_put_rows_and_answers_together(monkeypatch):
    """Rows one behind the other, and one yes is a yes; a state lies on the devices all the same."""
    mesh, asked = parallel.data_mesh(2), []

    def allgather(mine, tiled=False):
        asked.append(tiled)
        other = np.zeros_like(mine)
        return np.concatenate([mine, other]) if tiled else np.stack([mine, other])

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "process_allgather", allgather)
    assert parallel.gather(jnp.array([3, 4])).tolist() == [3, 4, 0, 0]
    assert (parallel.any_process(True), parallel.any_process(False)) == (True, False)
    assert (parallel.same_everywhere(0), parallel.same_everywhere(3)) == (True, False)
    assert asked == [True, False, False, False, False]
    state = parallel.put_state(
        {"kernel": jnp.ones((40, 96)), "key": jax.random.key(0)}, mesh, "fsdp"
    )
    assert [shard.data.shape for shard in state["kernel"].addressable_shards] == [(40, 48)] * 2
    with pytest.raises(errors.UserError, match="--parallel pmap: .* there are 2; use mesh or fsdp"):
        parallel.data_mesh(2, how="pmap")


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("batch_size", "pieces", "message"),
    [
        (7, 1, "--batch-size 7 .* 2 devices: .* multiple of 2"),
        (6, 2, "--batch-size 6 .* 2 devices times --accumulate 2: .* multiple of 4"),
        (6, 0, "--accumulate 0: give 1 or more"),
    ],
)
def test_batch_that_does_not_divide_is_refused(batch_size, pieces, message):
    """The message says what to choose."""
    with pytest.raises(errors.UserError, match=message):
        parallel.data_mesh(batch_size, pieces)


@pytest.mark.cpu
def test_pmap_takes_the_devices_of_one_process(monkeypatch):
    """Of one process all of them; of two it is refused, and what to use instead is said."""
    assert parallel.data_mesh(6, how="pmap").size == 2
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert parallel.data_mesh(6, how="fsdp").size == 2
    with pytest.raises(errors.UserError, match="--parallel pmap: .* there are 2; use mesh or fsdp"):
        parallel.data_mesh(6, how="pmap")


SMALL = ["--steps", "6", "--batch-size", "4", "--eval-every", "3", "--log-every", "1"]
SMALL += ["--model.dim", "32", "--model.depth", "1", "--model.num-heads", "2"]
SMALL += ["--model.mlp-dim", "64", "--num-frames", "4", "--model.patch-size", "16"]


@pytest.mark.long
def test_two_processes_learn_as_one(small_motion, tmp_path):
    """The command in 2 processes of 2 devices each: one run, and the numbers of one process.

    The batch of validation videos is not full, and its last rows all fall to one process.
    """
    words = ["--data", str(small_motion.root / "manifest.csv"), *SMALL]
    train.train(parsing.parse([*words, "--out", str(tmp_path / "one")], ""))
    command = [*words, "--out", str(tmp_path / "two"), "--parallel", "fsdp"]
    said = several_processes.train(command, [tmp_path / "cache"] * 2)
    assert "4 x cpu, fsdp, 2 processes" in said[0]
    # Only Gloo speaks for itself.
    assert not any(word in said[1] for word in ("timesformer", "steps", "top-1", str(tmp_path)))
    one, two = (metrics_log.read(tmp_path / name / "metrics.jsonl") for name in ("one", "two"))
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for wanted, found in zip(one, two, strict=True):
        for time in ("clips_per_second", "seconds"):
            wanted.pop(time, None)
            found.pop(time, None)
        assert found == pytest.approx(wanted, abs=2e-5)
        losses = [name for name in wanted if name.endswith("loss")]
        assert [found[name] for name in losses] == pytest.approx(
            [wanted[name] for name in losses], abs=1e-6
        )


def test_the_death_of_another_process_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    """With the last checkpoint; what fails in this process alone is raised as ever."""
    died = "UNKNOWN: Gloo AllReduce failed: Read error: Connection reset by peer"
    for name in ("9", "20", "damaged-9"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    for processes, said in ((1, died), (2, "of its own")):
        monkeypatch.setattr(jax, "process_count", lambda processes=processes: processes)
        with (
            pytest.raises(RuntimeError, match=said),
            distributed.deaths_told(tmp_path / "checkpoints"),
        ):
            raise RuntimeError(said)
    assert left == []
    with distributed.deaths_told(tmp_path / "not there"):
        raise RuntimeError(died)
    assert "no checkpoint yet" in capsys.readouterr().err
    with distributed.deaths_told(tmp_path / "checkpoints"):
        raise RuntimeError(died)
    assert left == [2, 2]
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "(Gloo AllReduce failed); the last checkpoint is that of step 20" in line
    assert f"--resume {tmp_path}" in line


@pytest.mark.parametrize("batch_size", [4, 8, 32])
def test_processes_share_a_test_set(batch_size, small_motion):
    """Ten videos in batches over 2 processes: side by side, the batches of one process."""
    settings = preprocess.Preprocessing(num_frames=2, crop_size=8, resize=8)
    loader = batches.VideoRows(small_motion.split("validation"), settings)
    alone = list(batches.test_batches(loader, batch_size))
    shares = [
        list(batches.test_batches(loader, batch_size, process=number, processes=2))
        for number in range(2)
    ]
    assert len(shares[0]) == len(shares[1]) == len(alone)
    for whole, *parts in zip(alone, *shares, strict=True):
        joined = {name: np.concatenate([part[name] for part in parts]) for name in whole}
        np.testing.assert_array_equal(joined["weight"], whole["weight"])
        counts = whole["weight"] > 0
        for name in whole:
            np.testing.assert_array_equal(joined[name][counts], whole[name][counts])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(coordinator="127.0.0.1:1", num_processes=2), "give all three"),
        (dict(coordinator="127.0.0.1:1", num_processes=2, process_id=2), "give 0 to 1"),
    ],
)
def test_processes_that_cannot_meet_are_told_why(given, message):
    """A number that is missing, or out of range."""
    with pytest.raises(errors.UserError, match=message):
        distributed.join(**given)


@pytest.mark.parametrize(
    ("devices", "size"), [(1, 32), (3, 33), (6, 36), (7, 35), (8, 32), (48, 48)]
)
def test_a_batch_for_any_number_of_devices(devices, size, monkeypatch):
    """Of 32 clips, or as many more as divide over the devices."""
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    assert parallel.next_multiple(32) == size


@pytest.mark.parametrize(
    ("environment", "devices"),
    [
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x4)"}, []),
        ({"SLURM_STEP_TASKS_PER_NODE": "1"}, []),
        ({"SLURM_STEP_TASKS_PER_NODE": "8(x2)"}, None),
        ({"SLURM_STEP_TASKS_PER_NODE": "2(x3),1"}, None),
        ({"SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_GPUS_PER_TASK": "4"}, []),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x4)", "JAX_LOCAL_DEVICE_IDS": "0,1"}, None),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, []),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, None),
        ({}, None),
    ],
)
def test_a_process_computes_on_all_devices_that_are_its_own(environment, devices, monkeypatch):
    """JAX would take one GPU of a node under SLURM, and seven were idle."""
    met = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_, **given: met.append(given))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    distributed.join("auto")
    assert met == [{"local_device_ids": devices}]
