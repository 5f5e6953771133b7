"""The first pass over all of the data, and what follows from it: the features, and their tallies for the second pass.

A column is numeric, categorical, a vector or no feature, according to all of its values:

- declared by --numeric or --categorical: that
- only lists of numbers, all of the same length (two or more): a vector
- no values, or only objects, other lists or dates: left out
- only text and booleans: categorical; left out if most rows have a text of their own
- only numbers: numeric, even if there are few distinct ones
- numbers and up to 10% of anything else: numeric; the rest counts as `other`, as in the sidecar
- numbers and more of anything else: an error, because only the user knows
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.counted import shortened
from exporter.decoding.columns import PredictionKind, label_of
from exporter.offline import OfflineError
from exporter.offline.profiling.blocks import Block, NamedModel
from exporter.offline.profiling.categorical import CATEGORIES, CategoryTally, LabelSketch
from exporter.offline.profiling.column import LISTS, Column, ToLabel
from exporter.offline.profiling.numeric import NumericSketch, NumericTally
from exporter.offline.profiling.options import Options
from exporter.offline.profiling.suspicion import suspicions
from exporter.offline.profiling.vector import VectorSketch, VectorTally
from exporter.offline.tables.table import NUMERIC_SHARE
from exporter.reference.profile import MAX_DIMENSION
from exporter.validation import nearest

MIN_DIMENSION = 2
IDENTIFIERS = 1000
IDENTIFIER_SHARE = 0.5
# The share of records whose predicted class, of two, may have the lower score.
LOW_SCORES = 0.1
FEW_SCORES = 10
# With more classes that are numbers, how predictions were understood is noted.
FEW_CLASSES = 10
# More distinct whole numbers than this are hardly the codes of classes.
CODES = 50


FeatureTally = NumericTally | CategoryTally | VectorTally


class LeftOutError(Exception):
    """A column is not a feature; the message is the reason."""


class ColumnSketch:
    """The first pass over a column. Its numbers are labels too if `to_label` is given."""

    def __init__(self, to_label: ToLabel | None = None) -> None:
        self._to_label = to_label
        self.numbers = NumericSketch()
        self.labels = LabelSketch()
        self.vectors = VectorSketch()
        self.other_than_numbers = 0
        self.unusable: Counter[str] = Counter()

    def add(self, column: Column) -> None:
        """Take the next values."""
        self.numbers.add(column.numbers)
        self.labels.add(column.labels(self._to_label) if self._to_label else column.texts)
        self.other_than_numbers += column.other_than_numbers
        self.unusable.update(column.unusable)
        self.vectors.add(column.vectors)

    @property
    def values(self) -> int:
        """The number of values, of any type."""
        return self.numbers.finite + self.numbers.infinite + self.other_than_numbers

    @property
    def is_mostly_numbers(self) -> bool:
        return self.numbers.finite > 0 and self.values - self.other_than_numbers >= NUMERIC_SHARE * self.values

    def numeric(self, options: Options) -> NumericTally:
        """Return the tally of a numeric column."""
        return NumericTally(self.numbers, self.numbers.edges(options.bins, options.binning), self.numbers.cuts())

    def categorical(self) -> CategoryTally:
        """Return the tally of a categorical column."""
        return CategoryTally(self.labels, self._to_label or label_of)

    def others(self) -> str:
        """Return a description of the values that are no numbers."""
        example = next((f"text or booleans such as `{label:.40}`" for label in self.labels.frequent), "text")
        has_labels = self.other_than_numbers > self.unusable.total()
        return " and ".join([*([example] if has_labels else []), *sorted(self.unusable)])


def feature_tally(name: str, column: ColumnSketch, options: Options) -> FeatureTally | None:
    """Return the tally of a feature; None if its kind is ambiguous.

    Raises LeftOutError, or OfflineError if it is declared wrongly.
    """
    option = options.named.get(name)
    numbers = column.values - column.other_than_numbers
    labels = column.values - column.unusable.total()
    if option == "--numeric":
        if not column.numbers.finite or column.other_than_numbers > numbers:
            raise OfflineError(f"{option} {name}: expected numbers, got {column.others() or 'no values'}")
        return column.numeric(options)
    if option == "--categorical":
        if not labels:
            raise OfflineError(f"{option} {name}: expected values, got {column.others() or 'none'}")
        return column.categorical()
    if not labels:
        _check_vectors(column)
        return VectorTally(column.vectors)
    if not numbers:
        distinct = column.labels.distinct
        if distinct > max(IDENTIFIERS, IDENTIFIER_SHARE * labels) and option != "--include":
            raise LeftOutError(f"identifies rows: {distinct} distinct texts in {labels}; --include {name} keeps it")
        return column.categorical()
    if not column.numbers.finite and not column.other_than_numbers:
        raise LeftOutError("has no finite number")
    return column.numeric(options) if column.is_mostly_numbers else None


def _check_vectors(column: ColumnSketch) -> None:
    """Raise LeftOutError unless a column without labels contains vectors."""
    vectors = column.vectors
    if not column.values:
        raise LeftOutError("has no values")
    if vectors.count < column.values or min(vectors.lengths) < MIN_DIMENSION:
        raise LeftOutError(f"contains only {column.others()}")
    if max(vectors.lengths) > MAX_DIMENSION:
        raise LeftOutError(f"contains {LISTS} of more than {MAX_DIMENSION} numbers")
    if len(vectors.lengths) > 1:
        raise LeftOutError(f"contains only {LISTS}, of {min(vectors.lengths)} to {max(vectors.lengths)} numbers")
    if vectors.first is None:
        raise LeftOutError("has no finite vector")
    if not vectors.varies:
        raise LeftOutError("has the same vector in each row")


def target_tallies(targets: Mapping[str, ColumnSketch], options: Options) -> dict[str, NumericTally | CategoryTally]:
    """Return the tallies of the prediction, probability and ground truth; those without usable values are left out."""
    are_values = prediction_kind(targets, options) == "value"
    tallies: dict[str, NumericTally | CategoryTally] = {}
    for name, column in targets.items():
        if name == "probability":
            if column.is_mostly_numbers:
                tallies[name] = column.numeric(options)
        elif column.values > column.unusable.total():
            tallies[name] = column.numeric(options) if are_values and column.is_mostly_numbers else column.categorical()
    return tallies


def prediction_kind(targets: Mapping[str, ColumnSketch], options: Options) -> PredictionKind:
    """Return what predictions are: the option, or else what they look like.

    Fractional numbers are values. So are many distinct whole numbers, such as prices in cents, unless they have scores.
    So are predictions whose ground truth is a value.
    """
    if options.prediction:
        return options.prediction
    columns = [targets[name] for name in ("prediction", "actual") if targets[name].values]
    if not all(column.is_mostly_numbers for column in columns):
        return "class"
    are_many = any(column.labels.distinct > CODES for column in columns) and not targets["probability"].values
    return "value" if are_many or any(column.numbers.fractional for column in columns) else "class"


class Survey:
    """A sketch of each column over `rows` predictions; `errors` records were no predictions.

    `models` counts the predictions by the model and version that they name, and `other_models` those that are left out.

    `fields` are the columns of flat data that are fields of a record. `left_out` maps other columns that are not
    features to the reason. `suspicions` are the reasons why features may be none, and `notes` point out what else the
    user may not have meant.
    """

    def __init__(self, blocks: Iterable[Block], options: Options) -> None:
        self._options = options
        self.rows = 0
        self.errors = 0
        self.other_models = 0
        self.models: Counter[NamedModel] = Counter()
        self._low_scores = 0
        self.fields: dict[str, None] = {}
        self.left_out: dict[str, str] = {}
        self.suspicions: dict[str, str] = {}
        self.notes: list[str] = []
        self._is_flat = False
        self.features: dict[str, ColumnSketch] = {}
        self.attributions: dict[str, ColumnSketch] = {}
        self.targets = {
            "prediction": ColumnSketch(options.spell),
            "probability": ColumnSketch(),
            "actual": ColumnSketch(options.spell),
        }
        for block in blocks:
            self._add(block)

    def model(self) -> NamedModel:
        """Return the model and version that is described, as far as known. Raises OfflineError if it is several."""
        wanted = self._options.model
        names = {model.name for model in self.models if model.name is not None} if wanted is None else {wanted}
        if len(names) > 1:
            several = f"records of {len(names)} models: {shortened(sorted(names))}"
            raise OfflineError(f"{several}; choose one with --model, or make a profile of each with --by-model")
        versions = {model.version for model in self.models if model.name in (None, *names)}
        version = self._options.version or (versions.pop() if len(versions) == 1 else None)
        return NamedModel(next(iter(names), None), version)

    def feature_tallies(self) -> dict[str, FeatureTally]:
        """Return the tally of each feature, and note the columns and attributions left out; raises OfflineError."""
        self._check_names()
        tallies: dict[str, FeatureTally] = {}
        mixed = []
        for name, column in self.features.items():
            if self._options.named.get(name) == "--exclude" or not name:
                self.left_out[name or "''"] = "excluded" if name else "has no name, as an index written by pandas"
                continue
            try:
                tally = feature_tally(name, column, self._options)
                if tally is not None:
                    self._suspect(name, column, tally)
            except LeftOutError as error:
                if self._options.named.get(name) == "--include":
                    raise OfflineError(f"--include {name}: {error}") from None
                self.left_out[name] = str(error)
                continue
            if tally is None:
                mixed.append(f"`{name}`")
            else:
                tallies[name] = tally
                self._note(name, column, tally)
        if mixed:
            raise OfflineError(
                f"numbers are mixed with other values in {', '.join(mixed)}: give --categorical or --exclude for each"
            )
        if not tallies:
            reasons = "; ".join(f"{name} {why}" for name, why in self.left_out.items())
            raise OfflineError(f"no column can be a feature: {reasons or 'there are only fields of a record'}")
        self._note_attributions()
        self._note_predictions()
        return tallies

    def note_dependence(self, overdispersion: float, name: str) -> None:
        """Note that records are not independent, according to a feature."""
        alike = f"records near each other are alike, most in `{name}`, so {overdispersion:g} of them count as one"
        self.notes.append(f"{alike}; set `drift.overdispersion` if that is only the order of this data")

    def _add(self, block: Block) -> None:
        self.rows += block.rows
        self.errors += block.errors
        self.other_models += block.other_models
        self.models.update(block.models)
        self._low_scores += block.low_scores
        self.fields.update(dict.fromkeys(block.fields))
        self._is_flat = self._is_flat or block.is_flat
        for name, column in block.features.items():
            option = self._options.named.get(name)
            sketch = self.features.setdefault(name, ColumnSketch(label_of if option == "--categorical" else None))
            if option != "--exclude":
                sketch.add(column)
        for name, column in block.targets.items():
            self.targets[name].add(column)
        for name, column in block.attributions.items():
            self.attributions.setdefault(name, ColumnSketch()).add(column)

    def _check_names(self) -> None:
        for name, option in self._options.named.items():
            if name in self.features or (option == "--exclude" and name in self.fields):
                continue
            if name in self.fields:
                raise OfflineError(f"{option} {name}: this is a field of a record, not a feature")
            raise OfflineError(f"{option} {name}: no such feature{nearest(name, self.features)}")

    def _suspect(self, name: str, column: ColumnSketch, tally: FeatureTally) -> None:
        """Note why a column is hardly a feature; raises LeftOutError if that is obvious, and no option names it."""
        if isinstance(tally, VectorTally) or self._options.named.get(name) in ("--numeric", "--categorical"):
            return
        found = next(suspicions(name, column.numbers, column.labels, column.values, is_flat=self._is_flat), None)
        if found is None:
            return
        if found.is_obvious and self._options.named.get(name) != "--include":
            raise LeftOutError(f"{found.why}; --include {name} keeps it")
        self.suspicions[name] = found.why

    def _note(self, name: str, column: ColumnSketch, tally: FeatureTally) -> None:
        others, distinct = column.other_than_numbers, column.labels.distinct
        if isinstance(tally, NumericTally) and others:
            self.notes.append(f"{name}: {others:,} values are no numbers and count as `other`: {column.others()}")
        if isinstance(tally, CategoryTally) and distinct > CATEGORIES:
            bins = f"up to {CATEGORIES} frequent ones have a bin each, the others are `other`"
            self.notes.append(f"{name}: {distinct:,} categories: {bins}; half of the rows are counted")

    def _note_predictions(self) -> None:
        scores = self.targets["probability"].values
        classes = self.targets["prediction"].labels.frequent
        if len(classes) == 2 and self._low_scores > max(FEW_SCORES, LOW_SCORES * scores):  # noqa: PLR2004  # a binary classifier
            share = f"below 0.5 for {self._low_scores / scores:.0%} of the predictions"
            example = "--positive-class with the class it belongs to"
            self.notes.append(f"probability: {share}, so it is hardly that of the predicted class; give {example}")
        numbers, distinct = self.targets["prediction"].numbers, self.targets["prediction"].labels.distinct
        if self._options.prediction or not numbers.finite or numbers.fractional or distinct <= FEW_CLASSES:
            return
        kind = prediction_kind(self.targets, self._options)
        taken, other = ("values, as of a regression", "class") if kind == "value" else ("classes", "value")
        text = f"{distinct:,} distinct whole numbers are taken for {taken}; --prediction {other} changes this"
        self.notes.append(f"prediction: {text}")

    def _note_attributions(self) -> None:
        for name, sketch in self.attributions.items():
            if not sketch.numbers.finite:
                self.left_out[f"attributions.{name}"] = "has no finite number"
            elif count := sketch.other_than_numbers:
                others = f"{count:,} values are no numbers, and missing: {sketch.others()}"
                self.notes.append(f"attributions.{name}: {others}")
