"""Gauges of series and of rolling windows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from exporter.derived.view import SeriesWindow, View, WindowTallies
from exporter.families import GaugeFamily
from exporter.stats import BASE_LABELS, SERIES, Scope
from exporter.tallies.tally import S


def per_series(name: str, text: str, view: View, label: str, values: Mapping[str, float]) -> GaugeFamily:
    """Return a gauge with the same `values`, by value of a label, for each series."""
    family = GaugeFamily(name, text, (*BASE_LABELS, label))
    for series in view.series:
        family.extend([(*series, key) for key in values], map(float, values.values()))
    return family


def per_window(
    name: str,
    text: str,
    windows: Iterable[WindowTallies[S]],
    value: Callable[[WindowTallies[S]], float],
    scope: Scope = SERIES,
) -> GaugeFamily:
    """Return a gauge with a series for each window of which `value` is not NaN."""
    family = GaugeFamily(name, text, (*scope.labels, "window"))
    windows = tuple(windows)
    family.extend([window.labels for window in windows], [float(value(window)) for window in windows])
    return family


def per_label(
    name: str,
    text: str,
    windows: Iterable[WindowTallies[S]],
    values: Callable[[WindowTallies[S]], Mapping[str, float]],
    label: str = "feature_name",
    scope: Scope = SERIES,
) -> GaugeFamily:
    """Return a gauge with a series for each window and each value of a label, of which `values` is not NaN."""
    family = GaugeFamily(name, text, (*scope.labels, label, "window"))
    for window in windows:
        found = values(window)
        family.extend([(*window.series, key, window.label) for key in found], map(float, found.values()))
    return family


@dataclass(frozen=True)
class ClassFigure:
    """A figure of each class, NaN where it is undefined, and its averages over classes."""

    weighted: float
    macro: float
    classes: Mapping[str, float]


def per_class(
    name: str,
    text: str,
    windows: Iterable[SeriesWindow],
    figure: Callable[[SeriesWindow], ClassFigure | None],
) -> GaugeFamily:
    """Return a gauge with series for the averages and the classes of each window that has the figure."""
    family = GaugeFamily(name, text, (*SERIES.labels, "window", "average", "class"))
    for window in windows:
        if found := figure(window):
            keys = [("weighted", ""), ("macro", ""), *(("", name) for name in found.classes)]
            family.extend(
                [(*window.labels, *key) for key in keys], (found.weighted, found.macro, *found.classes.values())
            )
    return family
