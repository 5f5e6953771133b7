"""Writes proposals as a configuration: YAML with a comment for each guess."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporter import __version__
from exporter.counted import counted
from exporter.offline.proposal.proposal import Proposal
from exporter.offline.proposal.training import TrainingData

# Comments start in the same column, if settings are short.
COLUMN = 44


def configuration(proposals: Sequence[Proposal], training: TrainingData | None) -> str:
    """Return the text of a configuration."""
    return "\n".join((*_head(proposals), *_general(proposals, training), *_sources(proposals))) + "\n"


def _head(proposals: Sequence[Proposal]) -> Iterator[str]:
    yield f"# prediction-exporter {__version__} init guessed this from the first lines; each comment says why."
    yield "# `prediction-exporter check --config FILE` shows what is read with it."
    for each in proposals:
        records, lines = counted(each.accepted, "record", "records"), counted(each.lines, "line", "lines")
        yield f"# {Path(each.keys['url']).name}: {records} in {lines}"


def _general(proposals: Sequence[Proposal], training: TrainingData | None) -> Iterator[str]:
    yield ""
    yield _line("# state_dir: /var/lib/prediction-exporter", "counters and positions survive restarts")
    if not any(guess.name == "model_name" for each in proposals for guess in each.fields):
        yield _line('# model: {name: my-model, version: "1"}', "no value looks like the name of a model")
    if training and training.is_profile:
        yield f"reference: {_flow(str(training.path.absolute()))}"
    else:
        data = training.path if training else "TRAINING"
        made = f"prediction-exporter profile {data} --output reference.json"
        yield _line("# reference: reference.json", f"for drift; make it with: {made}")
    if any(each.kind for each in proposals):
        yield _line("prediction: value", "predictions are numbers with fractions, as of a regression")
    elif positive := next((each.positive_class for each in proposals if each.positive_class is not None), None):
        why = "single scores are below 0.5 if it is not predicted, and above if it is"
        yield _line(f"positive_class: {_flow(positive)}", why)


def _sources(proposals: Sequence[Proposal]) -> Iterator[str]:
    yield "sources:"
    for each in proposals:
        url, *others = each.keys.items()
        yield f"  - url: {_flow(url[1])}"
        for place, (key, value) in enumerate(others):
            yield _line(f"    {key}: {_flow(value)}", each.why if place == 0 else "")
        if each.where:
            yield _line(f"    where: {_flow(dict(each.where.where))}", each.where.why)
        if each.fields:
            yield "    fields:" if any(not guess.is_default for guess in each.fields) else "    # fields:"
        if not each.accepted:
            yield _line("      # prediction: PATH", "nothing looks like a prediction; without one, a line is rejected")
        for guess in each.fields:
            # A field that has its own name needs no setting.
            mark = "# " if guess.is_default else ""
            yield _line(f"      {mark}{guess.name}: {_flow(guess.setting)}", guess.why)


def _line(text: str, comment: str) -> str:
    """Return a line with a comment, which is on a line of its own if there is no room."""
    if not comment:
        return text
    if len(text) <= COLUMN:
        return f"{text.ljust(COLUMN)}  # {comment}"
    indent = " " * (len(text) - len(text.lstrip()))
    return f"{indent}# {comment}\n{text}"


def _flow(value: Any) -> str:
    """Return a value as YAML within a line."""
    return yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True)[
        1:-2
    ]
