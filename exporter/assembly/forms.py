"""From a source's settings to how its bytes are read; pyarrow is loaded only where a source is read with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from exporter.assembly import segments, source_list
from exporter.batch import Series
from exporter.configuration import presets
from exporter.configuration.settings import Config
from exporter.configuration.source_options import Source
from exporter.decoding.checks import Checks
from exporter.decoding.decode import Decoder
from exporter.decoding.reading import Form
from exporter.decoding.schema import Path, Schema
from exporter.reference.profile import Profile

UNKNOWN = Series("unknown", "unknown")

D = TypeVar("D")


@dataclass(frozen=True)
class Forms:
    """How the sources of a configuration are read, whose records have the features of `profile`."""

    config: Config
    profile: Profile | None
    checks: Callable[[float, float], Checks] = Checks
    amounts: Mapping[str, Path] = field(default_factory=dict)

    @property
    def model(self) -> Series | None:
        """The model, where the configuration names it."""
        model = self.config.model
        return Series(model.name, str(model.version)) if model else None

    def of(self, source: Source) -> Form:
        """Return how a source is read."""
        if source.format == "arrow":
            return self._arrow(source)
        return Form(source_list.framer(source), self._made(Decoder, source))

    def beside(self, source: Source) -> Callable[[], Form] | None:
        """Return what makes how Arrow is read, where the clients of a source that is read as lines may send it."""
        return cache(lambda: self._arrow(source)) if source_list.takes_arrow(source) else None

    def _arrow(self, source: Source) -> Form:
        from exporter.arrow.decode import ArrowDecoder  # noqa: PLC0415  # 35 MiB that few sidecars need

        decoder = self._made(ArrowDecoder, source)
        return Form(decoder.framer, decoder)

    def _made(self, kind: Callable[..., D], source: Source) -> D:
        limits = self.config.limits
        checks = self.checks(limits.past.seconds, limits.future.seconds)
        return kind(self._schema(source), self.model or UNKNOWN, checks)

    def _schema(self, source: Source) -> Schema:
        fields, asked_for = presets.fields(source, self.config.fields), self.config.fields_asked_for
        split_by = segments.paths(segments.resolve(self.config, self.profile))
        if not self.profile:
            return Schema(fields, asked_for=asked_for, segments=split_by, amounts=self.amounts)
        vectors = {name: vector.dimension for name, vector in self.profile.vectors.items()}
        are_wanted = self.profile.calibration or self.config.ground_truth
        classes = self.profile.classes if are_wanted else ()
        return Schema(
            fields,
            tuple(self.profile.numeric),
            tuple(self.profile.categorical),
            vectors,
            asked_for,
            split_by,
            classes,
            attributions=tuple(self.profile.attributions or ()),
            amounts=self.amounts,
        )
