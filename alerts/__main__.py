"""`python -m alerts OUT`: write the rules as files for Prometheus, or with --operator as PrometheusRules."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from alerts import (
    dashboards,
    drift,
    feature_drift,
    feature_drift_comparisons,
    feature_drift_instances,
    models,
    outcomes,
    performance,
    quality,
    serving,
    sidecar,
    slo,
)
from alerts.address import Address
from alerts.alert import GRAFANA, RUNBOOKS, Links
from alerts.alertmanager_config import alertmanager_config
from alerts.feature_series import EVERY
from alerts.hurry import hurried, hurried_alertmanager
from exporter.units import Duration

FLEET_PERFORMANCE = (outcomes.file(),)
FLEET_DRIFT = (feature_drift_comparisons.file(), feature_drift_instances.file())
FOR_DASHBOARDS = (dashboards.file(),)
ALERTING = (
    models.file(),
    serving.file(),
    quality.file(),
    feature_drift.file(),
    drift.file(),
    performance.file(),
    slo.file(),
    sidecar.file(),
)
# Well below what Prometheus looks back.
SELDOM_SECONDS = 120.0
FILES = (*FLEET_DRIFT, *FLEET_PERFORMANCE, *FOR_DASHBOARDS, *ALERTING)


def _divisor(_context: click.Context, _option: click.Parameter, factor: int) -> int:
    """Refuse what an hour is no whole number of seconds by: a day would not be 24 of them."""
    if factor < 1 or 3600 % factor:
        raise click.BadParameter(f"expected a divisor of 3600 such as 60, got {factor}")
    return factor


def _often_enough(_context: click.Context, _option: click.Parameter, every: str) -> str:
    """Refuse what is no duration, and what Prometheus would not look back to."""
    try:
        seconds = Duration.parse(every).seconds
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= SELDOM_SECONDS:
        raise click.BadParameter(f"expected a duration from 1s to 2m such as 1m, got {every}")
    return every


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--operator", is_flag=True, help="PrometheusRule objects for the Prometheus operator.")
@click.option(
    "--grafana", type=Address(), default=GRAFANA, show_default=True, help="Where alerts' links to dashboards lead."
)
@click.option(
    "--runbooks", type=Address(), default=RUNBOOKS, show_default=True, help="Where their links to runbooks lead."
)
@click.option(
    "--every",
    default=EVERY,
    show_default=True,
    callback=_often_enough,
    help="How often a fleet's drift is evaluated: of more than some 300 pods, every minute.",
)
@click.option(
    "--hurry",
    metavar="FACTOR",
    type=int,
    default=1,
    callback=_divisor,
    help="To try them out: all times divided by FACTOR, Alertmanager's too (alertmanager.yml).",
)
def main(out: Path, *, operator: bool, grafana: str, runbooks: str, every: str, hurry: int) -> None:
    """Write the rules into the folder OUT, as files for Prometheus's `rule_files`."""
    links = Links(grafana, runbooks)
    files = [feature_drift.file(every) if file.name == "feature-drift" else file for file in FILES]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in files if hurry == 1 else [hurried(file, hurry) for file in files]:
            text = file.prometheus_rule(links) if operator else file.plain(links)
            (out / f"{file.name}.yaml").write_text(text)
        if operator:
            (out / "alertmanager").mkdir(exist_ok=True)
            (out / "alertmanager" / "alertmanagerconfig.yaml").write_text(alertmanager_config())
        elif hurry > 1:
            (out / "alertmanager").mkdir(exist_ok=True)
            (out / "alertmanager" / "alertmanager.yml").write_text(hurried_alertmanager(hurry))
    except OSError as error:
        click.echo(f"alerts: {out}: {error.strerror}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m alerts")
