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
        says="No request of credit, version 3, has had age for five minutes, so every prediction is made without "
        "it. First look for a field that a caller or feature pipeline has renamed or dropped; roll that back.",
        value="1",
        limit="0",
    ),
    Case(
        "ModelFeatureMissing",
        healthy=REFERENCE | COUNTED | failing("missing", age=0, income=6),
        fault=failing("missing", age=15),
        near=failing("missing", age=5, income=11),
        files=("feature-drift",),
        fires=80,
        resolves=80,
        says="More values are missing than in the reference, in requests to credit, version 3. Share of the last "
        "hour by feature, the limit being 10%: age 25%. First look at the join or service that these features "
        "come from.",
        value="25%",
        limit="10%",
    ),
    Case(
        "ModelFeatureInvalid",
        healthy=failing("wrong_type", age=0) | failing("non_finite", age=0),
        fault=failing("wrong_type", age=3) | failing("non_finite", age=3),
        near=failing("wrong_type", age=0.5),
        fires=80,
        says="Values have a wrong type, or are NaN or infinite, in requests to credit, version 3. Share of the last "
        "hour by "
        "feature, the limit being 1%: age 10%. First look for a serialiser or schema that has changed, or a division "
        "by "
        "zero.",
        value="10%",
        limit="1%",
    ),
    Case(
        "ModelFeatureUnseen",
        healthy=REFERENCE | COUNTED | failing("unseen_category", income=6) | failing("out_of_range", age=0),
        fault=failing("out_of_range", age=6),
        near=failing("unseen_category", income=8.8) | failing("out_of_range", age=2.8),
        files=("feature-drift",),
        fires=80,
        says="Values lie outside of the reference's range, or are unknown categories, in requests to credit, version "
        "3. "
        "Share of the last hour by feature, the limit being 5%: age 10%. First look for a changed unit, a sentinel "
        "such as "
        "-999, or a new product or country.",
        value="10%",
        limit="5%",
    ),
    Case(
        "ModelFeatureStuck",
        healthy=gauge("model_feature_stuck", 0, "1h") | gauge("model_feature_stuck", 0, "5m"),
        fault=gauge("model_feature_stuck", 1, "1h"),
        near=gauge("model_feature_stuck", 1, "5m"),
        says="All requests of credit, version 3, have had the same value for an hour of: age. First look at the "
        "sensor, "
        "cache or default that the value comes from.",
        value="1",
        limit="0",
    ),
    Case(
        "ModelUnknownFeatures",
        healthy={of("model_unknown_features"): Level(1)},
        fault={of("model_unknown_features"): Level(3)},
        near={of("model_unknown_features"): Level(0)},
        begins=1500,
        step=20,
        fires=40,
        says="Requests of credit, version 3, hold 3 features that the reference does not know, more than a day ago; "
        "the "
        "sidecar's log names them. First ask whether a release upstream renamed a feature that the model uses.",
        value="3",
        resolves=20,
    ),
]
