"""`python -m alerts OUT`: write the rules as files for Prometheus, or with --operator as PrometheusRules."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from alerts import feature_drift, feature_drift_comparisons, feature_drift_instances

FILES = (feature_drift.file(), feature_drift_comparisons.file(), feature_drift_instances.file())


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--operator", is_flag=True, help="PrometheusRule objects for the Prometheus operator.")
def main(out: Path, *, operator: bool) -> None:
    """Write the recording rules into the folder OUT, as files for Prometheus's `rule_files`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            text = file.prometheus_rule() if operator else file.plain()
            (out / f"{file.name}.yaml").write_text(text)
    except OSError as error:
        click.echo(f"alerts: {out}: {error.strerror}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m alerts")
