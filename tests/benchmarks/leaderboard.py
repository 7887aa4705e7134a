"""The leaderboard of the README: every architecture on the motion set, three seeds, judged alike.

    python tests/benchmarks/leaderboard.py
    python tests/benchmarks/leaderboard.py --steps 20 --seeds 1 --only c3d bilstm --out runs/tried

It does what these commands do: `train --arch ... --seed ...`, each tiny and by its own recipe,
`evaluate` with its order tests, and `compare`. Every run is a directory under runs/leaderboard,
with its report.json and pictures; tests/benchmarks/results keeps the board of the last whole one.
It can be stopped by Ctrl-C and started again: what is finished stays, and a run broken off is gone
on with. Videos are drawn, and embeddings made, once.

Beside what compare shows, accuracy on the pairs of classes that differ in appearance (grow and
shrink, lighten and darken) and on those that differ in direction; each pair is one clip played
forwards and backwards, so that without a sense of order it would be 50% of either. Training time
is that of the steps alone, decoding included; the embeddings had been made before.
"""

import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import jax

from flaxvid import compare, errors, evaluate, progress, train
from flaxvid.data import motion
from flaxvid.recipes import zoo
from flaxvid.runs import config, metrics_log, parsing

KINDS = {"appearance": motion.APPEARANCE_PAIRS, "direction": motion.DIRECTION_PAIRS}


# ------------------------------------------------------------------ a run, finished one day
def trained(arch, seed, chosen):
    """The directory of a finished run: made now, gone on with, or found."""
    folder = chosen.out / f"{arch}-{seed}"
    words = ["--arch", arch, "--seed", str(seed), "--data", chosen.data, "--out", str(folder)]
    words += [] if chosen.steps is None else ["--steps", str(chosen.steps)]
    wanted = parsing.parse(words, "")
    if (folder / "config.json").exists():
        if config.load(folder).recipe != wanted.recipe:
            raise errors.UserError(
                f"{folder}: holds a run of another recipe; give another --out, or remove it"
            )
        wanted = parsing.parse(["--resume", str(folder)], "")
    if not finished(folder):
        print(f"\n{arch}, seed {seed}", flush=True)
        train.train(wanted)
        jax.clear_caches()
    if not finished(folder):
        raise KeyboardInterrupt
    return folder


def finished(folder):
    """Whether training wrote its last line."""
    log = folder / "metrics.jsonl"
    return log.exists() and any("best_step" in row for row in metrics_log.read(log))


def judged(folder):
    """The report of a run: made now, or found."""
    if not (folder / "report.json").exists():
        evaluate.evaluate(evaluate.EvaluateOptions(run=folder))
        jax.clear_caches()
    return compare.read_report(folder)


# ------------------------------------------------------------------ a line for each run
HEADER = ("model", "seed", "top-1", *KINDS, "shuffled", "reversed", "single", "steps", "training")


def runs_table(reports):
    """Every run by itself, in Markdown: what the means of the leaderboard are made of."""
    lines = [f"| {' | '.join(HEADER)} |", "|---|" + "---:|" * (len(HEADER) - 1)]
    for folder, report in reports.items():
        shares = [report["top1"], *(of_pairs(report, pairs) for pairs in KINDS.values())]
        shares += [report["orders"][order] for order in ("shuffled", "reversed", "single")]
        cells = [report["model"], str(report["seed"]), *(f"{share:.1%}" for share in shares)]
        steps = metrics_log.read(folder / "metrics.jsonl")[-1]["step"]
        cells += [str(steps), progress.duration(report["training_seconds"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def pairs_table(reports):
    """Every model, the mean over its seeds, by kind of pair."""
    lines = [f"| model | {' | '.join(f'{kind} pairs' for kind in KINDS)} |", "|---|---:|---:|"]
    for model in dict.fromkeys(report["model"] for report in reports.values()):
        cells = [model]
        for pairs in KINDS.values():
            shares = [of_pairs(r, pairs) for r in reports.values() if r["model"] == model]
            lowest, highest = min(shares), max(shares)
            cells.append(f"{statistics.mean(shares):.1%} ({lowest:.1%} to {highest:.1%})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def of_pairs(report, pairs):
    """Top-1 on the videos of these pairs of classes."""
    names = {name for pair in pairs for name in pair}
    classes = [entry for entry in report["classes"] if entry["label"] in names]
    videos = sum(entry["videos"] for entry in classes)
    return sum(entry["recall"] * entry["videos"] for entry in classes) / videos


# ------------------------------------------------------------------ all of them
def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=list(zoo.ARCHITECTURES), help="architectures")
    parser.add_argument("--seeds", type=int, default=3, help="how many; 3 unless given")
    parser.add_argument("--steps", type=int, help="instead of each recipe's own")
    parser.add_argument("--data", default="motion", help="motion, motion:hard or motion:scenes")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/leaderboard"))
    chosen = parser.parse_args()
    with errors.one_line_errors():
        reports = {}
        # Seed by seed, so that a board with fewer seeds is there early.
        for seed in range(chosen.seeds):
            for arch in chosen.only:
                folder = trained(arch, seed, chosen)
                reports[folder] = judged(folder)
            print(f"\nafter {seed + 1} of {chosen.seeds} seeds\n")
            compare.compare(compare.CompareOptions(runs=tuple(reports), out=chosen.out))
            tables = f"\n{pairs_table(reports)}\n{runs_table(reports)}"
            print(tables, flush=True)
            with (chosen.out / "leaderboard.md").open("a", encoding="utf-8") as page:
                page.write(tables)


if __name__ == "__main__":
    main()
