"""Why a line is rejected. Outside the decoder a rejection is data, never an exception."""

from enum import StrEnum, auto


class Reason(StrEnum):
    """The reasons for rejecting a line; the value is the label in metrics."""

    INVALID_JSON = auto()
    INVALID_UTF8 = auto()
    INVALID_ARROW = auto()
    OVERSIZE = auto()
    INCOMPLETE = auto()
    BLANK = auto()
    WRONG_TYPE = auto()
    MISSING_FIELD = auto()
    NON_FINITE = auto()
    TIMESTAMP_FUTURE = auto()
    TIMESTAMP_PAST = auto()


class RejectedError(Exception):
    """A line, or a row in its place, is rejected."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
