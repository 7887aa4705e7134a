"""The model card of a trained model: what it is, learnt from, was measured to do, and is for.

What is not known is given as unknown: a card without an evaluation says so.
"""

import re

from flaxvid import errors
from flaxvid.evaluation import advice, wording
from flaxvid.runs import config, model_facts, sampling, selection
from flaxvid.training import optimizer

MOST_CLASSES = 20  # in a table of confusions; of more, the most frequent confusions are listed
LISTED = 10  # confusions


def text(settings: config.Settings, known: model_facts.Known) -> str:
    """The card, in Markdown with the front matter that the Hugging Face hub reads."""
    name = f"{settings.arch} {settings.size}"
    data = _cell(model_facts.shown(settings.data.data))
    lines = [
        "---",
        "library_name: flaxvid",
        "pipeline_tag: video-classification",
        f"tags: [video, action-recognition, jax, flax, {settings.arch}]",
        *_hub_licence(known),
        "---",
        f"# {name}, trained on {data}",
        "",
        f"{_tells(settings)}: {', '.join(map(_cell, settings.labels))}.",
        f"It sees {_sees(settings)}, and has {known.parameters:,} parameters. Checkpoint of step "
        f"{known.step}.",
        "",
        "## Use",
        "",
        "```python",
        "import flaxvid",
        "",
        'model = flaxvid.load("hf:OWNER/NAME")  # or this folder',
        'print(model.predict("video.mp4").top(3))',
        "```",
        "",
        *_data(settings, known, data),
        *_training(settings, known),
        *_evaluation(known),
        *_use(settings, known),
        *_licence(known),
    ]
    return "\n".join(lines) + "\n"


def _tells(settings):
    count = len(settings.labels)
    if settings.data.multi_label:
        return f"Tells which of {count} classes a video shows, any number of them"
    return f"Classifies videos into {count} classes"


def _hub_licence(known):
    found = set(known.licences.values())
    (one,) = found if len(found) == 1 else (None,)
    return [f"license: {one}"] if one and re.fullmatch(r"[\w.-]+", one) else []


def _sees(settings):
    shown = settings.preprocessing
    if shown.stride is None:
        how = f"{shown.num_frames} frames spread over the video"
    else:
        span = sampling.span(shown.num_frames, shown.stride)
        how = f"{shown.num_frames} frames, {shown.stride} apart ({span} in all)"
    size = f"{shown.crop_size} x {shown.crop_size} pixels"
    if settings.embedding is None:
        return f"{how}, of {size}"
    return f"embeddings by {settings.embedding.encoder} of {how}, of {size}"


def _data(settings, known, data):
    lines = ["## Data", "", f"{data}; fingerprint of its rows `{settings.manifest or 'none'}`."]
    if known.splits is None:
        return [*lines, "The number of videos was not known when this card was written.", ""]
    lines += ["", "| split | videos | groups |", "|---|---:|---:|"]
    lines += [f"| {name} | {rows} | {groups} |" for name, (rows, groups) in known.splits.items()]
    leaks = "may be in several splits" if settings.data.allow_leakage else "is in one split only"
    return [*lines, "", f"A group (a recording, a person) {leaks}.", ""]


def _length(settings, known):
    """Steps if they are known, or else epochs and the least number of steps."""
    recipe = settings.recipe
    if recipe.steps is None and known.splits is None:
        least = f", {recipe.least_steps} steps at least" if recipe.least_steps else ""
        return f"{recipe.epochs:g} epochs{least}"
    clips = 0 if known.splits is None else known.splits["train"][0] * settings.data.clips_per_video
    return f"{optimizer.total_steps(recipe, clips, recipe.batch_size)} steps"


def _training(settings, known):
    recipe = settings.recipe
    starts = [f"`{model_facts.shown(start)}`" for start in settings.starts()]
    rows = {
        "started from": " and ".join(starts) or "random weights",
        "length": f"{_length(settings, known)}, batches of {recipe.batch_size}; the {recipe.keep} "
        "checkpoint",
        "optimizer": f"{recipe.optimizer}, {recipe.learning_rate:g}, {recipe.schedule}",
        "regularisation": f"weight decay {recipe.weight_decay:g}, label smoothing "
        f"{recipe.label_smoothing:g}, mixup {recipe.mixup:g}, cutmix {recipe.cutmix:g}",
        "mirrored clips": "half" if settings.preprocessing.flip else "none",
        "precision": settings.machine.precision,
        "seed": settings.run.seed,
    }
    if recipe.freeze:
        rows["frozen"] = _cell(" ".join(recipe.freeze))
    if settings.run.mine is not None:
        rows["code"] = "some functions were replaced by the author's own (`--mine`)"
    if settings.changes:
        rows["changes"] = f"settings were changed {len(settings.changes)} times during training"
    lines = ["## Training", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    return [*lines, "", "All settings and versions are in `config.json`.", ""]


# ------------------------------------------------------------------ what was measured
def _evaluation(known):
    report = known.report
    if report is None:
        return [
            "## Evaluation",
            "",
            "None: this checkpoint was not evaluated on its test split.",
            "",
        ]
    return [
        "## Evaluation",
        "",
        f"{report['videos']} test videos of {wording.groups(report)}, {report['views']}.",
        "",
        f"- {wording.measure(report)} **{wording.score(report):.1%}**, {wording.within(report)} "
        "(groups drawn)",
        f"- {wording.beside(report)}",
        *(f"- {line}" for line in advice.from_these(report)),
        *([f"- {len(report['skipped'])} files could not be read"] if report["skipped"] else []),
        "",
        *_orders(report),
        *_classes(report),
        *_confusion(report),
    ]


def _orders(report):
    if not report["orders"]:
        return []
    lines = ["Does it use the order of frames? The same videos with their frames", ""]
    whole = wording.score(report)
    lines += [f"| | {wording.measure(report)} | difference |", "|---|---:|---:|"]
    lines += [
        f"| {order} | {left:.1%} | {left - whole:+.1%} |"
        for order, left in report["orders"].items()
    ]
    return [*lines, ""]


def _classes(report):
    header, *rows = wording.class_table(report, orders=False)
    lines = [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    lines += [f"| {' | '.join((_cell(name), *cells))} |" for name, *cells in rows]
    return [*lines, ""]


def _confusion(report):
    """The whole matrix for few classes; for many, the most frequent confusions."""
    if "confusion" not in report:
        return []
    names = [_cell(entry["label"]) for entry in report["classes"]]
    counts = report["confusion"]
    if len(names) <= MOST_CLASSES:
        lines = ["Confusion matrix: rows are the true classes, columns the predicted ones.", ""]
        lines += [f"| | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
        lines += [
            f"| {name} | {' | '.join(map(str, row))} |"
            for name, row in zip(names, counts, strict=True)
        ]
        return [*lines, ""]
    wrong = [
        (count, names[is_], names[taken])
        for is_, row in enumerate(counts)
        for taken, count in enumerate(row)
        if count and is_ != taken
    ]
    most = sorted(wrong, key=lambda entry: -entry[0])[:LISTED]
    lines = [f"- {is_} mistaken for {taken}: {count}" for count, is_, taken in most]
    return ["Most frequent confusions:", "", *(lines or ["none"]), ""]


# ------------------------------------------------------------------ what it is for
def _use(settings, known):
    return [
        "## Intended use and limits",
        "",
        f"For videos like those it was trained on. {_answers(settings, known)}; it was not "
        "evaluated on cameras, places or people other than those in its data.",
        "",
        "Before publishing, its author adds here: whom the videos show and whether they "
        "consented, what the model must not be used for, and whom to ask.",
        "",
    ]


def _answers(settings, known):
    if settings.data.multi_label:
        on = "videos of another split"
        if known.splits is not None:
            on = f"the {selection.watched(known.splits)} videos"
        return (
            f"It gives the classes above their thresholds, which were chosen on {on} and are in "
            "`config.json`"
        )
    return (
        f"It always answers with one of its {len(settings.labels)} classes, even when a video "
        "shows none of them"
    )


def _licence(known):
    lines = ["## Licence", ""]
    for name, licence in known.licences.items():
        said = licence or "not known: look it up before this model is passed on"
        lines.append(f"- weights that it contains or needs, `{name}`: {said}")
    if not known.licences:
        lines.append("It started from random weights, so no other model's licence applies.")
    return [*lines, "", "The licence of the training videos is not known to flaxvid.", ""]


def _cell(value):
    """A text from elsewhere, escaped for a table in Markdown."""
    plain = errors.printable(str(value))
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", plain)
