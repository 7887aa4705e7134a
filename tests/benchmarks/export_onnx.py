"""Exports every architecture as ONNX, size tiny with random weights, and compares the logits.

    python tests/benchmarks/export_onnx.py                  # all
    python tests/benchmarks/export_onnx.py c3d bilstm

Prints of each how large batches may be, and the largest difference in ONNX Runtime.
"""

import dataclasses
import sys
import tempfile
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import flaxvid
from flaxvid import errors, export
from flaxvid.recipes import zoo


def main() -> None:
    """Each in turn; what can't be exported is said, and is an error at the end."""
    failed = []
    for arch in sys.argv[1:] or zoo.ARCHITECTURES:
        try:
            with tempfile.TemporaryDirectory() as folder:
                print(arch, end=" ", flush=True)
                export.to_onnx(fresh(arch), Path(folder))
        except errors.UserError as error:
            print(error, flush=True)
            failed.append(arch)
    sys.exit(f"not exported: {', '.join(failed)}" if failed else None)


def fresh(arch):
    """A model as if of a run; one over embeddings knows their shape."""
    trained = flaxvid.create(arch, num_classes=10).trained
    settings = trained.settings
    if zoo.ARCHITECTURES[arch].inputs == "embedding":
        model = settings.model
        about = types.SimpleNamespace(rows=model.num_frames, dim=model.embedding_dim)
        settings = dataclasses.replace(settings, embedding=about)
    return dataclasses.replace(trained, settings=settings)


if __name__ == "__main__":
    main()
