"""What the configuration expects of the data, checked against the reference."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.configuration.settings import QualityConfig
from exporter.reference.profile import Profile
from exporter.validation import nearest


def problems(quality: QualityConfig, profile: Profile | None) -> Iterator[str]:
    """Yield mistakes, each beginning with its key."""
    for name in quality.bounds:
        if not profile:
            yield f"bounds.{name}: bounds are of features of the reference, and there is none"
        elif name in profile.categorical:
            yield f"bounds.{name}: a categorical feature has no bounds"
        elif name not in profile.numeric:
            yield f"bounds.{name}: no such numeric feature of the reference{nearest(name, profile.numeric)}"
