"""Names of other projects: each is refused with the name it has here, which there is."""

import dataclasses
import re

import pytest

from flaxvid import errors, option_aliases, train
from flaxvid.recipes import recipe as recipes
from flaxvid.runs import options, parsing

ACTIONBERT = [
    "--mode",
    "train",
    "--expt_dir",
    "./results_log",
    "--expt_name",
    "BERT",
    "--model",
    "bert",
    "--data_dir",
    "~/UCF_101",
    "--run_name",
    "res18",
    "--num_layers",
    "1",
    "--batch_size",
    "256",
    "--epochs",
    "300",
    "--gpu_id",
    "1",
    "--opt_lvl",
    "1",
    "--num_workers",
    "4",
    "--lr",
    "1e-4",
    "--model_ckpt",
    "last.pth",
]


def said(*arguments):
    with pytest.raises(errors.UserError) as caught:
        option_aliases.refuse(list(arguments))
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "here"),
    [
        (("--lr", "1e-4"), "--lr is --learning-rate 1e-4 here"),
        (("--num_layers", "1"), "--num_layers is --model.depth 1 here"),
        (("--num-workers=4",), "--num-workers is --threads 4, or in training --workers 4, here"),
        (("--gpu_id", "1"), "--gpu_id is CUDA_VISIBLE_DEVICES=1 before the command here"),
        (("--opt_lvl", "1"), "--opt_lvl is --precision bf16 here"),
        (("--model", "bert"), "--model is --arch bert here"),
        (("--data_dir", "d"), "--data_dir is --data d here"),
        (("--run_name", "x", "--epochs", "3"), "--run_name is --out RUN here"),
        (("IMG_SIZE=128",), "IMG_SIZE is --image-size 128 here"),
        (("MAX_SEQ_LENGTH", "20"), "MAX_SEQ_LENGTH is --num-frames 20 here"),
        (("--lr", "--steps", "3"), "--lr is --learning-rate here"),
    ],
)
def test_a_name_of_theirs_is_told_ours(arguments, here):
    """With its value, if ours takes one."""
    assert said(*arguments) == here


def test_a_whole_command_is_told_at_once():
    """ActionBERT's command line: all names that differ, in one line; those we share are not."""
    line = said(*ACTIONBERT)
    assert line.count(" here") == 12
    assert "batch" not in line
    assert "epochs" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--data", "model", "--out", "lr", "--model.depth", "2"],
        ["motion", "clip.avi", "LR.avi", "--model.num-heads", "2"],
    ],
)
def test_our_own_words_pass(arguments):
    """Values, files and our own options are nobody else's names."""
    option_aliases.refuse(arguments)


def test_every_name_of_ours_is_an_option():
    """What is suggested can be said to train, to some architecture; and none of theirs is ours."""
    kinds = (options.Data, options.Run, options.Machine, recipes.Recipe)
    ours = {field.name.replace("_", "-") for kind in kinds for field in dataclasses.fields(kind)}
    ours |= {"arch", "size"}
    models = {
        field.name.replace("_", "-")
        for arch in ("bert", "embedding_transformer")
        for field in dataclasses.fields(parsing.from_recipe(arch, "tiny").model)
    }
    for here in option_aliases.OTHERS.values():
        for name in re.findall(r"--([a-z.-]+)", here):
            part = name.removeprefix("model.")
            assert part in (models if name.startswith("model.") else ours), name
    assert not set(option_aliases.OTHERS) & ours


def test_train_says_so(monkeypatch, capsys):
    """One line and exit code 2, before anything is made."""
    monkeypatch.setattr("sys.argv", ["train", "--lr", "1e-4"])
    with pytest.raises(SystemExit) as ended:
        train.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: --lr is --learning-rate 1e-4 here\n"
