"""A probe on a frozen backbone: from a folder as it is saved to a report, and what is refused."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors, evaluate, predict, train
from flaxvid.data import batches
from flaxvid.models import probe
from flaxvid.recipes import zoo
from flaxvid.runs import clip_encoding, config, embed, encoding, parsing, trained_model
from tests.golden import backbones
from tests.models import filled
from tests.weights.test_backbones import save

PIXELS = dict(
    do_rescale=True,
    rescale_factor=1 / 255,
    image_mean=[0.5] * 3,
    image_std=[0.25] * 3,
    size={"shortest_edge": 24},
    crop_size={"height": 24, "width": 24},
)


@pytest.fixture
def weights(tmp_path):
    """VideoMAE, 4 frames of 24 pixels, with its preprocessor_config.json."""
    folder = tmp_path / "weights"
    folder.mkdir()
    save(folder, "videomae")
    (folder / "preprocessor_config.json").write_text(json.dumps(PIXELS))
    return folder


def parsed(weights, *words, arch="videomae", probe="attention"):
    return parsing.parse(["--arch", arch, "--weights", str(weights), "--probe", probe, *words], "")


@pytest.mark.long
@pytest.mark.usefixtures("unchecked_shapes", "blank_figures")
def test_from_a_folder_to_a_report(weights, small_motion, tmp_path, monkeypatch, capsys):
    """Features are made once, the probe learns from them, and the run is judged and predicts."""
    monkeypatch.chdir(tmp_path)
    data = str(small_motion.root / "manifest.csv")
    words = ["--data", data, "--out", "run", "--steps", "4", "--eval-every", "4"]
    folder = train.train(parsed(weights, *words, "--batch-size", "4"))
    said = capsys.readouterr().out
    # 2 steps of time, 3 x 3 places.
    assert "18 tokens of 32 numbers a video, averaged in 3 x 3 cells" in said
    assert "mean 0.5, std 0.25" in said
    settings = config.load(folder)
    assert (settings.arch, settings.model.pooling) == ("probe", "attention")
    assert (settings.embedding.encoder, settings.embedding.rows) == ("videomae", 18)
    assert (settings.data.num_frames, settings.data.image_size) == (4, 24)

    options = evaluate.EvaluateOptions(run=folder, batch_size=8)
    found = evaluate.evaluate(options)
    assert found["videos"] == 20
    assert found["orders"] == {}
    assert (folder / "report.json").exists()
    # Pixels and stored features are the same clip.
    trained = trained_model.open_best(folder)
    loader = batches.VideoRows(small_motion.split("test"), settings.preprocessing)
    row = {k: np.asarray(v)[None] for k, v in loader.test_row(0).items()}
    from_pixels = trained.logits(row)
    stored = embed.for_training(parsing.from_run(folder), small_motion)
    number = [r.split for r in small_motion.rows].index("test")
    kept = dict(embedding=stored.array[number][None], mask=np.ones((1, 18), bool))
    np.testing.assert_allclose(from_pixels, trained.logits(kept), atol=1e-4)
    video = small_motion.path(small_motion.split("test").rows[0])
    assert predict.predict(trained, video).shape == (10,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arch", "videomae", "--probe", "attention"], "give --weights"),
        (["--arch", "c3d", "--probe", "linear"], "c3d gives no features of clips"),
        (["--arch", "videomae", "--probe", "mlp"], "give one of attention, linear"),
        (
            ["--arch", "videomae", "--probe", "linear", "--weights", "w", "--size", "base"],
            "the weights tell the backbone's size",
        ),
    ],
)
def test_what_makes_no_probe_is_refused(words, message):
    """One line each, before anything is read."""
    with pytest.raises(errors.UserError, match=message):
        parsing.parse(words, "")


def test_weights_of_another_architecture_are_refused(weights):
    """The names in the file tell whose they are."""
    with pytest.raises(errors.UserError, match="is of videomae, and vivit was asked for"):
        parsed(weights, arch="vivit")


@pytest.mark.parametrize("name", clip_encoding.NAMES)
def test_every_backbone_gives_features(name):
    """Tokens by steps of time and places, whatever the architecture; shapes alone."""
    fields = dict(num_frames=4, image_size=16, dim=16, num_heads=2, mlp_dim=24, depth=1)
    made_of = zoo.configure(name, num_classes=3, **fields)

    def tokens():
        model = zoo.find(name).module(made_of, rngs=nnx.Rngs(0))
        return model.tokens(jnp.zeros((2, 4, 16, 16, 3)))

    steps, down, across = made_of.grid()
    assert nnx.eval_shape(tokens).shape == (2, steps, down * across, 16)


def test_cells_are_means_of_places():
    """Of 2 x 4 places in one row of cells, each cell is the mean of four; time comes first."""
    features = np.arange(2 * 8, dtype=np.float32).reshape(1, 2, 8, 1)
    cells = np.asarray(clip_encoding.in_cells(jnp.asarray(features), (2, 4), 1))
    np.testing.assert_allclose(cells[0, :, 0], [3.5, 11.5])
    cells = np.asarray(clip_encoding.in_cells(jnp.asarray(features), (2, 4), 2))
    np.testing.assert_allclose(cells[0, :4, 0], [0.5, 2.5, 4.5, 6.5])


def test_short_videos_have_fewer_tokens(weights):
    """A clip with one real frame of four has the tokens of one step of time."""
    opened = encoding.open_encoder("videomae", str(weights), num_frames=4, image_size=24)
    video = np.zeros((2, 4, 24, 24, 3), np.uint8)
    mask = np.array([[True] * 4, [True, False, False, False]])
    clips = [(n, (v, m)) for n, (v, m) in enumerate(zip(video, mask, strict=True))]
    lengths = {n: len(found) for n, found in clip_encoding.encode_clips(opened.encode, clips)}
    assert lengths == {0: 18, 1: 9}


@pytest.mark.parametrize("pooling", ["attention", "linear"])
def test_a_probe_ignores_padding(pooling):
    """Whatever stands in tokens that are not real, logits are the same."""
    made_of = probe.ProbeConfig(3, num_frames=5, embedding_dim=8, pooling=pooling)
    model = filled.random(lambda: probe.Probe(made_of, rngs=nnx.Rngs(0)))
    tokens = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    mask = jnp.asarray([[True] * 5, [True, True, False, False, False]])
    other = tokens.copy()
    other[1, 2:] = 9.0
    before, after = (model(jnp.asarray(found), mask) for found in (tokens, other))
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_golden_folder_is_what_is_saved(weights):
    """The folder has what `save_pretrained` leaves: arrays, config.json, pixels."""
    names = sorted(path.name for path in weights.iterdir())
    assert names == ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert backbones.ABOUT["videomae"]["said"]["model_type"] == "videomae"
