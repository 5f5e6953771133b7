"""Why a line is rejected. Outside the decoder a rejection is data, never an exception."""

INVALID_JSON = "invalid_json"
INVALID_UTF8 = "invalid_utf8"
INVALID_ARROW = "invalid_arrow"
OVERSIZE = "oversize"
INCOMPLETE = "incomplete"
BLANK = "blank"
WRONG_TYPE = "wrong_type"
MISSING_FIELD = "missing_field"
NON_FINITE = "non_finite"
OUT_OF_RANGE = "out_of_range"
TIMESTAMP_FUTURE = "timestamp_future"
TIMESTAMP_PAST = "timestamp_past"
REASONS = (
    INVALID_JSON,
    INVALID_UTF8,
    INVALID_ARROW,
    OVERSIZE,
    INCOMPLETE,
    BLANK,
    WRONG_TYPE,
    MISSING_FIELD,
    NON_FINITE,
    OUT_OF_RANGE,
    TIMESTAMP_FUTURE,
    TIMESTAMP_PAST,
)


class RejectedError(Exception):
    """A line, or a row in its place, is rejected for one of REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
