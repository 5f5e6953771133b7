"""Processes to wait for."""

import time

import psutil

DEADLINE_SECONDS = 60.0


def ended(process: psutil.Process) -> bool:
    """Wait until a process has ended, which need not be our child."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
