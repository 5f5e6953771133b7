"""What the demo shows in the terminal."""

import asyncio
import io
import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from rich.console import Console, RenderableType

from deploy.demo import display
from deploy.demo.exporter import Exporter, Status
from deploy.demo.firing import FiringAlerts
from deploy.demo.scenario import DRIFT, LATENCY, SENSOR, Scenario

HEADING = "http://127.0.0.1:9465/   75 s\nNo incident."


def status(**model: Any) -> Status:
    return {"model": model}


def serving(predictions: int, rate: float | None, error_ratio: float | None, *latency: float | None) -> dict[str, Any]:
    return {
        "predictions": predictions,
        "requests_per_second": rate,
        "error_ratio": error_ratio,
        "latency_seconds": dict(zip(("0.5", "0.95", "0.99"), latency, strict=True)),
    }


def feature(name: str, psi: float | None, *, drifted: bool | None) -> dict[str, Any]:
    return {"name": name, "psi": psi, "drifted": drifted}


NOTHING: Status = {"model": None}
NEW = status(
    serving=serving(0, None, None, None, None, None),
    classes=[{"name": name, "share": None, "reference_share": 0.5} for name in ("yes", "no")],
    drift={"judged": 0, "drifted": 0, "threshold": 0.25},
    features=[feature(f"feature {index}", None, drifted=None) for index in range(12)],
)
QUIET = status(
    serving=serving(3, 1.0, 0.0, 0.05, 0.095, 0.099),
    classes=[{"name": "yes", "share": 1.0, "reference_share": 1.0}],
    drift={"judged": 1, "drifted": 0, "threshold": 0.25},
    features=[feature("feature 1", 0.3, drifted=False)],
)
DRIFTING = status(
    serving=serving(1200, 1.67, 0.2, 0.05, 0.095, 0.099),
    classes=[
        {"name": "yes", "share": 0.75, "reference_share": 0.625},
        {"name": "no", "share": 0.25, "reference_share": 0.375},
    ],
    drift={"judged": 12, "drifted": 6, "threshold": 0.25},
    features=[feature(f"feature {index}", index / 20, drifted=index > 5) for index in range(11, -1, -1)],
)
LONG = status(
    serving=serving(4800, 1.67, 0.2, 0.05, 0.095, 0.099),
    features=[feature(f"feature {index}", 0.125 if index == 11 else None, drifted=None) for index in range(12)],
)


def rendered(shown: RenderableType, width: int = 110) -> str:
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor")
    console.print(shown)
    return console.export_text()


def test_a_line_has_rates_latencies_classes_and_drift() -> None:
    assert display.line(DRIFTING) == (
        "requests/s 1.7  errors 20.0%  p50 50.00 ms  p95 95.00 ms  p99 99.00 ms  yes 75%, no 25%  "
        "drifted: feature 11 0.55, feature 10 0.50, feature 9 0.45, feature 8 0.40, feature 7 0.35, feature 6 0.30"
    )


def test_a_line_distinguishes_no_drift_from_too_few_records() -> None:
    assert display.line(NEW).endswith("too few records for drift")
    assert display.line(QUIET).endswith("no drift")  # the exporter's verdict counts, not the PSI alone
    assert "None" not in display.line(NEW)
    assert display.line(NOTHING) == display.NO_RECORDS


def test_the_dashboard_shows_the_eight_most_drifted_features() -> None:
    text = rendered(display.dashboard(HEADING, {"1m": DRIFTING, "1h": LONG}))
    ranked = re.findall(r"^(feature \d+) +([\d.]+) +([\d.-]+) .*?(drifted)?$", text, re.MULTILINE)
    assert ranked == [
        (f"feature {index}", f"{index / 20:.2f}", "0.12" if index == 11 else "-", "drifted" if index > 5 else "")
        for index in range(11, 3, -1)
    ]
    assert "6 of 12 features have drifted in the last 1m" in text
    for word in (
        "http://127.0.0.1:9465/",
        "75 s",
        "1.7",
        "20.0%",
        "50.00 ms",
        "95.00 ms",
        "99.00 ms",
        "75%",
        "62%",
        "1,200",
        "4,800",
    ):
        assert word in text


def test_the_dashboard_fits_a_terminal_of_80_columns_and_24_lines() -> None:
    names = ["fractal dimension error", *(f"concave points {index}" for index in range(29))]
    full = status(
        serving=serving(180_000, 1000.0, 1.0, 1.0, 1.0, 1.0),
        classes=[{"name": name, "share": 0.5, "reference_share": 0.5} for name in ("benign", "malignant")],
        drift={"judged": 30, "drifted": 30, "threshold": 0.25},
        features=[feature(name, 10.99, drifted=True) for name in names],
    )
    heading = f"http://127.0.0.1:65535/   86400 s\n{Scenario().headline(SENSOR.start * 300)}"
    heading += "\nFiring: ModelErrorRatioHigh, ModelFeatureAbsent, ModelFeatureDrift, ModelFeatureMissing."
    text = rendered(display.dashboard(heading, dict.fromkeys(("36s", "1m12s", "14m24s"), full)), 80)
    assert len(text.splitlines()) < 24
    assert len(re.findall(r"10.99 +10.99 +10.99 .* drifted *$", text, re.MULTILINE)) == 8
    assert "PSI 14m24s" in text
    assert "n=180,000" in text
    assert "fractal dimension error" in text


@pytest.mark.parametrize("shown", [NOTHING, NEW, DRIFTING])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_dashboard_shows_a_dash_for_a_missing_value(shown: Status, width: int) -> None:
    text = rendered(display.dashboard(HEADING, {"1m": shown, "1h": shown}), width)
    assert "None" not in text
    assert ("too few records" in " ".join(text.split())) == (shown is NEW)
    assert (display.NO_RECORDS in text) == (shown is NOTHING)


def test_a_longer_bar_is_more_drift() -> None:
    text = rendered(display.dashboard(HEADING, {"1m": DRIFTING, "1h": LONG}))
    bars = [line.count("█") for line in text.splitlines() if line.startswith("feature")]
    assert bars == sorted(bars, reverse=True)
    assert bars[0] == display.BAR_WIDTH  # twice the threshold and more
    assert 0 < bars[-1] < bars[0]


def test_the_summary_compares_what_was_logged_with_what_was_counted() -> None:
    text = rendered(display.summary(Counter(yes=1234, timeout=1), Counter(yes=1233, no=2)))
    rows = [line.split() for line in text.splitlines()]
    assert ["yes", "1,234", "1,233"] in rows
    assert ["no", "0", "2"] in rows
    assert ["timeout", "1", "0"] in rows
    assert rows[-1] == ["total", "1,235", "1,235"]


def test_an_empty_summary_is_one_of_zeros() -> None:
    assert rendered(display.summary(Counter(), Counter())).splitlines()[-1].split() == ["total", "0", "0"]


class Firing(FiringAlerts):
    """Alerts that fire as a test says."""

    def __init__(self) -> None:
        self.now = frozenset()


def lines(firing: Sequence[Collection[str]] = (), **options: Any) -> list[str]:
    """Return the first twelve seconds of the output of a scenario of 100 seconds; `firing` has the alerts by second."""
    alerts = Firing()
    console = Console(file=io.StringIO(), width=200, **options)

    class Fake(Exporter):
        url = "http://127.0.0.1:9465"

        def __init__(self) -> None:
            """Run nothing."""

        async def status(self, _: str) -> Status:
            return QUIET

    async def show() -> None:
        with display.live(console, Scenario(100), Fake(), alerts) as show:
            for seconds in range(1, 13):
                alerts.now = frozenset(firing[seconds]) if seconds < len(firing) else frozenset()
                await show(seconds)

    asyncio.run(show())
    return console.file.getvalue().splitlines()


def test_without_a_terminal_there_is_a_line_every_five_seconds_and_when_an_incident_starts() -> None:
    assert [line[:7] for line in lines()] == ["No inci", "    1 s", "Inciden", "    5 s", "   10 s"]


def test_what_begins_and_ends_to_fire_has_a_line() -> None:
    firing = [[], ["ModelLatencyHigh"], ["ModelFeatureDrift", "ModelLatencyHigh"], []]
    assert [line for line in lines(firing) if "fire" in line.lower() or "firing" in line.lower()] == [
        "Firing: ModelLatencyHigh.",
        "Firing: ModelFeatureDrift, ModelLatencyHigh.",
        "No alert fires.",
    ]


def test_at_the_end_there_is_a_line_per_incident_and_the_other_alerts_that_fired() -> None:
    last = {DRIFT.alert: 20.0, LATENCY.alert: 2.0, "ModelFeatureMissing": 30.0}
    text = rendered(display.alerts_fired(Scenario(100), last))
    assert re.search(r"(?m)^a new camera: .* ModelFeatureDrift +fired *$", text)
    assert re.search(r"(?m)^one prediction .* ModelLatencyHigh +did not fire *$", text)
    assert "Other alerts that fired: ModelFeatureMissing." in text


def test_on_a_terminal_there_is_a_table() -> None:
    assert [line for line in lines(force_terminal=True) if "Predicted class" in line]


def test_the_introduction_names_links_incidents_and_missing_packages() -> None:
    links = {"Status page": "http://127.0.0.1:1/"}
    text = display.introduction(links, Scenario(300), [], None)
    assert "  Status page   http://127.0.0.1:1/\n" in text
    assert re.search(r"(?m)^  15-105 s +a new camera: .* ModelFeatureDrift$", text)
    assert "divided by 60: 5m is 5s, 1h is 1m, 24h is 24m." in text
    assert text.endswith("The demo ends when you press Ctrl-C.\n")
    text = display.introduction(links, Scenario(60), [], 60)
    assert text.endswith("The demo ends after 60 seconds.\n")
    text = display.introduction(links, Scenario(60), ["prometheus-alertmanager"], 60)
    assert "apt-get install prometheus-alertmanager\n" in text
    assert "divided by" not in text
