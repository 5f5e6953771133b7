"""Makes the reference profile of a model from its training data or its prediction log.

The data is read twice, one block at a time: the first pass determines the kind of each column and its bins, the second
one counts every row. Memory therefore grows with the number of columns (about 2 MB for a numeric column, 16 MB for a
column of vectors), not with the number of rows, and all counts are exact.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import UNSET

from exporter import __version__
from exporter.offline import OfflineError
from exporter.offline.profiling.attributions import AttributionTally
from exporter.offline.profiling.blocks import blocks
from exporter.offline.profiling.categorical import CategoryTally
from exporter.offline.profiling.components import RowSample
from exporter.offline.profiling.numeric import NumericTally
from exporter.offline.profiling.options import Options
from exporter.offline.profiling.outcomes import OutcomeTally, ScoreSample
from exporter.offline.profiling.report import summary
from exporter.offline.profiling.survey import Survey, target_tallies
from exporter.offline.tables import files
from exporter.offline.tables.data_set import DataSet, Progress
from exporter.reference.profile import VERSION, Categorical, Numeric, Profile

__all__ = ["Options", "make_profile"]

PASSES = 2


def make_profile(
    paths: Sequence[Path],
    options: Options,
    now: datetime | None = None,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Profile, list[str]]:
    """Return the profile of the records in `paths` together, and the lines of a summary; raises OfflineError."""
    data = DataSet(files.find(paths), options.schema, passes=PASSES, progress=progress)
    survey = Survey(blocks(data, options.schema), options)
    names = ", ".join(map(str, paths))
    if not survey.rows:
        raise OfflineError(f"{names}: no predictions")
    features, targets = survey.feature_tallies(), target_tallies(survey.targets, options)
    together = RowSample([name for name, tally in features.items() if isinstance(tally, NumericTally)])
    attributions = AttributionTally(survey.attributions, options)
    are_values = any(isinstance(targets.get(name), NumericTally) for name in ("prediction", "actual"))
    outcomes = OutcomeTally(are_values=are_values)
    has_classes = isinstance(targets.get("prediction"), CategoryTally)
    scored = ScoreSample(survey.targets["prediction"].labels.frequent if has_classes else ())
    rows = 0
    for block in blocks(data, options.schema):
        rows += block.rows
        for tallies, columns in ((features, block.features), (targets, block.targets)):
            for name, column in columns.items():
                if tally := tallies.get(name):
                    tally.add(column)
        for sample in (together, attributions, outcomes, scored):
            sample.add(block)
    if rows != survey.rows:
        raise OfflineError(f"{names}: the data changed while it was read")
    made = {name: tally.feature(rows) for name, tally in features.items()}
    numeric = {name: feature for name, feature in made.items() if isinstance(feature, Numeric)}
    of_targets = {name: tally.feature(rows) for name, tally in targets.items()}
    prediction, probability = of_targets.get("prediction"), of_targets.get("probability")
    profile = Profile(
        version=VERSION,
        rows=rows,
        features=made,
        prediction=prediction,
        probability=probability if isinstance(probability, Numeric) else None,
        components=together.components(numeric),
        actual=of_targets.get("actual", UNSET),
        attributions=attributions.attributions(),
        baseline=outcomes.baseline(),
        calibration=scored.calibration(prediction.categories) if isinstance(prediction, Categorical) else UNSET,
        created=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        made_by=f"prediction-exporter {__version__}",
    )
    return profile, summary(profile, survey)
