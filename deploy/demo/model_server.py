"""The demo's model as an HTTP server, which handles POST /predict and logs every request."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web

from deploy.demo import model
from deploy.demo.json_log import JsonLog
from deploy.demo.model import Model
from deploy.demo.scenario import FAILURE, LATENCY, Incident

ERROR_TYPE = "out_of_memory"
SLOW_SECONDS = 0.08
SLOW_EVERY = 30


class ModelServer:
    """Predicts one row per request.

    `incidents` are the incidents in progress. Which requests they affect depends only on the number of the request.
    `counts` are the logged requests, by predicted class or error type.
    """

    def __init__(self, trained: Model, log: JsonLog) -> None:
        self._model = trained
        self._log = log
        self.incidents: Collection[Incident] = ()
        self.counts: Counter[str] = Counter()

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_post("/predict", self._predict)
        return app

    async def _predict(self, request: web.Request) -> web.Response:
        start = time.perf_counter()
        body = await request.json()
        number = self.counts.total()
        if LATENCY in self.incidents and number % SLOW_EVERY == 0:
            await asyncio.sleep(SLOW_SECONDS)
        outcome = self._model.predict(self._model.row(body["features"]))
        record = {
            "request_id": body["request_id"],
            "timestamp": datetime.now(UTC).isoformat(),
            "model_name": model.NAME,
            "model_version": model.VERSION,
        }
        if FAILURE in self.incidents and outcome["prediction"] == "malignant" and number % 2 == 0:
            self.counts[ERROR_TYPE] += 1
            self._log.write(record | {"error_type": ERROR_TYPE})
            return web.json_response({"error": ERROR_TYPE}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
        latency = {"latency_ms": round((time.perf_counter() - start) * 1000, 3)}
        self.counts[str(outcome["prediction"])] += 1
        self._log.write(record | outcome | {"features": body["features"]} | latency)
        return web.json_response(outcome)
