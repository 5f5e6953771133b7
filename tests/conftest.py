"""Settings of all tests."""

import os

from hypothesis import HealthCheck, settings

# Many tests start the exporter as a process, which takes several times as long without compiled modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Property tests draw the same examples in every run, so that no failure depends on chance.
settings.register_profile(
    "deterministic",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("deterministic")
