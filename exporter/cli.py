"""The command `prediction-exporter`."""

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

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
    from exporter.sources.source import SourceError

    try:
        asyncio.run(serving)
    except SourceError as error:
        _fail(f"sources: {error}")
    except StoreError as error:
        # The interrupted write may or may not be in the store, so counting cannot continue.
        _fail_with_store(error)
    except OSError as error:
        # asyncio rewords the system's message.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        _fail(f"listen: {listen}: {reason}")


def _load_structlog_alone() -> None:
    """Load structlog without `rich`, which takes 4 MiB, and which it would only use for tracebacks on a terminal."""
    if "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]
        import structlog  # noqa: F401

        del sys.modules["rich"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prediction-exporter")
def main() -> None:
    """Turn a model's prediction log into Prometheus metrics: latency, classes, errors, feature drift."""
    # numpy reads this when it is loaded. Its threads would spin while they wait, which doubles the CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@main.command()
@click.option("--config", "config_file", type=FILE, help="The configuration, a YAML file.")
@click.option("--source", help="A log to read instead of --config, such as file:///var/log/model/*.jsonl.")
@click.option("--reference", help="The reference profile, with --source.")
@click.option("--listen", help="The address to serve on, with --source.  [default: 0.0.0.0:9465]")
@click.option("--web-config", help="TLS and passwords in Prometheus's web configuration format, with --source.")
@click.option("--once", is_flag=True, help="For batch jobs: read what is there, commit, and exit; nothing is served.")
@click.option("--textfile", type=FILE, help="Write the metrics at the end, for node_exporter's textfile collector.")
@click.option("--push", metavar="URL", help="Push the metrics to a Pushgateway at the end.")
def run(
    config_file: Path | None,
    source: str | None,
    *,
    once: bool,
    textfile: Path | None,
    push: str | None,
    **options: str | None,
) -> None:
    """Read prediction logs and serve /metrics until SIGTERM.

    With --textfile or --push, metrics are written or pushed at the end, and not served before.
    """
    _load_structlog_alone()

    from exporter import logs, sidecar
    from exporter.configuration import loading
    from exporter.serving import delivery
    from exporter.web.loading import WebConfigError

    if (config_file is None) == (source is None):
        _fail("run: give either --config FILE or --source URL")
    try:
        if config_file is not None:
            if any(options.values()):
                _fail("run: --reference, --listen and --web-config need --source; in a configuration they are keys")
            loaded = loading.load(config_file)
        else:
            loaded = loading.from_options(str(source), **options)
    except loading.ConfigError as error:
        _fail(*error.problems)
    logs.configure()
    load = partial(loading.load, config_file) if config_file else None
    try:
        targets = delivery.targets(textfile, push)
        running = sidecar.Sidecar(loaded, load=load, is_delivered=bool(targets))
    except delivery.DeliveryError as error:
        _fail(f"run: {error}")
    except WebConfigError as error:
        _fail(*(f"web_config: {problem}" for problem in error.problems))
    except StoreError as error:
        _fail_with_store(error)
    _serve(running.run_once() if once else running.run(), loaded.config.listen)
    if running.final and (problems := delivery.deliver(running.final, targets)):
        for problem in problems:
            click.echo(f"prediction-exporter: run: {problem}", err=True)
        sys.exit(1)


@main.command()
@click.option("--config", "config_file", type=FILE, required=True, help="The configuration, a YAML file.")
def check(config_file: Path) -> None:
    """Validate a configuration and the files that it names, and list every mistake.

    The first lines of each log that exists are read: how many would be accepted, why others would not, and what they
    contradict.
    """
    from exporter.configuration import loading
    from exporter.offline.findings import findings

    try:
        loaded = loading.load(config_file)
    except loading.ConfigError as error:
        _fail(*error.problems)
    for note in loading.notes(loaded):
        click.echo(f"{config_file}: note: {note}")
    found = [*findings(loaded, time.time())]
    for finding in found:
        if not finding.is_mistake:
            click.echo(f"{config_file}: {finding.text}")
    if mistakes := [f"{config_file}: {finding.text}" for finding in found if finding.is_mistake]:
        _fail(*mistakes)
    click.echo(f"{config_file}: good")


@main.command()
@click.argument("logs", nargs=-1, required=True, type=FILE, metavar="LOG...")
@click.option("--reference", type=FILE, help="Training data (Parquet, CSV or JSON lines), or a profile of it.")
@click.option("--output", "-o", type=FILE, help="Where to write the configuration.  [default: standard output]")
@click.option("--force", is_flag=True, help="Overwrite the output file.")
def init(logs: tuple[Path, ...], reference: Path | None, output: Path | None, force: bool) -> None:  # noqa: FBT001
    """Look at logs, and write a configuration that reads them, with a comment for each guess.

    The first lines of each LOG are read. Training data names the features and the classes, so that less is guessed.
    """
    from exporter.configuration.loading import ConfigError
    from exporter.offline import OfflineError
    from exporter.offline.output import write_new
    from exporter.offline.proposal.proposal import proposals
    from exporter.offline.proposal.training import read_training
    from exporter.offline.proposal.writing import configuration

    try:
        training = read_training(reference) if reference else None
        text = configuration(proposals(logs, training, time.time()), training)
        if output is None or str(output) == "-":
            click.echo(text, nl=False)
        else:
            write_new(text.encode(), output, force=force)
    except (ConfigError, OfflineError) as error:
        _fail(*(f"init: {problem}" for problem in error.problems))


@main.command()
@click.argument("logs", nargs=-1, required=True, type=FILE, metavar="LOG...")
@click.option("--truth", "truths", multiple=True, type=FILE, help="Ground truth, like LOG. May be repeated.")
@click.option("--config", "config_file", type=FILE, help="The configuration: fields, and databases of ground truth.")
@click.option("--reference", help="The reference profile with the baseline, instead of --config.")
@click.option("--from", "begin", metavar="TIME", help="Only predictions from this date or time (RFC 3339) on.")
@click.option("--to", "end", metavar="TIME", help="Only predictions before this date or time.")
@click.option(
    "--revision",
    type=click.Choice(["first", "last"]),
    default="last",
    show_default=True,
    help="Which of several ground-truth labels of a request counts.",
)
@click.option(
    "--prediction",
    type=click.Choice(["class", "value"]),
    help="What predictions are, if neither the configuration nor a reference does. The default is what they look like.",
)
@click.option("--least", multiple=True, metavar="FIGURE=VALUE", help="Fail if a figure is below this, such as f1=0.8.")
@click.option("--max-drop", multiple=True, metavar="FIGURE=VALUE", help="Fail if it is further below its baseline.")
@click.option("--json", "is_json", is_flag=True, help="Write JSON.")
def evaluate(**options: Any) -> None:
    """Join archived predictions with their ground truth, and show how accurate the model was.

    A LOG is a JSON-lines, CSV or Parquet file (.jsonl, .csv, .parquet; .gz may follow the first two), a folder of them
    or a glob pattern. The exit status is 1 if a figure falls short, and 2 if there is a mistake.
    """
    from exporter import memory
    from exporter.configuration.loading import ConfigError
    from exporter.offline import OfflineError
    from exporter.offline.evaluation import command

    memory.tune_collection()
    try:
        lines, is_short = command.evaluate(**options)
    except (ConfigError, OfflineError) as error:
        _fail(*(f"evaluate: {problem}" for problem in error.problems))
    for line in lines:
        click.echo(line)
    sys.exit(1 if is_short else 0)


@main.command()
@click.argument("current", nargs=-1, required=True, metavar="CURRENT...")
@click.option("--reference", "-r", "references", multiple=True, required=True, help="A profile, or data like CURRENT.")
@click.option("--output", "-o", "outputs", multiple=True, type=FILE, help="A .html, .json, .md or .xml (JUnit) file.")
@click.option("--config", "config_file", type=FILE, help="The configuration: fields, thresholds and other settings.")
@click.option("--field", "fields", multiple=True, metavar="FIELD=PATH", help="Where a field lies: prediction=score.")
@click.option("--prediction", type=click.Choice(["class", "value"]), help="What predictions are.")
@click.option("--positive-class", metavar="CLASS", help="The class that a single probability belongs to.")
@click.option("--segment", "segments", multiple=True, metavar="NAME", help="A feature to split by. May be repeated.")
@click.option("--fail-on", metavar="level=N", help="Fail if any drift is of this level, 1 or 2.")
@click.option("--least", multiple=True, metavar="FIGURE=VALUE", help="Fail if a figure is below this, such as f1=0.8.")
@click.option(
    "--json-format",
    type=click.Choice(["own", "evidently"]),
    default="own",
    help="`evidently` writes the dictionary of Evidently's drift metrics before 0.7.",
)
def report(**options: Any) -> None:
    """Compare data with a reference, and write a page, JSON, Markdown or JUnit; the default is Markdown to read here.

    CURRENT is a Parquet, CSV or JSON-lines file, a folder of them, a glob pattern, an address such as
    s3://bucket/folder, or - for an Arrow stream on standard input. The exit status is 1 if a gate fails, and 2 if
    there is a mistake.
    """
    from exporter.configuration.loading import ConfigError
    from exporter.offline import OfflineError
    from exporter.reporting import command

    try:
        lines, is_short = command.run(sys.argv[1:], **options)
    except (ConfigError, OfflineError) as error:
        _fail(*(f"report: {problem}" for problem in error.problems))
    for line in lines:
        click.echo(line)
    sys.exit(1 if is_short else 0)


@main.command()
@click.argument("url", default="http://127.0.0.1:9465/-/healthy", metavar="[URL]")
def health(url: str) -> None:
    """Check that a running sidecar is healthy, without curl.

    The default URL is http://127.0.0.1:9465/-/healthy.
    """
    from exporter.serving.health import problem

    if found := problem(url):
        click.echo(f"prediction-exporter: health: {url}: {found}", err=True)
        sys.exit(1)  # Docker's status for unhealthy; it reserves 2.


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=FILE, metavar="INPUT...")
@click.option("--output", "-o", type=FILE, help="Where to write the profile, a JSON file.")
@click.option(
    "--by-model", "folder", type=FILE, help="A folder to write a profile of each model and version to, instead."
)
@click.option("--model", help="The model that the profile is for; records of other models are left out.")
@click.option("--version", help="The version of the model; records of other versions are left out.")
@click.option("--config", "config_file", type=FILE, help="The configuration, which says how logs are read.")
@click.option("--bins", default=10, show_default=True, help="The number of bins of a numeric feature.")
@click.option(
    "--binning",
    type=click.Choice(["quantile", "uniform"]),
    default="quantile",
    show_default=True,
    help="Bins of equal counts, or of equal widths.",
)
@click.option("--numeric", multiple=True, metavar="NAME", help="A feature that is numeric. May be repeated.")
@click.option("--categorical", multiple=True, metavar="NAME", help="A feature that is categorical. May be repeated.")
@click.option(
    "--prediction",
    type=click.Choice(["class", "value"]),
    help="What predictions are: classes, or values as of a regression. The default is what they look like.",
)
@click.option("--positive-class", metavar="CLASS", help="The class that a single probability belongs to.")
@click.option("--exclude", multiple=True, metavar="NAME", help="A column to leave out. May be repeated.")
@click.option(
    "--include", multiple=True, metavar="NAME", help="A column to keep that looks like an id. May be repeated."
)
def profile(
    inputs: tuple[Path, ...], output: Path | None, folder: Path | None, config_file: Path | None, **options: Any
) -> None:
    """Make the reference profile from training data or a prediction log.

    An INPUT is a Parquet, CSV or JSON-lines file (.parquet, .csv, .jsonl; .gz may follow the last two), a folder of
    them or a glob pattern. All inputs make one profile, of one model. A column is a feature unless it has the name of
    another field of a record. With --config, logs are read as the sidecar reads them: by the `format`, `where` and
    `fields` of the source that reads the file, else of the first source.
    """
    from exporter.configuration import loading
    from exporter.offline import OfflineError
    from exporter.offline.output import make_folder, progress_bar, write
    from exporter.offline.profiling import Options, files_by_model, make_profile
    from exporter.offline.profiling.logs import read_by
    from exporter.reference import profile_file

    if (output is None) == (folder is None):
        _fail("profile: expected either --output or --by-model")
    try:
        if config_file:
            options |= read_by(loading.load_reading(config_file), time.time(), options["positive_class"])
        chosen = Options(**options)
        targets = [(output, chosen)] if output else []
        if folder:
            make_folder(folder)
            targets = list(files_by_model(inputs, chosen, folder))
        for file, of_model in targets:
            with progress_bar() as progress:
                made, summary = make_profile(inputs, of_model, progress=progress)
            data = profile_file.dump(made)
            write(data, file)
            for line in (*summary, f"{file}: {len(data) / 1024:.0f} KiB"):
                click.echo(line)
    except (loading.ConfigError, OfflineError) as error:
        _fail(*(f"profile: {problem}" for problem in error.problems))


if __name__ == "__main__":
    main()
