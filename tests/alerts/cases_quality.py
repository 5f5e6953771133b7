"""Cases of the alerts of data quality."""

from tests.alerts.timeline import Case, Level, Rate, Shape, of


def failing(check: str, **features: float) -> dict[str, Shape]:
    """Return how many values of each feature fail a check each minute, of sixty."""
    return {
        of("model_feature_quality_total", f'feature_name="{feature}",check="{check}"'): Rate(rate)
        for feature, rate in features.items()
    }


def gauge(name: str, value: float, window: str) -> dict[str, Shape]:
    return {of(name, f'feature_name="age",window="{window}"'): Level(value)}


# A reference in which a tenth of the incomes is missing, and a tenth is another category than the named.
REFERENCE: dict[str, Shape] = {
    of("model_feature_reference_bin", f'feature_name="income",bin="{bin_}"'): Level(count)
    for bin_, count in {"a": 800, "missing": 100, "other": 100}.items()
}
COUNTED: dict[str, Shape] = {
    of("model_feature_bin_total", f'feature_name="income",bin="{bin_}"'): Rate(rate)
    for bin_, rate in {"a": 48, "missing": 6, "other": 6}.items()
}

CASES = [
    Case(
        "ModelFeatureAbsent",
        healthy=gauge("model_feature_absent", 0, "5m") | gauge("model_feature_absent", 0, "1h"),
        fault=gauge("model_feature_absent", 1, "5m"),
        near=gauge("model_feature_absent", 1, "1h"),
        summary="Feature age is missing from all requests.",
        says="For five minutes, no request to credit, version 3, has contained: age. Every prediction is made without "
        "this feature. First look for a field that a caller or feature pipeline has renamed or dropped, and roll "
        "that change back.",
    ),
    Case(
        "ModelFeatureMissing",
        healthy=REFERENCE | COUNTED | failing("missing", age=0, income=6),
        fault=failing("missing", age=15),
        near=failing("missing", age=5, income=11),
        files=("feature-drift",),
        fires=80,
        resolves=80,
        summary="Feature age has more missing values than in the reference.",
        says="In the last hour, values were missing more often than in the reference, in requests to credit, version "
        "3. Share of requests above the reference's share, by feature (limit 10%): age 25%. First look at the "
        "join or service that supplies these features.",
    ),
    Case(
        "ModelFeatureInvalid",
        healthy=failing("wrong_type", age=0) | failing("non_finite", age=0),
        fault=failing("wrong_type", age=3) | failing("non_finite", age=3),
        near=failing("wrong_type", age=0.5),
        fires=80,
        summary="Feature age has invalid values.",
        says="In the last hour, values had the wrong type, or were NaN or infinite, in requests to credit, version 3. "
        "Share of requests by feature (limit 1%): age 10%. First look for a changed serializer or schema, or a "
        "division by zero.",
    ),
    Case(
        "ModelFeatureUnseen",
        healthy=REFERENCE | COUNTED | failing("unseen_category", income=6) | failing("out_of_range", age=0),
        fault=failing("out_of_range", age=6),
        near=failing("unseen_category", income=8.8) | failing("out_of_range", age=2.8),
        files=("feature-drift",),
        fires=80,
        summary="Feature age has values that the reference does not contain.",
        says="In the last hour, values were outside the reference's range, or of unknown categories, in requests to "
        "credit, version 3. Share of requests above the reference's share, by feature (limit 5%): age 10%. First "
        "look for a changed unit, a placeholder such as -999, or a new product or country.",
    ),
    Case(
        "ModelFeatureStuck",
        healthy=gauge("model_feature_stuck", 0, "1h") | gauge("model_feature_stuck", 0, "5m"),
        fault=gauge("model_feature_stuck", 1, "1h"),
        near=gauge("model_feature_stuck", 1, "5m"),
        summary="Feature age has had the same value in all requests for an hour.",
        says="For an hour, all requests to credit, version 3, have had the same value of: age. First look at the "
        "sensor, cache or default that the value comes from.",
    ),
    Case(
        "ModelUnknownFeatures",
        healthy={of("model_unknown_features"): Level(1)},
        fault={of("model_unknown_features"): Level(3)},
        near={of("model_unknown_features"): Level(0)},
        begins=1500,
        step=20,
        fires=40,
        summary="Requests contain 3 features that the reference does not know.",
        says="Requests to credit, version 3, contain 3 features that the reference does not know: more than a day "
        "ago. The sidecar's log names them. First ask whether a release upstream has renamed a feature that the "
        "model uses.",
        resolves=20,
    ),
]
