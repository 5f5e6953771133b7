"""Counts in messages."""


def counted(count: int, one: str, many: str) -> str:
    """Return a count and its noun, in the singular or the plural.

    >>> counted(1, "file was", "files were"), counted(1200, "file was", "files were")
    ('1 file was', '1,200 files were')
    """
    return f"{count:,} {one if count == 1 else many}"
