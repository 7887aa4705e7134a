"""The course, the README and the reference as pages: `python course/render.py site` makes them.

They are made of what is there, and nothing is written twice: the README is the first page, the
lessons stand as they were executed, and the reference is the docstrings of `REFERENCE`, all on one
page. A link that leads nowhere, or a docstring that can't be set, is an error. It takes the extra
`site`: Sphinx with MyST-NB and Furo.
"""

import shutil
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
SITE = BUILD / "site"
# Taken as they are, so that links between them hold.
TAKEN = (
    "CHANGELOG.md",
    "course/*.ipynb",
    "course/*.md",
    "course/pictures/*.png",
    "data/real_clips/README.md",
    "data/real_clips/LICENSE",
    "tests/benchmarks/results/*.md",
    "tests/benchmarks/results/*.png",
    "tests/benchmarks/results/*.json",
)
# What a user of Python calls: heading -> modules.
REFERENCE = {
    "Models": (
        "flaxvid",
        "flaxvid.prediction.model",
        "flaxvid.prediction.clips",
        "flaxvid.recipes.zoo",
    ),
    "Videos": (
        "flaxvid.video.decode",
        "flaxvid.video.header",
        "flaxvid.video.sample",
        "flaxvid.video.preprocess",
        "flaxvid.video.transform",
    ),
    "Data": (
        "flaxvid.data.manifest",
        "flaxvid.data.manifest_file",
        "flaxvid.data.leakage",
        "flaxvid.data.sources",
        "flaxvid.data.splits",
        "flaxvid.data.batches",
        "flaxvid.data.views",
    ),
    "Training": (
        "flaxvid.recipes.recipe",
        "flaxvid.training.state",
        "flaxvid.training.step",
        "flaxvid.training.optimizer",
        "flaxvid.training.gradients",
        "flaxvid.training.mixing",
        "flaxvid.training.averaging",
        "flaxvid.training.parallel",
        "flaxvid.training.checkpoint",
    ),
    "Evaluation": (
        "flaxvid.training.metrics",
        "flaxvid.evaluation.scores",
        "flaxvid.evaluation.average_precision",
        "flaxvid.evaluation.paired",
    ),
    "Parts of models": (
        "flaxvid.models.layers",
        "flaxvid.models.attention",
        "flaxvid.models.convolution",
        "flaxvid.models.rollout",
    ),
    "Exercises": ("flaxvid.exercise",),
}
SETTINGS = {
    "project": "flaxvid",
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"],
    "html_theme": "furo",
    "html_title": "flaxvid",
    "html_copy_source": False,
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["dollarmath"],
    "myst_heading_anchors": 3,
    # Docstrings have code between single backticks.
    "default_role": "code",
    "autodoc_typehints": "signature",
    "autodoc_member_order": "bysource",
    "autodoc_preserve_defaults": True,
    "python_use_unqualified_type_names": True,
    "maximum_signature_line_length": 80,
}


def build() -> Path:
    """Makes the pages anew, and gives the first one.

    Raises:
        SystemExit: if there was a warning; all of them are printed.
    """
    import sphinx.application

    staged = BUILD / "pages"
    for folder in (staged, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    stage(staged)
    sys.path.insert(0, str(ROOT))  # this flaxvid, whether it is installed or not
    made = sphinx.application.Sphinx(
        staged, None, SITE, BUILD / "doctrees", "html", SETTINGS, warningiserror=True, freshenv=True
    )
    made.connect("autodoc-process-docstring", _code_as_code)
    made.build()
    if made.statuscode:
        raise SystemExit("the pages have warnings, printed above: mend what they name")
    return SITE / "index.html"


def stage(folder: Path) -> None:
    """Puts together what the pages are made of: the README becomes `index.md`."""
    for path in sorted(path for pattern in TAKEN for path in ROOT.glob(pattern)):
        place = folder / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    for lesson in folder.glob("course/*.ipynb"):
        notebook = nbformat.read(lesson, as_version=4)
        notebook.metadata.language_info.pygments_lexer = "ipython3"  # the first cell has a %pip
        nbformat.write(notebook, lesson)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    # On the web a folder shows its README.
    readme = readme.replace("](data/real_clips)", "](data/real_clips/README.md)")
    lessons = sorted(f"course/{path.stem}" for path in ROOT.glob("course/[0-9]*.ipynb"))
    results = sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("tests/**/*.md")
    )
    course = ["course/README", *lessons, "course/FROM_THE_WRITEUPS"]
    more = ["reference", *results, "data/real_clips/README", "CHANGELOG"]
    pages = _contents("The course", course) + _contents("More", more)
    (folder / "index.md").write_text(readme + pages, encoding="utf-8")
    (folder / "reference.md").write_text(_reference(), encoding="utf-8")


def _code_as_code(_app, _what, _name, _object, _options, lines):
    """What stands indented after a blank line is code: Sphinx would take it for a quotation."""
    before, marked = "", []
    for above, line in zip(["", *lines], lines, strict=False):
        if line.startswith("    ") and not above and before and not before.startswith(" "):
            marked += ["::", ""]
        before = line or before
        marked.append(line)
    lines[:] = marked


def _contents(caption, pages):
    listed = "\n".join(pages)
    return f"\n```{{toctree}}\n:caption: {caption}\n:hidden:\n\n{listed}\n```\n"


def _reference():
    parts = ["# Reference\n"]
    for heading, modules in REFERENCE.items():
        parts.append(f"## {heading}\n")
        for module in modules:
            directive = f".. automodule:: {module}\n   :members:"
            parts.append(f"### {module}\n\n```{{eval-rst}}\n{directive}\n```\n")
    return "\n".join(parts)
