"""`python -m alerts OUT`: write the rules as files for Prometheus without the operator, or check them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from alerts import rule_files, speedup
from alerts.alertmanager_config import alertmanager_config
from alerts.check import mistakes
from alerts.links import GRAFANA, RUNBOOKS, address


def _divisor(_context: click.Context, _option: click.Parameter, factor: int) -> int:
    """Return a factor that divides an hour into whole seconds. Raises click.BadParameter."""
    if factor < 1 or 3600 % factor:
        raise click.BadParameter(f"expected a divisor of 3600 such as 60, got {factor}")
    return factor


@click.command()
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option("--operator", is_flag=True, help="Write PrometheusRule objects for the Prometheus operator.")
@click.option(
    "--grafana",
    metavar="URL",
    default=GRAFANA,
    show_default=True,
    callback=address,
    help="URL of the Grafana that alerts link to.",
)
@click.option(
    "--runbooks",
    metavar="URL",
    default=RUNBOOKS,
    show_default=True,
    callback=address,
    help="URL of the runbooks that alerts link to.",
)
@click.option(
    "--speedup",
    "factor",
    metavar="FACTOR",
    type=int,
    default=1,
    callback=_divisor,
    help="Divide all durations by FACTOR, also in alertmanager.yml, to try out the alerts.",
)
@click.option("--check", is_flag=True, help="Write nothing. Print the mistakes in the rule files.")
def main(*, out: Path | None, operator: bool, grafana: str, runbooks: str, factor: int, check: bool) -> None:
    """Write the rules into the folder OUT, for `rule_files` in the configuration of Prometheus."""
    if (out is None) != check:
        raise click.UsageError("expected either a folder OUT or --check")
    files = rule_files.load()
    if found := mistakes(files, _promql_parser() if check else None):
        _fail(*found)
    if out is None:
        click.echo(f"{len(files)} files, {len(rule_files.alerts(files))} alerts: no mistakes")
        return
    texts: dict[str, str] = {}
    for file in files:
        changed = file.with_links(grafana, runbooks)
        text = changed.text if operator else changed.plain()
        texts[f"{file.name}.yaml"] = text if factor == 1 else speedup.speed_up(text, factor)
    texts |= _alertmanager(factor, operator=operator)
    try:
        for name, text in texts.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text)
    except OSError as error:
        _fail(f"alerts: {out}: {error.strerror}")


def _alertmanager(factor: int, *, operator: bool) -> Iterator[tuple[str, str]]:
    """Yield path and text of the Alertmanager configuration, if it differs from the shipped file."""
    if operator:
        yield "alertmanager/alertmanagerconfig.yaml", alertmanager_config()
    elif factor > 1:
        yield "alertmanager/alertmanager.yml", speedup.alertmanager(factor)


def _promql_parser() -> Callable[[str], object]:
    try:
        # Only contributors have it installed.
        from promql_parser import parse  # noqa: PLC0415
    except ImportError:
        raise click.UsageError("--check needs promql-parser: pip install promql-parser") from None
    return parse


def _fail(*lines: str) -> None:
    for line in lines:
        click.echo(line, err=True)
    sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m alerts")
