"""Formats of records. Every subclass of `Format` with a name, in a module of this package, is a format."""

import importlib
import pkgutil
from collections.abc import Iterator

from exporter.formats.format import Format

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def _formats(base: type[Format]) -> Iterator[type[Format]]:
    for found in base.__subclasses__():
        if "name" in vars(found):
            yield found
        yield from _formats(found)


FORMATS: dict[str, type[Format]] = {found.name: found for found in _formats(Format)}
