"""The command `python -m deploy.demo`."""

import asyncio
import os
import sys
from contextlib import suppress

import click

from deploy.demo import DemoError, on_signal
from deploy.demo.scenario import Scenario


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=click.FloatRange(min=1), help="How long to run.  [default: until Ctrl-C]")
@click.option(
    "--rate", type=click.IntRange(min=1), default=150, show_default=True, help="Requests per second to the model."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The exporter's port.  [default: 9465, or the next free one]"
)
def main(seconds: float | None, rate: int, port: int | None) -> None:
    """Serve a real model, monitor it with the exporter, and break it in several ways."""
    # numpy reads this when it is imported. With more threads, predicting single rows would waste CPU time spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        asyncio.run(_run(seconds, rate, port))
    except DemoError as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(2)


async def _run(seconds: float | None, rate: int, port: int | None) -> None:
    demo = asyncio.create_task(_demo(seconds, rate, port))
    on_signal(demo.cancel)
    with suppress(asyncio.CancelledError):
        await demo


async def _demo(seconds: float | None, rate: int, port: int | None) -> None:
    try:
        # scikit-learn takes seconds to import, and Ctrl-C must not show a traceback then.
        from deploy.demo import session  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise DemoError(f"{error.name} is not installed: pip install . -r deploy/demo/requirements.txt") from None
    await session.run(Scenario(seconds) if seconds else Scenario(), seconds, rate, port)


if __name__ == "__main__":
    main(prog_name="python -m deploy.demo")
