"""Metrics that nobody scrapes: written for node_exporter's textfile collector, or pushed to a Pushgateway."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from exporter.exposition.exposition import Exposition

# Where a Pushgateway keeps metrics, unless the URL says it.
DEFAULT_PATH = "/metrics/job/prediction-exporter"
SUFFIX = ".prom"
TIMEOUT_SECONDS = 10.0
ATTEMPTS, PAUSE_SECONDS = 3, 1.0
MAX_REASON = 200


# Delivers an exposition; raises DeliveryError.
Target = Callable[[Exposition], None]


class DeliveryError(Exception):
    """Metrics could not be written or pushed; the message is one line."""


def targets(textfile: Path | None, gateway: str | None) -> list[Target]:
    """Return what delivers an exposition to a file, and to a Pushgateway. Raises DeliveryError if it never could."""
    found: list[Target] = []
    if textfile:
        found.append(partial(_write, _checked_textfile(textfile)))
    if gateway:
        found.append(partial(_push, _checked_gateway(gateway)))
    return found


def deliver(exposition: Exposition, targets: Sequence[Target]) -> list[str]:
    """Deliver an exposition; return what failed, one line each."""
    problems = []
    for target in targets:
        try:
            target(exposition)
        except DeliveryError as error:
            problems.append(str(error))
    return problems


def _checked_textfile(path: Path) -> Path:
    """Return a path that the textfile collector would read."""
    if path.suffix != SUFFIX:
        raise DeliveryError(f"--textfile {path}: expected a name that ends in {SUFFIX}, which the collector looks for")
    if not path.absolute().parent.is_dir():
        raise DeliveryError(f"--textfile {path}: no such folder")
    return path


def _checked_gateway(url: str) -> str:
    """Return the URL of a group of metrics in a Pushgateway."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise DeliveryError(f"--push: expected a URL such as http://pushgateway:9091, got {url!r}")
    if parts.path in ("", "/"):
        return url.rstrip("/") + DEFAULT_PATH
    if not parts.path.startswith("/metrics/job/"):
        raise DeliveryError(f"--push: expected a path such as /metrics/job/NAME/instance/NAME, got {parts.path!r}")
    return url


def _write(path: Path, exposition: Exposition) -> None:
    """Replace the file at once, so that the collector never reads half of it."""
    # The collector reads no other endings.
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_bytes(exposition.body)
        new.chmod(0o644)
        new.replace(path)
    except OSError as error:
        raise DeliveryError(f"--textfile {path}: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)


def _push(url: str, exposition: Exposition) -> None:
    """Replace the metrics of a group."""
    request = urllib.request.Request(  # noqa: S310  # the scheme was checked
        url, exposition.body, {"Content-Type": exposition.content_type}, method="PUT"
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}: {error.read(MAX_REASON).decode(errors='replace').strip()}"
            is_final = error.code < 500  # noqa: PLR2004
        except (OSError, HTTPException, ValueError) as error:
            reason, is_final = str(getattr(error, "reason", error)), False
        if is_final or attempt == ATTEMPTS:
            raise DeliveryError(f"--push {url}: {' '.join(reason.split())}")
        time.sleep(PAUSE_SECONDS)
