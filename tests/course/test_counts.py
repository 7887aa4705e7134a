"""The README tells what the checks were tried on."""

from flaxvid.exercise import catalogue
from tests.course import counts


def test_the_table_of_the_readme_is_true():
    """`python -m tests.course.counts` prints the table that stands there."""
    readme = (catalogue.TABLE.parent / "README.md").read_text(encoding="utf-8")
    assert counts.table() in readme
