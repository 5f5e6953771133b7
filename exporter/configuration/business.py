"""What may be wrong with business figures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.configuration.settings import Config

NAME = re.compile(r"[a-z][a-z0-9_]*")


def problems(config: Config) -> Iterator[str]:
    """Yield mistakes, each starting with its key; paths that contradict others are found by `schemas`."""
    names = [figure.name for figure in config.business]
    for index, figure in enumerate(config.business):
        at = f"business[{index}]"
        if not NAME.fullmatch(figure.name):
            yield f"{at}.name: expected small letters, digits and _, such as revenue, got {figure.name!r}"
        if figure.name in names[:index]:
            yield f"{at}.name: duplicate {figure.name}"
        if bool(figure.field) == bool(figure.truth):
            yield f"{at}: expected `field`, a path in a prediction's record, or `truth`, one in a ground truth's"
        if figure.truth and not config.ground_truth:
            yield f"{at}.truth: there is no truth without `ground_truth`"
