"""The zoo: every entry can be built, fits its preprocessing, and answers to its name only."""

import jax
import jax.export
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.interpreters import partial_eval

from flaxvid import errors
from flaxvid.models import frame_encoders
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from tests.models import filled

ENTRIES = [(name, size) for name, entry in zoo.ARCHITECTURES.items() for size in entry.sizes]


@pytest.mark.parametrize(("name", "size"), ENTRIES)
def test_entry_takes_what_its_preprocessing_gives(name, size):
    """A batch of two clips as prepared gives logits `2 classes`; shapes only, no memory."""
    if zoo.ARCHITECTURES[name].inputs != "video":
        pytest.skip("takes embeddings")
    shown = zoo.find(name, size).preprocessing
    # All blocks are alike.
    made_of, one = zoo.configure(name, size, num_classes=7), ("depth", "time_depth", "pooler_depth")
    fields = dict(num_frames=shown.num_frames, image_size=shown.crop_size)
    fields |= {field: 1 for field in one if hasattr(made_of, field)}

    def logits():
        model = zoo.create(name, size=size, num_classes=7, rngs=nnx.Rngs(0), **fields)
        video = jnp.zeros((2, shown.num_frames, shown.crop_size, shown.crop_size, 3))
        return model(video, jnp.ones(video.shape[:2], bool))

    assert jax.eval_shape(logits).shape == (2, 7)


@pytest.mark.parametrize("name", zoo.ARCHITECTURES)
def test_a_batch_may_be_of_any_size(name):
    """A model is traced with the batch left open, as one that is exported must be; shapes only."""
    (batch,) = jax.export.symbolic_shape("batch")
    made_of = zoo.configure(name, num_classes=7)
    if zoo.ARCHITECTURES[name].inputs == "video":
        size = zoo.find(name).preprocessing.crop_size
        shape = (batch, made_of.num_frames, size, size, 3)
    else:
        shape = (batch, made_of.num_frames, made_of.embedding_dim)

    def logits(inputs, mask):
        model = zoo.find(name).module(made_of, rngs=nnx.Rngs(0))
        model.eval()
        return model(inputs, mask)

    inputs = jax.ShapeDtypeStruct(shape, jnp.float32), jax.ShapeDtypeStruct(shape[:2], bool)
    assert jax.eval_shape(logits, *inputs).shape == (batch, 7)


@pytest.mark.parametrize("name", zoo.ARCHITECTURES)
def test_no_gradient_looks_for_a_number_by_its_value(name):
    """As that of jnp.max does: compiled, the number may have been computed anew and rounded
    otherwise, and then no place equals it. An index finds it always."""
    made_of = zoo.configure(name, num_classes=7)
    if zoo.ARCHITECTURES[name].inputs == "video":
        size = zoo.find(name).preprocessing.crop_size
        shape = (2, made_of.num_frames, size, size, 3)
    else:
        shape = (2, made_of.num_frames, made_of.embedding_dim)
    graphdef, params = nnx.split(
        nnx.eval_shape(lambda: zoo.find(name).module(made_of, rngs=nnx.Rngs(0)))
    )

    def loss(params, inputs, mask):
        return jnp.sum(nnx.merge(graphdef, params)(inputs, mask))

    inputs = jax.ShapeDtypeStruct(shape, jnp.float32), jax.ShapeDtypeStruct(shape[:2], bool)
    traced = jax.make_jaxpr(jax.grad(loss))(params, *inputs)
    used, _ = partial_eval.dce_jaxpr(traced.jaxpr, [True] * len(traced.jaxpr.outvars))
    assert by_value(used) == []


def by_value(jaxpr):
    """Where two arrays of floats are asked which are equal, in a program and those inside of it."""
    found = []
    for equation in jaxpr.eqns:
        both = [variable.aval for variable in equation.invars]
        if equation.primitive.name == "eq" and all(one.shape for one in both):
            found += [str(equation)] if jnp.issubdtype(both[0].dtype, jnp.inexact) else []
        for inside in jax.extend.core.jaxprs_in_params(equation.params):
            found += by_value(inside)
    return found


@pytest.mark.parametrize(("name", "size"), ENTRIES)
def test_a_preset_has_a_recipe_and_a_batch(name, size):
    """Typed, with clips for each step, and the encoder whose embeddings it takes, if any."""
    found = zoo.find(name, size)
    assert isinstance(found.recipe, recipes.Recipe)
    assert found.recipe.batch_size >= 1
    assert (found.encoder is None) or found.encoder in frame_encoders.ENCODERS


# Where --precision and --remat can be asked for, at sizes that take no time.
SMALL = dict(num_classes=3, num_frames=4)
IN_BF16 = {
    "timesformer": SMALL | dict(image_size=16, dim=32, depth=2, num_heads=2, drop_path=0.3),
    "videomae": SMALL | dict(image_size=16, dim=32, depth=2, num_heads=2, drop_path=0.3),
    "vivit": SMALL | dict(image_size=16, dim=32, depth=2, num_heads=2, drop_path=0.3),
    "vjepa2": SMALL | dict(image_size=16, dim=32, depth=2, num_heads=2, drop_path=0.3),
    "videoprism": SMALL | dict(image_size=16, dim=32, depth=2, num_heads=2, drop_path=0.3),
    "c3d": SMALL | dict(num_frames=8, image_size=32, widths=(4, 4, 4, 4), fc_dim=8),
    "bert": SMALL | dict(embedding_dim=12, dropout=0.1),
    "roberta": SMALL | dict(embedding_dim=12, dropout=0.1),
    "embedding_transformer": SMALL | dict(embedding_dim=12),
    "bilstm": SMALL | dict(embedding_dim=12),
    "tcn": SMALL | dict(embedding_dim=12),
    "probe": SMALL | dict(embedding_dim=12),
    "conv_lstm": SMALL | dict(image_size=16),
    "conv_transformer": SMALL | dict(image_size=16),
}
# Of the backbones that run their blocks alike, one; and the one with blocks of two kinds.
WITH_REMAT = ["timesformer", "videomae", "videoprism", "bert", "roberta"]


def run_of(name, rows=2, **fields):
    """A small model, and a batch for it."""
    made_of = zoo.configure(name, **IN_BF16[name] | fields)
    if zoo.ARCHITECTURES[name].inputs == "embedding":
        shape = (rows, made_of.num_frames, made_of.embedding_dim)
    else:
        shape = (rows, made_of.num_frames, made_of.image_size, made_of.image_size, 3)
    model = filled.random(lambda: zoo.find(name).module(made_of, rngs=nnx.Rngs(0)), spread=0.1)
    inputs = np.random.default_rng(1).normal(size=shape)
    return model, jnp.asarray(inputs, jnp.float32)


def logits_of(model, inputs):
    return jax.jit(lambda inputs: model(inputs))(inputs)


def test_every_architecture_takes_bf16():
    """All but the linear model, which is solved."""
    assert set(IN_BF16) == set(zoo.ARCHITECTURES) - {"linear"}


@pytest.mark.long(except_for=["timesformer", "c3d", "bert", "bilstm", "conv_transformer"])
@pytest.mark.parametrize("name", IN_BF16)
def test_bf16_is_for_the_arithmetic_only(name):
    """Products are taken in bfloat16; parameters and logits are float32, and the logits near."""
    exact, inputs = run_of(name)
    rough, _ = run_of(name, dtype="bfloat16")
    kinds = {leaf.dtype for leaf in jax.tree.leaves(nnx.state(rough, nnx.Param))}
    logits = logits_of(rough, inputs)
    assert (kinds, logits.dtype) == ({jnp.dtype("float32")}, jnp.float32)
    program = str(jax.make_jaxpr(lambda video: rough(video))(inputs))
    assert "bf16" in program
    wanted = logits_of(exact, inputs)
    assert 0 < np.abs(logits - wanted).max() < 0.1 * np.abs(wanted).max() + 0.05


@pytest.mark.long(except_for=["timesformer"])
@pytest.mark.parametrize("name", WITH_REMAT)
def test_remat_changes_what_is_kept_and_nothing_else(name):
    """Less is kept for the backward pass; loss and gradient are the same, with dropout too."""

    def differentiated(**fields):
        model, inputs = run_of(name, rows=24, **fields)
        definition, params = nnx.split(model)

        def loss(params):
            found = nnx.merge(definition, params)(inputs, None, nnx.Rngs(dropout=3))
            return jnp.sum(found**2)

        _, kept = jax.eval_shape(lambda params: jax.vjp(loss, params), params)
        waiting = sum(leaf.size for leaf in jax.tree.leaves(kept))
        return jax.jit(jax.value_and_grad(loss))(params), waiting

    (plain, before), (again, after) = differentiated(), differentiated(remat=True)
    assert after < 0.6 * before
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), plain, again)


def test_every_architecture_has_a_size_for_laptops():
    """`tiny` is what `--size` stands at."""
    assert all("tiny" in entry.sizes for entry in zoo.ARCHITECTURES.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zoo.find("timesformers"), "--arch 'timesformers': did you mean 'timesformer'"),
        (
            lambda: zoo.find("timesformer", "bas"),
            "--size 'bas' of timesformer: did you mean 'base'",
        ),
        (lambda: zoo.configure("timesformer", num_classes=2, widht=3), "no field 'widht'"),
    ],
)
def test_unknown_names_are_refused(call, message):
    """The nearest name that there is stands in the message."""
    with pytest.raises(errors.UserError, match=message):
        call()
