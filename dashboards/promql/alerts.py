"""Queries for firing alerts of the rules in alerts/, which all have the label `ruleset`.

An alert on a whole model has no version, and an alert on a sidecar may have no model.
"""

from dashboards.metrics import ALERTS, ALERTS_FOR_STATE, THRESHOLD
from dashboards.promql.selection import OF_MODEL, OF_VERSION, models, per

OURS = 'ruleset="prediction-exporter"'
PLACE = 'cluster=~"|$cluster", namespace=~"|$namespace"'
OF_MODELS = f'{OURS}, {PLACE}, model_name=~"|$model_name", model_version=~"|$model_version"'
OF_SIDECARS = f'{OURS}, {PLACE}, theme="sidecar"'
FIRING = 'alertstate="firing"'


def firing(which: str, *matchers: str) -> str:
    """Return the alerts that are firing; `which` is OF_MODELS or OF_SIDECARS."""
    return f"{ALERTS}{{{', '.join((which, FIRING, *matchers))}}}"


def count(which: str) -> str:
    """Return how many alerts are firing, also if that is 0."""
    return f"count({firing(which)}) or vector(0)"


def of_severity(which: str, severity: str) -> str:
    return firing(which, f'severity="{severity}"')


def since(which: str) -> str:
    """Return since when the condition of each firing alert has held, in milliseconds since the epoch."""
    labels = OF_VERSION if which == OF_MODELS else "cluster, namespace"
    active = f"{ALERTS_FOR_STATE}{{{which}}} and ignoring (alertstate) {firing(which)}"
    return per(active, f"alertname, severity, {labels}", "min") + " * 1000"


def of_versions() -> str:
    """Return how many alerts are firing for each version and for its model as a whole, also if that is 0."""
    none = f"0 * {per(models(THRESHOLD), OF_VERSION)}"
    own = per(firing(OF_MODELS, 'model_version!=""'), OF_VERSION, "count")
    of_model = per(firing(OF_MODELS, 'model_name!=""', 'model_version=""'), OF_MODEL, "count")
    shared = f"{none} + on ({OF_MODEL}) group_left () {of_model}"
    each = (f'label_replace({found}, "of", "{of}", "", "")' for of, found in (("version", own), ("model", shared)))
    return f"{per(' or '.join(each), OF_VERSION, 'sum')} or {none}"
