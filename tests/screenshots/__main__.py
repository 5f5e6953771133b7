"""Draw the dashboards of a story into a folder: `python -m tests.screenshots OUT`. The renderer has to be built."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

from exporter import logs
from tests.dashboards.asked import Asked
from tests.dashboards.grafana import FOLDER, NAMES, read
from tests.screenshots import drawing, history, results, rules, story
from tests.servers import prometheus
from tests.status.chromium import chromium

RENDERER = FOLDER.parent / "screenshots" / "renderer" / "dist"
# Dashboards open with six hours. An hour before them fills the windows that are charted at their begin.
SPAN_MINUTES, BEFORE_MINUTES = 360, 60
WEEK_MINUTES = 7 * 24 * 60
END = "end"
# The share of a dashboard's panels that may have nothing to show: a story does not have all that there can be.
MOST_EMPTY = 0.25
# What somebody has clicked on the way from the fleet; all models where nothing is said.
PICKED: Mapping[str, Mapping[str, str]] = {
    "fleet": {},
    "exporter": {},
    "model": {"model_name": "churn"},
    "compare": {"model_name": "credit"},
}
OF_DRIFT = {"model_name": "fraud"}


def tell(folder: Path) -> None:
    """Tell the story to a Prometheus whose data is in the folder, and leave a note of when it ends."""
    end = _at_forty(time.time())
    minutes = SPAN_MINUTES + BEFORE_MINUTES
    parts = [range(-WEEK_MINUTES - minutes, -WEEK_MINUTES + 1), range(-minutes, 1)]
    history.tell(story.MODELS, folder, end, parts)
    rules.evaluate(folder, end, 60 * SPAN_MINUTES)
    (folder / END).write_text(str(end))


def ask(folder: Path, site: Path, names: tuple[str, ...]) -> None:
    """Write what each dashboard shows of the story."""
    with prometheus(folder) as server:
        asked = Asked(server.address, int((folder / END).read_text()), 60 * SPAN_MINUTES, history.SCRAPE_SECONDS)
        for name in names:
            picked = PICKED.get(name, OF_DRIFT)
            made = results.document(read(name), asked, scrape=history.SCRAPE_SECONDS, picked=picked)
            if (nothing := results.empty(made)) and len(nothing) > MOST_EMPTY * len(made["results"]):
                raise click.ClickException(f"{name} would be a picture of nothing: {', '.join(nothing)}")
            (site / f"{name}.json").write_text(results.text(made))


def _at_forty(now: float) -> int:
    """Return the last time that was 40 minutes past an hour: then the axis of time looks the same in all pictures."""
    return int((now - 2400) // 3600 * 3600 + 2400)


async def draw(site: Path, out: Path, names: tuple[str, ...], *, form: str, unfold: bool) -> None:
    with drawing.serving(site) as address:
        async with chromium(site.parent) as tab:
            for name in names:
                page = f"{address}/index.html?dashboard={name}{'&unfold' if unfold else ''}"
                (out / f"{name}.{form}").write_bytes(await drawing.draw(tab, page, form=form))


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--history", "kept", type=click.Path(path_type=Path), help="Keep the story's history here, or find it.")
@click.option("--only", "names", multiple=True, type=click.Choice(NAMES), default=NAMES, help="These dashboards.")
@click.option("--form", type=click.Choice(["webp", "png"]), default="webp")
@click.option("--unfold", is_flag=True, help="Draw what is in folded rows too.")
def main(out: Path, kept: Path | None, names: tuple[str, ...], form: str, unfold: bool) -> None:  # noqa: FBT001
    """Draw the dashboards into the folder OUT."""
    logs.configure(level=logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    # The browser may still write to its profile when it is gone.
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-screenshots-", ignore_cleanup_errors=True) as place:
        folder, site = kept or Path(place) / "history", Path(place) / "site"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / END).exists():
            tell(folder)
        shutil.copytree(RENDERER, site)
        ask(folder, site, names)
        asyncio.run(draw(site, out, names, form=form, unfold=unfold))


if __name__ == "__main__":
    main(prog_name="python -m tests.screenshots")
