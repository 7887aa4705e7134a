"""How many small changes to each exercise's own version its tests notice.

    python tests/benchmarks/exercise_mutants.py [EXERCISE ...]

prints a line for each exercise, and the mutants that live and are not known to be equivalent.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, ".")

from tests import compiling

# As in the tests: two devices, and nothing is compiled for speed, nor twice.
os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}
os.environ.update(compiling.quickly(os.environ))

from flaxvid.exercise import catalogue
from tests.course import equivalent, mutants


def main() -> int:
    """1 if a mutant lives."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE")
    names = [
        catalogue.find(name).name for name in parser.parse_args().exercises or catalogue.exercises()
    ]
    made = alive = equal = 0
    for name in names:
        begun = time.perf_counter()
        every = mutants.of(name)
        known = equivalent.EQUIVALENT.get(name, {})
        rest = [mutant for mutant in every if mutant.change not in known]
        left = mutants.survivors(name, rest)
        made, alive = made + len(every), alive + len(left)
        equal += len(every) - len(rest)
        seconds = time.perf_counter() - begun
        print(
            f"{name:<45} {len(every):>4} mutants {len(every) - len(rest):>3} equivalent "
            f"{len(left):>3} live {seconds:6.1f} s",
            flush=True,
        )
        for mutant in left:
            print(f"    {mutant.change}", flush=True)
        stale = set(known) - {mutant.change for mutant in every}
        for change in sorted(stale):
            print(f"    listed, but no mutant: {change}", flush=True)
    score = (made - equal - alive) / max(1, made - equal)
    print(f"{made} mutants, {equal} equivalent, {alive} live: score {score:.1%}")
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())
