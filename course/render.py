"""Executes the notebooks of the course from their stubs and writes them back with their outputs.

    python course/render.py               all of them
    python course/render.py 01 02         those whose names begin so
    python course/render.py site          no execution: all of it as pages, in build/site

What would differ from run to run is left out: times, versions, paths, and the outputs of cells
tagged `timing`. The hash of the cells goes into the notebook, so that a test can tell outputs that
are older than their source. The picture of a cell tagged `picture` goes into course/pictures as
well, where pages can show it.
"""

import base64
import hashlib
import os
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

COURSE = Path(__file__).resolve().parent
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
SECONDS_PER_CELL = 3600  # a training of three minutes takes its time on a busy machine
SECONDS_TO_START = 300  # of a kernel, on a machine with much else to do


def main() -> None:
    """The command `python course/render.py`."""
    if sys.argv[1:] == ["site"]:
        import pages

        print(pages.build())
        return
    for path in sorted(COURSE.glob("[0-9]*.ipynb")):
        if not sys.argv[1:] or path.name.startswith(tuple(sys.argv[1:])):
            print(path.name, flush=True)
            notebook = nbformat.read(path, as_version=4)
            execute(notebook)
            tidy(notebook)
            nbformat.write(notebook, path)
            for kept, picture in pictures(path.stem, notebook).items():
                kept.write_bytes(picture)


def pictures(lesson: str, notebook: nbformat.NotebookNode) -> dict[Path, bytes]:
    """The pictures that are kept beside the notebook, by the file they are kept in."""
    tagged = [cell for cell in notebook.cells if "picture" in cell.metadata.get("tags", [])]
    shown = [output.data for cell in tagged for output in cell.outputs if "data" in output]
    coded = [data["image/png"] for data in shown if "image/png" in data]
    return {COURSE / "pictures" / f"{lesson}.png": base64.b64decode(text) for text in coded}


def execute(notebook: nbformat.NotebookNode) -> None:
    """Runs every cell in the folder of the course, with nobody's progress."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory() as folder:
        # The kernel finds this flaxvid, whether it is installed or not.
        paths = [str(COURSE.parent), os.environ.get("PYTHONPATH", "")]
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "FLAXVID_PROGRESS": str(Path(folder, "progress.json")),
        }
        where = {"metadata": {"path": str(COURSE)}}
        limits = dict(timeout=SECONDS_PER_CELL, startup_timeout=SECONDS_TO_START)
        client = nbclient.NotebookClient(notebook, **limits, resources=where)
        client.execute(env=os.environ | own)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Keeps what belongs to the lesson, and notes the source that the outputs come from."""
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = [] if "timing" in tags else _joined(cell.outputs)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNEL,
            "language_info": {"name": "python"},
            "flaxvid": {"source": source_hash(notebook)},
        }
    )


def _joined(outputs: list) -> list:
    """Outputs in which pieces of one stream, cut wherever the kernel happened to, are one."""
    joined = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """Changes when any cell does, and not with the outputs."""
    cells = [f"{cell.cell_type} {cell.source}" for cell in notebook.cells]
    return hashlib.sha256("\0".join(cells).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
