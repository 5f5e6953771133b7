"""Eight real sidecars, a real Prometheus, and the recorded drift against that of all their records together."""

import json
import math
import random
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.reference import profile_file
from tests.alerts.oracle import drift
from tests.alerts.rule_files import INCREMENTS, rule_files
from tests.process import Exporter, exporter
from tests.records import categorical, numeric, reference
from tests.servers import Prometheus, prometheus

PODS = 8
# Unequal traffic; the least has few records a bin. Two pods see another world.
SIZES = (90, 90, 120, 150, 300, 600, 900, 1500)
SHIFTED = {2, 6}
EDGES = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
INCOME = [67, 92, 150, 191, 191, 150, 92, 67]
COUNTRY = {"DE": 600, "FR": 300, "AT": 80}
VERSION = ("credit", "3")


def records(pod: int, rng: random.Random) -> list[dict[str, Any]]:
    shift = 0.8 if pod in SHIFTED else 0.0
    return [
        {
            "timestamp": time.time(),
            "features": {
                "income": None if rng.random() < 0.02 else rng.gauss(shift, 1.0),
                "country": rng.choices(["DE", "FR", "AT", "IT"], [60, 30, 8, 2])[0],
            },
            "prediction": "approve",
        }
        for _ in range(SIZES[pod])
    ]


def bin_of(feature: str, value: Any) -> str:
    """Name a value's bin as the README's and the profile's words have it."""
    if value is None:
        return "missing"
    if feature == "country":
        return value if value in COUNTRY else "other"
    number = sum(value >= edge for edge in EDGES)
    spelt = ["-inf", *(f"{edge:g}" for edge in EDGES), "+inf"]
    return f"{number}: {'[' if number else '('}{spelt[number]}, {spelt[number + 1]})"


def counts(log: list[dict[str, Any]], feature: str) -> Counter[str]:
    return Counter(bin_of(feature, record["features"][feature]) for record in log)


def config(folder: Path, pod: int) -> Path:
    path = folder / f"{pod}.yaml"
    path.write_text(
        f"listen: 127.0.0.1:0\nmodel: {{name: credit, version: '3'}}\nreference: reference.json\nwindows: [1h]\n"
        f"sources: [{pod}.jsonl]\n"
    )
    return path


def append(folder: Path, logs: list[list[dict[str, Any]]], part: int, parts: int) -> None:
    for pod, log in enumerate(logs):
        with (folder / f"{pod}.jsonl").open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in log[part::parts])


def wait_for_all(server: Prometheus, total: int) -> None:
    """Wait until all has been scraped, and all rules been evaluated since."""
    server.wait_for(f"sum(model_feature_bin_total{{feature_name='income'}}) == {total}")
    wait_for_evaluation(server, INCREMENTS)
    for last in (
        "model_version_feature:model_feature_drift_ks:increase1h",
        "instance_model_version_feature:model_feature_drift_psi_other_instances_critical:increase1h",
    ):
        wait_for_evaluation(server, last)


def wait_for_evaluation(server: Prometheus, recorded: str) -> None:
    """Wait until a rule has been evaluated with what has been scraped by now."""
    server.wait_for(f"timestamp({recorded}) > {time.time() + 1}")


@pytest.mark.servers
def test_the_fleet_s_psi_is_that_of_all_its_records_and_the_mean_of_its_pods_is_not(tmp_path: Path) -> None:
    rng = random.Random(5)
    logs = [records(pod, rng) for pod in range(PODS)]
    together = [record for log in logs for record in log]
    known = {"income": numeric(EDGES, INCOME, missing=20), "country": categorical(COUNTRY, other=20)}
    (tmp_path / "reference.json").write_bytes(profile_file.dump(reference(known)))
    with ExitStack() as stack:
        pods: list[Exporter] = [stack.enter_context(exporter("--config", config(tmp_path, pod))) for pod in range(PODS)]
        targets = [pod.address.removeprefix("http://") for pod in pods]
        server = stack.enter_context(prometheus(tmp_path, *targets, rules=rule_files(tmp_path, every="1s")))
        # Every pod has been seen at zero; then each log grows in three steps, with scrapes between them.
        server.wait_for(f"count(count_over_time(model_reference_info[1m])) == {PODS}")
        wait_for_evaluation(server, INCREMENTS)
        for part in range(3):
            append(tmp_path, logs, part, 3)
            server.wait_for(
                f"sum(model_feature_bin_total{{feature_name='income'}}) == "
                f"{sum(len(log[done::3]) for log in logs for done in range(part + 1))}"
            )
        wait_for_all(server, len(together))

        for feature, expected in {
            "income": drift(counts(together, "income"), dict(counts_of_reference()) | {"missing": 20}),
            "country": drift(counts(together, "country"), COUNTRY | {"other": 20}),
        }.items():
            recorded = {
                name: server.query(f"model_version_feature:model_feature_{name}:increase1h{{feature_name='{feature}'}}")
                for name in ("bin", "bin_used", "drift_psi", "drift_psi_critical", "drift_chi2", "drift_ks")
            }
            recorded = {name: value[feature, *VERSION] for name, value in recorded.items() if value}
            assert recorded["bin"] == expected.n == len(together)
            assert recorded["bin_used"] == expected.used
            error = abs(recorded["drift_psi"] / expected.psi - 1)
            print(f"{feature}: relative error of the fleet's PSI {error:.1e}")
            assert error < 1e-6
            assert math.isclose(recorded["drift_chi2"], expected.chi2, rel_tol=1e-9)
            assert math.isclose(recorded["drift_psi_critical"], expected.critical, rel_tol=0.003)
            if feature == "income":
                assert math.isclose(recorded["drift_ks"], expected.ks, rel_tol=1e-9)
            else:
                assert "drift_ks" not in recorded
            gauges = f"model_feature_drift_psi{{feature_name='{feature}',window='1h'}}"
            assert server.query(f"count({gauges})") == {(): PODS}
            (mean,) = server.query(f"avg({gauges})").values()
            print(f"{feature}: PSI {expected.psi:.4f}, mean of the pods' {mean:.4f}")
            assert mean > 1.3 * expected.psi

        # Each pod against all the others: of those that differ, the rule says so, and what it says is exact.
        name = "instance_model_version_feature:model_feature_drift_psi_other_instances"
        found = {pod: server.query(f"{name}:increase1h{{instance='{target}'}}") for pod, target in enumerate(targets)}
        over = server.query(f"{name}:increase1h > {name}_critical:increase1h and {name}:increase1h > 0.25")
        assert [*over] == [("income", *VERSION)]
        for pod, log in enumerate(logs):
            others = [record for other in logs if other is not log for record in other]
            expected = drift(counts(log, "income"), counts(others, "income"))
            assert math.isclose(found[pod]["income", *VERSION], expected.psi, rel_tol=1e-9)


def counts_of_reference() -> dict[str, int]:
    values = [-9.0, *EDGES]
    return {bin_of("income", value): count for value, count in zip(values, INCOME, strict=True)}
