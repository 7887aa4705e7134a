"""What `--resume` refuses: options with which the run would not do what is asked for."""

from flaxvid import errors, stores
from flaxvid.runs import config, loop, metrics_log


def refuse_unfit(settings: config.Settings, total: int, done: int, score: str) -> None:
    """Compares what is asked for with what the run has done.

    Args:
        settings: of the run that goes on, with what the command line changes.
        total: steps of the whole run that are asked for.
        done: steps that the run has done, by its newest checkpoint.
        score: that `--patience` watches, as the journal names it.

    Raises:
        UserError: for fewer steps than are done, as what was trained can't be taken back; for
            changed options of a run that has ended, as no step would be done with them.
    """
    resumed = f"--resume {settings.run.resume}: that run"
    if total < done:
        raise errors.UserError(
            f"{resumed} has done {done} steps, and now {total} are asked for; give more by --steps "
            "or --epochs, or start a new run"
        )
    if total == done:
        ended, more = f"has done all of its {done} steps", "more by --steps or --epochs"
    elif _patience_is_over(settings, done, score):
        patience = settings.recipe.patience
        ended, more = f"ended after {done} steps by --patience {patience}", "a larger --patience"
    else:
        return
    changed = config.before_the_change(config.load(settings.run.out), settings)
    if changed:
        raise errors.UserError(
            f"{resumed} {ended}, and {', '.join(changed)} would change nothing: give {more}, or "
            "start a new run"
        )


def _patience_is_over(settings, done, score):
    patience, log = settings.recipe.patience, stores.path(settings.run.out) / "metrics.jsonl"
    if patience is None or not log.exists():
        return False
    rows = [row for row in metrics_log.read(log) if row["step"] <= done]
    return loop.Patience(patience, rows, score).over
