"""Mutants that no call can tell from the original, with the reason for each.

By exercise and by the change as `mutants.Mutant.change` writes it.
"""

EQUIVALENT: dict[str, dict[str, str]] = {}
