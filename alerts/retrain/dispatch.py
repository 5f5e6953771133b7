"""Start a training by a GitHub repository_dispatch, or by a POST to a webhook such as that of Argo Events."""

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 10


@dataclass(frozen=True)
class Target:
    """Where to start trainings. The content of `token_file` is sent as a bearer token; it is read for each request."""

    url: str
    token_file: Path | None = None
    repository_dispatch: bool = False

    def start(self, alert: dict[str, Any]) -> None:
        """Start a training for an alert. Raises OSError if the request fails or is rejected."""
        headers = {"Content-Type": "application/json", "User-Agent": "prediction-exporter-retrain"}
        if self.token_file:
            headers["Authorization"] = f"Bearer {self.token_file.read_text().strip()}"
        if self.repository_dispatch:
            headers["Accept"] = "application/vnd.github+json"
        body = json.dumps(self.body(alert)).encode()
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310  # only http and https: see target_of
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310  # the same
            pass

    def body(self, alert: dict[str, Any]) -> dict[str, Any]:
        labels, annotations = alert["labels"], alert.get("annotations", {})
        asked = {
            **{name: labels.get(name, "") for name in ("cluster", "namespace", "model_name", "model_version")},
            "reason": labels.get("alertname", ""),
            "description": annotations.get("description", ""),
            "since": alert.get("startsAt", ""),
        }
        return {"event_type": "retrain", "client_payload": asked} if self.repository_dispatch else asked


def target_of(to: str, token_file: Path | None) -> Target:
    """Parse `github:OWNER/REPOSITORY` or a URL. Raises ValueError for anything else."""
    if to.startswith("github:"):
        repository = to.removeprefix("github:")
        if repository.count("/") != 1 or token_file is None:
            raise ValueError(f"{to}: expected github:OWNER/REPOSITORY and --token-file")
        return Target(f"https://api.github.com/repos/{repository}/dispatches", token_file, repository_dispatch=True)
    if not to.startswith(("http://", "https://")):
        raise ValueError(f"{to}: expected github:OWNER/REPOSITORY or an http or https URL")
    return Target(to, token_file)
