"""Runs the tests with the lowest versions that pyproject.toml takes, or with the newest there are.

    python tests/benchmarks/versions.py lowest
    python tests/benchmarks/versions.py newest --python 3.12
    python tests/benchmarks/versions.py newest tests/models tests/video

A release that a library makes tomorrow changes nothing in what was run today, but what a user
installs; and nobody has the lowest versions, until someone does. Takes `uv`, which can choose the
lowest of what is asked for, and a Python of that version. What stands behind the names of options
goes to pytest.

Run on 2026-11-27, two cores of an AMD EPYC. Newest, with Python 3.12, JAX 0.12.0.1, PyAV 19.0.2:
6,075 tests passed in 26 minutes and 7 failed; six of those passed once they were mended, one (ten
bits of HEVC) failed that once alone, and every lesson ran. Lowest, with Python 3.11: 28 failed and
38 could not begin, for which seven of the lowest versions were raised, and three tests mended; then
the files of those passed, 1,104 tests. Neither was run whole again.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Without what it asks for, as pyproject.toml says of the extra.
ALONE = "jax2onnx==0.17.1"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("versions", choices=("lowest", "newest"))
    parser.add_argument("--python", help="3.11 for the lowest, 3.12 for the newest, unless given")
    chosen, for_pytest = parser.parse_known_args()
    lowest = chosen.versions == "lowest"
    resolution = "lowest-direct" if lowest else "highest"
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        version = chosen.python or ("3.11" if lowest else "3.12")
        subprocess.run(["uv", "venv", "--quiet", "--python", version, folder], check=True)
        install = ["uv", "pip", "install", "--quiet", "--python", python]
        own = ["--resolution", resolution, "--editable", f"{ROOT}[test,onnx]"]
        subprocess.run([*install, *own], check=True)
        subprocess.run([*install, "--no-deps", ALONE], check=True)
        subprocess.run([*install[:2], "list", "--python", python], check=True)
        # Without its cache: what is compiled is another version's.
        tests = [python, "-m", "pytest", "-p", "no:cacheprovider", *for_pytest]
        raise SystemExit(subprocess.run(tests, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
