"""How long a learner waits for a verdict: seconds for a check of every exercise, slowest first.

    python tests/benchmarks/checks.py

The aim on two cores: 5 seconds for a function, 15 for a module, each in a fresh Python, as
`python -m flaxvid.exercise check` runs them; starting Python and JAX is not counted.
"""

import subprocess
import sys

from flaxvid.exercise import catalogue

ONE = """
import sys, time
from flaxvid.exercise import catalogue, checking
reference, began = catalogue.reference(sys.argv[1]), time.monotonic()
verdict = checking.judge(reference, sys.argv[1], 120.0)
print(f"{time.monotonic() - began:.2f} {verdict.state} {isinstance(reference, type)}")
"""


def main() -> None:
    """Checks flaxvid's own version of every exercise, one after the other."""
    rows = []
    for name in catalogue.exercises():
        words = [sys.executable, "-c", ONE, name]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        seconds, state, is_module = said.split()[-3:]
        rows.append((float(seconds), name, state, 15 if is_module == "True" else 5))
    for seconds, name, state, aim in sorted(rows, reverse=True):
        print(f"{seconds:6.2f} s  {'over' if seconds > aim else '    '}  {state:<8} {name}")


if __name__ == "__main__":
    main()
