"""`python -m dashboards OUT`: write the dashboards as JSON, for import or provisioning in Grafana."""

import sys
from pathlib import Path

import click

from alerts.links import RUNBOOKS, address
from dashboards import (
    compare,
    drift,
    explainability,
    fleet,
    model,
    performance,
    quality,
    segments,
    sidecar,
)

DASHBOARDS = (
    fleet.dashboard(),
    model.dashboard(),
    drift.dashboard(),
    quality.dashboard(),
    performance.dashboard(),
    explainability.dashboard(),
    segments.dashboard(),
    compare.dashboard(),
    sidecar.dashboard(),
)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--runbooks",
    metavar="URL",
    default=RUNBOOKS,
    show_default=True,
    callback=address,
    help="URL of the runbooks that panels link to.",
)
def main(out: Path, *, runbooks: str) -> None:
    """Write each dashboard as a JSON file into the folder OUT."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for dashboard in DASHBOARDS:
            (out / f"{dashboard.name}.json").write_text(dashboard.text(runbooks))
    except OSError as error:
        click.echo(f"dashboards: {out}: {error.strerror}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m dashboards")
