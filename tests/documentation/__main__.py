"""Write the pages of reference: `python -m tests.documentation`."""

from __future__ import annotations

from pathlib import Path

from tests.documentation import alerts, configuration, metrics

ROOT = Path(__file__).parent.parent.parent
PAGES = {
    ROOT / "alerts" / "ALERTS.md": alerts.page,
    ROOT / "exporter" / "CONFIGURATION.md": configuration.page,
    ROOT / "exporter" / "METRICS.md": metrics.page,
}


def main() -> None:
    for file, page in PAGES.items():
        file.write_text(page())


if __name__ == "__main__":
    main()
