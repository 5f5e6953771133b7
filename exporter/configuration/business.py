"""Business figures as the configuration has them: where their amounts lie, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from exporter.configuration.settings import Config
from exporter.decoding.schema import Path

NAME = re.compile(r"[a-z][a-z0-9_]*")


def of_records(config: Config) -> dict[str, Path]:
    """Return where the amounts lie that records carry, by the name of their figure."""
    return {figure.name: figure.field for figure in config.business if figure.field}


def of_truths(config: Config) -> dict[str, Path]:
    """Return where those lie that truths carry."""
    return {figure.name: figure.truth for figure in config.business if figure.truth}


def problems(config: Config) -> Iterator[str]:
    """Yield mistakes, each beginning with its key."""
    names = [figure.name for figure in config.business]
    for index, figure in enumerate(config.business):
        at = f"business[{index}]"
        if not NAME.fullmatch(figure.name):
            yield f"{at}.name: expected small letters, digits and _, such as revenue, got {figure.name!r}"
        if figure.name in names[:index]:
            yield f"{at}.name: {figure.name} is there twice"
        if bool(figure.field) == bool(figure.truth):
            yield f"{at}: expected `field`, a path in a prediction's record, or `truth`, one in a ground truth's"
        if figure.truth and not config.ground_truth:
            yield f"{at}.truth: there is no truth without `ground_truth`"
        if any(high <= low for low, high in pairwise(figure.buckets)):
            yield f"{at}.buckets: expected ascending bounds"
