"""The metrics that the sidecar exports: by the reference, by the golden expositions, and by the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
REFERENCE = (ROOT / "exporter" / "METRICS.md").read_text()
EXPOSITIONS = "".join(
    (ROOT / "tests" / "golden" / name).read_text()
    for name in ("metrics.txt", "metrics.segments.txt", "metrics.truth.txt")
)
# The code of what the process exports about itself.
OF_THE_PROCESS = ("telemetry.py", "exposition/collector.py")
SELF_METRIC = r'(?:PREFIX|prefix) \+ "(\w+)"|self\._(?:count|by_source)\("(\w+)"'


def table(text: str, head: str) -> list[list[str]]:
    """Return the cells of the tables whose first line begins with `head`."""
    found = []
    for part in text.split(f"| {head} |")[1:]:
        lines = part.split("\n\n", 1)[0].splitlines()[2:]
        found += [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return found


def documented() -> set[str]:
    """Return the metrics that the reference names, which is made from the code."""
    return {name.strip("`") for name, *_ in table(REFERENCE, "metric")}


def types() -> dict[str, str]:
    """Return the metrics of the golden expositions with their types."""
    return dict(re.findall(r"^# TYPE (\S+) (\w+)$", EXPOSITIONS, re.MULTILINE))


def of_the_process() -> list[str]:
    """Return the metrics of the process itself, without their prefix."""
    code = [re.sub(r"\(\s+", "(", (ROOT / "exporter" / name).read_text()) for name in OF_THE_PROCESS]
    return [name or of_source for text in code for name, of_source in re.findall(SELF_METRIC, text)]
