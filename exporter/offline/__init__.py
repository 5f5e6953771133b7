"""The commands that read files and exit, `profile` and `evaluate`, and the reader of tables that they share.

Only `cli` imports this package; the running sidecar does not need it.
"""


class OfflineError(Exception):
    """A user's mistake, as one line: where it is, and what was expected."""

    @property
    def problems(self) -> list[str]:
        return [str(self)]
