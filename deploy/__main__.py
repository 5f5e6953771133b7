"""`python -m deploy`: update the lists of files in alerts/ and dashboards/ for kustomize and Helm."""

from pathlib import Path

from deploy import listing

ROOT = Path(__file__).parent.parent

for file, text in listing.kustomizations(ROOT).items():
    file.write_text(text)
for link, target in listing.links(ROOT).items():
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
