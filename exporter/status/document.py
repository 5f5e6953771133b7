"""The status document: what `/api/v1/status` answers, and what the page is made of.

Its names are a public interface: fields are added and not renamed. Times are epoch seconds, shares and ratios 0 to 1.
A number that cannot be told (no records, too few) is NaN here and null in JSON. A `..._course` has one value for each
of `course.times`. What some models alone have is told in `breakdown`.
"""

from __future__ import annotations

import msgspec

from exporter.status.breakdown import Attributions, BusinessFigure, Segment


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that wants a look. `check` names what was looked at, `severity` is critical or warning."""

    severity: str
    check: str
    text: str


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The window that is shown, and the labels of all; the shortest comes first."""

    label: str
    seconds: float
    labels: list[str]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The times of all courses, in the window `over`: each value is of the `seconds` before its time."""

    over: str
    times: list[float]
    seconds: list[float]


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What was served in the window. `seconds` is less than the window's if records began later.

    Requests are predictions and errors. Latency is by quantile, estimated from the histogram as PromQL does.
    """

    seconds: float
    predictions: int
    errors: int
    requests_per_second: float
    error_ratio: float
    errors_by_type: dict[str, int]
    latency_seconds: dict[str, float]
    requests_per_second_course: list[float]
    error_ratio_course: list[float]
    latency_p99_seconds_course: list[float]


class ClassShare(msgspec.Struct, frozen=True, kw_only=True):
    """A predicted class: its count and share in the window, and its share in the reference."""

    name: str
    count: int
    share: float
    reference_share: float


class Bin(msgspec.Struct, frozen=True):
    """A bin: its share of the values in the window, and in the reference."""

    name: str
    share: float
    reference_share: float


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, or an output of the model, against the reference.

    `drifted`, `absent` and `stuck` are null where the window holds too few records to tell. `checks` counts values of
    the window that failed a check. An embedding has no bins. Shares are rounded to 6 digits, `psi_course` to 4.
    """

    name: str
    psi: float
    psi_critical: float
    drifted: bool | None
    absent: bool | None = None
    stuck: bool | None = None
    missing_ratio: float = float("nan")
    outlier_ratio: float = float("nan")
    checks: dict[str, int] = {}
    bins: list[Bin] = []
    psi_course: list[float] = []


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How many features could be judged, how many of them have drifted, and the PSI from which on a drift matters.

    The course is of how many are over that PSI, be it by chance.
    """

    judged: int
    drifted: int
    threshold: float
    reference_id: str
    over_threshold_course: list[float]


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Failed checks in the window: of values, over all features; of records; and features that nobody knows."""

    checks: dict[str, int]
    records: dict[str, int]
    unknown_features: int


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What ground truth says of the window: figures by metric, as `accuracy` for `model_accuracy`.

    `samples` is how many predictions with their truth the window holds, `coverage` the share of its predictions that
    have theirs. `classes` are figures by class. `degraded` lists the metrics that fell by more than chance.
    """

    samples: int
    coverage: float
    figures: dict[str, float]
    classes: dict[str, dict[str, float]]
    baseline: dict[str, float]
    degraded: list[str]
    concept_drift: bool | None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model. Features come by drift, the most drifted first.

    `drift` and `quality` are null without a reference, `performance` without ground truth, `attributions` where the
    reference has none, and `estimated` (figures that need no truth) where there are none.
    """

    name: str
    version: str
    serving: Serving
    classes: list[ClassShare]
    outputs: list[Variable]
    drift: Drift | None
    features: list[Variable]
    quality: Quality | None
    performance: Performance | None
    estimated: dict[str, float] | None
    attributions: Attributions | None
    business: list[BusinessFigure]
    segments: list[Segment]


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of models."""

    name: str
    version: str
    predictions: int
    requests_per_second: float
    error_ratio: float
    latency_p99_seconds: float
    drifted_features: int | None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source since the state began; what is behind `lag` is of the process, and null where it does not apply."""

    name: str
    lines: int
    records: int
    refused: dict[str, int]
    last_record_time: float
    lag_bytes: float
    lag_seconds: float
    open_connections: float
    failing_files: int
    gaps: int


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """When the state was committed, and where to: `state_dir` is null where it is kept in memory alone.

    `problem` says why it cannot be saved now; what is shown is then of the last time that it could.
    """

    time: float
    bytes: int
    state_dir: str | None
    problem: str | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `model` is the one that was asked for, or the busiest; null before the first record."""

    version: str
    time: float
    window: Window
    course: Course
    findings: list[Finding]
    models: list[ModelSummary]
    model: Model | None
    sources: list[Source]
    checkpoint: Checkpoint
