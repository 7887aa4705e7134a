"""Builds the wheel and the sdist, installs each where nothing is, and trains five steps with it.

    python tests/benchmarks/install.py                    # the wheel and the sdist
    python tests/benchmarks/install.py demo tf            # and what these extras add

Of every installation the time, from the network as it is today, and what it takes on disk.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRAIN = ["-m", "flaxvid.train", "--arch", "timesformer", "--steps", "5", "--eval-every", "5"]


def main() -> None:
    """Builds, installs, trains, and prints a line for each."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        python = environment(place / "build")
        pip(python, "build")
        subprocess.run([python, "-m", "build", "--outdir", place / "dist", ROOT], check=True)
        for kind in ("*.whl", "*.tar.gz"):
            (package,) = (place / "dist").glob(kind)
            python = environment(place / "env")
            base = 0.0
            base = report(package.name, place / "env", base, pip(python, package))
            (place / "empty").mkdir()
            subprocess.run([python, *TRAIN], cwd=place / "empty", check=True)
            for name in sys.argv[1:] if kind == "*.whl" else ():
                # Hard links: pip replaces files, and writes into none.
                shutil.copytree(place / "env", place / name, copy_function=os.link, symlinks=True)
                python = place / name / "bin" / "python"
                report(f"[{name}]", place / name, base, pip(python, f"{package}[{name}]"))
                shutil.rmtree(place / name)
            shutil.rmtree(place / "env")
            shutil.rmtree(place / "empty")


def environment(folder):
    """A new environment's Python, with nothing installed but pip."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def pip(python, what):
    """Installs without a cache; the seconds it took."""
    began = time.monotonic()
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", str(what)], check=True
    )
    return time.monotonic() - began


def report(name, folder, base, seconds):
    """Prints time and size, of which `base` MB were there before; returns the size in MB."""
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
    count = len(list(folder.glob("lib/*/site-packages/*.dist-info")))
    print(f"{name}: {seconds:.0f} s, {size - base:,.0f} MB, {count} packages", flush=True)
    return size


if __name__ == "__main__":
    main()
