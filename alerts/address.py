"""The address of Grafana or of runbooks, as it is told on the command line."""

from __future__ import annotations

import re
from typing import Any

import click


class Address(click.ParamType):
    """An http or https URL; a slash at its end is left out."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
            self.fail(f"{value!r} is no address; expected is https://HOST/PATH", param, ctx)
        return str(value).rstrip("/")
