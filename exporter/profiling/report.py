"""What making a profile came to, for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.reference.profile import Categorical, Numeric, Profile

MOST_NAMED = 5


@dataclass(slots=True)
class Report:
    """`errors` counts the records that were no predictions, `fields` the columns that are other fields of a record.

    `left_out` says why a column is no feature; `notes` what may not be as it was meant.
    """

    errors: int = 0
    fields: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self, profile: Profile) -> list[str]:
        """Describe the profile, in lines."""
        features = f"{len(profile.numeric)} numeric and {len(profile.categorical)} categorical features"
        if profile.vectors:
            features += f", and {len(profile.vectors)} of vectors"
        lines = [
            f"{profile.rows:,} predictions: {features}",
            f"prediction: {_describe(profile.prediction)}; probability: {_describe(profile.probability)}",
        ]
        if profile.actual:
            lines[-1] += f"; actual: {_describe(profile.actual)}"
        if baseline := profile.baseline:
            lines.append(f"baseline: {baseline.summary}, of {baseline.samples:,} predictions with their truth")
        if components := profile.components:
            lines.append(
                f"multivariate: {len(components.loadings)} components of {len(components.features)} numeric features "
                f"explain {components.explained:.0%} of their variance"
            )
        if calibration := profile.calibration:
            lines.append(f"calibration: of the scores of {calibration.rows:,} predictions that have a truth")
        if attributions := profile.attributions:
            most = sorted(attributions, key=lambda name: -attributions[name].mean_abs)[:MOST_NAMED]
            lines.append(f"attributions: to {len(attributions)} features, most to {', '.join(most)}")
        if self.errors:
            lines.append(f"skipped: {self.errors:,} records with an error_type, which are no predictions")
        if self.fields:
            lines.append(f"fields of a record, and so no features: {', '.join(self.fields)}")
        lines += [f"left out: {name}: {why}" for name, why in self.left_out.items()]
        return lines + [f"note: {note}" for note in self.notes]


def _describe(feature: Numeric | Categorical | None) -> str:
    if feature is None:
        return "none"
    if isinstance(feature, Numeric):
        return f"{feature.min:.6g} to {feature.max:.6g}, mean {feature.mean:.6g}"
    return f"{feature.distinct} classes"
