"""The command `prediction-exporter`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from exporter import __version__
from exporter.store_error import StoreError

FILE = click.Path(path_type=Path)


def _fail(*lines: str) -> NoReturn:
    for line in lines:
        click.echo(f"prediction-exporter: {line}", err=True)
    sys.exit(2)


def _fail_with_store(error: StoreError) -> NoReturn:
    _fail(f"state_dir: {error.path}: {error}" if error.path else f"state_dir: {error}")


def _serve(serving: Coroutine[Any, Any, None], listen: object) -> None:
    from exporter.sources import SourceError

    try:
        asyncio.run(serving)
    except SourceError as error:
        _fail(f"sources: {error}")
    except StoreError as error:
        # What was being folded is neither counted nor left out, so it is not possible to continue.
        _fail_with_store(error)
    except OSError as error:
        # asyncio wraps the system's words in its own.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        _fail(f"listen: {listen}: {reason}")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prediction-exporter")
def main() -> None:
    """Turn a model's prediction log into Prometheus metrics: latency, classes, errors, feature drift."""
    # Read when numpy is loaded. Its threads would wait for each other by spinning, at twice the CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@main.command()
@click.option("--config", "config_file", type=FILE, help="The configuration, a YAML file.")
@click.option("--source", help="Instead of --config: a log to read, such as file:///var/log/model/*.jsonl.")
@click.option("--reference", help="With --source: the reference profile.")
@click.option("--listen", help="With --source: the address to serve on.  [default: 0.0.0.0:9465]")
@click.option("--web-config", help="With --source: TLS and passwords, in Prometheus's web configuration format.")
def run(
    config_file: Path | None, source: str | None, reference: str | None, listen: str | None, web_config: str | None
) -> None:
    """Read prediction logs and serve /metrics until SIGTERM."""
    from exporter import logs, sidecar
    from exporter.assembly import config
    from exporter.web.loading import WebConfigError

    if (config_file is None) == (source is None):
        _fail("run: give either --config FILE or --source URL")
    try:
        if config_file is not None:
            if reference or listen or web_config:
                _fail("run: --reference, --listen and --web-config go with --source; in a configuration they are keys")
            settings = config.load(config_file)
        else:
            settings = config.from_options(str(source), reference, listen, web_config)
    except config.ConfigError as error:
        _fail(*error.problems)
    logs.configure()
    try:
        running = sidecar.Sidecar(settings, load=partial(config.load, config_file) if config_file else None)
    except WebConfigError as error:
        _fail(*(f"web_config: {problem}" for problem in error.problems))
    except StoreError as error:
        _fail_with_store(error)
    _serve(running.run(), settings.listen)


@main.command()
@click.option("--config", "config_file", type=FILE, required=True, help="The configuration, a YAML file.")
def check(config_file: Path) -> None:
    """Validate a configuration and all that it points to, and list every mistake."""
    from exporter.assembly import config

    try:
        settings = config.load(config_file)
    except config.ConfigError as error:
        _fail(*error.problems)
    for note in config.notes(settings):
        click.echo(f"{config_file}: note: {note}")
    click.echo(f"{config_file}: good")


@main.command()
@click.argument("logs", nargs=-1, required=True, type=FILE, metavar="LOG...")
@click.option("--truth", "truths", multiple=True, type=FILE, help="Ground truth, a file or folder. May be repeated.")
@click.option("--config", "config_file", type=FILE, help="Where fields lie, and the databases that have the truth.")
@click.option("--reference", help="Instead of --config: the reference profile, whose baseline is compared with.")
@click.option("--from", "begin", metavar="TIME", help="Predictions from then on: a date, or a time (RFC 3339).")
@click.option("--to", "end", metavar="TIME", help="Predictions before then.")
@click.option(
    "--revision",
    type=click.Choice(["first", "last"]),
    default="last",
    show_default=True,
    help="Which of several truths of a request counts.",
)
@click.option("--least", multiple=True, metavar="FIGURE=VALUE", help="Fail when a figure is less: f1=0.8.")
@click.option("--max-drop", multiple=True, metavar="FIGURE=VALUE", help="Fail when it is so far below the baseline.")
@click.option("--json", "is_json", is_flag=True, help="Write JSON.")
def evaluate(**options: Any) -> None:
    """Join archived predictions with their ground truth, and tell how good the model was.

    A LOG, and a truth, is a JSON-lines, CSV or Parquet file (.jsonl, .csv, .parquet; .gz may follow the former) or a
    folder of them. The status is 1 when a figure falls short, and 2 when there is a mistake.
    """
    from exporter.evaluation import command

    try:
        lines, is_short = command.evaluate(command.Asked(**options))
    except command.EvaluationError as error:
        _fail(*(f"evaluate: {problem}" for problem in error.problems))
    for line in lines:
        click.echo(line)
    sys.exit(1 if is_short else 0)


@main.command()
@click.argument("url", default="http://127.0.0.1:9465/-/healthy", metavar="[URL]")
def health(url: str) -> None:
    """Ask a running sidecar whether it is well: a healthcheck without curl.

    Without a URL, http://127.0.0.1:9465/-/healthy is asked.
    """
    from exporter.serving.health import problem

    if found := problem(url):
        click.echo(f"prediction-exporter: health: {url}: {found}", err=True)
        sys.exit(1)  # what Docker takes for unhealthy; 2 it keeps for itself


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=FILE, metavar="INPUT...")
@click.option("--output", "-o", required=True, type=FILE, help="Where to write the profile, a JSON file.")
@click.option("--config", "config_file", type=FILE, help="Whose `fields` say where a record's fields lie.")
@click.option("--bins", default=10, show_default=True, help="How many bins a numeric feature has.")
@click.option(
    "--binning",
    type=click.Choice(["quantile", "uniform"]),
    default="quantile",
    show_default=True,
    help="Bins of equal counts, or of equal widths.",
)
@click.option("--numeric", multiple=True, metavar="NAME", help="A feature that is numeric. May be repeated.")
@click.option("--categorical", multiple=True, metavar="NAME", help="A feature that is categorical. May be repeated.")
@click.option("--exclude", multiple=True, metavar="NAME", help="A column to leave out. May be repeated.")
def profile(
    inputs: tuple[Path, ...],
    output: Path,
    config_file: Path | None,
    bins: int,
    binning: Literal["quantile", "uniform"],
    numeric: tuple[str, ...],
    categorical: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """Make the reference profile from training data or a prediction log.

    An INPUT is a Parquet, CSV or JSON-lines file (.parquet, .csv, .jsonl; .gz may follow the latter two) or a folder
    of them. All are read together. A column is a feature, unless it is named like another field of a record.
    """
    from exporter.assembly import config
    from exporter.decoding.schema import Schema
    from exporter.profiling import Options, ProfilingError, make_profile
    from exporter.profiling.output import write
    from exporter.profiling.progress import progress_bar

    try:
        schema = config.load_fields(config_file) if config_file else Schema()
        options = Options(bins, binning, numeric, categorical, exclude, schema)
        with progress_bar() as progress:
            made, report = make_profile(inputs, options, progress=progress)
        size = write(made, output)
    except config.ConfigError as error:
        _fail(*error.problems)
    except ProfilingError as error:
        _fail(f"profile: {error}")
    for line in report.lines(made):
        click.echo(line)
    click.echo(f"{output}: {size / 1024:.0f} KiB")


@main.command()
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), help="How long to run.  [default: until Ctrl-C]"
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Predictions a second; a laptop's core makes about 500.  [default: 50, or 150 of a story]",
)
@click.option("--listen", help="The address to serve on.  [default: 127.0.0.1:9465, or a free port]")
@click.option(
    "--shift-after",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="When some inputs shift, in seconds, so that drift appears.",
)
@click.option(
    "--story", is_flag=True, help="The whole: the model over HTTP, several incidents, and alerts where they can be had."
)
def demo(*, seconds: float | None, rate: float | None, listen: str | None, shift_after: float, story: bool) -> None:
    """Watch a real scikit-learn model for a while: its log, its metrics, and a drift."""
    from exporter.configuration.units import Listen
    from exporter.demo import DemoError, DemoSettings, run_demo

    try:
        run_demo(DemoSettings(seconds, rate, Listen.parse(listen) if listen else None, shift_after, story))
    except (DemoError, ValueError) as error:
        _fail(f"demo: {error}")


if __name__ == "__main__":
    main()
