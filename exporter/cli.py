"""The command `prediction-exporter`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NoReturn

import click

from exporter import __version__

FILE = click.Path(path_type=Path)


def _fail(*lines: str) -> NoReturn:
    for line in lines:
        click.echo(f"prediction-exporter: {line}", err=True)
    sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prediction-exporter")
def main() -> None:
    """Turn a model's prediction log into Prometheus metrics: latency, classes, errors, feature drift."""


@main.command()
@click.option("--config", "config_file", type=FILE, help="The configuration, a YAML file.")
@click.option("--source", help="Instead of --config: a log to read, such as file:///var/log/model/*.jsonl.")
@click.option("--reference", help="With --source: the reference profile.")
@click.option("--listen", help="With --source: the address to serve on.  [default: 0.0.0.0:9465]")
def run(config_file: Path | None, source: str | None, reference: str | None, listen: str | None) -> None:
    """Read prediction logs and serve /metrics until SIGTERM."""
    from exporter import config, logs, sidecar
    from exporter.checkpoint import LockedError

    if (config_file is None) == (source is None):
        _fail("run: give either --config FILE or --source URL")
    try:
        if config_file is not None:
            if reference or listen:
                _fail("run: --reference and --listen go with --source; in a configuration they are keys")
            settings = config.load(config_file)
        else:
            settings = config.from_options(str(source), reference, listen)
    except config.ConfigError as error:
        _fail(*error.problems)
    logs.configure()
    try:
        running = sidecar.Sidecar(settings)
    except LockedError as error:
        _fail(f"state_dir: {error}")
    except OSError as error:
        _fail(f"state_dir: {settings.state_dir}: {error.strerror}")
    try:
        asyncio.run(running.run())
    except OSError as error:
        _fail(f"listen: {settings.listen}: {error.strerror}")


@main.command()
@click.option("--config", "config_file", type=FILE, required=True, help="The configuration, a YAML file.")
def check(config_file: Path) -> None:
    """Validate a configuration and all that it points to, and list every mistake."""
    from exporter import config

    try:
        settings = config.load(config_file)
    except config.ConfigError as error:
        _fail(*error.problems)
    for note in config.notes(settings):
        click.echo(f"{config_file}: note: {note}")
    click.echo(f"{config_file}: good")


if __name__ == "__main__":
    main()
