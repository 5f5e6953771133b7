"""Ordinary days, by promtool: a daily cycle, noise, small hours and a deploy fire nothing at all.

One day is run, or as many as ALERT_DAYS says.
"""

import math
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.cases_drift import reference
from tests.alerts.timeline import HEALTHY, STEP, Case, Level, of, own, run_series, thresholds

DAYS = int(os.environ.get("ALERT_DAYS", "1"))
STEPS = DAYS * 24 * 60 // STEP
# The second version takes over at noon of the last day, within 20 minutes.
DEPLOY = STEPS - 12 * 60 // STEP
FEATURES = ("age", "income", "city", "size")
# Of two hundred a minute at four in the afternoon, ten are left at four in the morning.
LEAST, MOST = 10.0, 200.0


def traffic(step: int) -> float:
    hour = step * STEP / 60
    return LEAST + (MOST - LEAST) * (1 + math.cos((hour - 16) / 12 * math.pi)) / 2


def around(expected: float, rng: random.Random) -> int:
    """Return a count as chance would have it: normal, of Poisson's variance."""
    return max(round(rng.gauss(expected, math.sqrt(expected))), 0)


def counters(version: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Return the series of a version's pod: what is asked of it is split at the deploy."""
    begins, ends = (0, DEPLOY + 5) if version == "3" else (DEPLOY, STEPS)
    names = [
        *(of("model_predictions_total", f'prediction_class="{name}"') for name in ("approve", "decline")),
        of("model_prediction_errors_total", 'error_type="timeout"'),
        *(of("model_prediction_latency_seconds_bucket", f'le="{le}"') for le in ("0.25", "0.5", "1.0", "+Inf")),
        of("model_prediction_latency_seconds_count"),
        *(
            of("model_feature_bin_total", f'feature_name="{feature}",bin="{bin_}"')
            for feature in FEATURES
            for bin_ in "ab"
        ),
        *(of("model_feature_quality_total", f'feature_name="{feature}",check="missing"') for feature in FEATURES),
    ]
    totals = dict.fromkeys(names, 0)
    values: dict[str, list[str]] = {name: [f"_x{begins}"] if begins else [] for name in names}
    for step in range(begins, ends):
        both = DEPLOY <= step < DEPLOY + 5
        number = around(traffic(step) * STEP / (2 if both else 1), rng)
        declined = around(number / 3, rng)
        slow, slower = around(number * 0.006, rng), around(number * 0.002, rng)
        steps = [number - declined, declined, int(rng.random() < number * 0.0003)]
        steps += [number - slow - slower, number - slower, number, number, number]
        # Shares of features swing by the hour of the day, too: from 0.45 to 0.55.
        share = 0.5 + 0.05 * math.sin(step * STEP / 60 / 12 * math.pi)
        for _ in FEATURES:
            first = around(number * share, rng)
            steps += [first, max(number - first, 0)]
        steps += [around(number * 0.02, rng) for _ in FEATURES]
        for name, grown in zip(names, steps, strict=True):
            totals[name] += grown
            values[name].append(str(totals[name]))
    gauges = {**thresholds(feature_drift_psi=0.25, latency_p99_seconds=0.5, accuracy=0.8), **reference(*FEATURES)}
    gauges[of("model_reference_info", f'reference_id="r{version}"')] = Level(1)
    always = f"_x{begins} 1x{ends - begins - 1}" if begins else f"1x{ends - 1}"
    for name, shape in gauges.items():
        if isinstance(shape, Level):
            yield name, always.replace("1x", f"{shape.value!r}x")
    yield from ((name, " ".join(pieces)) for name, pieces in values.items())


@pytest.mark.servers
def test_ordinary_days_fire_nothing(tmp_path: Path) -> None:
    rng = random.Random(17)
    series = {own("up"): f"1x{STEPS}"}
    for version in ("3", "4"):
        for name, values in counters(version, rng):
            pod = name.replace('model_version="3"', f'model_version="{version}"')
            series[pod.replace('="a', f'="{version}a')] = values
    assert len(series) > len(HEALTHY)
    minutes = (STEPS - 1) * STEP
    fired = {
        "eval_time": f"{minutes}m",
        "expr": f'count by (alertname, model_version) (count_over_time(ALERTS{{alertstate="firing"}}[{minutes}m]))',
        "exp_samples": [],
    }
    counted = {
        "eval_time": f"{minutes}m",
        "expr": "count(model_version_feature:model_feature_drift_psi:increase1h) > bool 0",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    wrong = run_series(tmp_path, Case("", {}, {}, "", ""), series, {"promql_expr_test": [fired, counted]})
    assert not wrong, wrong
