"""Other ways to the same gradient: in pieces, and each device its share."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid.training import gradients

ROWS, DIM = 6, 4


def batch_of(weight):
    """Six rows with the weights given."""
    rng = np.random.default_rng(0)
    return {
        "inputs": rng.normal(size=(ROWS, DIM)).astype(np.float32),
        "target": rng.normal(size=ROWS).astype(np.float32),
        "weight": np.array(weight, np.float32),
    }


PARAMS = {"kernel": np.array([0.5, -1.0, 2.0, 0.25], np.float32)}
STATS = {"calls": np.zeros((), np.float32), "sum": np.zeros((), np.float32)}
KEY = jax.random.key(0)


def loss_of(params, stats, batch, key):
    """The mean squared error of a linear model; the logits are a row's output and some chance."""
    output = batch["inputs"] @ params["kernel"]
    losses = (output - batch["target"]) ** 2
    rows = jnp.maximum(jnp.sum(batch["weight"]), 1.0)
    chance = jax.random.uniform(key, output.shape)
    stats = {"calls": stats["calls"] + 1, "sum": stats["sum"] + jnp.sum(batch["inputs"])}
    return jnp.sum(batch["weight"] * losses) / rows, (jnp.stack([output, chance], 1), stats)


def by_hand(batch):
    """Loss and gradient of the whole batch, row by row."""
    loss, slope, rows = 0.0, np.zeros(DIM), 0.0
    for inputs, target, weight in zip(*batch.values(), strict=True):
        error = float(inputs @ PARAMS["kernel"] - target)
        loss += weight * error**2
        slope += weight * 2 * error * inputs
        rows += weight
    return loss / rows, slope / rows


# ---------------------------------------------------------------------------------- share_of
@pytest.mark.exercise("training.gradients.share_of")
def test_share_by_hand():
    """Two rows of five that count."""
    share = gradients.share_of(jnp.array([1.0, 1.0, 0.0]), jnp.array(5.0))
    assert share.shape == ()
    np.testing.assert_allclose(share, 0.4, rtol=1e-6)


@pytest.mark.exercise("training.gradients.share_of")
def test_the_only_row_is_all():
    """One row that counts, of one: all of it, inside of a compiled step too."""
    share = jax.jit(gradients.share_of)(jnp.array([0.0, 1.0]), jnp.array(1.0))
    assert share == 1.0


@pytest.mark.exercise("training.gradients.share_of")
def test_no_rows_have_no_share():
    """Of a batch in which nothing counts the share is 0, and not 0 / 0."""
    assert gradients.share_of(jnp.zeros(3), jnp.array(0.0)) == 0.0


@pytest.mark.exercise("training.gradients.share_of")
def test_rows_that_do_not_count_have_no_share():
    """A device whose rows only fill the batch has none, while others have five that count."""
    assert gradients.share_of(jnp.zeros(3), jnp.array(5.0)) == 0.0


@pytest.mark.exercise("training.gradients.share_of")
def test_means_weighted_by_their_shares_are_the_mean():
    """Of 3, 1 and 0 rows that count: their means, each times its share, add up to the mean."""
    values = np.array([[4.0, 8.0, 3.0], [6.0, 100.0, 100.0], [100.0, 100.0, 100.0]], np.float32)
    weight = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], np.float32)
    means = [5.0, 6.0, 0.0]
    shares = [gradients.share_of(jnp.array(row), jnp.array(4.0)) for row in weight]
    mean = sum(share * own for share, own in zip(shares, means, strict=True))
    np.testing.assert_allclose(mean, (values * weight).sum() / 4, rtol=1e-6)


# ------------------------------------------------------------------------------ over_devices
def multiplied(factor):
    """Differentiates as `jax.value_and_grad` does, but its gradients are `factor` times as long."""

    def differentiate(function, *, has_aux):
        def found(*arguments):
            value, slopes = jax.value_and_grad(function, has_aux=has_aux)(*arguments)
            return value, jax.tree.map(lambda slope: factor * slope, slopes)

        return found

    return differentiate


def on_two_devices(batch, loss_of=loss_of, key=KEY, devices=2, **options):
    """What the devices get, each with its part of the rows; their axis has a name of its own."""
    spread = gradients.over_devices("chip", **options)(loss_of, has_aux=True)
    parts = jax.tree.map(lambda rows: rows.reshape(devices, -1, *rows.shape[1:]), batch)
    taken = jax.devices()[:devices]
    on_each = jax.pmap(spread, "chip", in_axes=(None, None, 0, None), devices=taken)
    return on_each(PARAMS, STATS, parts, key)


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
@pytest.mark.parametrize("weight", [[1] * 6, [1, 1, 1, 0, 0, 1], [1, 0, 1, 0, 0, 0]])
def test_devices_find_the_gradient_of_the_batch(weight):
    """However many rows count on each of two devices, both have loss and gradient of all."""
    batch = batch_of(weight)
    (loss, _), slopes = on_two_devices(batch)
    expected_loss, expected = by_hand(batch)
    np.testing.assert_allclose(loss, [expected_loss] * 2, rtol=1e-5)
    np.testing.assert_allclose(slopes["kernel"], [expected] * 2, rtol=1e-4, atol=1e-5)


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_a_device_keeps_the_logits_of_its_rows():
    """Logits are not added up: each device has those of its three rows."""
    batch = batch_of([1] * 6)
    (_, (logits, _)), _ = on_two_devices(batch)
    assert logits.shape == (2, 3, 2)
    expected = (batch["inputs"] @ PARAMS["kernel"]).reshape(2, 3)
    np.testing.assert_allclose(logits[..., 0], expected, rtol=1e-5)


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_devices_have_chances_of_their_own():
    """What dropout draws on one device is not what it draws on the other."""
    (_, (logits, _)), _ = on_two_devices(batch_of([1] * 6))
    assert not np.any(np.asarray(logits[0, :, 1]) == np.asarray(logits[1, :, 1]))


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_devices_draw_by_the_key_of_the_step():
    """With another key a device draws other numbers: in every step others are dropped."""
    (_, (first, _)), _ = on_two_devices(batch_of([1] * 6))
    (_, (second, _)), _ = on_two_devices(batch_of([1] * 6), key=jax.random.key(1))
    if np.any(np.asarray(first[..., 1]) == np.asarray(second[..., 1])):
        pytest.fail("with another key a device draws the same: its own is not made from `key`")


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_devices_differentiate_with_what_they_are_given():
    """A `differentiate` that doubles every slope doubles their sum, and leaves the loss alone."""
    batch = batch_of([1] * 6)
    (loss, _), slopes = on_two_devices(batch, differentiate=multiplied(2))
    expected_loss, expected = by_hand(batch)
    np.testing.assert_allclose(loss, [expected_loss] * 2, rtol=1e-5)
    np.testing.assert_allclose(slopes["kernel"], [2 * expected] * 2, rtol=1e-4, atol=1e-5)


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_statistics_are_the_mean_over_devices():
    """Running statistics stay the same on all devices: the mean of what each would have.

    One device has three rows that count and the other one; each counts as much as the other.
    """
    batch = batch_of([1, 1, 1, 0, 0, 1])
    (_, (_, stats)), _ = on_two_devices(batch)
    np.testing.assert_allclose(stats["sum"], [batch["inputs"].sum() / 2] * 2, rtol=1e-5)


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_devices_that_take_no_part_do_not_count():
    """On one device of two the mean is that device's, and so are loss and gradient."""
    batch = batch_of([1, 1, 1, 0, 0, 1])
    (loss, (_, stats)), slopes = on_two_devices(batch, devices=1)
    expected_loss, expected = by_hand(batch)
    np.testing.assert_allclose(stats["sum"], [batch["inputs"].sum()], rtol=1e-5)
    np.testing.assert_allclose(loss, [expected_loss], rtol=1e-5)
    np.testing.assert_allclose(slopes["kernel"], [expected], rtol=1e-4, atol=1e-5)


@pytest.mark.cpu
@pytest.mark.exercise("training.gradients.over_devices")
def test_the_gradient_comes_back_from_other_devices():
    """As through a BatchNorm over devices: a row moves the mean, and so the loss elsewhere."""
    batch = batch_of([1, 1, 1, 0, 0, 1])

    def centred(params, stats, batch, key):
        output = batch["inputs"] @ params["kernel"]
        output = output - jax.lax.pmean(jnp.mean(output), "chip")
        losses = (output - batch["target"]) ** 2
        rows = jnp.maximum(jnp.sum(batch["weight"]), 1.0)
        return jnp.sum(batch["weight"] * losses) / rows, (output, stats)

    def on_one(kernel):
        output = batch["inputs"].astype(np.float64) @ kernel
        losses = (output - output.mean() - batch["target"]) ** 2
        return (batch["weight"] * losses).sum() / batch["weight"].sum()

    nudges = 1e-4 * np.eye(DIM)
    kernel = PARAMS["kernel"].astype(np.float64)
    expected = [(on_one(kernel + n) - on_one(kernel - n)) / 2e-4 for n in nudges]
    _, slopes = on_two_devices(batch, centred)
    np.testing.assert_allclose(slopes["kernel"], [expected] * 2, rtol=1e-3, atol=1e-4)


# --------------------------------------------------------------------------------- accumulate
def on_device(batch):
    """Parameters, statistics and batch as a step has them: jax.Array, and not of NumPy."""
    return jax.tree.map(jnp.asarray, (PARAMS, STATS, batch))


@pytest.mark.exercise("training.gradients.accumulate")
@pytest.mark.parametrize("weight", [[1] * 6, [1, 1, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0]])
@pytest.mark.parametrize("number", [2, 3])
def test_pieces_find_the_gradient_of_the_batch(number, weight):
    """However many rows count in each piece, loss and gradient are those of all."""
    batch = batch_of(weight)
    in_turn = gradients.accumulate(number)(loss_of, has_aux=True)
    (loss, _), slopes = in_turn(*on_device(batch), KEY)
    expected_loss, expected = by_hand(batch)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    np.testing.assert_allclose(slopes["kernel"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.exercise("training.gradients.accumulate")
def test_one_piece_is_worked_on_at_a_time():
    """The loss of 3 pieces of 6 rows is only ever asked for 2 rows: that is the memory saved."""
    rows = set()

    def watched(params, stats, batch, key):
        rows.add(batch["inputs"].shape[0])
        return loss_of(params, stats, batch, key)

    gradients.accumulate(3)(watched, has_aux=True)(*on_device(batch_of([1] * 6)), KEY)
    assert rows == {2}


@pytest.mark.exercise("training.gradients.accumulate")
def test_all_pieces_are_one_program():
    """The compiler is given as many products for 6 pieces as for 2: the model is there once.

    After a Python loop it is there for every piece, and after a `lax.scan` that is unrolled.
    """
    products = {}
    for number in (2, 6):
        in_turn = gradients.accumulate(number)(loss_of, has_aux=True)
        program = str(jax.make_jaxpr(in_turn)(*on_device(batch_of([1] * 6)), KEY))
        unrolled = max(map(int, re.findall(r"\bunroll=(\d+)", program)), default=1)
        products[number] = program.count("dot_general") * unrolled
    if products[6] != products[2]:
        pytest.fail(
            f"the program has {products[2]} matrix products for 2 micro-batches and {products[6]} "
            "for 6: the model must be in it once, however many there are"
        )


@pytest.mark.exercise("training.gradients.accumulate")
def test_logits_are_in_the_order_of_the_batch():
    """Row 3's logits stand in row 3, whichever piece it was in."""
    batch = batch_of([1] * 6)
    in_turn = gradients.accumulate(3)(loss_of, has_aux=True)
    (_, (logits, _)), _ = in_turn(*on_device(batch), KEY)
    assert logits.shape == (6, 2)
    np.testing.assert_allclose(logits[:, 0], batch["inputs"] @ PARAMS["kernel"], rtol=1e-5)


@pytest.mark.exercise("training.gradients.accumulate")
def test_pieces_have_chances_of_their_own():
    """Dropout draws anew for each piece."""
    in_turn = gradients.accumulate(3)(loss_of, has_aux=True)
    (_, (logits, _)), _ = in_turn(*on_device(batch_of([1] * 6)), KEY)
    assert len(set(np.asarray(logits[:, 1]).tolist())) == 6


@pytest.mark.exercise("training.gradients.accumulate")
def test_pieces_draw_by_the_key_of_the_step():
    """With another key every piece draws other numbers: in every step others are dropped."""
    in_turn, given = gradients.accumulate(3)(loss_of, has_aux=True), on_device(batch_of([1] * 6))
    (_, (first, _)), _ = in_turn(*given, KEY)
    (_, (second, _)), _ = in_turn(*given, jax.random.key(1))
    if np.any(np.asarray(first[:, 1]) == np.asarray(second[:, 1])):
        pytest.fail("with another key a piece draws the same: its own is not made from `key`")


@pytest.mark.exercise("training.gradients.accumulate")
def test_statistics_go_from_piece_to_piece():
    """Three pieces update the running statistics three times, and all rows are in them."""
    batch = batch_of([1] * 6)
    in_turn = gradients.accumulate(3)(loss_of, has_aux=True)
    (_, (_, stats)), _ = in_turn(*on_device(batch), KEY)
    assert stats["calls"] == 3
    np.testing.assert_allclose(stats["sum"], batch["inputs"].sum(), rtol=1e-5)


@pytest.mark.exercise("training.gradients.accumulate")
def test_pieces_of_one_row_run_in_the_order_of_the_batch():
    """With a row each, they run in the order of the batch: each appends its digit, to 123456."""

    def digits(params, stats, batch, key):
        loss, (logits, _) = loss_of(params, stats, batch, key)
        return loss, (logits, stats | {"sum": 10 * stats["sum"] + batch["digit"][0]})

    batch = batch_of([1] * 6) | {"digit": np.arange(1, 7, dtype=np.float32)}
    in_turn = gradients.accumulate(6)(digits, has_aux=True)
    (_, (_, stats)), _ = in_turn(*on_device(batch), KEY)
    assert int(stats["sum"]) == 123456


@pytest.mark.exercise("training.gradients.accumulate")
def test_a_batch_that_does_not_divide_is_refused():
    """6 rows for 4 micro-batches are a ValueError with both numbers: no row is left out."""
    in_turn = gradients.accumulate(4)(loss_of, has_aux=True)
    with pytest.raises(ValueError, match=r"\b6\b.*\b4\b|\b4\b.*\b6\b"):
        in_turn(*on_device(batch_of([1] * 6)), KEY)


@pytest.mark.exercise("training.gradients.accumulate")
def test_pieces_are_differentiated_as_asked():
    """With another `differentiate`, that one is used: here its gradients are ten times as long."""
    batch = batch_of([1, 1, 1, 0, 0, 1])
    in_turn = gradients.accumulate(2, multiplied(10))(loss_of, has_aux=True)
    _, slopes = in_turn(*on_device(batch), KEY)
    np.testing.assert_allclose(slopes["kernel"], 10 * by_hand(batch)[1], rtol=1e-4, atol=1e-4)
