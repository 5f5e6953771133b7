"""Business figures of a window: how many amounts, and how much."""

from __future__ import annotations

from exporter.status.breakdown import Amount, BusinessFigure
from exporter.status.figures import Figures, ratio
from exporter.tallies.vocabulary import CLASS_LABEL

PREFIX = "model_business_"


def business(figures: Figures) -> list[BusinessFigure]:
    """Return each figure of the configuration, by predicted class too."""
    return [_figure(name, figures.totals(PREFIX + name, CLASS_LABEL)) for name in figures.named(PREFIX)]


def _figure(name: str, classes: dict[str, tuple[int, float]]) -> BusinessFigure:
    counts, sums = ([each[place] for each in classes.values()] for place in (0, 1))
    return BusinessFigure(
        name=name,
        total=_amount(sum(counts), sum(sums)),
        classes={label: _amount(int(count), total) for label, (count, total) in classes.items()},
    )


def _amount(count: float, total: float) -> Amount:
    return Amount(count=int(count), sum=total, mean=ratio(total, count))
