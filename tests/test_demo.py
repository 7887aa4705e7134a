"""The demo without its page: what becomes of an upload, and what people read if it is no good."""

import dataclasses
import importlib
import sys

import cv2
import jax
import numpy as np
import pytest
from flax import nnx

from flaxvid import demo, errors, stores
from flaxvid.data import manifest, motion
from flaxvid.prediction import answer as answers
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, datasets, options, trained_model
from flaxvid.training import state as states
from flaxvid.training import step
from flaxvid.video import decode, header, playable, write


@pytest.fixture(scope="module")
def trained():
    """A TimeSformer that has learnt nothing: 8 frames of 32 pixels, ten classes."""
    preset = zoo.find("timesformer")
    small = dict(num_classes=10, dim=16, depth=1, num_heads=2, mlp_dim=16)
    model = zoo.create("timesformer", rngs=nnx.Rngs(0), **small)
    settings = config.Settings(
        arch="timesformer",
        size="tiny",
        model=model.config,
        preprocessing=preset.preprocessing,
        data=options.Data(),
        recipe=recipes.Recipe(),
        run=options.Run(),
        labels=motion.CLASSES,
        manifest="",
    )
    parts = states.split(model)
    eval_step = jax.jit(step.make_eval_step(parts, step.pixel_inputs(preset.preprocessing)))
    return trained_model.Trained(
        settings, 0, 0, lambda batch: eval_step(parts.params, parts.stats, batch), model
    )


@pytest.fixture(scope="module")
def answer(trained):
    return answers.open_answering(trained)


def upload(path, height, width, num_frames=20, fps=10):
    frames = np.random.default_rng(0).integers(0, 256, (num_frames, height, width, 3), np.uint8)
    write.write_video(path, frames, fps=fps)
    return str(path)


def test_answer_has_all_that_the_page_shows(answer, tmp_path):
    """The five likeliest of ten, eight frames, heat over them and its shares."""
    shown = answer(upload(tmp_path / "wide.avi", 48, 96))
    assert len(shown.top) == 5
    assert list(shown.top.values()) == sorted(shown.top.values(), reverse=True)
    assert shown.seen.shape == shown.looked.shape == (8, 224, 224, 3)
    assert len(shown.shares) == 8
    assert shown.note == (
        "2.0 s, 96 x 48 pixels, wide. The model saw 8 frames of 32 x 32 pixels: the middle 50% of "
        "the picture."
    )


def test_upright_video_of_a_phone(answer, tmp_path):
    """It is taken, and people are told that the model sees its middle."""
    assert "48 x 96 pixels, upright" in answer(upload(tmp_path / "phone.mp4", 96, 48)).note


def test_short_video(answer, tmp_path):
    """Three frames: the others of the clip are padding, and are not shown."""
    shown = answer(upload(tmp_path / "short.avi", 32, 32, num_frames=3))
    assert (len(shown.seen), len(shown.shares)) == (3, 3)
    assert "the whole picture" in shown.note


def test_two_hours(answer, tmp_path):
    """Nobody waits for it: the message says how long it is, how long it may be, and what to do."""
    path = upload(tmp_path / "film.avi", 16, 16, num_frames=72, fps=0.01)
    with pytest.raises(errors.UserError, match="film.avi: lasts 2 h 0 min, .*takes 10 min .*cut"):
        answer(path)


def test_broken_video_and_no_video(answer, tmp_path):
    """By the name it was uploaded under; where it was put is nobody's business."""
    upload(tmp_path / "whole.mp4", 32, 32)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes((tmp_path / "whole.mp4").read_bytes()[:500])
    text = tmp_path / "letter.mp4"
    text.write_text("Dear Sir or Madam")
    picture = tmp_path / "empty.mp4"
    picture.touch()
    for path in (broken, text, picture):
        with pytest.raises(errors.UserError, match=f"^{path.name}: ") as caught:
            answer(str(path))
        assert str(tmp_path) not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_photo_is_a_video_of_one_frame(answer, tmp_path):
    """OpenCV reads it as one; it is shown as what it is."""
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((32, 32, 3), np.uint8))
    assert len(answer(str(tmp_path / "photo.png")).seen) == 1


def test_a_long_video_has_a_timeline(answer, tmp_path):
    """From three windows of two seconds on; a shorter one has none."""
    assert answer(upload(tmp_path / "short.avi", 32, 32)).timeline is None
    long = answer(upload(tmp_path / "long.avi", 32, 32, num_frames=70)).timeline
    assert long.ndim == 3
    assert len(np.unique(long)) > 10


def test_what_browsers_can_not_play_is_copied(tmp_path):
    """MJPG in AVI becomes H.264 at its own times; what is that already stays."""
    path = upload(tmp_path / "a.avi", 48, 97, num_frames=7, fps=4)
    copy = playable.playable(path, tmp_path)
    found = header.probe(copy)
    assert (found.codec, found.width, found.height) == ("h264", 96, 48)
    np.testing.assert_allclose(decode.frame_times(copy), np.arange(7) / 4, atol=1e-3)
    assert playable.playable(copy, tmp_path / "nowhere") == copy


def test_an_example_of_each_class(trained, small_motion, tmp_path):
    """Copies of test videos, under names that say nothing of the machine."""
    data = options.Data(data=str(small_motion.root / "manifest.csv"))
    found = demo.examples(dataclasses.replace(trained.settings, data=data), tmp_path)
    assert list(found) == list(motion.CLASSES)
    tested = {row.label: small_motion.path(row) for row in small_motion.split("test").rows[::-1]}
    for label, path in found.items():
        assert path.parent == tmp_path
        assert path.read_bytes() == tested[label].read_bytes()
    gone = dataclasses.replace(trained.settings, data=options.Data(data=str(tmp_path / "gone")))
    assert demo.examples(gone, tmp_path) == {}


def test_videos_in_a_store_are_no_examples(trained, tmp_path, monkeypatch):
    """The page of a run that learnt from them opens all the same."""
    rows = (manifest.Row("a.mp4", "grow", split="test"),)
    found = manifest.of_rows(stores.path("s3://bucket/videos"), rows)
    monkeypatch.setattr(datasets, "open_data", lambda *_: found)
    assert demo.examples(trained.settings, tmp_path) == {}


def test_one_run_or_two():
    """Three would not stand beside each other."""
    with pytest.raises(errors.UserError, match="3 runs: give one, or two"):
        demo.parse([".", "..", "/"])


def test_the_page_of_two_models(trained, tmp_path):
    """Everything twice but for the player; what is no video is told once, and nothing is left."""
    gradio = pytest.importorskip("gradio")
    blocks = demo.page(gradio, [trained, trained], tmp_path)
    kinds = [type(part).__name__ for part in blocks.blocks.values()]
    assert [kinds.count(kind) for kind in ("Label", "Gallery", "Image")] == [2, 4, 2]
    show = next(found.fn for found in blocks.fns.values() if found.name == "show")
    filled = show(upload(tmp_path / "film.avi", 32, 32, num_frames=70))
    assert len(filled) == 11
    assert all(value is not None for value in filled.values())
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam")
    said = list(show(str(tmp_path / "letter.mp4")).values())
    hidden = [value for value in said if isinstance(value, dict)]
    assert len(hidden) == 8
    assert not any(value["visible"] or value["value"] for value in hidden)
    (note,) = [value for value in said if isinstance(value, str)]
    assert "letter.mp4: " in note


def test_what_has_nothing_in_it_is_not_shown(trained, tmp_path):
    """A video of two seconds has no timeline, and the page no empty frame for one."""
    gradio = pytest.importorskip("gradio")
    blocks = demo.page(gradio, [trained], tmp_path)
    show = next(found.fn for found in blocks.fns.values() if found.name == "show")
    filled = show(upload(tmp_path / "short.avi", 32, 32, num_frames=16))
    shown = {
        type(part).__name__: value["visible"]
        for part, value in filled.items()
        if isinstance(value, dict)
    }
    assert shown == {"Label": True, "Image": False, "Gallery": True}


def test_without_gradio(monkeypatch, capsys, tmp_path):
    """One line that names the extra."""
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr(sys, "argv", ["demo", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        demo.main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.startswith("error: the demo needs gradio")
    assert said.count("\n") == 1
    assert '".[demo]"' in said
    assert importlib.import_module("flaxvid.demo") is demo  # imported without it


@pytest.mark.parametrize("data", ["/home/ann/secret/gestures", "gestures/", "../secret/gestures"])
def test_where_the_data_lies_is_not_shown(trained, data):
    """The name of the folder is, and nothing above it."""
    settings = dataclasses.replace(trained.settings, data=options.Data(data=data))
    said = demo.trained_on(settings)
    assert said.startswith("timesformer tiny, trained on gestures: 10 classes, ")
    assert "secret" not in said
    assert "/" not in said
