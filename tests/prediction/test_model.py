"""The model for Python: what `flaxvid.create` and `flaxvid.load` give."""

import numpy as np
import pytest
import safetensors.numpy

import flaxvid
from flaxvid import errors
from flaxvid.prediction import clips
from flaxvid.prediction import model as models
from flaxvid.video import decode
from tests.weights import test_c3d as c3d_files


@pytest.fixture
def seen(trained):
    return models.Model(trained)


@pytest.fixture(scope="module")
def fresh():
    return flaxvid.create("c3d", num_classes=3, widths=(2, 2, 2, 2), fc_dim=4)


def test_a_video_gives_one_prediction(seen, film):
    """Its label, its probability and the likeliest classes are those of the probabilities."""
    said = seen.predict(film("a.avi", 20))
    assert said.label == "bright"
    assert said.probability == said.probabilities.max() > 0.5
    assert said.top(1) == [("bright", said.probability)]
    assert [name for name, _ in said.top()] == ["bright", "dark"]


def test_frames_give_what_their_file_gives(seen, film):
    """An array of all frames is sampled and prepared as the file is."""
    path = film("a.avi", 20)
    from_file = seen.predict(path)
    from_array = seen.predict(decode.read_frames(path))
    np.testing.assert_array_equal(from_array.probabilities, from_file.probabilities)
    assert from_array.path is None


def test_a_short_array_is_padded_and_masked(seen):
    """Two frames of a model of four: the padding does not darken the mean."""
    frames = np.full((2, 16, 24, 3), 64, np.uint8)
    odds = np.exp([-1.0, 1.0]) / np.exp([-1.0, 1.0]).sum()
    np.testing.assert_allclose(seen.predict(frames).probabilities, odds, atol=1e-6)


def test_a_list_and_a_folder_give_lists(seen, film, tmp_path):
    """In the order given, and by name; a folder with one video gives a list too."""
    paths = [film(f"clips/{name}.avi", count) for name, count in (("b", 30), ("a", 12))]
    assert [said.path for said in seen.predict(paths)] == paths
    assert [said.path for said in seen.predict(tmp_path / "clips")] == sorted(paths)
    mixed = seen.predict([paths[0], decode.read_frames(paths[1])])
    assert [said.path for said in mixed] == [paths[0], None]
    assert seen.predict([]) == []
    paths[0].unlink()
    (alone,) = seen.predict(tmp_path / "clips")
    assert isinstance(alone, clips.Prediction)


def test_a_fresh_model_has_labels_pixels_and_logits(fresh):
    """Logits of a batch, with a mask or without; the same seed gives the same model."""
    shown = fresh.preprocessing
    assert fresh.labels == ("class 0", "class 1", "class 2")
    shape = (2, shown.num_frames, shown.crop_size, shown.crop_size, 3)
    video = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    logits = fresh.logits({"video": video})
    assert logits.shape == (2, 3)
    given = fresh.logits({"video": video, "mask": np.ones(shape[:2], bool)})
    np.testing.assert_array_equal(given, logits)


def test_overrides_reach_the_preprocessing():
    """A model of other frames and another size is shown those."""
    model = flaxvid.create("timesformer", labels=("a", "b"), num_frames=4, image_size=16, depth=1)
    shown = model.preprocessing
    assert (shown.num_frames, shown.crop_size, model.labels) == (4, 16, ("a", "b"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flaxvid.create("c3d"), "num_classes is None"),
        (lambda: flaxvid.create("c3d", num_classes=2, labels=("a",)), "there are 1 labels"),
        (lambda: flaxvid.create("c3", num_classes=2), "did you mean 'c3d'"),
        (lambda: flaxvid.load("no/such/run"), "no/such/run"),
    ],
)
def test_what_cannot_be_made_is_refused(call, message):
    """In one line that names the value."""
    with pytest.raises(errors.UserError, match=message):
        call()


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"video": np.zeros((1, 8, 32, 32, 3), np.float32)}, r"float32\[1, 8, 32, 32, 3\]"),
        ({"video": np.zeros((1, 9, 32, 32, 3), np.uint8)}, r"takes uint8\[batch, 8, 32, 32, 3\]"),
        ({"mask": np.ones((1, 8), bool)}, "needs 'video'"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(fresh, batch, message):
    """Floats are not taken for pixels, nor another length for this one."""
    with pytest.raises(errors.UserError, match=message):
        fresh.logits(batch)


def test_arrays_that_are_no_frames_are_refused(seen):
    """Floats, a single frame, no frame."""
    for wrong in (
        np.zeros((2, 8, 8, 3)),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ):
        with pytest.raises(errors.UserError, match="uint8"):
            seen.predict(wrong)


def test_a_fresh_model_over_embeddings_takes_those_only():
    """It has no frame encoder yet, and says so."""
    model = flaxvid.create("bilstm", num_classes=2, embedding_dim=6, hidden_dim=4)
    shape = (2, model.preprocessing.num_frames, 6)
    assert model.logits({"embedding": np.zeros(shape, np.float32)}).shape == (2, 2)
    with pytest.raises(errors.UserError, match="no frame encoder"):
        model.predict("video.mp4")


def test_published_weights_fill_a_created_model(tmp_path):
    """`pretrained=True` of others: a file with Sports-1M's names, a fresh fc8, and a shape."""
    arrays = c3d_files.file_of(1, without=("fc8",))
    safetensors.numpy.save_file(arrays, tmp_path / "c3d.safetensors")
    made_of = dict(image_size=36, widths=(2, 3, 4, 5, 6), fc_dim=7, num_classes=5, size="base")
    net = flaxvid.create("c3d", weights=tmp_path / "c3d.safetensors", **made_of)
    clips = np.zeros((1, 16, 36, 36, 3), np.uint8)
    assert net.logits({"video": clips}).shape == (1, 5)
    np.testing.assert_array_equal(net.model.fc7.bias[...], arrays["classifier.3.bias"])
