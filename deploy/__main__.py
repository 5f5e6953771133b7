"""`python -m deploy`: update what kustomize and Helm need of alerts/, dashboards/ and the configuration."""

from pathlib import Path

from deploy import config_schema, listing

ROOT = Path(__file__).parent.parent

for file, text in listing.kustomizations(ROOT).items():
    file.write_text(text)
for link, target in listing.links(ROOT).items():
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
chart, schema = config_schema.values_schema(ROOT)
chart.write_text(schema)
