"""The facts of GrafanaDashboard's CRD (grafana.integreatly.org/v1beta1) that are used here, closed.

As in config/crd of grafana-operator at 02929fb (2024-07); of what is not used, names alone would be guesses.
"""

from typing import Any

TEXT = {"type": "string"}
LABELS = {"type": "object", "additionalProperties": TEXT}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "grafana.integreatly.org/v1beta1"},
        "kind": {"const": "GrafanaDashboard"},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"},
                "namespace": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
                "labels": LABELS,
            },
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["instanceSelector", "configMapRef"],
            "properties": {
                "allowCrossNamespaceImport": {"type": "boolean"},
                "configMapRef": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["key", "name"],
                    "properties": {"key": TEXT, "name": TEXT, "optional": {"type": "boolean"}},
                },
                # `folderRef` and `folderUID` may not be beside it.
                "folder": TEXT,
                "instanceSelector": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "matchLabels": LABELS,
                        "matchExpressions": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["key", "operator"],
                                "properties": {
                                    "key": TEXT,
                                    "operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                                    "values": {"type": "array", "items": TEXT},
                                },
                            },
                        },
                    },
                },
                "resyncPeriod": {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$"},
            },
        },
    },
}
