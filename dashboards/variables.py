"""The variables at the top of a dashboard. Each one is limited to the choices in those before it."""

from collections.abc import Sequence
from typing import Any

from grafanalib import core

from dashboards import metrics
from dashboards.mend import ALL
from dashboards.promql import attribution, business, drift
from dashboards.promql.selection import PLACE, SIDECARS, models
from dashboards.queries import DATA_SOURCE

ANY = ".+"
# Series may lack these labels.
ANY_PLACE = ".*"
AS_IT_COMES = 0

DATASOURCE = core.Template(name="datasource", label="Data source", query="prometheus", type="datasource")


def _of_labels(name: str, label: str, selected: str, every: str = ANY) -> Any:
    """Return a variable that selects one, several or all values of a label."""
    return core.Template(
        name=name,
        label=label,
        query=f"label_values({selected}, {name})",
        dataSource=DATA_SOURCE,
        includeAll=True,
        allValue=every,
        multi=True,
        default=ALL,
    )


CLUSTER = _of_labels("cluster", "Cluster", metrics.BUILD_INFO, ANY_PLACE)
NAMESPACE = _of_labels("namespace", "Namespace", f'{metrics.BUILD_INFO}{{cluster=~"$cluster"}}', ANY_PLACE)
JOB = _of_labels("job", "Job", f"{metrics.BUILD_INFO}{{{PLACE}}}")
INSTANCE = _of_labels("instance", "Instance", f'{metrics.BUILD_INFO}{{{PLACE}, job=~"$job"}}')
MODEL = _of_labels("model_name", "Model", f"{metrics.SAMPLES}{{{SIDECARS}}}")
VERSION = _of_labels("model_version", "Version", f'{metrics.SAMPLES}{{{SIDECARS}, model_name=~"$model_name"}}')
SEGMENT = _of_labels("segment", "Segment", models(metrics.SEGMENT_SAMPLES))
SEGMENT_VALUE = _of_labels("segment_value", "Value", models(metrics.SEGMENT_SAMPLES, 'segment=~"$segment"'))

# One hour by default: in five minutes, much is chance.
WINDOW = core.Template(
    name="window",
    label="Window",
    query=f"label_values({models(metrics.SAMPLES)}, window)",
    dataSource=DATA_SOURCE,
    default="1h",
)


def _one_feature(ranking: str) -> Any:
    """Return a variable that selects one feature; the default is the first of the ranking."""
    return core.Template(
        name="feature",
        label="Feature",
        query=f"query_result({ranking})",
        regex='/feature_name="((?:[^"\\\\]|\\\\.)*)"/',
        dataSource=DATA_SOURCE,
        sort=AS_IT_COMES,
    )


FEATURE = _one_feature(drift.ranking())
USED_FEATURE = _one_feature(attribution.ranking_of_features())

FIGURE = core.Template(
    name="figure",
    label="Business figure",
    query=f"label_values({business.figures()}, __name__)",
    regex=f"/{metrics.BUSINESS_FIGURES}/",
    dataSource=DATA_SOURCE,
)

AGAINST = core.Template(name="against", label="Against", query="1w,1d,1h", type="custom", default="1w")

OF_SIDECARS: Sequence[Any] = (DATASOURCE, CLUSTER, NAMESPACE, JOB, INSTANCE)
OF_MODELS: Sequence[Any] = (*OF_SIDECARS, MODEL, VERSION, WINDOW)
