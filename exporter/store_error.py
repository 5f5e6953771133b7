"""The errors of everything that keeps state."""


class StoreError(Exception):
    """Kept state cannot be read or written. The message says why; `path` is the file, where one is to blame."""

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason)
        self.path = path


class NewerVersionError(StoreError):
    """A newer release wrote a file, which is left as it is."""

    def __init__(self, path: str, version: int, readable: int) -> None:
        super().__init__(
            f"version {version} was written by a newer release, and this release reads version {readable} and older; "
            "run the newer release again, or choose another state_dir to start counters at zero",
            path,
        )
