"""Every wrong answer is rejected, every right one accepted, flaxvid's own among them, and no test
of an exercise passes without it.

python tests/benchmarks/exercise_answers.py [EXERCISE ...]
"""

import argparse
import os
import sys

sys.path.insert(0, ".")

from tests import compiling

# As in the tests: two devices, and nothing is compiled for speed.
os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}
os.environ.update(compiling.quickly(os.environ))

from flaxvid.exercise import catalogue, checking, verdicts
from tests.course import right_answers, test_sabotage, wrong_answers


def main() -> int:
    """1 if a wrong answer passes or a right one does not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE")
    names = [
        catalogue.find(name).name for name in parser.parse_args().exercises or catalogue.exercises()
    ]
    failed = 0
    for name in names:
        counts, without = {}, test_sabotage.passed_without(name)
        if without:
            print(f"{name}: {without} of its tests pass though it is not written", flush=True)
            failed += 1
        for kind, answers, due in (
            ("right", [catalogue.reference(name), *right_answers.RIGHT[name]], verdicts.PASSED),
            ("wrong", wrong_answers.WRONG[name], verdicts.FAILED),
        ):
            missed = []
            for answer in answers:
                verdict = checking.judge(answer, name, 300.0)
                if verdict.state != due:
                    missed.append((answer.__name__, verdict.text()))
            counts[kind] = f"{len(answers) - len(missed)} of {len(answers)} {kind}"
            failed += len(missed)
            for told in missed:
                print(*told, sep="\n", flush=True)
        print(f"{name:<45} {counts['right']}, {counts['wrong']}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
