"""The rules that choose the value of each field, by its name and by its values in the first rows."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exporter.counted import shortened
from exporter.decoding.columns import label_of
from exporter.decoding.conversions import epoch_of, number_of, seconds_of
from exporter.offline.proposal.candidates import Candidate
from exporter.offline.proposal.guess import Guess
from exporter.offline.proposal.training import TrainingData

# Each the most certain first. Names are compared without case, - and _.
PREDICTIONS = (
    "prediction",
    "predictions",
    "predictedclass",
    "predictedlabel",
    "predictedvalue",
    "predicted",
    "ypred",
    "yhat",
    "pred",
    "preds",
    "label",
    "class",
    "decision",
    "result",
    "output",
    "outputs",
    "outcome",
    "response",
)
# These alone do not make a value a prediction that is not known from training data.
VAGUE = ("decision", "result", "output", "outputs", "outcome", "response")
OUTPUT = re.compile(r"output|response|predict|answer|result", re.IGNORECASE)
METADATA = re.compile(
    r"mode|type|encoding|version|id$|time|date|level|status|code|reason|duration|latency|cost|count|token",
    re.IGNORECASE,
)
SCORES = ("probability", "probabilities", "predictproba", "proba", "prob", "scores", "score", "confidence", "conf")
TIMES = (
    "timestamp",
    "time",
    "ts",
    "eventtime",
    "inferencetime",
    "timestampns",
    "timestampus",
    "timestampms",
    "timeiso8601",
    "starttime",
    "requesttime",
    "createdat",
    "created",
    "datetime",
    "asctime",
    "date",
    "loggedat",
)
LATENCIES = (
    "latency",
    "predictionlatency",
    "inferencelatency",
    "inferencetime",
    "predicttime",
    "predictiontime",
    "took",
    "dur",
    "elapsed",
    "elapsedtime",
    "duration",
    "processingtime",
    "executiontime",
    "responsetime",
    "requesttime",
    "runtime",
    "upstreamresponsetime",
)
UNITS = {
    "ms": "latency_ms",
    "millis": "latency_ms",
    "milliseconds": "latency_ms",
    "msec": "latency_ms",
    "us": "latency_us",
    "micros": "latency_us",
    "microseconds": "latency_us",
    "ns": "latency_ns",
    "nanos": "latency_ns",
    "nanoseconds": "latency_ns",
    "s": "latency_seconds",
    "sec": "latency_seconds",
    "secs": "latency_seconds",
    "seconds": "latency_seconds",
}
# Without a unit in the name, servers that are widespread write seconds here.
SECONDS = ("requesttime", "responsetime", "upstreamresponsetime")
MOST_SECONDS = 60.0
STATUSES = ("status", "statuscode", "responsecode", "httpstatus", "httpstatuscode", "code")
HTTP = range(100, 600)
ERRORS = ("errortype", "errorclass", "exceptiontype", "exception", "error", "errorcode", "errormessage")
FLAGS = {"error": True, "iserror": True, "haserror": True, "failed": True, "ok": False, "success": False}
SUCCESSES = ("success", "successful", "succeeded", "ok", "completed")
IDS = ("requestid", "correlationid", "xrequestid", "eventid", "inferenceid", "predictionid")
MODELS = {"model_name": ("modelname", "model"), "model_version": ("modelversion",)}
# Epoch times from 2001 to 2096, in seconds.
EARLIEST, LATEST = 1e9, 4e9
MOST_CLASSES, MOST_TEXT = 50, 64
# Of a value in an object that is named like an output.
VAGUE_SCORE = 1.0
OTHER_SCORE = 0.5
MOSTLY, HALF = 0.9, 0.5
# Scores of all classes add up to one.
ROUNDING = 0.02
PAIR = 2

Accepts = Callable[[Any], bool]


def plain(name: str) -> str:
    """Return a name without case, - and _."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def prediction(found: Sequence[Candidate], training: TrainingData | None, has_each: bool) -> Guess | None:  # noqa: FBT001
    """Return the guess of the prediction: by its name, and whether it has the classes of training data."""
    scored = [(score, each) for each in found if (score := _prediction_score(each, training, has_each)) > 0]
    if not scored:
        return None
    score, best = max(scored, key=lambda item: item[0])
    values = best.flat
    if all(map(_is_scores, values)):
        return Guess(
            "prediction", best, f"the scores of all classes, in {len(values)} rows; the highest is the prediction"
        )
    labels = sorted({label_of(value) for value in values})
    return Guess("prediction", best, f"{shortened(labels)}, in {len(values)} rows")


def _prediction_score(candidate: Candidate, training: TrainingData | None, has_each: bool) -> float:  # noqa: FBT001
    """Return how likely a candidate is the prediction; 0 if it is not."""
    values = candidate.flat
    names = [plain(name) for name in candidate.names[:2]]
    if not values or not names:
        return 0.0
    are_scores = all(map(_is_scores, values)) and names[0] in PREDICTIONS
    if METADATA.search(candidate.names[0]) and names[0] not in PREDICTIONS:
        return 0.0
    if not (are_scores or all(map(_is_label, values))):
        return 0.0
    labels = set() if are_scores else {label_of(value) for value in values}
    # A constant agrees with anything.
    known = bool(training and len(labels) > 1 and labels <= {*training.classes})
    # A value that has all classes may have any name.
    score = _name_score(candidate, names) or (
        OTHER_SCORE if known and training and labels == {*training.classes} else 0
    )
    has_classes = bool(training and training.classes)
    is_vague = score == VAGUE_SCORE or (names[0] in VAGUE and (has_classes or len(labels) > MOST_CLASSES))
    if is_vague and not (known or are_scores or _are_values(values, training)):
        return 0.0
    matches = candidate.has_each == has_each
    return score and score + 20 * known + 3 * matches - len(candidate.path) / 10 - 2 * bool(candidate.decode)


def _name_score(candidate: Candidate, names: Sequence[str]) -> float:
    """Return how well the last two keys of a path name a prediction."""
    if names[0] in PREDICTIONS:
        return 30.0 - PREDICTIONS.index(names[0])
    if names[0] in SCORES:
        return 0.0
    if len(names) > 1 and names[1] in PREDICTIONS:
        return 10.0 - PREDICTIONS.index(names[1]) / 2
    return VAGUE_SCORE if any(map(OUTPUT.search, candidate.names)) else 0.0


def _is_label(value: Any) -> bool:
    """Return whether a value may be a class, or a number."""
    return isinstance(value, (int, float, bool)) or (isinstance(value, str) and 0 < len(value) <= MOST_TEXT)


def probability(found: Sequence[Candidate], predicted: Guess | None, training: TrainingData | None) -> Guess | None:
    """Return the guess of the score or scores; without a prediction also by where it is, for a model of two classes."""
    classes = training.classes if training else ()
    by_name = [
        (SCORES.index(plain(each.names[0])), each)
        for each in found
        if each.names
        and plain(each.names[0]) in SCORES
        and _are_all(each, lambda value: _is_score(value) or _is_scores(value))
    ]
    if predicted:
        same = [item for item in by_name if item[1].has_each in (False, predicted.candidate.has_each)]
        if not same:
            return None
        best = min(same, key=lambda item: item[0])[1]
    elif by_name:
        best = min(by_name, key=lambda item: item[0])[1]
    elif len(classes) == PAIR:
        outputs = [
            each for each in found if _is_output(each) and _are_all(each, _is_score) and _are_fractions(each.flat)
        ]
        if not outputs:
            return None
        best = min(outputs, key=lambda each: len(each.path))
    else:
        return None
    values = best.flat
    options: tuple[tuple[str, Any], ...] = ()
    is_list = isinstance(values[0], list)
    why = f"{'the scores of all classes' if is_list else 'numbers from 0 to 1'}, in {len(values)} rows"
    if is_list and len(values[0]) == len(classes):
        options = (("classes", [*classes]),)
    elif not predicted and len(classes) == PAIR and not isinstance(values[0], (list, dict)):
        options = (("classes", [*classes]),)
        why += f"; taken for the score of {classes[1]}, the second class in {training.path.name if training else ''}"
    return Guess("probability", best, why, options)


def positive_class(predicted: Guess, score: Guess) -> str | None:
    """Return the class that single scores belong to, if they are not those of each prediction."""
    pairs = [*zip(_by_record(predicted.candidate), _by_record(score.candidate), strict=False)]
    usable = [(label_of(name), number_of(value)) for name, value in pairs if isinstance(name, (str, int, bool))]
    by_class: dict[str, list[float]] = {}
    for name, number in usable:
        if number is not None:
            by_class.setdefault(name, []).append(number)
    if len(by_class) != PAIR:
        return None
    low, high = sorted(by_class, key=lambda name: sum(by_class[name]) / len(by_class[name]))
    return high if max(by_class[low]) <= HALF <= min(by_class[high]) else None


def timestamp(found: Sequence[Candidate]) -> Guess | None:
    """Return the guess of the time, by its name and because its values are times."""
    best = _best(found, TIMES, _is_time, lambda name: name)
    if best is None or best.has_each:
        return None
    sample = label_of(best.flat[0])
    return Guess("timestamp", best, f"a time in {len(best.flat)} rows, such as {sample}")


def latency(found: Sequence[Candidate]) -> Guess | None:
    """Return the guess of the latency, whose unit is in its values or its name."""
    best = _best(
        found, LATENCIES, lambda value: number_of(value) is not None or seconds_of(value) is not None, _without_unit
    )
    if best is None or best.has_each:
        return None
    values, name = best.flat, plain(best.names[0])
    count = f"in {len(values)} rows"
    if all(seconds_of(value) is not None for value in values):
        return Guess("latency", best, f"a duration with a unit, {count}, such as {values[0]}")
    unit = _unit(best.names[0])
    if unit:
        return Guess(unit, best, f"numbers, {count}; the name has the unit")
    numbers = [number for value in values if (number := number_of(value)) is not None]
    if name in SECONDS or (_are_fractions(values) and max(numbers) < MOST_SECONDS):
        return Guess("latency_seconds", best, f"numbers, {count}; no unit is named, and they look like seconds")
    return Guess("latency_ms", best, f"numbers, {count}; no unit is named, and they look like milliseconds")


def status(found: Sequence[Candidate]) -> Candidate | None:
    """Return the status of HTTP responses, if there is one."""
    return _best(found, STATUSES, lambda value: number_of(value) in HTTP, lambda name: name)


def outcome(found: Sequence[Candidate]) -> Candidate | None:
    """Return a status that is text, such as success and failure, if there is one."""
    best = _best(found, STATUSES, lambda value: isinstance(value, str) and len(value) <= MOST_TEXT, lambda name: name)
    return best if best and any(value.lower() in SUCCESSES for value in best.flat) else None


def error(found: Sequence[Candidate], rows: int) -> Guess | None:
    """Return the guess of the error's type: a type that few rows have, a flag, or a status of HTTP."""
    for each in found:
        name, values = plain(each.names[0]) if each.names else "", each.flat
        if not values or each.has_each:
            continue
        if name in FLAGS and all(isinstance(value, bool) for value in values):
            when = FLAGS[name]
            return Guess(
                "error_type", each, f"{when} in {values.count(when)} of {rows} rows".lower(), (("when", when),)
            )
    texts = _best(
        found, ERRORS, lambda value: isinstance(value, (str, int)) and not isinstance(value, bool), lambda name: name
    )
    if texts and len(texts.flat) <= rows / 2 and max(map(len, map(str, texts.flat))) <= MOST_TEXT:
        return Guess("error_type", texts, f"in {len(texts.flat)} of {rows} rows")
    if code := status(found):
        failed = sum((number_of(value) or 0) >= 400 for value in code.flat)  # noqa: PLR2004  # HTTP's errors
        return Guess("error_type", code, f"a status of HTTP, from 400 in {failed} of {rows} rows", (("from", 400),))
    text = outcome(found)
    failures = sorted({value for value in text.flat if value.lower() not in SUCCESSES}) if text else []
    if text and failures:
        failed = sum(value in failures for value in text.flat)
        return Guess("error_type", text, f"in {failed} of {rows} rows", (("when", failures),))
    return None


def request_id(found: Sequence[Candidate]) -> Guess | None:
    """Return the guess of the request's id: a value of its own in each row."""
    best = _best(found, IDS, lambda value: isinstance(value, (str, int)), lambda name: name)
    if best is None or best.has_each or len({*map(str, best.flat)}) < MOSTLY * len(best.flat):
        return None
    return Guess("request_id", best, f"a value of its own in {len(best.flat)} rows")


def model(found: Sequence[Candidate]) -> Iterable[Guess]:
    """Yield the guesses of the model's name and version, which have few values."""
    for field, names in MODELS.items():
        best = _best(
            found, names, lambda value: isinstance(value, (str, int)) and not isinstance(value, bool), lambda name: name
        )
        if best and not best.has_each and len(counts := Counter(map(label_of, best.flat))) <= MOST_CLASSES:
            yield Guess(field, best, f"{shortened([*counts])}, in {len(best.flat)} rows")


def _best(
    found: Sequence[Candidate], names: Sequence[str], accepts: Accepts, reduced: Callable[[str], str]
) -> Candidate | None:
    """Return the candidate with the first of some names whose values are accepted; of several, the shortest path."""
    ranked = [
        (names.index(name), len(each.path), place, each)
        for place, each in enumerate(found)
        if each.names
        and (name := reduced(plain(each.names[0]))) in names
        and not each.decode
        and _are_all(each, accepts)
    ]
    return min(ranked)[-1] if ranked else None


def _are_all(candidate: Candidate, accepts: Accepts) -> bool:
    values = candidate.flat
    return bool(values) and sum(map(accepts, values)) >= MOSTLY * len(values)


def _by_record(candidate: Candidate) -> list[Any]:
    """Return the values of all records, in order."""
    values = [candidate.values[number] for number in sorted(candidate.values)]
    return [item for value in values for item in value] if candidate.has_each else values


def _is_output(candidate: Candidate) -> bool:
    is_named = any(map(OUTPUT.search, candidate.names)) and not METADATA.search(candidate.names[0])
    # A constant is no score.
    return is_named and len({*map(str, candidate.flat)}) > 1


def _is_score(value: Any) -> bool:
    number = number_of(value)
    return number is not None and 0 <= number <= 1


def _is_scores(value: Any) -> bool:
    """Return whether a value is a list or an object of the scores of all classes."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    items = [*value.values()] if isinstance(value, dict) else value
    if not isinstance(items, list) or len(items) < PAIR or not all(map(_is_score, items)):
        return False
    return abs(sum(number_of(item) or 0.0 for item in items) - 1) <= ROUNDING


def _is_time(value: Any) -> bool:
    if isinstance(value, str) and epoch_of(value) is not None:
        return True
    number = number_of(value)
    return number is not None and any(EARLIEST <= number / unit <= LATEST for unit in (1.0, 1e3, 1e6, 1e9))


def _are_fractions(values: Iterable[Any]) -> bool:
    return any(number is not None and not float(number).is_integer() for number in map(number_of, values))


def _are_values(values: Iterable[Any], training: TrainingData | None) -> bool:
    """Return whether values are those of a regression, as training data has them."""
    return bool(training and training.has_values) and all(number_of(value) is not None for value in values)


def _unit(name: str) -> str | None:
    """Return the field that the unit at the end of a name stands for."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    return UNITS.get(words[-1].lower()) if len(words) > 1 else None


def _without_unit(name: str) -> str:
    """Return a plain name without a unit at its end."""
    endings = [name.removesuffix(unit) for unit in sorted(UNITS, key=len, reverse=True) if name.endswith(unit)]
    return next((ending for ending in endings if ending in LATENCIES), name)
