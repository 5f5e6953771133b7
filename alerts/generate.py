"""`python -m alerts.generate`: write the generated files in this folder."""

import sys

import yaml

from alerts import fleet_drift
from alerts.alertmanager_config import alertmanager_config
from alerts.rule_files import FOLDER

GENERATED = {
    FOLDER / "feature-drift-24h.yaml": fleet_drift.day,
    FOLDER / "feature-drift-comparisons.yaml": fleet_drift.comparisons,
    FOLDER / "feature-drift-instances.yaml": fleet_drift.instances,
    FOLDER / "alertmanager" / "alertmanagerconfig.yaml": alertmanager_config,
}

if __name__ == "__main__":
    try:
        texts = {path: text() for path, text in GENERATED.items()}
    except yaml.YAMLError as error:
        print("alerts: feature-drift.yaml or alertmanager.yml: not YAML:", *str(error).split(), file=sys.stderr)  # noqa: T201
        sys.exit(2)
    for path, text in texts.items():
        path.write_text(text)
