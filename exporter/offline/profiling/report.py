"""The summary of a profile for people."""

from collections.abc import Iterator

from exporter.counted import counted
from exporter.offline.profiling.survey import Survey
from exporter.reference.profile import Categorical, Feature, Numeric, Profile, Vector, missing_share

MOST_NAMED = 5


def summary(profile: Profile, survey: Survey) -> list[str]:
    """Return lines that describe a profile."""
    features = f"{len(profile.numeric)} numeric and {len(profile.categorical)} categorical features"
    if profile.vectors:
        features += f", and {len(profile.vectors)} of vectors"
    of_model = f" of {profile.model_name}" if profile.model_name else ""
    of_model += f" {profile.model_version}" if profile.model_version else ""
    lines = [
        f"{profile.rows:,} predictions{of_model}: {features}",
        f"prediction: {_describe(profile.prediction)}; probability: {_describe(profile.probability)}",
    ]
    if profile.actual:
        lines[-1] += f"; actual: {_describe(profile.actual)}"
    lines += _models(profile)
    if survey.other_models:
        lines.append(f"skipped: {counted(survey.other_models, 'record', 'records')} of other models or versions")
    if survey.errors:
        lines.append(f"skipped: {counted(survey.errors, 'record', 'records')} with an error_type")
    if survey.fields:
        lines.append(f"fields of a record, not features: {', '.join(survey.fields)}")
    lines += [_feature(name, feature, survey.suspicions.get(name)) for name, feature in profile.features.items()]
    lines += [f"left out: {name}: {why}" for name, why in survey.left_out.items()]
    return lines + [f"note: {note}" for note in survey.notes]


def _feature(name: str, feature: Feature | Vector, suspicion: str | None) -> str:
    if isinstance(feature, Vector):
        kind = f"vectors of {feature.dimension} numbers"
    elif isinstance(feature, Numeric):
        kind = f"numeric, {counted(len(feature.counts), 'bin', 'bins')}"
    else:
        kind = f"categorical, {counted(feature.distinct, 'category', 'categories')}"
    line = f"feature {name}: {kind}, {missing_share(feature):.1%} missing"
    return f"{line}; {suspicion}" if suspicion else line


def _models(profile: Profile) -> Iterator[str]:
    """Yield lines that describe what was measured or fitted over whole records."""
    if baseline := profile.baseline or profile.error_baseline:
        yield f"baseline: {baseline.summary}, of {baseline.samples:,} predictions with ground truth"
    if tree := profile.errors:
        yield f"errors: {counted(len(tree.leaves), 'group', 'groups')} of records with errors of their own"
    if components := profile.components:
        yield (
            f"multivariate: {len(components.loadings)} components of {len(components.features)} numeric features "
            f"explain {components.explained:.0%} of their variance"
        )
    if calibration := profile.calibration:
        yield f"calibration: scores of {calibration.rows:,} predictions with ground truth"
    if attributions := profile.attributions:
        most = sorted(attributions, key=lambda name: -attributions[name].mean_abs)[:MOST_NAMED]
        yield f"attributions: to {counted(len(attributions), 'feature', 'features')}, most to {', '.join(most)}"


def _describe(feature: Numeric | Categorical | None) -> str:
    if feature is None:
        return "none"
    if isinstance(feature, Numeric):
        return f"{feature.min:.6g} to {feature.max:.6g}, mean {feature.mean:.6g}"
    return f"{feature.distinct} classes"
