"""The README's Python runs as it stands, and its first words are quick."""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

import flaxvid
from flaxvid.prediction import model as models
from flaxvid.runs import interrupt, parsing

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def test_python_runs_as_written(monkeypatch, capsys):
    """With a fresh model in place of the trained one, and drawn frames in place of a file."""
    fresh = flaxvid.create("timesformer", num_classes=10)
    frames = np.zeros((9, 32, 32, 3), np.uint8)
    monkeypatch.setattr(flaxvid, "load", lambda source: fresh)
    predict = models.Model.predict
    monkeypatch.setattr(models.Model, "predict", lambda model, path: predict(model, frames))
    blocks = [block for block in BLOCKS if "onnxruntime" not in block]
    assert len(blocks) >= 2
    names = {}
    for block in blocks:
        exec(block, names)
    said, loss = capsys.readouterr().out.strip().splitlines()
    assert said.startswith("class ")
    assert 0.3 < float(loss) < 1.5


SLURM = """
srun() { echo "$*" >> said; mkdir -p runs/base; echo {} > runs/base/config.json
  if [ -e finished ]; then echo '{"step": 2, "best_step": 1}'; else echo '{"step": 1}'; fi \
    >> runs/base/metrics.jsonl; }
scontrol() { echo "scontrol $*" >> said; }
SLURM_JOB_ID=7
"""


def test_the_job_of_slurm_goes_on_until_the_run_is_whole(tmp_path):
    """A first turn that is cut short, a second that ends: with stand-ins for SLURM's commands."""
    (job,) = (block for block in SHELL if block.startswith("#!/bin/bash"))
    (tmp_path / "job").write_text(job.replace("#!/bin/bash", "#!/bin/bash" + SLURM))
    for _turn in range(2):
        subprocess.run(["bash", "-eu", "job"], cwd=tmp_path, check=True)
        (tmp_path / "finished").touch()
    first, again, second = (tmp_path / "said").read_text().splitlines()
    assert again == "scontrol requeue 7"
    chosen = _parsed(first.removeprefix("python -m flaxvid.train "), tmp_path)
    assert (chosen.size, chosen.run.out) == ("base", Path("runs/base"))
    assert second == "python -m flaxvid.train --resume runs/base"
    assert signal.SIGUSR1 in interrupt.SIGNALS
    assert "--signal=USR1@180" in job


def test_the_command_of_a_pod_is_one(tmp_path):
    """What every host runs."""
    (block,) = (block for block in SHELL if "tpu-vm" in block)
    command = shlex.split(block.replace("\\\n", " "))[-1]
    chosen = _parsed(command.removeprefix("python -m flaxvid.train "), tmp_path)
    assert chosen.machine.coordinator == "auto"


def _parsed(words, folder):
    """The options of a command of the README, whose files are there."""
    (folder / "my_videos.csv").write_text("")
    words = words.replace("my_videos.csv", str(folder / "my_videos.csv"))
    return parsing.parse(shlex.split(words.replace("/mnt", str(folder))), "")


def test_import_loads_neither_jax_nor_opencv():
    """`import flaxvid` is for everybody: what takes time is loaded when it is used."""
    code = "import sys, flaxvid; print(sorted({'jax', 'flax', 'cv2', 'numpy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
