"""Formats of records. Every subclass of `Format` in a module of this package is a format, found by its name."""

import importlib
import pkgutil

from exporter.formats.format import Format

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
FORMATS: dict[str, type[Format]] = {found.name: found for found in Format.__subclasses__()}
