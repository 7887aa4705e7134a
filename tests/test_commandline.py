"""Any option of any command with any value: it is legal, or refused in one line with code 2."""

import argparse
import contextlib
import dataclasses
import importlib
import io
import os
import re
import typing
from pathlib import Path

import annotated_types
import pytest

import flaxvid
from flaxvid import commandline, errors, prepare, range_checks, ranges, stores
from flaxvid.exercise import __main__ as exercise_command
from flaxvid.recipes import recipe, zoo
from flaxvid.runs import parsing

PACKAGE = Path(flaxvid.__file__).parent
# What makes a command line whole; in it FOLDER, FILE and NEW stand for paths. A command or
# subcommand that is not here fails the tests.
NEEDED = {
    "compare": ["FOLDER"],
    "demo": ["FOLDER"],
    "evaluate": ["FOLDER"],
    "export": ["FOLDER"],
    "predict": ["FOLDER", "FILE"],
    "train": [],
    "prepare ucf101": ["FOLDER"],
    "prepare folder": ["FOLDER"],
    "prepare frames": ["FOLDER", "NEW"],
    "prepare packed": ["FOLDER", "NEW"],
    "prepare check": ["FOLDER"],
    "prepare download": ["https://localhost/a.zip", "NEW"],
    "prepare embeddings": ["FOLDER"],
    "prepare from-actionbert": ["NEW", "--train", "FILE", "FILE", "--test", "FILE", "FILE"],
    "prepare to-actionbert": ["FOLDER", "NEW"],
}
NUMBERS = ("0", "-1", "nan", "1000000000", "inf", "-inf", "1e400")
TEXTS = ("", " ", "x" * 300, "a\nb", "\x1b[31m", "FOLDER", "FILE", "/dev/null", "/dev/null/x")
UNREACHED = "the store can't be reached"  # tests/test_stores.py has one
PLACES = ("FILE/x", "FORBIDDEN/x", "FORBIDDEN/deep/x.csv", "x" * 300 + ".csv", "PIPE")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where words of `NEEDED` lead, and a folder in which nobody may write."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "forbidden").mkdir()
    (tmp_path / "file.csv").write_text("path,label\n")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stores, "refusal", lambda *_arguments, **_options: UNREACHED)
    # Tests may be run by root, whom no permission stops.
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *rest: "forbidden" not in str(path) and allowed(path, *rest)
    )
    names = {"FOLDER": "folder", "FILE": "file.csv", "NEW": "new", "PIPE": "pipe"}
    names["FORBIDDEN"] = "forbidden"

    def replaced(word):
        for name, path in names.items():
            word = word.replace(name, str(tmp_path / path))
        return word

    return replaced


def commands():
    """Every module with a command."""
    return sorted(
        path.stem for path in PACKAGE.glob("*.py") if "\ndef main(" in path.read_text("utf-8")
    )


def command_lines():
    """Every command and subcommand: its name, and the module that parses it."""
    for name in commands():
        module = importlib.import_module(f"flaxvid.{name}")
        if name == "prepare":
            yield from ((f"prepare {sub}", module) for sub in prepare.COMMANDS)
        else:
            yield name, module


def parsers(place):
    """Name, a function from further arguments to options, and those options without any.

    The whole parser of `train` takes its time, so its parts are read on their own.
    """
    for name, module in command_lines():
        if name == "train":
            continue
        words = [*name.split()[1:], *map(place, NEEDED[name])]
        yield name, lambda more, m=module, w=words: m.parse([*w, *more]), module.parse(words)
    parts = dataclasses.replace(parsing.from_recipe("timesformer", "tiny"))
    kinds = [getattr(parts, field) for field in ("data", "recipe", "run", "machine")]
    kinds += [zoo.configure(arch, num_classes=2) for arch in zoo.ARCHITECTURES]
    for part in kinds:

        def parse(more, part=part):
            return commandline.parse(type(part), more, prog="train", description=None, default=part)

        yield f"train {type(part).__name__}", parse, part


def kinds(hint):
    """The plain types in an annotation: int, float, str, Path, bool; Literal as itself."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return {typing.Literal}
    inside = typing.get_args(hint)
    if origin is typing.Annotated:
        return kinds(inside[0])
    return set().union(*map(kinds, inside)) if inside else {hint} - {type(None), Ellipsis}


def snapshot(folder):
    return {p: p.lstat().st_mtime_ns for p in folder.rglob("*")}


def test_every_command_can_be_parsed_without_being_run():
    """Each module with a `main` has `parse`, and a line in the table above."""
    names = {name for name, _ in command_lines()}
    assert names == set(NEEDED)
    assert all(hasattr(module, "parse") for _, module in command_lines())


def test_every_number_and_every_path_says_what_it_may_be(place):
    """A new option without a range is found here."""
    for name, _, chosen in parsers(place):
        for option in range_checks.options(chosen):
            found = kinds(option.hint)
            rules = [
                rule
                for rule in option.metadata
                if isinstance(rule, annotated_types.Interval) or hasattr(rule, "refuse")
            ]
            # A recipe checks itself: what its numbers may be hangs together.
            if found & {int, float, Path} and not isinstance(option.owner, recipe.Recipe):
                assert rules, f"{name} {option.flag}: state its range where it is declared"


def test_what_is_checked_is_what_help_shows(place, capsys, monkeypatch):
    """No option is missing among those that are checked."""
    monkeypatch.setenv("COLUMNS", "100")
    for name, module in command_lines():
        words = [*name.split()[1:], *map(place, NEEDED[name])]
        flags = {option.flag for option in range_checks.options(module.parse(words))}
        with pytest.raises(SystemExit):
            module.parse([*name.split()[1:], "--help"])
        text = capsys.readouterr().out
        shown = set(re.findall(r"^(?:│ | {0,4})(--[a-z][\w-]*(?:\.[\w-]+)?)[ ,]", text, re.M))
        positive = {flag for flag in flags if flag.startswith("--")}
        assert shown - {"--help"} == positive, name


def test_any_value_of_any_option_is_legal_or_refused_in_one_line(place, tmp_path, monkeypatch):
    """No traceback, nothing written, and the line names the option."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    before, refused = snapshot(tmp_path), 0
    for name, parse, chosen in parsers(place):
        for option in range_checks.options(chosen):
            if not option.flag.startswith("--") or kinds(option.hint) == {bool}:
                continue
            found = kinds(option.hint)
            values = NUMBERS if float in found else NUMBERS[:4] if int in found else TEXTS
            if Path in found:
                values += PLACES
            for value in values:
                line = said_of(option, place(value), parse)
                where = f"{name} {option.flag} {value[:20]!r}: {line}"
                assert line is None or ("\n" not in line and len(line) < 700), where
                assert line is None or option.flag.rpartition(".")[2].strip("-") in line, where
                if value in ("", " ", "a\nb", "\x1b[31m", "nan", "inf", "-inf", "1e400"):
                    assert line, where
                refused += line is not None
    assert refused > 500
    assert snapshot(tmp_path) == before


def said_of(option, value, parse):
    """The one line that refuses a value of an option; None: it is legal.

    A value that Python can read is put where the parser puts it, which takes no time; all else
    goes through the parser.
    """
    field = option.flag.rpartition(".")[2].strip("-").replace("-", "_")
    for kind in kinds(option.hint) & {int, float, str, Path} if value else ():
        with contextlib.suppress(ValueError):
            read = kind(value)
            if "tuple[" in str(option.hint):
                read = (read,) if "..." in str(option.hint) else (read, read)
            changed = dataclasses.replace(option.owner, **{field: read})
            return refusal(range_checks.check, changed)
    return refusal(parse, [option.flag, value])


def refusal(parse, arguments):
    """The one line of an error; None: it is legal."""
    try:
        parse(arguments)
    except errors.UserError as error:
        return errors.printable(" ".join(str(error).split()))  # as every command prints it
    return None


@pytest.mark.parametrize("address", ["gs://bucket/run.csv", "https://a.b/run.csv"])
def test_no_option_takes_an_object_store_for_a_folder_of_that_name(place, address):
    """`--out gs://bucket/run` would else be a folder `gs:` here, that nobody finds."""
    for name, parse, chosen in parsers(place):
        for option in range_checks.options(chosen):
            takes_places = any(isinstance(rule, ranges.PLACES) for rule in option.metadata)
            if takes_places and option.flag.startswith("--"):
                line = said_of(option, address, parse) or ""
                asked = address in line and line.endswith(UNREACHED) and stores.is_store(address)
                assert asked or ranges.ELSEWHERE in line, f"{name} {option.flag}: {line}"


ARGUMENTS = ["", "x" * 300, "/dev/null", "FILE/x", "missing", "PIPE", "s3://bucket/x"]


@pytest.mark.parametrize("value", ARGUMENTS)
def test_any_positional_argument_is_legal_or_refused(place, tmp_path, value):
    """The arguments without a flag, one after the other."""
    before = snapshot(tmp_path)
    for name, module in command_lines():
        for number in range(len(NEEDED[name])):
            words = list(map(place, NEEDED[name]))
            words[number] = place(value)
            line = refusal(module.parse, [*name.split()[1:], *words])
            assert line is None or "\n" not in line, f"{name} {number} {value}"
            new = NEEDED[name][number] == "NEW"
            assert line or (new and value == "missing") or name == "prepare download", name
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --batch-size 0", "--batch-size 0: give 1 or more"),
        ("train --threads -1", "--threads -1: must be"),
        ("train --log-every 0", "--log-every 0: must be"),
        ("train --model.dim 0", "--model.dim 0: must be"),
        ("train --model.num-heads 0", "--model.num-heads 0: must be"),
        ("train --seed -1", "--seed -1: must be"),
        ("train --coordinator x", "--coordinator x: must be HOST:PORT or auto"),
        ("train --out FILE", "is a file; give the name of a folder"),
        ("prepare frames FOLDER NEW --short-side 0", "--short-side 0: must be"),
        ("prepare frames FOLDER NEW --fps 0", "--fps 0.0: must be more than 0"),
        ("prepare packed FOLDER NEW --clips-per-shard 0", "--clips-per-shard 0: must be"),
        ("train --data s3://bucket/videos", f"--data s3://bucket/videos: {UNREACHED}"),
        ("train --out gs://bucket/run", f"--out gs://bucket/run: {UNREACHED}"),
        ("train --weights https://a.b/c.safetensors", ranges.ELSEWHERE),
        ("predict FOLDER FILE --out s3://bucket/a.json", ranges.ELSEWHERE),
        ("prepare folder s3://bucket/videos", ranges.ELSEWHERE),
        ("prepare packed FOLDER NEW --beam-options a=1", "say which runner it is for, with --beam"),
        ("predict FOLDER FILE --window inf", "--window inf: must be a finite number"),
        ("predict FOLDER FILE --out FOLDER", "must end in"),
        ("predict FOLDER FILE --out FILE", "is there already; pass --overwrite"),
        ("prepare folder FOLDER --out a.txt", "--out a.txt: must end in .csv or .json"),
        ("prepare folder FOLDER --out FORBIDDEN/a.csv", "no permission in"),
        ("train --learning-rat 1", "did you mean --learning-rate?"),
        ("prepare frames", "Missing"),
    ],
)
def test_a_refusal_names_the_option_the_value_and_the_way_out(place, line, said):
    """What was once a traceback, or was taken without a word."""
    name, *words = line.split()
    module = importlib.import_module(f"flaxvid.{name}")
    assert said in refusal(module.parse, list(map(place, words)))


def test_exercise_refuses_in_one_line(place):
    """Its parser is argparse's: every option and argument of every subcommand."""
    parser = exercise_command.parser()
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for name, sub in commands.choices.items():
        needed = ["FILE"] if "file" in {a.dest for a in sub._actions} else []
        for action in sub._actions:
            for value in (*NUMBERS, *TEXTS) if action.option_strings[-1:] == ["--seconds"] else ():
                words = [name, *needed, "x", f"{action.option_strings[-1]}={value}"]
                line = refusal(exercise_command.parse, list(map(place, words)))
                assert line, (name, value)
                assert "\n" not in line
    assert "invalid choice" in refusal(exercise_command.parse, ["nothing"])
    assert exercise_command.parse(["check", "a.py", "--seconds", "5"]).seconds == 5.0


def test_a_command_ends_with_code_2_and_one_line(monkeypatch, capsys):
    """From the command line to the shell."""
    for name in commands():
        module = importlib.import_module(f"flaxvid.{name}")
        monkeypatch.setattr("sys.argv", [name, "--nothing-of-this-name"])
        with pytest.raises(SystemExit) as left:
            module.main()
        said = capsys.readouterr()
        assert left.value.code == 2, name
        assert re.fullmatch(r"error: [^\n]+\n", said.err), said.err
        assert said.out == ""


def test_help_still_ends_well():
    """Not every exit of the parser is an error."""
    shown = io.StringIO()
    with pytest.raises(SystemExit) as left, contextlib.redirect_stdout(shown):
        importlib.import_module("flaxvid.predict").parse(["--help"])
    assert left.value.code == 0
    assert "--window" in shown.getvalue()


def test_help_breaks_no_sentence_where_a_docstring_does(capsys, monkeypatch):
    """A description of two lines of code is filled up like one."""
    monkeypatch.setenv("COLUMNS", "110")
    with pytest.raises(SystemExit):
        parsing.parse(["--help"], "")
    shown = capsys.readouterr().out
    assert re.search(r"of packed videos or of\W+embeddings, `motion`, ", shown), shown
