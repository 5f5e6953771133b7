"""The commands that read files and end, `profile` and `evaluate`, and the reader of tables that they share.

Only `cli` imports this package: the running sidecar needs none of it.
"""

from __future__ import annotations


class OfflineError(Exception):
    """A mistake of the user's; each of `problems` is one line: where it is, and what was expected."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
