"""The alerts that fire during the demo, as Prometheus reports them."""

from dataclasses import dataclass, field

import aiohttp


@dataclass
class FiringAlerts:
    """The alerts that fire `now`, and when each fired `last`, in seconds of the scenario."""

    http: aiohttp.ClientSession
    prometheus: str
    now: frozenset[str] = frozenset()
    last: dict[str, float] = field(default_factory=dict)

    async def update(self, seconds: float) -> None:
        """Ask Prometheus; without an answer in time, nothing changes."""
        try:
            async with self.http.get(f"{self.prometheus}/api/v1/alerts") as response:
                found = (await response.json())["data"]["alerts"]
        except (aiohttp.ClientError, TimeoutError):
            return
        self.now = frozenset(each["labels"]["alertname"] for each in found if each["state"] == "firing")
        self.last |= dict.fromkeys(self.now, seconds)
