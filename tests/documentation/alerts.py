"""alerts/ALERTS.md: a table of the alerts, as the rule files have them."""

from collections.abc import Iterator

from alerts.rule_files import FOLDER, Rule, alerts, load

INTRODUCTION = """\
# The alerts

Written by `make reference` from the rule files and runbooks beside this page, by theme. An alert fires once its
condition has held `for` so long, and keeps firing for another while after the condition ends, so that a flapping
condition notifies once. Alerts with the action `retrain` start a training; those with `hold` delay it.
"""


def page() -> str:
    files = load()
    rules = alerts(files).values()
    lines = [INTRODUCTION]
    for theme in sorted({rule["labels"]["theme"] for rule in rules}):
        of_theme = [rule for rule in rules if rule["labels"]["theme"] == theme]
        sources = [file.name for file in files if any(rule in of_theme for rule in alerts([file]).values())]
        links = ", ".join(f"[{name}.yaml]({name}.yaml)" for name in sources)
        lines += [f"## {theme}\n", f"In {links}.\n"]
        lines += ["| alert | severity, action | for | kept for | |", "| --- | --- | --- | --- | --- |"]
        lines += [*_rows(of_theme), ""]
    return "\n".join(lines)


def _rows(rules: list[Rule]) -> Iterator[str]:
    for rule in rules:
        name, labels = rule["alert"], rule["labels"]
        kinds = ", ".join(labels[key] for key in ("severity", "action") if key in labels)
        times = f"{rule['for']} | {rule.get('keep_firing_for', '')}"
        _, meaning, *_ = (FOLDER / "runbooks" / f"{name}.md").read_text().split("\n\n")
        yield f"| [{name}](runbooks/{name}.md) | {kinds} | {times} | {meaning} |"
