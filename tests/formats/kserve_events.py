"""Events of KServe's inference logger, as in its documentation and code.

- kserve/website, docs/model-serving/predictive-inference/logger/{basic,knative-eventing}-logger.md: ids, times, both
  bodies, the extensions `endpoint` (empty), `inferenceservicename`, `namespace`, `traceparent`.
- kserve/kserve, pkg/logger/{worker,handler}.go (commit 0217bda, 2026): binary mode; the extensions `component` and
  `metadata`; a response has the Content-Type of its request, and is sent only after a 200; the time is that of sending.
- The v2 bodies: kserve/website, the sklearn-v2-iris example. `statuscode` and its error body: the page "Log All
  Responses" of KServe's documentation.
"""

import json
from typing import Any

ID = "defb5816-35f7-4947-a2b1-b9e5d7764ad2"
REQUEST_TIME = "2021-04-10T01:22:16.498917288Z"
RESPONSE_TIME = "2021-04-10T01:22:16.500492939Z"
LATENCY_MS = 1.575
IRIS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
V1_REQUEST = {"instances": [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]}
V1_RESPONSE = {"predictions": [1, 1]}
V2_REQUEST = {
    "inputs": [
        {"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]}
    ]
}
V2_RESPONSE = {
    "model_name": "sklearn-v2-iris",
    "model_version": None,
    "id": "930a2a63-f5ac-4e77-8fa8-02c0530439af",
    "parameters": None,
    "outputs": [{"name": "output-0", "shape": [2], "datatype": "INT32", "parameters": None, "data": [1, 1]}],
}
V2_RESPONSE_OF_ONE = {
    "id": "3befffaa-9f4f-4c0b-97fb-3d267d070153",
    "model_name": "sklearn-v2-iris",
    "model_version": "1",
    "outputs": [{"name": "output-0", "shape": [1], "datatype": "INT64", "data": [0]}],
}
ERROR = {"error": "Failed to process request: unexpected feature count"}


def headers(kind: str, **changed: str) -> dict[str, str]:
    """Return the headers of an event of a kind, `request` or `response`."""
    return {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": ID,
        "ce-type": f"org.kubeflow.serving.inference.{kind}",
        "ce-source": "http://localhost:9081/",
        "ce-time": REQUEST_TIME if kind == "request" else RESPONSE_TIME,
        "ce-inferenceservicename": "sklearn-iris",
        "ce-namespace": "default",
        "ce-component": "predictor",
        "ce-endpoint": "",
        "ce-metadata": "{}",
        "ce-traceparent": "00-16456300519c5227ffe5f784a88da2f7-2db26af1daae870c-00",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }


def structured(kind: str, data: Any, **changed: str) -> tuple[dict[str, str], bytes]:
    """Return the same event in structured mode."""
    attributes = {
        name.removeprefix("ce-"): value for name, value in headers(kind, **changed).items() if name.startswith("ce-")
    }
    whole = {**attributes, "datacontenttype": "application/json", "data": data}
    return {"content-type": "application/cloudevents+json"}, json.dumps(whole).encode()
