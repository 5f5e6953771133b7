"""How records are written. Every subclass of `Format` in a module of this package is a format, found by its name."""

from __future__ import annotations

import importlib
import pkgutil

from exporter.formats.format import Format


def _found() -> dict[str, type[Format]]:
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    formats = [
        member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Format) and member.__module__ == module.__name__
    ]
    return {found.name: found for found in formats if found is not Format}


FORMATS = _found()
