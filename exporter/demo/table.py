"""How readings look to a person: a live table, a line for a log, the summary at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.demo.readings import Activity, Reading

TOP_FEATURES = 8
BAR_WIDTH = 12


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown: the latest reading, what happened recently and from the start, and the inputs' state."""

    address: str
    inputs: str
    reading: Reading
    recent: Activity
    overall: Activity


def dashboard(view: View) -> RenderableType:
    """Return the whole picture, which fits a terminal of 80 columns and 24 lines for a model of two classes."""
    heading = Text.assemble((view.address, "bold"), f"   {view.reading.seconds:.0f} s\n", view.inputs)
    return Group(heading, _serving(view.recent), _classes(view), _drift(view.reading))


def line(view: View) -> str:
    """Return the same in one line."""
    recent, drifted = view.recent, drifted_features(view.reading)
    shares = ", ".join(f"{name} {_percent(share)}" for name, share in recent.class_shares.items())
    names = ", ".join(f"{name} {psi:.2f}" for name, psi in drifted.items())
    latency = "  ".join(f"p{100 * quantile:.0f} {_milliseconds(value)}" for quantile, value in recent.latency.items())
    enough = any(_shortest(view.reading)[1])
    drift = f"drifted: {names}" if names else "no drift" if enough else "too few samples for drift"
    rate = _spelt(recent.requests_per_second, ".1f")
    return f"{view.reading.seconds:5.0f} s  {rate} requests/s  {latency}  {shares}  {drift}"


def drifted_features(reading: Reading) -> Mapping[str, float]:
    """Return the features over the threshold in the shortest window, most drifted first."""
    return {name: psi for name, psi in _ranked(_shortest(reading)[1]) if psi > reading.threshold}


def summary(written: Mapping[str, int], counted: Mapping[str, float]) -> RenderableType:
    """Return what was written beside what was counted, by class and error."""
    table = _table("Records")
    table.add_column("written to the log", justify="right")
    table.add_column("counted by the sidecar", justify="right")
    for name in sorted(written.keys() | counted.keys()):
        table.add_row(name, f"{written.get(name, 0):,}", f"{counted.get(name, 0):,.0f}")
    table.add_section()
    table.add_row("all", f"{sum(written.values()):,}", f"{sum(counted.values()):,.0f}")
    return table


def _serving(recent: Activity) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    figures = {"requests/s": _spelt(recent.requests_per_second, ".1f"), "errors": _percent(recent.error_ratio, 1)}
    figures |= {f"p{100 * quantile:.0f} latency": _milliseconds(value) for quantile, value in recent.latency.items()}
    for name in figures:
        table.add_column(name, justify="right", min_width=11)
    table.add_row(*figures.values())
    return table


def _classes(view: View) -> Table:
    table = _table("Predicted class")
    table.add_column("recently", justify="right")
    table.add_column("from the start", justify="right")
    table.add_column()
    for name, share in view.recent.class_shares.items():
        bar = Bar(1, 0, 0 if math.isnan(share) else share, width=BAR_WIDTH, color="cyan")
        table.add_row(name, _percent(share), _percent(view.overall.class_shares[name]), bar)
    return table


def _drift(reading: Reading) -> Table:
    """The most drifted features by the shortest window, with a bar that is full at twice the threshold."""
    shortest, values = _shortest(reading)
    table = _table("Feature")
    for window, samples in reading.samples.items():
        table.add_column(f"PSI {window}\nof {samples:,.0f}", justify="right")
    table.add_column()
    table.add_column()
    for name, psi in _ranked(values)[:TOP_FEATURES]:
        over = psi > reading.threshold
        bar = Bar(1, 0, min(1.0, psi / (2 * reading.threshold)), width=BAR_WIDTH, color="red" if over else "green")
        figures = [_spelt(reading.drift[window].get(name, math.nan), ".2f") for window in reading.samples]
        table.add_row(name, *figures, bar, "drifted" if over else "", style="bold red" if over else "")
    if not values:
        table.caption = f"No value yet: the {shortest} window must hold at least 10 records for each bin of a feature."
    else:
        drifted, limit = len(drifted_features(reading)), _spelt(reading.threshold, "g")
        table.caption = f"{drifted} of {len(values)} features drifted in the {shortest} window: PSI over {limit}"
    return table


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", caption_justify="left")
    table.add_column(f"\n{first}", min_width=24)
    return table


def _shortest(reading: Reading) -> tuple[str, Mapping[str, float]]:
    return next(iter(reading.drift.items()), ("", {}))


def _ranked(values: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(values.items(), key=lambda item: -item[1])


def _percent(share: float, digits: int = 0) -> str:
    return _spelt(share, f".{digits}%")


def _milliseconds(seconds: float) -> str:
    return _spelt(seconds * 1000, ".2f", " ms")


def _spelt(value: float, form: str, unit: str = "") -> str:
    """Spell a number, or that there is none."""
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"
