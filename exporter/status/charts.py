"""Small charts as SVG: the bins of a variable in front of the reference's, and sparklines.

They use attributes and classes only, because the Content-Security-Policy forbids inline styles.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from exporter.status.variables import Bin
from exporter.status.words import index, number, percent

WIDTH, HEIGHT = 200, 40
# The margin of the window's bar within the wider bar of the reference, as a share of the bin's width.
INSET = 0.22
MOST_BARS = 40


def bars(bins: Sequence[Bin]) -> Markup:
    """Draw the shares of a window in front of the reference's."""
    shown = bins[:MOST_BARS]
    most = max((max(_or_0(each.share), _or_0(each.reference_share)) for each in shown), default=0.0) or 1.0
    step = WIDTH / max(len(shown), 1)
    drawn = [
        f"<g><title>{escape(_text(each))}</title>"
        f"{_upright('ref', place * step + 0.5, step - 1, each.reference_share / most)}"
        f"{_upright('now', (place + INSET) * step, step * (1 - 2 * INSET), each.share / most)}</g>"
        for place, each in enumerate(shown)
    ]
    label = "Share by bin: no values in the window"
    if changed := most_changed(bins):
        label = f"Share by bin, now before the reference. Most changed is {_text(changed)}"
    return _svg("bars", label, "".join(drawn))


def most_changed(bins: Sequence[Bin]) -> Bin | None:
    """Return the bin whose share has changed most; None without values in the window."""
    filled = [each for each in bins if not math.isnan(each.share - each.reference_share)]
    return max(filled, key=lambda each: abs(each.share - each.reference_share), default=None)


def share(each: Bin) -> Markup:
    """Draw a share as a horizontal bar, in front of the reference's."""
    inset = HEIGHT * INSET
    drawn = [
        f'<rect class="{name}" x="0" y="{top:.1f}" width="{WIDTH * value:.1f}" height="{bottom - top:.1f}"/>'
        for name, value, top, bottom in (
            ("ref", each.reference_share, 0, HEIGHT),
            ("now", each.share, inset, HEIGHT - inset),
        )
        if value > 0
    ]
    return _svg("share", _text(each), "".join(drawn))


def line(values: Sequence[float], what: str, form: str = "number", *, limit: float = math.nan) -> Markup:
    """Draw a sparkline from the oldest value to the newest; NaN is a gap, and a `limit` is a dashed line."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return _svg("line", f"{what}: no values yet", "")
    spell = {"number": number, "percent": percent, "index": index}[form]
    top = 1.1 * max(*finite, _or_0(limit), 1e-9)
    across = WIDTH / max(len(values) - 1, 1)

    def height(value: float) -> str:
        return f"{HEIGHT - 1 - (HEIGHT - 2) * value / top:.1f}"

    path, pen = [], "M"
    for place, value in enumerate(values):
        if math.isfinite(value):
            path.append(f"{pen}{place * across:.1f} {height(value)}")
        pen = "L" if math.isfinite(value) else "M"
    drawn = f'<path d="{"".join(path)}"/>'
    if not math.isnan(limit):
        drawn = f'<line x1="0" x2="{WIDTH}" y1="{height(limit)}" y2="{height(limit)}"/>{drawn}'
    if math.isfinite(values[-1]):
        drawn += f'<path class="dot" d="M{WIDTH} {height(values[-1])}h0"/>'
    label = f"{what}: from {spell(finite[0])} to {spell(finite[-1])}, at most {spell(max(finite))}"
    return _svg("line", label, drawn)


def _text(each: Bin) -> str:
    return f"{each.name}: {percent(each.share)} now, {percent(each.reference_share)} in the reference"


def _upright(name: str, left: float, width: float, part: float) -> str:
    height = HEIGHT * _or_0(part)
    return f'<rect class="{name}" x="{left:.1f}" y="{HEIGHT - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _or_0(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _svg(kind: str, label: str, drawn: str) -> Markup:
    return Markup(  # noqa: S704  # it consists of numbers and of escaped texts
        f'<svg class="{kind}" viewBox="-3 0 {WIDTH + 6} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{drawn}</svg>'
    )
