"""Options under the names that other projects give them: what they are called here.

option_aliases.refuse(["--lr", "1e-4"])     # UserError: --lr is --learning-rate 1e-4 here
"""

import re

from flaxvid import errors

# Another project's name -> the option here; {} is where its value goes. The names are those of
# ActionBERT's main.py and prepare_data.py, of the Keras and PyTorch hybrids' constants, of the
# TimeSformer notebook's arguments, and of Lightning's trainer.
OTHERS = {
    "lr": "--learning-rate {}",
    "tensorboard": "--track tensorboard",
    "num-layers": "--model.depth {}",
    "num-encoder-layers": "--model.depth {}",
    "num-workers": "--threads {0}, or in training --workers {0},",
    "gpu-id": "CUDA_VISIBLE_DEVICES={} before the command",
    "opt-lvl": "--precision bf16",
    "model": "--arch {}",
    "mode": "one of the commands flaxvid.train, flaxvid.evaluate and flaxvid.predict",
    "data-dir": "--data {}",
    "expt-dir": "--out RUN",
    "expt-name": "--out RUN",
    "run-name": "--out RUN",
    "model-ckpt": "--resume RUN to go on, or --weights {} to start from a file",
    "img-size": "--image-size {}",
    "max-seq-length": "--num-frames {}",
    "sequence-length": "--num-frames {}",
    "frames-per-clip": "--num-frames {}",
    "d-model": "--model.dim {}",
    "d-mlp": "--model.mlp-dim {}",
    "dense-dim": "--model.dense-dim {}",
    "num-heads": "--model.num-heads {}",
    "num-features": "what the --encoder gives",
    "num-classes": "as many as the data has",
    "max-epochs": "--epochs {}",
}


def refuse(arguments: list[str]) -> None:
    """Refuses options that have another name here, with all of those names in one line.

    Case, and whether words are joined by `-` or `_`, makes no difference. Without dashes, only
    what is written as a constant is meant: `IMG_SIZE=128`.

    Raises:
        UserError: if there is one among the arguments of a command.
    """
    found = []
    for place, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if not re.fullmatch(r"--?[A-Za-z].*|[A-Z][A-Z0-9_]+", name):
            continue
        here = OTHERS.get(name.lstrip("-").lower().replace("_", "-"))
        if here is None:
            continue
        following = arguments[place + 1 : place + 2]
        if not value and following and not following[0].startswith("-"):
            value = following[0]
        found.append(f"{name} is {here.format(value).strip()} here")
    if found:
        raise errors.UserError("; ".join(found))
