"""The offline commands, run in this process."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from exporter.cli import main


def run(*arguments: str | Path) -> Result:
    """Run `prediction-exporter`; an exception that it does not handle is raised here."""
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def evaluated(*arguments: str | Path) -> dict[str, Any]:
    """Return the evaluation that `evaluate --json` shows."""
    result = run("evaluate", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    evaluation: dict[str, Any] = json.loads(result.stdout)
    return evaluation
