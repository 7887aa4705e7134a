"""Options in a file: what is printed is read again, and what can't be is refused in one line."""

import dataclasses
import typing
from pathlib import Path

import pytest

from flaxvid import errors, range_checks, train
from flaxvid.recipes import zoo
from flaxvid.runs import config, options, options_file, parsing, resolve


def written(folder, text):
    path = folder / "options.toml"
    path.write_text(text)
    return path


def parsed(path, *words):
    return parsing.parse(["--config", str(path), *words], "")


def without_asking(chosen):
    """The options without the command that they come from."""
    return dataclasses.replace(chosen, config=None, print_config=False, said=frozenset())


# ------------------------------------------------------------------ there and back
def another(value, hint):
    """A value that an option may have too, and the recipe does not."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return another(value, inside[0])
    if origin is typing.Literal:
        return next((one for one in inside if one != value), value)
    if origin is tuple:
        if typing.get_origin(inside[0]) is typing.Literal:
            return typing.get_args(inside[0])[-2:]
        return tuple(another(one, inside[0]) for one in value) or ("^head\\d=1", "é")[:1]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 + 0.01
    if value is None:
        kind = next(kind for kind in inside if kind is not type(None))
        made = {int: 3, float: 0.5, str: 'a "b"\\', Path: Path("a/b")}
        return made.get(kind, (5, 7))
    literal = [kind for kind in inside if typing.get_origin(kind) is typing.Literal]
    if literal:
        return another(value, literal[0])
    return type(value)(f"{value}x")


def changed(chosen):
    """Every option with another value, as far as one alone can have it."""
    for part in ("data", "recipe", "run", "machine", "model"):
        inside = getattr(chosen, part)
        for option in range_checks.options(inside):
            name = option.flag[2:].replace("-", "_")
            if name in ("resume", "dry_run", "probe", "rate_factors", "freeze", "epochs"):
                continue
            value = another(option.value, option.hint)
            inside = dataclasses.replace(inside, **{name: value})
        chosen = dataclasses.replace(chosen, **{part: inside})
    return dataclasses.replace(chosen, said=frozenset({"stride"}))


@pytest.mark.parametrize("arch", zoo.ARCHITECTURES)
def test_every_option_is_read_as_it_was_written(arch, tmp_path, monkeypatch):
    """All of them changed at once, of each architecture; paths that are not there are no matter."""
    monkeypatch.setattr(range_checks, "check", lambda chosen: None)
    usual = parsing.from_recipe(arch, "tiny")
    chosen = changed(usual)
    unchanged = {
        name: option
        for name, option in options_file._options(chosen).items()
        if option.value == options_file._options(usual)[name].value
    }
    assert set(unchanged) <= {"arch", "size", "rate-factors", "freeze", "epochs"}
    given = options_file.read(written(tmp_path, options_file.text(chosen)))
    found = options_file.apply(given, usual, frozenset())
    assert without_asking(found) == without_asking(chosen)


@pytest.mark.parametrize("arch", ["timesformer", "bert", "linear"])
def test_what_is_printed_runs_as_without_it(arch, tmp_path, capsys):
    """--print-config with nothing said: the same options, and nothing that counts as said."""
    chosen = parsing.parse(["--arch", arch, "--print-config"], "")
    assert train.train(chosen) is None
    again = parsed(written(tmp_path, capsys.readouterr().out))
    assert without_asking(again) == without_asking(chosen)
    assert again.said - {"config", "stride"} == set()


def test_stride_is_fitted_only_where_it_is_not_in_the_file(small_motion, tmp_path):
    """The published size's 32 apart is too long for these videos; one that is written stays."""
    data = ["--data", str(small_motion.root / "manifest.csv")]
    usual = parsing.parse(["--size", "base", *data], "")
    printed = options_file.text(usual)
    assert "# stride = 32" in printed
    fitted = resolve.settings(parsed(written(tmp_path, printed)), small_motion)
    assert fitted.preprocessing.stride is None
    assert fitted.preprocessing == resolve.settings(usual, small_motion).preprocessing
    chosen = parsed(written(tmp_path, 'size = "base"\nstride = 32'), *data)
    assert resolve.settings(chosen, small_motion).preprocessing.stride == 32


def test_a_runs_own_file_runs_it_again(small_motion, tmp_path):
    """All settings of a run but its directory: the model it makes is the same."""
    words = ["--data", str(small_motion.root / "manifest.csv"), "--model.depth", "2", "--flip"]
    words += ["--steps", "3", "--average", "0.9", "--out", str(tmp_path / "run")]
    settings = resolve.settings(parsing.parse(words, ""), small_motion)
    (tmp_path / "run").mkdir()
    config.write(tmp_path / "run", settings)
    again = parsed(tmp_path / "run" / "config.json", "--seed", "4")
    assert (again.run.out, again.run.seed) == (None, 4)
    found = resolve.settings(again, small_motion)
    assert config.made_of(found) == config.made_of(settings)


# ------------------------------------------------------------------ under the command line
def test_what_is_said_comes_first(tmp_path):
    """Recipe, then file, then command line; epochs in either are in place of steps before them."""
    path = written(tmp_path, "steps = 7\nlearning_rate = 1\nflip = true\n[model]\ndepth = 3\n")
    chosen = parsed(path, "--learning-rate", "0.5", "--no-flip")
    assert (chosen.recipe.steps, chosen.model.depth) == (7, 3)
    assert (chosen.recipe.learning_rate, chosen.data.flip) == (0.5, False)
    assert parsed(path, "--epochs", "2").recipe.steps is None
    epochs = parsed(written(tmp_path, "epochs = 2"))
    assert (epochs.recipe.steps, epochs.recipe.epochs) == (None, 2.0)
    assert parsed(written(tmp_path, 'arch = "c3d"')).arch == "c3d"


def test_a_place_in_the_file_does_not_matter_if_another_is_said(tmp_path):
    """The file of another machine, with data of one's own."""
    path = written(tmp_path, 'data = "/nowhere/at/all"')
    assert parsed(path, "--data", str(tmp_path)).data.data == str(tmp_path)
    with pytest.raises(errors.UserError, match=r"options.toml: --data /nowhere/at/all: there is"):
        parsed(path)


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning-rat = 1", "learning-rat is not an option of train; did you mean learning-rate?"),
        ("lr = 1", "lr is not an option of train; did you mean learning-rate?"),
        ("depth = 3", r"depth is not an option of train; did you mean depth in \[model\]?"),
        ("[model]\ndepht = 3", "model.depht is not an option of timesformer; did you mean model.d"),
        ("[model]\nseed = 3", "model.seed is not an option of timesformer; did you mean seed"),
        (
            "[model]\nnum-frames = 3",
            "num-frames is not an option of timesformer; did you mean num-",
        ),
        ("[recipe]\nsteps = 3", "recipe is not an option of train; its options stand before all"),
        ("dry-run = true", "dry-run is not an option of train"),
        ('probe = "linear"', 'probe is not an option of train; say arch = "probe"'),
        ("said = []", "said is not an option of train"),
        ('steps = "many"', 'steps = "many": must be a whole number or "None"'),
        ("steps = 2.5", 'steps = 2.5: must be a whole number or "None"'),
        ("steps = true", 'steps = true: must be a whole number or "None"'),
        ('flip = "no"', 'flip = "no": must be true or false'),
        ("learning-rate = [1]", r"learning-rate = \[1\]: must be a number"),
        ("arch = 3", "arch = 3: must be a text"),
        ('optimizer = "lamb"', 'optimizer = "lamb": must be "sgd" or "adam" or "adamw"'),
        ("jitter = [1]", 'must be a list of 2, each of it a whole number or "None"'),
        ('milestones = "0.5"', "must be a list, each of it a number"),
        ("model = 'c3d'", "must be a table, .model.; an architecture is named by arch"),
        ("seed = 1e400", "seed = inf: must be a whole number"),
        ("threads = 0", "--threads 0: must be at least 1"),
        ("warmup = 2.5", "--warmup 2.5: give a share"),
        ("steps = 3\nepochs = 2", "steps, epochs: both say how long"),
        ("log-every = 3\nlog_every = 3", "log-every is there twice"),
        ("steps = ", "is not TOML"),
        ('arch = "c4d"', "--arch 'c4d': did you mean 'c3d'"),
    ],
)
def test_what_can_not_be_is_refused_with_file_and_key(text, said, tmp_path):
    """Unknown keys with the nearest, values of another type with what they may be."""
    with pytest.raises(errors.UserError, match=rf"options\.toml: .*{said}") as refusal:
        parsed(written(tmp_path, text))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "base"], "--size base: .*options.toml has the options of size tiny"),
        (["--arch", "c3d"], "--arch c3d: .*options.toml has the options of arch timesformer"),
    ],
)
def test_presets_are_not_mixed(words, said, tmp_path):
    """A file written for one size has that size's numbers, and not those of the one asked for."""
    path = written(tmp_path, 'arch = "timesformer"\nsize = "tiny"\n')
    with pytest.raises(errors.UserError, match=said):
        parsed(path, *words)


def test_a_value_without_effect_is_refused(tmp_path):
    """As on the command line; the recipe's own value does no harm."""
    parsed(written(tmp_path, "momentum = 0.9"))
    with pytest.raises(errors.UserError, match="--momentum: is of sgd"):
        parsed(written(tmp_path, "momentum = 0.5"))


def test_other_files_are_refused(tmp_path):
    """By their ending; and a config.json that is no run's."""
    (tmp_path / "options.yaml").write_text("a: 1")
    with pytest.raises(errors.UserError, match="give a TOML file, which must end in .toml"):
        parsed(tmp_path / "options.yaml")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(errors.UserError, match="config.json: has no 'model'"):
        parsed(tmp_path / "config.json")
    with pytest.raises(errors.UserError, match="options.toml: can't be read"):
        parsed(tmp_path / "options.toml")


def test_options_are_those_of_the_command_line():
    """What is asked of one command is in no file, and all else is."""
    chosen = options.TrainOptions
    names = {field.name for field in dataclasses.fields(chosen)}
    assert {"config", "print_config", "said"} < names
    found = options_file._options(parsing.from_recipe("timesformer", "tiny"))
    assert not {"config", "print-config", "resume", "dry-run", "probe", "said"} & set(found)
    assert {"arch", "data", "seed", "precision", "model.depth", "learning-rate"} < set(found)
