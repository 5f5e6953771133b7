"""The charts of a report, as small as its size allows: a page may have five hundred features."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from exporter.reporting.document import Curve
from exporter.status.charts import most_changed
from exporter.status.variables import Bin
from exporter.status.words import percent

WIDTH, HEIGHT = 200, 40
SIDE = 120
# Further bins hardly show.
MOST_BINS = 60
MOST_POINTS = 60


def distribution(bins: Sequence[Bin]) -> Markup:
    """Draw the shares of a window as a line over those of the reference as an area, on one axis."""
    shown = bins[:MOST_BINS]
    most = max((max(_or_0(each.share), _or_0(each.reference_share)) for each in shown), default=0.0) or 1.0
    changed = most_changed(bins)
    label = "no values"
    if changed:
        label = f"most changed: {changed.name}, {percent(changed.share)}, was {percent(changed.reference_share)}"
    step = WIDTH / max(len(shown), 1)
    reference = _steps([_or_0(each.reference_share) / most for each in shown], step)
    now = _steps([_or_0(each.share) / most for each in shown], step)
    return Markup(  # noqa: S704  # it consists of numbers and of escaped text
        f'<svg class="d" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><path class="ref" d="M0 {HEIGHT}{reference}V{HEIGHT}Z"/>'
        f'<path class="cur" d="M0 {HEIGHT}{now}V{HEIGHT}"/></svg>'
    )


def _steps(heights: Sequence[float], step: float) -> str:
    """Return a path that rises to the height of each bin, and goes on to its right end."""
    ends = enumerate(heights, 1)
    return "".join(f"V{HEIGHT - (HEIGHT - 1) * each:.0f}H{place * step:.0f}" for place, each in ends)


def roc(curve: Curve) -> Markup:
    """Draw a ROC curve."""
    points = [(0.0, 0.0), *zip(curve.false_positive_rate, curve.recall, strict=True), (1.0, 1.0)]
    return _curve(points, "ROC curve: recall by false positive rate", diagonal=True)


def precision_recall(curve: Curve) -> Markup:
    """Draw a precision-recall curve."""
    points = [*zip(curve.recall, curve.precision, strict=True)]
    return _curve(points, "Precision by recall", diagonal=False)


def _curve(points: Sequence[tuple[float, float]], label: str, *, diagonal: bool) -> Markup:
    kept = points[:: max(1, math.ceil(len(points) / MOST_POINTS))]
    path = "L".join(f"{x * SIDE:.0f} {SIDE - y * SIDE:.0f}" for x, y in [*kept, *points[-1:]])
    chance = f'<line x1="0" y1="{SIDE}" x2="{SIDE}" y2="0"/>' if diagonal else ""
    return Markup(  # noqa: S704  # it consists of numbers and of our own words
        f'<svg class="curve" viewBox="-1 -1 {SIDE + 2} {SIDE + 2}" role="img" aria-label="{label}">'
        f'<path class="frame" d="M0 0H{SIDE}V{SIDE}H0Z"/>{chance}<path d="M{path}"/></svg>'
    )


def _or_0(value: float) -> float:
    return 0.0 if math.isnan(value) else value
