"""Events of the inference logger become rows: a request and its response are paired, and each instance is a row."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from exporter.batch import Series
from exporter.decoding.rows import IsNew, KeyOf, LinePlace, RowReader, Rows
from exporter.formats.bodies import BodyError
from exporter.formats.kserve.events import MAX_LABEL, Event, EventPair, EventPairs, check_values, event
from exporter.formats.kserve.payloads import FeatureNames, instances, outcomes
from exporter.lines.rejects import Reason, RejectedError
from exporter.model_key import ModelKey

MAX_INSTANCES = 20_000
HTTP_ERRORS = 400

Row = dict[str, Any]
T = TypeVar("T")


class EventRows(RowReader):
    """Reads events in structured mode, one per line.

    `names` are those of each model's features; `model` names the model if an event does not.
    """

    def __init__(self, names: Mapping[ModelKey, FeatureNames], model: Series) -> None:
        self._names = names
        self._model = model
        self.pairs = EventPairs()

    def add(self, line: bytes, place: LinePlace, rows: Rows, now: float, is_new: IsNew, key_of: KeyOf) -> None:
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
            accepted, rejected, count = pair_rows(pair, lambda row: self._names[key_of(self._series(row))])
            # The numbers were not checked by a strict parser.
            rows.add(place, accepted, is_odd=True)
            if rejected:
                rows.reject(place, rejected, count)

    def _series(self, row: Row) -> Series:
        """Return the series of a row as the decoder would."""
        return Series(
            *(default if row.get(label) is None else row[label] for label, default in self._model._asdict().items())
        )

    def expire(self, now: float) -> int:
        """Return how many events were given up since the last call."""
        self.pairs.expire(now)
        lost, self.pairs.lost = self.pairs.lost, 0
        return lost

    def resume(self, before: RowReader) -> None:
        """Take over the waiting events of the reader that this one replaces."""
        if isinstance(before, EventRows):
            self.pairs = before.pairs


def pair_rows(
    pair: EventPair, names_of: Callable[[Row], FeatureNames]
) -> tuple[Iterable[Row], RejectedError | None, int]:
    """Return a row per instance of the request, and why and how many instances are rejected instead."""
    response, found, response_error = _read(pair.response.body, outcomes, "response")
    row = _row(pair, response)
    _, features, request_error = _read(pair.request.body, partial(instances, names=names_of(row)), "request")
    count = max(1, len(features or ()))
    if failure := _failure(pair.response, response):
        # The request failed for each of its instances; an unreadable request counts as one instance.
        failed = [row | {"error_type": failure}] * min(count, MAX_INSTANCES)
        return failed, _too_many(count), count - len(failed)
    if features is None or found is None:
        return [], request_error if features is None else response_error, count
    if len(features) > MAX_INSTANCES:
        return [], _too_many(count), count
    if len(found) != len(features):
        # It is unknown which prediction belongs to which instance.
        return [], RejectedError(Reason.MISSING_FIELD, f"{len(found)} predictions for {len(features)} instances"), count
    rows = [{**row, **outcome._asdict(), "features": values} for outcome, values in zip(found, features, strict=True)]
    return rows, None, 0


def _read(
    body: bytes, read: Callable[[Any], list[T] | None], kind: str
) -> tuple[Any, list[T] | None, RejectedError | None]:
    """Return a body's JSON value, what `read` returns for it, and the error for when that is None."""
    try:
        check_values(body)
        value = json.loads(body.decode())
    except BodyError as error:
        return None, None, RejectedError(Reason.OVERSIZE, f"a body with {error}")
    except UnicodeDecodeError:
        return None, None, RejectedError(Reason.INVALID_UTF8, "a body that is not UTF-8")
    except (ValueError, RecursionError) as error:
        return None, None, RejectedError(Reason.INVALID_JSON, f"a body that is not JSON: {error}")
    expected = f"expected a {kind} of KServe's v1 or v2 protocol"
    return value, read(value), RejectedError(Reason.WRONG_TYPE, expected)


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


def _failure(response: Event, body: Any) -> str:
    """Return why a request failed, "" if it did not: the status that newer loggers send, or "error"."""
    if response.status.isdecimal() and int(response.status) >= HTTP_ERRORS:
        return response.status
    has_error = isinstance(body, dict) and body.get("error") and not {"predictions", "outputs"} & body.keys()
    return "error" if has_error else ""
