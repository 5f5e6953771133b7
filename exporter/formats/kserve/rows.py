"""Events of the inference logger become rows: a request and its response are paired, and each instance is a row."""

import json
from collections.abc import Iterable
from typing import Any

from exporter.decoding.rows import IsNew, LinePlace, RowReader, Rows
from exporter.formats.bodies import BodyError
from exporter.formats.kserve.events import MAX_LABEL, Event, EventPair, EventPairs, event
from exporter.formats.kserve.payloads import FeatureNames, instances, outcomes
from exporter.lines.rejects import Reason, RejectedError

MAX_INSTANCES = 20_000
HTTP_ERRORS = 400

Row = dict[str, Any]


class EventRows(RowReader):
    """Reads events in structured mode, one per line."""

    def __init__(self, names: FeatureNames, pairs: EventPairs | None = None) -> None:
        self._names = names
        self.pairs = pairs or EventPairs()

    def add(self, line: bytes, place: LinePlace, rows: Rows, now: float, is_new: IsNew) -> None:
        """Add the rows of the pair that an event completes, if any; raises RejectedError."""
        try:
            pair = self.pairs.add(event(line), now)
        except BodyError as error:
            raise RejectedError(Reason.WRONG_TYPE, str(error)) from None
        if pair is None:
            rows.waiting += 1
        elif not is_new(pair.key):
            rows.repeated += 1
        else:
            accepted, rejected, count = pair_rows(pair, self._names)
            # The numbers were not checked by a strict parser.
            rows.add(place, accepted, is_odd=True)
            if rejected:
                rows.reject(place, rejected, count)

    def expire(self, now: float) -> int:
        """Return how many events were given up since the last call."""
        self.pairs.expire(now)
        lost, self.pairs.lost = self.pairs.lost, 0
        return lost

    def resume(self, before: RowReader) -> None:
        """Take over the waiting events of the reader that this one replaces."""
        if isinstance(before, EventRows):
            self.pairs = before.pairs


def pair_rows(pair: EventPair, names: FeatureNames) -> tuple[Iterable[Row], RejectedError | None, int]:
    """Return a row per instance of the request, and why and how many instances are rejected instead."""
    try:
        request = _json(pair.request.body)
        features = instances(request, names)
    except RejectedError as error:
        features, unreadable = None, error
    else:
        unreadable = RejectedError(Reason.WRONG_TYPE, "expected a request of KServe's v1 or v2 protocol")
    count = max(1, len(features or ()))
    try:
        response = _json(pair.response.body)
    except RejectedError as error:
        response, unreadable = None, error if features is not None else unreadable
    row = _row(pair, response)
    if failure := _failure(pair.response, response):
        # The request failed for each of its instances; an unreadable request counts as one instance.
        failed = [row | {"error_type": failure}] * min(count, MAX_INSTANCES)
        return failed, _too_many(count), count - len(failed)
    found = outcomes(response)
    if features is None or found is None:
        if features is not None and response is not None:
            unreadable = RejectedError(Reason.WRONG_TYPE, "expected a response of KServe's v1 or v2 protocol")
        return [], unreadable, count
    if len(features) > MAX_INSTANCES:
        return [], _too_many(count), count
    if len(found) != len(features):
        # It is unknown which prediction belongs to which instance.
        return (
            [],
            RejectedError(Reason.MISSING_FIELD, f"{len(found)} predictions for {len(features)} instances"),
            count,
        )
    return (
        [{**row, **outcome._asdict(), "features": values} for outcome, values in zip(found, features, strict=True)],
        None,
        0,
    )


def _row(pair: EventPair, response: Any) -> Row:
    """Return the fields that all rows of a pair share."""
    row = {
        "model_name": pair.request.service or pair.response.service or None,
        "timestamp": pair.response.time if pair.response.time is not None else pair.request.time,
        "latency_ms": None if pair.latency_seconds is None else pair.latency_seconds * 1e3,
    }
    version = response.get("model_version") if isinstance(response, dict) else None
    if isinstance(version, (str, int)):
        row["model_version"] = str(version)[:MAX_LABEL]
    return row


def _too_many(count: int) -> RejectedError | None:
    if count <= MAX_INSTANCES:
        return None
    return RejectedError(Reason.WRONG_TYPE, f"expected at most {MAX_INSTANCES} instances per request")


def _json(body: bytes) -> Any:
    """Return a body's JSON value; raises RejectedError."""
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        raise RejectedError(Reason.INVALID_UTF8, "a body that is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise RejectedError(Reason.INVALID_JSON, f"a body that is not JSON: {error}") from None


def _failure(response: Event, body: Any) -> str:
    """Return why a request failed, "" if it did not: the status that newer loggers send, or "error"."""
    if response.status.isdecimal() and int(response.status) >= HTTP_ERRORS:
        return response.status
    has_error = isinstance(body, dict) and body.get("error") and not {"predictions", "outputs"} & body.keys()
    return "error" if has_error else ""
