"""The facts of InferenceService (serving.kserve.io/v1beta1) that are used here, closed.

As in pkg/apis/serving/v1beta1 of kserve at 0217bda (2026); of what is not used, names alone would be guesses.
"""

from typing import Any

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}

LOGGER: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "url": TEXT,
        "mode": {"enum": ["all", "request", "response"]},
        "metadataHeaders": TEXTS,
        "metadataAnnotations": TEXTS,
    },
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["predictor"],
            "properties": {
                "predictor": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "logger": LOGGER,
                        "model": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["modelFormat"],
                            "properties": {
                                "modelFormat": {
                                    "type": "object",
                                    "additionalProperties": False,
                                    "required": ["name"],
                                    "properties": {"name": TEXT, "version": TEXT},
                                },
                                "storageUri": TEXT,
                            },
                        },
                    },
                }
            },
        },
    },
}
