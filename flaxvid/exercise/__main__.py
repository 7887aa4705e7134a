"""Exercises from the command line: the board, lessons to work in, checks, hints, stubs."""

import argparse
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

from flaxvid import errors, exercise, files
from flaxvid.exercise import board, catalogue, limits, mine, working_copies

COMMAND = "python -m flaxvid.exercise"
# Added to the code of a check in a process of its own: without it, something else has ended it.
VERDICT = 40
GRACE = 30  # seconds to start, beside what the time limit allows
LIMIT_HELP = "time limit: seconds of a processor, for all tests together"
# As in pytest: what is about many devices is tested on two, and JAX is told before it begins.
TWO_DEVICES = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}


def main() -> None:
    """The command `python -m flaxvid.exercise`."""
    with errors.one_line_errors():
        sys.exit(run(parse(sys.argv[1:])))


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return parser().parse_args(arguments)


def run(chosen: argparse.Namespace) -> int:
    """Does what was asked; 1 if a check did not pass."""
    match chosen.command:
        case None:
            print(board.text())
        case "check":
            return check(chosen.file, chosen.name, chosen.seconds)
        case "check-here":
            return VERDICT + check_here(chosen.file, chosen.name, chosen.seconds)
        case "show":
            exercise.show(chosen.name)
        case "hint":
            hint(chosen.name, chosen.more)
        case "start":
            start(chosen.folder)
        case "stub":
            stub(chosen.name, chosen.file)
        case "reset":
            done = set(board.passed())
            board.keep(done - {catalogue.find(chosen.name).name} if chosen.name else [])
            print(board.text())
    return 0


def check(file: Path, name: str | None, seconds: float) -> int:
    """Checks one exercise of a file, or all in it, each in a process of its own.

    So a crash ends that process only, and a loop that even the timer cannot reach ends with it.
    """
    written = mine.names_in(file)
    if name is not None:
        found = catalogue.find(name).name
        if found not in written:
            raise errors.UserError(f"{file}: does not define {name}, but {', '.join(written)}")
        written = {found: written[found]}
    failed = False
    for full in written:
        command = [sys.executable, "-m", "flaxvid.exercise", "check-here", str(file), full]
        try:
            code = subprocess.run(
                [*command, f"--seconds={seconds}"],
                timeout=limits.PATIENCE * seconds + GRACE,
                env=os.environ | TWO_DEVICES,
            ).returncode
        except subprocess.TimeoutExpired:
            code, told = 1, "took too long and was stopped"
        else:
            if code in (VERDICT, VERDICT + 1):
                told, code = "", code - VERDICT
            else:
                told = "" if code == 2 else _how(code)
                code = code or 1
        if told:
            print(board.red(f"{board.CROSS} {full.rpartition('.')[2]}: the check {told}"))
        failed |= code != 0
    return int(failed)


def _how(code):
    """How a process ended that said nothing itself."""
    if code >= 0:
        return f"ended Python itself, with code {code}: something in your version calls exit"
    name = signal.Signals(-code).name
    if name == "SIGXCPU":
        return "took too long and was stopped"
    return f"ended Python itself, by {name}: a crash in compiled code, or too little memory"


def _limit_processor(seconds):
    """Has the system end this process when it has used a processor for so many seconds more."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = math.ceil(used + seconds)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def check_here(file: Path, name: str, seconds: float) -> int:
    """Checks one exercise of a file in this process.

    Python code is interrupted after `seconds` of a processor; compiled code, which can't be, is
    ended with the process, after twice as many.
    """
    checking = exercise.import_checking()
    _limit_processor(2 * seconds + GRACE)
    try:
        with limits.enforced(limits.Limit(seconds)):
            defined = mine.load(file)
    except limits.TimeLimitError as error:
        print(board.red(f"{board.CROSS} {file}: to run it took {error}"))
        return 1
    verdict = checking.judge(defined[name.rpartition(".")[2]], name, seconds)
    print(verdict.text())
    if verdict.passed:
        print(board.after_success(name))
    else:
        print(f"  Stuck? {COMMAND} hint {name.rpartition('.')[2]}")
    return int(not verdict.passed)


def start(folder: Path) -> None:
    """Writes copies of the lessons to work in, and says what was written and what was there."""
    written, there = working_copies.write(folder)
    if written:
        lessons = f"{len(written)} lesson{'s' if len(written) > 1 else ''}"
        print(f"{folder}: {lessons} without outputs. Then  jupyter lab {folder}")
    if there:
        print(f"{folder}: left as they are: {', '.join(there)}")


def hint(name: str, more: bool) -> None:
    """Prints a hint as `exercise.hint` does, with the commands that lead on."""
    found = catalogue.find(name)
    short = found.name.rpartition(".")[2]
    print((found.way if more else found.nudge).rstrip())
    print(
        f"  flaxvid's own: {COMMAND} show {short}"
        if more
        else f"  More? {COMMAND} hint {short} --more"
    )


def stub(name: str, file: Path | None) -> None:
    """Prints the stub of an exercise, or writes it at the end of a file that does not have it."""
    found = catalogue.find(name).name
    text = mine.stub(found)
    if file is None:
        print(text, end="")
        return
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if before and found in mine.names_in(file):
        raise errors.UserError(f"{file}: defines {name} already: edit it there, or name a new file")
    if before:
        text = f"{before.rstrip()}\n\n\n{text}"
    files.write_text(file, text)
    print(f"{file}: written. Then  {COMMAND} check {file}")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the other commands do."""

    def error(self, message):
        raise errors.UserError(f"{message}; see {COMMAND} --help")


def parser() -> argparse.ArgumentParser:
    """What reads the command line."""
    parser = _Parser(prog=COMMAND, description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name, help, *arguments):
        added = commands.add_parser(name, help=help, description=help)
        for argument, options in arguments:
            added.add_argument(argument, **options)

    # Not by `ranges`: a board is shown at once, and tyro takes half a second to import.
    def limit(text):
        if not 0 < float(text) <= 86_400:
            raise argparse.ArgumentTypeError(f"{text} must be more than 0 and at most 86,400")
        return float(text)

    exercise_name = ("name", {"help": "an exercise; its short name is enough"})
    optional_name = ("name", {"nargs": "?", "help": "one exercise; all if left out"})
    file = ("file", {"type": Path, "help": "your Python file"})
    seconds = ("--seconds", {"type": limit, "default": exercise.SECONDS, "help": LIMIT_HELP})
    command("check", "check the exercises that a file defines", file, optional_name, seconds)
    command("show", "print flaxvid's own version", exercise_name)
    more = ("--more", {"action": "store_true", "help": "the second hint: what to call"})
    command("hint", "print a hint, with --more a second one", exercise_name, more)
    new_folder = ("folder", {"type": Path, "help": "a folder of your own, new or not"})
    command("start", "copy the lessons without outputs; overwrites nothing", new_folder)
    new_file = ("file", {"type": Path, "nargs": "?", "help": "a new file; printed if left out"})
    command("stub", "write what to begin from", exercise_name, new_file)
    command("reset", "forget what was passed", optional_name)
    # Not listed: what `check` runs in a process of its own.
    here = commands.add_parser("check-here")
    for argument, options in (file, exercise_name, seconds):
        here.add_argument(argument, **options)
    return parser


if __name__ == "__main__":
    main()
