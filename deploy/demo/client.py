"""The model's client: it requests predictions, and logs their ground truth some time later."""

from collections import deque
from collections.abc import Collection

import aiohttp
import numpy as np

from deploy.demo.json_log import JsonLog
from deploy.demo.model import Model
from deploy.demo.scenario import DRIFT, SENSOR, Incident

# A biopsy's diagnosis takes days; in the demo it takes seconds.
LABEL_DELAY_SECONDS = 10.0
MISSING = "mean area"
SEED = 1


class Client:
    """Sends one held-out row per request, drawn with replacement, in the same order in every demo."""

    def __init__(self, trained: Model, http: aiohttp.ClientSession, url: str, labels: JsonLog) -> None:
        self._model = trained
        self._http = http
        self._url = url
        self._labels = labels
        self._pending: deque[tuple[float, dict[str, str]]] = deque()
        self._random = np.random.default_rng(SEED)

    async def send(self, number: int, seconds: float, incidents: Collection[Incident]) -> None:
        """Send request `number` at `seconds` after the start, and log the labels that have arrived by then."""
        index = int(self._random.integers(len(self._model.held_out)))
        row = self._model.held_out[index]
        features = self._model.named(self._model.shifted(row) if DRIFT in incidents else row)
        if SENSOR in incidents:
            features[MISSING] = None
        request_id = f"{number:08}"
        async with self._http.post(
            f"{self._url}/predict", json={"request_id": request_id, "features": features}
        ) as response:
            await response.read()
        label = {"request_id": request_id, "actual": self._model.held_out_classes[index]}
        self._pending.append((seconds + LABEL_DELAY_SECONDS, label))
        while self._pending[0][0] <= seconds:
            self._labels.write(self._pending.popleft()[1])
