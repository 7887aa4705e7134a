"""A run's metrics.jsonl survives being cut off."""

from flaxvid.runs import metrics_log


def test_what_is_written_is_read_back(tmp_path):
    """What was written comes back, a line for each step."""
    log = metrics_log.MetricsLog(tmp_path / "metrics.jsonl")
    log.write(20, loss=1.5)
    log.write(40, loss=0.5, accuracy=0.25)
    rows = [{"step": 20, "loss": 1.5}, {"step": 40, "loss": 0.5, "accuracy": 0.25}]
    assert metrics_log.read(log.path) == rows


def test_training_time_is_that_of_the_timed_lines():
    """Lines of evaluations have none; a file without any says nothing."""
    rows = [{"step": 1, "seconds": 2.5}, {"step": 1, "validation_loss": 1.0}]
    assert metrics_log.training_seconds([*rows, {"step": 2, "seconds": 1.0}]) == 3.5
    assert metrics_log.training_seconds(rows[1:]) is None


def test_a_resumed_run_forgets_what_came_after_the_checkpoint(tmp_path):
    """Lines after the step resumed from are taken out: they will be written again."""
    path = tmp_path / "metrics.jsonl"
    log = metrics_log.MetricsLog(path)
    for step in (10, 20, 30):
        log.write(step, loss=float(step))
    metrics_log.MetricsLog(path, resume_step=20)
    assert [row["step"] for row in metrics_log.read(path)] == [10, 20]


def test_line_cut_off_by_a_crash_is_left_out(tmp_path):
    """Half a last line does not hide the whole ones."""
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert metrics_log.read(path) == [{"step": 1, "loss": 2.0}]
