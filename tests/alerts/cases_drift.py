"""Cases of the alerts of drift."""

from collections.abc import Mapping

from tests.alerts.timeline import POD, Case, Level, Rate, Shape, of

HOUR = 'window="1h"'
OTHER_POD = 'job="model",pod="b",instance="b:9465"'
SILENT_POD = 'job="model",pod="d",instance="d:9465"'
THIRD_POD = 'job="model",pod="c",instance="c:9465"'


def bins(features: Mapping[str, tuple[float, float]], pod: str = POD) -> dict[str, Shape]:
    """Return two bins of each feature, with so many values a minute; in the reference they are equal."""
    return {
        of("model_feature_bin_total", f'feature_name="{feature}",bin="{bin_}"', pod=pod): Rate(rate)
        for feature, rates in features.items()
        for bin_, rate in zip("ab", rates, strict=True)
    }


def reference(*features: str, pod: str = POD) -> dict[str, Shape]:
    return {
        of("model_feature_reference_bin", f'feature_name="{feature}",bin="{bin_}"', pod=pod): Level(500)
        for feature in features
        for bin_ in "ab"
    }


def even(*features: str, pod: str = POD) -> dict[str, Shape]:
    """Return bins without drift at a pod, of several that serve the version."""
    another = {of("model_threshold", 'metric="feature_drift_psi"', pod=SILENT_POD): Level(0.25)}
    return another | reference(*features, pod=pod) | bins(dict.fromkeys(features, (30.0, 30.0)), pod)


def gauge(name: str, value: float, labels: str = HOUR) -> dict[str, Shape]:
    return {of(name, labels): Level(value)}


AGE = f'feature_name="age",{HOUR}'

CASES = [
    Case(
        "ModelFeatureDrift",
        healthy=even("age", "income", "city", "size"),
        fault=bins({"age": (50, 10)}),
        near=bins({"age": (44, 16)}),
        beside=("ModelFeatureDriftModerate",),
        fires=140,
        resolves=120,
        summary="Feature age has drifted.",
        says="Inputs of credit, version 3, have moved away from the reference by more than chance explains. PSI by "
        "feature (limit 0.25): age 0.54. First see which bins have grown, and ask where the feature comes from.",
    ),
    Case(
        "ModelFeatureDriftModerate",
        healthy=even("age", "income", "city", "size"),
        fault=bins({"age": (44, 16), "city": (18, 42)}),
        near=bins({"age": (38, 22)}),
        fires=140,
        resolves=160,
        summary="Features age, city have drifted moderately.",
        says="2 inputs of credit, version 3, have moved a little away from the reference, by more than chance "
        "explains. PSI by feature: age 0.24, city 0.17. First see whether they still move.",
    ),
    Case(
        "ModelDriftWidespread",
        healthy=even("age", "income", "city", "size"),
        fault=bins({"age": (50, 10), "income": (8, 52), "city": (54, 6)}),
        near=bins({"age": (38, 22), "income": (22, 38), "city": (38, 22)}),
        fires=80,
        resolves=160,
        summary="75% of the features have drifted.",
        says="75% of the features of credit, version 3, have drifted; the limit is 30%. Largest PSI by feature: city "
        "0.88, income 0.69, age 0.54. First rule out a broken source that these features share; if the world has "
        "changed, retrain.",
    ),
    Case(
        "ModelPredictionDrift",
        healthy=gauge("model_prediction_drifted", 0) | gauge("model_prediction_drift_psi", 0.02),
        fault=gauge("model_prediction_drifted", 1) | gauge("model_prediction_drift_psi", 0.41),
        near=gauge("model_prediction_drift_psi", 0.41),
        summary="The distribution of predictions has drifted.",
        says="The predictions of credit, version 3, have moved away from the reference by more than chance explains: "
        "their median PSI is 0.41 (limit 0.25). First see whether inputs have drifted too; if not, look for a "
        "changed model or decision threshold.",
    ),
    Case(
        "ModelLabelDrift",
        healthy={
            **gauge("model_label_drift_psi", 0.02, 'window="24h"'),
            **gauge("model_label_drift_level", 0, 'window="24h"'),
        },
        fault={
            **gauge("model_label_drift_psi", 0.3, 'window="24h"'),
            **gauge("model_label_drift_level", 2, 'window="24h"'),
        },
        near={
            **gauge("model_label_drift_psi", 0.2, 'window="24h"'),
            **gauge("model_label_drift_level", 1, 'window="24h"'),
        },
        begins=1500,
        step=20,
        fires=80,
        resolves=380,
        summary="The distribution of ground truth has drifted.",
        says="In the last day, the true outcomes of credit, version 3, have moved away from the reference: their PSI "
        "is 0.30 (limit 0.25). First see whether accuracy has fallen too, and whether labels are made as before.",
    ),
    Case(
        "ModelMultivariateDrift",
        healthy=gauge("model_multivariate_drift", 0.01) | gauge("model_multivariate_drift_zscore", 0.5),
        fault=gauge("model_multivariate_drift", -0.4) | gauge("model_multivariate_drift_zscore", -8),
        near=gauge("model_multivariate_drift", -0.4) | gauge("model_multivariate_drift_zscore", -5),
        summary="The relationships between features have changed.",
        says="The features of credit, version 3, no longer vary together as in the reference: their mean distance "
        "from its principal components differs by 0.40 standard deviations (limit 0.25). First look for features "
        "that are shifted in time, joined to the wrong record or missing.",
    ),
    Case(
        "ModelEmbeddingDrift",
        healthy=gauge("model_embedding_drift_psi", 0.05, f'feature_name="text",{HOUR}'),
        fault=gauge("model_embedding_drift_psi", 0.5, f'feature_name="text",{HOUR}'),
        near=gauge("model_embedding_drift_psi", 0.24, f'feature_name="text",{HOUR}'),
        summary="Embedding text has drifted.",
        says="Embeddings of credit, version 3, have moved away from the reference. Mean PSI of their projections "
        "(limit 0.25): text 0.50. First see whether the encoder is the one that was used in training.",
    ),
    Case(
        "ModelInstanceDrift",
        healthy=even("age") | even("age", pod=OTHER_POD) | even("age", pod=THIRD_POD),
        fault=bins({"age": (50, 10)}),
        near=bins({"age": (42, 18)}),
        files=("feature-drift-instances",),
        fires=80,
        resolves=120,
        summary="Pod a has inputs unlike the other pods.",
        says="Pods of credit, version 3, receive inputs that differ from those of all other pods. Largest PSI of a "
        "feature by pod (limit 0.25): a 0.54. First look at how requests are routed to these pods, and at what "
        "their feature store or cache returns.",
    ),
    Case(
        "ModelAttributionDrift",
        healthy=gauge("model_attribution_drift_psi", 0.01, AGE) | gauge("model_attribution_drift_level", 0, AGE),
        fault=gauge("model_attribution_drift_psi", 0.3, AGE) | gauge("model_attribution_drift_level", 2, AGE),
        near=gauge("model_attribution_drift_psi", 0.2, AGE) | gauge("model_attribution_drift_level", 1, AGE),
        summary="The attribution of age has drifted.",
        says="Feature attributions of credit, version 3, have moved away from the reference. PSI by feature (limit "
        "0.25): age 0.30. First see whether these features have drifted, and whether the explainer is the one of "
        "the reference.",
    ),
    Case(
        "ModelAttributionRankingChanged",
        healthy=gauge("model_attribution_ranking_ndcg", 0.99),
        fault=gauge("model_attribution_ranking_ndcg", 0.7),
        near=gauge("model_attribution_ranking_ndcg", 0.91),
        fires=40,
        summary="The ranking of features by attribution has changed.",
        says="The ranking of features by attribution for credit, version 3, agrees with the reference's by 0.70 "
        "(NDCG; 1 is the same, the limit is 0.90). First see which features have risen, and ask someone who "
        "knows the model whether that makes sense.",
    ),
    Case(
        "ModelReferencesDiffer",
        fault={of("model_reference_info", 'reference_id="r2"', pod=OTHER_POD): Level(1)},
        near={of("model_reference_info", 'reference_id="r1"', pod=OTHER_POD): Level(1)},
        fires=40,
        resolves=20,
        summary="Pods use 2 different references.",
        says="Pods of credit, version 3, compare with 2 different references, so the drift of each group of pods is "
        "recorded separately. Pods by reference: 1 with r1, 1 with r2. First see whether a rollout is stuck, then give "
        "all pods of the version the same profile.",
    ),
]
