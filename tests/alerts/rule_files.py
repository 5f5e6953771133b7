"""The shipped rules for tests: in the order in which promtool evaluates them, and with a second for all waiting."""

import re
import subprocess
import sys
from pathlib import Path

from alerts.rule_files import alerts, load, recordings

# Rules come after those that they read; files that are not named here come last.
ORDER = [
    *("feature-drift-comparisons", "feature-drift-instances", "outcomes", "dashboards"),
    *("models", "serving", "quality", "feature-drift", "feature-drift-24h", "drift", "performance", "slo", "fairness"),
    "sidecar",
]
FILES = sorted(load(), key=lambda file: ORDER.index(file.name) if file.name in ORDER else len(ORDER))
ALERTS = alerts(FILES)
RECORDINGS = recordings(FILES)


def rule_files(folder: Path) -> str:
    """Write the rules as the README says, evaluated each second; return their pattern."""
    subprocess.run([sys.executable, "-m", "alerts", folder / "rules"], check=True)
    for file in (folder / "rules").iterdir():
        file.write_text(set_to_a_second(file.read_text(), "interval"))
    return str(folder / "rules" / "*.yaml")


def set_to_a_second(text: str, *keys: str) -> str:
    """Set keys of rules to a second."""
    return re.sub(rf"(?m)^( *)({'|'.join(keys)}): .*", r"\1\2: 1s", text)
