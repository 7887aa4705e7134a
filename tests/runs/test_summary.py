"""What is chosen for the user, and said: sampling, mirroring, padding, splits, groups, steps."""

import json

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import manifest
from flaxvid.runs import datasets, parsing, resolve, sampling, summary
from flaxvid.video import write


def folder_of(root, lengths, labels=("bow", "nod"), suffix=""):
    """Class folders with a video of each length in each."""
    for label in labels:
        for number, frames in enumerate(lengths):
            path = root / label / f"{number}{suffix}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            write.write_video(path, np.zeros((frames, 16, 24, 3), np.uint8), fps=8.0)
    return root


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Two classes of six videos of 7 frames."""
    return folder_of(tmp_path_factory.mktemp("short"), [7] * 6)


@pytest.fixture(scope="module")
def sided(tmp_path_factory):
    """Two classes that a mirror swaps."""
    return folder_of(tmp_path_factory.mktemp("sided"), [9] * 6, ("move_left", "move_right"))


def said(*words, total=100):
    """The settings of `train WORDS`, and what it says."""
    chosen = parsing.parse([*map(str, words), "--batch-size", "4"], "")
    videos = datasets.open_data(chosen.data, chosen.run.seed)
    settings = resolve.settings(chosen, videos)
    text = summary.text(settings, videos, None, parameters=5, start=0, total=total)
    return settings, " ".join(text.split())


# ------------------------------------------------------------------ steps and epochs
def test_epochs_win_over_the_steps_of_the_recipe(short):
    """The README's own command: 20 epochs of what the recipe makes 1,600 steps of."""
    settings, text = said("--data", short, "--epochs", "20")
    assert (settings.recipe.steps, settings.recipe.epochs) == (None, 20.0)
    assert "(--epochs)" in text


def test_epochs_win_over_the_steps_of_a_resumed_run(short, tmp_path, monkeypatch):
    """Said on the command line is said."""
    chosen = parsing.parse(["--steps", "5", "--data", str(short)], "")
    monkeypatch.setattr(parsing, "from_run", lambda _folder: chosen)
    resumed = parsing.parse(["--resume", str(tmp_path), "--epochs=3"], "")
    assert (resumed.recipe.steps, resumed.recipe.epochs) == (None, 3.0)


def test_steps_and_epochs_together_are_refused():
    """Whichever won, the other would be ignored."""
    with pytest.raises(errors.UserError, match="--steps, --epochs: both say how long"):
        parsing.parse(["--steps", "5", "--epochs", "2"], "")


def test_a_value_out_of_range_is_one_line_and_no_box(capsys):
    """The recipe's own message, from the command line as well."""
    with pytest.raises(errors.UserError, match=r"^--mixup -1\.0: give 0 or more$"):
        parsing.parse(["--mixup=-1"], "")
    with pytest.raises(errors.UserError, match=r"^--mixup: could not convert .*'much'"):
        parsing.parse(["--mixup", "much"], "")
    assert capsys.readouterr().err == ""


def test_steps_epochs_and_the_rate_are_said(short):
    """8 training videos and batches of 4: 100 steps are 50 epochs."""
    _, text = said("--data", short, "--steps", "100", "--warmup", "7")
    assert (
        "steps 100, of 4 clips each (--batch-size): 50.0 epochs of 8 clips (--steps, or --epochs)"
        in text
    )
    assert "adamw, at most 0.001 (--learning-rate), reached after 7 steps, then falling" in text
    _, text = said("--data", short, "--schedule", "step", "--milestones", "50", "80")
    assert "a tenth of it from each of the steps 50, 80 on" in text


# ------------------------------------------------------------------ mirroring and pixels
def test_mirroring_can_be_chosen_and_is_said(sided):
    """base mirrors, tiny does not, and both do as they are told."""
    small = ("--image-size", "32", "--model.depth", "1")
    for words, flip in (((), False), (("--flip",), True), (("--size", "base", *small), True)):
        settings, text = said("--data", sided, *words)
        assert settings.preprocessing.flip == flip
        assert ("half of the clips are mirrored (--no-flip)" in text) == flip
        assert ("move_left and move_right name a side: a mirrored clip" in text) == flip
    settings, text = said("--data", sided, "--size", "base", *small, "--no-flip")
    assert not settings.preprocessing.flip
    assert "not mirrored (--flip)" in text
    assert "name a side" not in text


def test_labels_without_a_side_are_mirrored_without_a_word(short):
    """No warning that nobody needs."""
    _, text = said("--data", short, "--flip")
    assert "mirrored clip" not in text


def test_resize_and_jitter_are_taken_as_given(short):
    """In pixels, whatever the image size; without them in proportion to it."""
    settings, _ = said("--data", short, "--resize", "40", "--jitter", "40", "48")
    assert (settings.preprocessing.resize, settings.preprocessing.jitter) == (40, (40, 48))
    settings, _ = said("--data", short, "--resize", "32", "44")
    assert settings.preprocessing.resize == (32, 44)
    settings, text = said("--data", short, "--size", "base", "--image-size", "112")
    assert settings.preprocessing.jitter == (128, 160)
    assert "resized to 128 to 160 (--jitter), the model sees 112 x 112 (--image-size)" in text
    with pytest.raises(errors.UserError, match="resize is 20"):
        said("--data", short, "--resize", "20")


# ------------------------------------------------------------------ sampling and padding
def test_short_videos_are_spread_unless_a_stride_is_said(short):
    """8 frames 32 apart span 225, the videos have 7: without a word 7 of 8 were padding."""
    base = ("--data", short, "--size", "base", "--image-size", "32")
    settings, text = said(*base)
    assert settings.preprocessing.stride is settings.data.stride is None
    assert "8 spread over each video (--num-frames, --stride), not 32 apart as usual" in text
    assert "half of the videos have 7 frames or fewer; 12% of the frames are padding" in text
    settings, text = said(*base, "--stride", "32")
    assert settings.preprocessing.stride == 32
    assert "88% of the frames are padding: give a smaller --stride, or None" in text


def test_long_videos_keep_the_stride(tmp_path):
    """Videos as long as a clip spans are sampled as the architecture was made for."""
    folder = folder_of(tmp_path, [10] * 3)
    base = ("--data", folder, "--size", "base", "--image-size", "32", "--num-frames", "2")
    chosen = parsing.parse([*map(str, base)], "")
    videos = datasets.open_data(chosen.data, 0)
    assert sampling.stride_for(videos, 4, 3) == 3
    assert sampling.stride_for(videos, 4, 4) is None


def test_share_of_padding_by_hand():
    """Clips of 4: of 1, 2 and 9 frames spread 1, 2 and 4 are real; 4 apart 1, 1 and 3."""
    lengths = np.array([1, 2, 9])
    assert sampling.padded_share(lengths, 4, None) == pytest.approx(5 / 12)
    assert sampling.padded_share(lengths, 4, 4) == pytest.approx(7 / 12)


def test_lengths_are_those_of_the_parts_and_bad_videos_are_left_out(short, tmp_path):
    """From 0.25 s to 0.75 s at 8 frames a second there are 4 frames."""
    (tmp_path / "bad.avi").write_bytes(b"")
    rows = [manifest.Row(str(short / "bow" / "0.avi"), "bow", start=0.25, end=0.75)]
    rows += [manifest.Row("bad.avi", "bow"), manifest.Row(str(short / "nod" / "0.avi"), "nod")]
    assert sampling.lengths(manifest.of_rows(tmp_path, rows)).tolist() == [4, 7]


# ------------------------------------------------------------------ splits and groups
def test_splits_and_groups_are_said(short, tmp_path):
    """Each video its own group; or groups, counted in each split."""
    _, text = said("--data", short)
    assert (
        "2 classes (bow, nod); videos: 8 train, 2 validation, 2 test (drawn; another --seed" in text
    )
    assert "none given: each video counts as a recording of its own" in text
    assert "warning" not in text
    settings, text = said("--data", short, "--group-regex", r"\d")
    assert "6: 4 train, 1 validation, 1 test; none is in two splits" in text
    assert settings.data.group_regex == r"\d"


def test_without_validation_videos_it_says_what_test_accuracy_is_worth(short, tmp_path):
    """Two videos a class: the checkpoint is chosen on the test split."""
    _, text = said("--data", folder_of(tmp_path, [4] * 4, suffix="x"))
    assert "warning" not in text
    table = tmp_path / "table.csv"
    table.write_text("path,label,split\nbow/0x.avi,bow,train\nnod/0x.avi,nod,train\n"
                     "bow/1x.avi,bow,test\nnod/1x.avi,nod,test\n")  # fmt: skip
    _, text = said("--data", table)
    assert "warning: no validation videos: the best checkpoint is chosen on the test" in text
    assert "or --keep last" in " ".join(text.split())
    _, text = said("--data", table, "--keep", "last")
    assert "warning: no validation videos" not in text
    _, text = said("--data", table, "--keep", "last", "--patience", "2")
    assert "warning: no validation videos: the end of the run is chosen on the test" in text
    table.write_text(table.read_text().replace("bow,test", "bow|nod,test"))
    _, text = said("--data", table, "--keep", "last", "--multi-label")
    assert "no validation videos: the thresholds of the classes are chosen" in text


def test_names_that_tell_of_a_leak_are_named(short, tmp_path):
    """A table without groups parts a group of UCF101: it is said, as its names tell it."""
    for clip in (1, 2):
        video = np.zeros((4, 16, 16, 3), np.uint8)
        write.write_video(tmp_path / f"v_Bow_g01_c0{clip}.avi", video, fps=8.0)
    rows = [{"path": f"v_Bow_g01_c0{clip}.avi", "label": "Bow", "split": split}
            for clip, split in ((1, "train"), (2, "validation"))]  # fmt: skip
    (tmp_path / "table.json").write_text(json.dumps({"rows": rows}))
    _, text = said("--data", tmp_path / "table.json")
    assert "by their names, Bow_g01 is in more than one split: the test is too easy" in text


def test_few_videos_get_advice_and_all_fits_on_a_screen(short, monkeypatch):
    """Eight training videos and the recipe's 1,600 steps: what to try, on 80 columns, 24 lines."""
    monkeypatch.setenv("COLUMNS", "80")
    chosen = parsing.parse(["--data", str(short)], "")
    videos = datasets.open_data(chosen.data, chosen.run.seed)
    settings = resolve.settings(chosen, videos)
    page = summary.text(settings, videos, None, parameters=5, start=0, total=1600)
    assert max(map(len, page.splitlines())) <= 80
    assert len(page.splitlines()) <= 24
    text = " ".join(page.split())
    assert "note: 8 videos are few to learn from pixels alone, and in 3,200 epochs they are" in text
    assert "--arch embedding_transformer or --arch linear" in text


@pytest.mark.parametrize(
    ("labels", "alike"),
    [
        (("left", "right", "Right"), ["Right", "right"]),
        (("jump rope", "JumpRope", "jump_rope", "run"), ["JumpRope", "jump rope", "jump_rope"]),
        (("run", "runs", "!", "?"), []),
    ],
)
def test_classes_that_are_spelt_alike_are_named(labels, alike):
    """By case, spaces and punctuation, as when several people sorted the videos."""
    assert sorted(summary._classes_alike(labels)) == alike


def test_classes_of_unlike_numbers_are_said(tmp_path):
    """From twice as many on; and no more, once they are balanced."""
    rows = [
        {"path": f"{label}{n}.avi", "label": label, "split": split}
        for label, count in (("many", 6), ("few", 3))
        for n in range(count)
        for split in ("train", "validation")
    ]
    rows = [row | {"path": row["split"] + row["path"]} for row in rows]
    for row in rows:
        write.write_video(tmp_path / row["path"], np.zeros((4, 16, 16, 3), np.uint8), fps=8.0)
    table = tmp_path / "table.json"
    table.write_text(json.dumps({"rows": rows}))
    assert "warning: classes have 3 to 6 training videos" in said("--data", table)[1]
    assert "training videos:" not in said("--data", table, "--balance", "loss")[1]


# ------------------------------------------------------------------ what would do nothing
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--schedule constant --warmup 0.1", "--warmup: the constant schedule has no warm-up"),
        ("--milestones 0.5", "--milestones: the cosine schedule has none"),
        ("--momentum 0.8", "--momentum: is of sgd, and the optimizer is adamw"),
        ("--mixup 0.8 --batch-size 1", "--mixup: mixes the clips of a batch, and --batch-size 1"),
        ("--magnitude 0.5", "--magnitude: is of --augment"),
        ("--encoder-weights hf:one/two", "--encoder-weights: is of models with an encoder"),
        ("--arch bert --flip", "--flip: bert sees embeddings"),
        ("--arch bilstm --stride 2", "--stride: bilstm sees embeddings"),
        ("--arch bert --workers 2", "--workers: bert sees embeddings"),
        (
            f"--mine {__file__} --workers 2",
            "--workers: other processes would not have your functions",
        ),
        ("--arch linear --balance loss", "--balance: linear is solved over all videos at once"),
        ("--arch linear --precision bf16", "--precision: linear is one product"),
        (
            "--arch probe --model.pooling linear --precision bf16",
            "--precision: probe is one product",
        ),
        ("--arch tcn --center clip", "--center: tcn sees embeddings"),
        ("--group-regex a", "--group-regex: --data motion has groups of its own"),
        ("--freeze ^blocks", "--freeze ^blocks: without --weights all parameters are random"),
        ("--arch conv_lstm --freeze ^encoder/", "--freeze ^encoder/: without --weights"),
        ("--rate-factors ^blocks=0", "--rate-factors ^blocks=0: without --weights"),
    ],
)
def test_options_that_would_do_nothing_are_refused(words, message):
    """Whoever gives one believes that it works."""
    with pytest.raises(errors.UserError) as caught:
        parsing.parse(words.split(), "")
    assert str(caught.value).startswith(message)


def test_options_that_do_something_are_not_refused():
    """The same ones where they belong."""
    for words in (
        "--schedule step --milestones 0.5 --optimizer sgd --momentum 0.8",
        "--augment 2 --magnitude 0.5 --warmup 0.1 --flip --workers 2",
        "--arch bert --encoder resnet18 --encoder-weights hf:one/two",
        "--arch conv_lstm --size base --encoder-weights hf:one/two --freeze ^encoder/",
        "--weights hf:one/two --freeze ^blocks",
    ):
        parsing.parse(words.split(), "")


def test_a_label_of_several_is_told(short, tmp_path):
    """Without --multi-label `bow|nod` is a class of its own; with it, two."""
    rows = [f"{path},{label},{split}" for path, label, split in _several(short)]
    (tmp_path / "several.csv").write_text("\n".join(["path,label,split", *rows]))
    _, text = said("--data", tmp_path / "several.csv")
    assert "3 classes (bow, bow|nod, nod)" in text
    assert "bow|nod is a class of its own; if labels with | are several of one video" in text
    settings, text = said("--data", tmp_path / "several.csv", "--multi-label")
    assert settings.model.num_classes == 2
    assert "2 classes (bow, nod); 1.3 labels a video, 1 to 2" in text
    assert "a class of its own" not in text


def _several(short):
    """Every third video of both classes."""
    for number, path in enumerate(sorted(short.rglob("*.avi"))):
        label = "bow|nod" if number % 3 == 0 else path.parent.name
        yield path, label, ("train", "validation", "test")[number % 3]
