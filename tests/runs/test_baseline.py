"""What is measured on the training videos' embeddings, and what is chosen by it."""

import dataclasses

import numpy as np
import pytest

from flaxvid.data import embeddings, embeddings_writer, manifest
from flaxvid.recipes import preprocessing
from flaxvid.runs import baseline, options_file, parsing, resolve

FRAMES, DIM, GROUPS = 6, 30, 8


def stored_of(folder, kind, multi_label=False):
    """Videos of two classes in eight training groups and four test groups; each group is a scene.

    Classes are `postures`, which every frame of a still video shows, or `motions`, which only the
    change from frame to frame does.
    """
    rng = np.random.default_rng(0)
    rows, arrays = [], []
    for group in range(GROUPS + 4):
        scene = 40 * rng.normal(size=DIM) if kind == "motions" else np.zeros(DIM)
        for number in range(8):
            sign = 1 if number % 2 else -1
            if kind == "motions":
                frames = scene + 0.3 * rng.normal(size=(FRAMES, DIM))
                frames[:, 0] += sign * np.linspace(-1, 1, FRAMES)
            else:
                frames = rng.normal(size=DIM) + 0.05 * rng.normal(size=(FRAMES, DIM))
                frames[:, 0] += 1.5 * sign
            split = "train" if group < GROUPS else "test"
            label = "ab"[number % 2]
            rows.append(manifest.Row(f"{group}_{number}.avi", label, f"scene {group}", split))
            arrays.append(frames.astype(np.float32))
    videos = manifest.of_rows(folder, rows)
    about = embeddings.About(
        encoder="lite0",
        weights="random",
        sha256="0" * 64,
        dim=DIM,
        preprocessing=preprocessing.frames(FRAMES, 112),
        manifest=videos.fingerprint(),
    )
    with embeddings_writer.Writer(folder / "made", videos, about) as writer:
        for number, array in enumerate(arrays):
            writer.write(number, array)
        return writer.finish().labelled_as(dataclasses.replace(videos, multi_label=multi_label))


def chosen(stored, *words):
    return parsing.parse(["--arch", "tcn", "--data", str(stored.folder), *words], "")


def test_of_equals_the_first_is_taken(tmp_path, monkeypatch, capsys):
    """Where both do alike, the mean is taken out and put before the frames."""
    stored = stored_of(tmp_path, "motions")
    monkeypatch.setattr(baseline, "by_center", lambda _: {"mean-token": 0.5, "none": 0.5})
    model = resolve.settings(chosen(stored), stored.manifest, stored).model
    assert model.center == "mean-token"
    assert "top-1 50.0% with mean-token, 50.0% with none" in capsys.readouterr().out


def test_motions_are_centred_and_postures_are_not(tmp_path, capsys):
    """What does better on training groups left out is taken, and said."""
    for kind, best in (("motions", "mean-token"), ("postures", "none")):
        stored = stored_of(tmp_path / kind, kind)
        found = baseline.by_center(stored)
        assert list(found) == ["mean-token", "none"]
        assert max(found, key=found.get) == best, found
        model = resolve.settings(chosen(stored), stored.manifest, stored).model
        assert model.center == best
        assert f"--model.center {best}, by a linear model" in capsys.readouterr().out


@pytest.mark.parametrize("center", ["mean-token", "only", "none"])
def test_what_was_said_stays(center, tmp_path, capsys):
    """On the command line and in a file, the preset's own value too; and nothing is measured."""
    stored = stored_of(tmp_path, "postures")
    words = chosen(stored, "--model.center", center)
    assert resolve.settings(words, stored.manifest, stored).model.center == center
    (tmp_path / "some.toml").write_text(f'[model]\ncenter = "{center}"\n')
    from_file = chosen(stored, "--config", str(tmp_path / "some.toml"))
    assert resolve.settings(from_file, stored.manifest, stored).model.center == center
    assert "on groups of training videos left out" not in capsys.readouterr().out


def test_options_that_are_printed_leave_it_open(tmp_path):
    """Unless it was said, it stands in a comment: other data may ask for the other."""
    stored = stored_of(tmp_path, "postures")
    assert '# center = "mean-token"    not said' in options_file.text(chosen(stored))
    said = options_file.text(chosen(stored, "--model.center", "mean-token"))
    assert '\ncenter = "mean-token"\n' in said


def test_on_motion_nothing_is_chosen():
    """Its recipes are fixed, so that runs can be compared."""
    for arch in ("tcn", "linear", "bilstm"):
        assert not baseline.is_to_choose_center(parsing.parse(["--arch", arch], ""))


def test_the_baseline_is_the_better_of_both(tmp_path):
    """What a report compares with: motions and postures are both told, in new groups."""
    for kind in ("motions", "postures"):
        stored = stored_of(tmp_path / kind, kind)
        outputs, learnt = baseline.outputs(stored, "test")
        labels = [stored.manifest.label_index(row) for row in stored.manifest.split("test").rows]
        assert learnt == 8 * GROUPS
        assert np.mean(outputs.argmax(axis=1) == labels) > 0.8, kind


def test_several_labels_a_video_are_chosen_for_by_mean_average_precision(tmp_path, capsys):
    """Accuracy has no meaning there."""
    stored = stored_of(tmp_path, "postures", multi_label=True)
    model = resolve.settings(chosen(stored, "--multi-label"), stored.manifest, stored).model
    assert model.center in baseline.CENTERS
    assert "left out: mAP" in capsys.readouterr().out
