"""Makes the reference profile of a model from its training data or its prediction log.

The data is read twice, one block at a time: the first pass determines the kind of each column and its bins, the second
one counts every row. Memory therefore grows with the number of columns (about 2 MB for a numeric column, 16 MB for a
column of vectors), not with the number of rows, and all counts are exact.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from msgspec import UNSET

from exporter import __version__
from exporter.counted import shortened
from exporter.offline import OfflineError
from exporter.offline.profiling.attributions import AttributionTally
from exporter.offline.profiling.blocks import NamedModel, blocks
from exporter.offline.profiling.categorical import CategoryTally
from exporter.offline.profiling.components import RowSample
from exporter.offline.profiling.errors import ErrorSample
from exporter.offline.profiling.numeric import NumericTally
from exporter.offline.profiling.options import Options
from exporter.offline.profiling.outcomes import OutcomeTally, ScoreSample
from exporter.offline.profiling.overdispersion import StretchDispersion, rows_of_stretch
from exporter.offline.profiling.report import summary
from exporter.offline.profiling.survey import Survey, target_tallies
from exporter.offline.profiling.vector import VectorTally
from exporter.offline.tables.data_set import Progress
from exporter.reference.profile import VERSION, Categorical, Numeric, Profile

__all__ = ["Options", "files_by_model", "make_profile"]

PASSES = 2
MOST_MODELS = 1000
# In the name of a file.
UNSAFE = re.compile(r"[^\w.-]")


def make_profile(
    paths: Sequence[Path],
    options: Options,
    now: datetime | None = None,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Profile, list[str]]:
    """Return the profile of the records in `paths` together, and the lines of a summary; raises OfflineError."""
    data = options.data(paths, PASSES, progress)
    survey = Survey(blocks(data, options), options)
    names = ", ".join(map(str, paths))
    if not survey.rows:
        found = sorted({model.name for model in survey.models if model.name is not None})
        of_model = f" of model {options.model}; found {shortened(found)}" if found else ""
        taken = f" ({'; '.join(options.logs.summary())})" if options.logs and options.logs.summary() else ""
        raise OfflineError(f"{names}: no predictions{of_model}{taken}")
    model = survey.model()
    features, targets = survey.feature_tallies(), target_tallies(survey.targets, options)
    together = RowSample([name for name, tally in features.items() if isinstance(tally, NumericTally)])
    attributions = AttributionTally(survey.attributions, options)
    are_values = any(isinstance(targets.get(name), NumericTally) for name in ("prediction", "actual"))
    outcomes = OutcomeTally(are_values=are_values)
    has_classes = isinstance(targets.get("prediction"), CategoryTally)
    errors = ErrorSample(together.names, are_values=are_values)
    scored = ScoreSample(survey.targets["prediction"].labels.frequent if has_classes else ())
    size = rows_of_stretch(survey.rows)
    binned = {name: tally for name, tally in features.items() if not isinstance(tally, VectorTally)}
    dispersion = StretchDispersion(binned, size)
    rows = 0
    for block in blocks(data, options, size):
        rows += block.rows
        for tallies, columns in ((features, block.features), (targets, block.targets)):
            for name, column in columns.items():
                if tally := tallies.get(name):
                    tally.add(column)
        for sample in (together, attributions, outcomes, errors, scored):
            sample.add(block)
        dispersion.add(block.rows)
    if rows != survey.rows:
        raise OfflineError(f"{names}: the data changed while it was read")
    made = {name: tally.feature(rows) for name, tally in features.items()}
    numeric = {name: feature for name, feature in made.items() if isinstance(feature, Numeric)}
    of_targets = {name: tally.feature(rows) for name, tally in targets.items()}
    prediction, probability = of_targets.get("prediction"), of_targets.get("probability")
    dependent = dispersion.factor()
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
        error_baseline=errors.baseline(),
        errors=errors.tree(),
        calibration=scored.calibration(prediction.categories) if isinstance(prediction, Categorical) else UNSET,
        overdispersion=UNSET if dependent is None else dependent[0],
        model_name=UNSET if model.name is None else model.name,
        model_version=UNSET if model.name is None or model.version is None else model.version,
        created=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        made_by=f"prediction-exporter {__version__}",
    )
    if dependent:
        survey.note_dependence(*dependent)
    return profile, [*(options.logs.summary() if options.logs else ()), *summary(profile, survey)]


def files_by_model(paths: Sequence[Path], options: Options, folder: Path) -> Iterator[tuple[Path, Options]]:
    """Yield the file and the options of the profile of each model and version in `paths`. Raises OfflineError."""
    found: Counter[NamedModel] = Counter()
    for block in blocks(options.data(paths), options):
        found.update(block.models)
        if len(found) > MOST_MODELS:
            raise OfflineError(f"more than {MOST_MODELS} models and versions; choose one with --model")
    # Records without a name are part of every profile.
    named = {model for model in found if model.name is not None}
    versioned = {model.name for model in named if model.version is not None}
    taken: set[str] = set()
    for model in sorted(named, key=lambda model: (str(model.name), str(model.version))):
        if model.version is None and model.name in versioned:
            continue
        name = UNSAFE.sub("_", "-".join(filter(None, model)))
        while name in taken:
            name += "_"
        taken.add(name)
        yield folder / f"{name}.json", replace(options, model=model.name, version=model.version)
    if not named:
        raise OfflineError(f"{', '.join(map(str, paths))}: no record names a model; use --output")
