"""A log file of JSON lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

ROTATE_BYTES = 64 * 1024**2


class JsonLog(RotatingFileHandler):
    """Writes one line per record. At `rotate_bytes` it renames the file to `.1`, so that the disk never fills up."""

    def __init__(self, file: Path, rotate_bytes: int = ROTATE_BYTES) -> None:
        super().__init__(file, maxBytes=rotate_bytes, backupCount=1)

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record; it is in the file when this returns."""
        self.handle(logging.makeLogRecord({"msg": json.dumps(record)}))
