"""Makes the reference profile of a model from its training data or its prediction log.

The data is read twice, a block at a time: a first look at each column decides what it is and where its bins
lie, a second one counts every row. So memory grows with the number of columns (about 2 MB for a numeric one, 16 MB
for one of vectors), not with that of rows, and all counts are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from msgspec import UNSET

from exporter import __version__
from exporter.decoding.columns import class_of, label_of
from exporter.profiling.attributions import AttributionTally
from exporter.profiling.baseline import OutcomeTally
from exporter.profiling.calibration import ScoreSample
from exporter.profiling.categorical import CategoryTally
from exporter.profiling.column import Spell
from exporter.profiling.components import RowSample
from exporter.profiling.errors import ProfilingError
from exporter.profiling.inference import (
    ColumnSketch,
    Kind,
    LeftOutError,
    actual_kind,
    prediction_kind,
    probability_kind,
)
from exporter.profiling.inputs import Inputs, Progress
from exporter.profiling.numeric import NumericTally
from exporter.profiling.options import Options
from exporter.profiling.report import Report
from exporter.profiling.survey import Survey
from exporter.profiling.vector import VectorTally
from exporter.reference.profile import VERSION, Categorical, Numeric, Profile

__all__ = ["Options", "ProfilingError", "Report", "make_profile"]

PASSES = 2

BinnedTally = NumericTally | CategoryTally
Tally = BinnedTally | VectorTally


def make_profile(
    paths: Sequence[Path],
    options: Options,
    now: datetime | None = None,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Profile, Report]:
    """Return the profile of the records in `paths` together, and what is to be told of it; raises ProfilingError."""
    inputs = Inputs(paths, options.schema, passes=PASSES, progress=progress)
    survey = Survey(inputs, options)
    if not survey.rows:
        raise ProfilingError(f"{', '.join(map(str, paths))}: no predictions")
    report = Report(errors=survey.errors, fields=tuple(survey.fields))
    features = {
        name: VectorTally(survey.features[name].vectors)
        if kind is Kind.VECTOR
        else _tally(survey.features[name], kind, label_of, options)
        for name, kind in survey.kinds(report).items()
    }
    prediction = _optional(survey.prediction, prediction_kind, options)
    probability = _optional(survey.probability, probability_kind, options)
    is_value = isinstance(prediction, NumericTally)
    actual = _optional(survey.actual, partial(actual_kind, is_value=is_value), options)
    together = RowSample([name for name, tally in features.items() if isinstance(tally, NumericTally)])
    attributions = AttributionTally(survey.attributions, options)
    outcomes = OutcomeTally(are_values=is_value or isinstance(actual, NumericTally))
    scored = ScoreSample(survey.prediction.labels.frequent if isinstance(prediction, CategoryTally) else ())
    rows = 0
    for block in inputs.blocks():
        rows += block.rows
        for name, column in block.features.items():
            if name in features:
                features[name].add(column)
        for tally, of_all in ((prediction, block.prediction), (probability, block.probability), (actual, block.actual)):
            if tally and of_all is not None:
                tally.add(of_all)
        together.add(block)
        attributions.add(block)
        outcomes.add(block)
        scored.add(block)
    if rows != survey.rows:
        raise ProfilingError(f"{', '.join(map(str, paths))}: the data changed while it was read")
    scores = probability.feature(survey.rows) if probability else None
    made = {name: tally.feature(survey.rows) for name, tally in features.items()}
    classes = prediction.feature(survey.rows) if prediction else None
    profile = Profile(
        version=VERSION,
        rows=survey.rows,
        features=made,
        prediction=classes,
        probability=scores if isinstance(scores, Numeric) else None,
        components=together.components(
            {name: feature for name, feature in made.items() if isinstance(feature, Numeric)}
        ),
        actual=actual.feature(survey.rows) if actual else UNSET,
        attributions=attributions.attributions(),
        baseline=outcomes.baseline(),
        calibration=scored.calibration(classes.categories) if isinstance(classes, Categorical) else UNSET,
        created=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        made_by=f"prediction-exporter {__version__}",
    )
    return profile, report


def _tally(sketch: ColumnSketch, kind: Kind, spell: Spell, options: Options) -> BinnedTally:
    """Begin the second look at a column."""
    if kind is Kind.CATEGORICAL:
        return CategoryTally(sketch.labels, spell)
    return NumericTally(sketch.numbers, sketch.numbers.edges(options.bins, options.binning), sketch.numbers.cuts())


def _optional(sketch: ColumnSketch, kind_of: Callable[[ColumnSketch], Kind], options: Options) -> BinnedTally | None:
    """Begin the second look at the prediction, probability or truth; None where there is none."""
    try:
        return _tally(sketch, kind_of(sketch), class_of, options)
    except LeftOutError:
        return None
