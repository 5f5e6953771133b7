"""Small pictures, as SVG: the bins of a variable before those of the reference, and how a figure went.

They are drawn with attributes and classes alone, for a Content-Security-Policy forbids inline styles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from exporter.page.words import number, percent
from exporter.status.document import Bin

WIDTH, HEIGHT = 200, 40
# Of a bin's width, on either side of the bar of the window; that of the reference is broader.
INSET = 0.22
MOST_BARS = 40


def bars(bins: Sequence[Bin]) -> Markup:
    """Draw the shares of a window in front of those of the reference."""
    shown = bins[:MOST_BARS]
    most = max((share for each in shown for share in (each.share, each.reference_share) if share == share), default=0)  # noqa: PLR0124
    step = WIDTH / max(len(shown), 1)
    parts = []
    for index, each in enumerate(shown):
        left = index * step
        label = f"{each.name}: {percent(each.share)} now, {percent(each.reference_share)} in the reference"
        parts.append(
            Markup("<g><title>{}</title>{}{}</g>").format(
                label,
                _bar("ref", left + 0.5, step - 1, each.reference_share, most),
                _bar("now", left + step * INSET, step * (1 - 2 * INSET), each.share, most),
            )
        )
    return _picture("bars", _most_changed(bins), Markup("").join(parts))


def line(values: Sequence[float], what: str, *, limit: float = math.nan, form: str = "") -> Markup:
    """Draw how a figure went, from the oldest value to the newest; NaN is a gap. A `limit` is a dashed line."""
    told = [value for value in values if math.isfinite(value)]
    if not told:
        return _picture("line", f"{what}: not known yet", Markup(""))
    spell = percent if form == "%" else number
    label = f"{what}: from {spell(told[0])} to {spell(told[-1])}, at most {spell(max(told))}"
    top = max(*told, 0.0 if math.isnan(limit) or limit > 4 * max(told) else limit, 1e-12) * 1.1
    across = WIDTH / max(len(values) - 1, 1)
    at = [
        (index * across, HEIGHT - 1 - (HEIGHT - 2) * value / top) if math.isfinite(value) else None
        for index, value in enumerate(values)
    ]
    path, pen = [], "M"
    for point in at:
        if point is None:
            pen = "M"
            continue
        path.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    parts = [Markup('<path d="{}"/>').format(" ".join(path))]
    if limit <= top:
        y = HEIGHT - 1 - (HEIGHT - 2) * limit / top
        parts.insert(0, Markup('<line x1="0" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(WIDTH, y, y))
    if at[-1] is not None:
        x, y = at[-1]
        parts.append(Markup('<path class="dot" d="M{:.1f} {:.1f}h0"/>').format(x, y))
    return _picture("line", label, Markup("").join(parts))


def share(now: float, reference: float, label: str) -> Markup:
    """Draw a share lying, in front of the reference's."""
    inset = HEIGHT * INSET
    parts = [
        Markup('<rect class="{}" x="0" y="{}" width="{:.1f}" height="{}"/>').format(
            name, top, WIDTH * value, bottom - top
        )
        for name, value, top, bottom in (("ref", reference, 0, HEIGHT), ("now", now, inset, HEIGHT - inset))
        if value > 0
    ]
    return _picture("share", label, Markup("").join(parts))


def _bar(name: str, left: float, width: float, share: float, most: float) -> Markup:
    height = HEIGHT * share / most if most and share > 0 else 0.0
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        name, left, HEIGHT - height, width, height
    )


def _most_changed(bins: Sequence[Bin]) -> str:
    told = [each for each in bins if not math.isnan(each.share - each.reference_share)]
    if not told:
        return "Share by bin: no values in the window"
    most = max(told, key=lambda each: abs(each.share - each.reference_share))
    return (
        f"Share by bin, now before the reference. Most changed: {most.name}, "
        f"{percent(most.share)} now and {percent(most.reference_share)} in the reference"
    )


def _picture(kind: str, label: str, inner: Markup) -> Markup:
    frame = '<svg class="{}" viewBox="-3 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    return Markup(frame).format(kind, WIDTH + 6, HEIGHT, escape(label), inner)
