"""The formats of a source that stand for a whole shape of log: which source has each, and what it has to be told.

`bentoml` is the log of `bentoml.monitor`: its columns lie at the top level, beside `timestamp` and `request_id`.
`kserve` is KServe's inference logger, whose events become records of the default shape (exporter/requests/kserve.py).
`arrow` is Arrow IPC streams, whose columns lie where JSON's fields would (exporter/arrow).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exporter.configuration.source_options import SOURCE_OPTIONS, Source
from exporter.decoding.schema import FEATURES, Path

FORMAT_SCHEMES = {
    "lines": ("file", "unix", "tcp", "http"),
    "cri": ("file",),
    "docker": ("file",),
    "bentoml": ("file",),
    "kserve": ("http",),
    "arrow": ("unix", "tcp"),
}
FORMAT_NOTES = {"arrow": "; over HTTP a client says so by its Content-Type"}
FORMAT_OPTIONS = {"prediction": "bentoml", "features": "kserve"}


def fields(source: Source, configured: Mapping[str, Path]) -> Mapping[str, Path]:
    """Return where the record fields of a source lie; `configured` says so where its format does not."""
    if source.format == "kserve":
        return {}
    if source.format == "bentoml":
        return {**configured, FEATURES: (), "prediction": (source.prediction or "prediction",)}
    return configured


def problems(source: Source) -> Iterator[str]:
    """Yield mistakes in the format's options, each beginning with its key; of those that the source has."""
    known = SOURCE_OPTIONS[source.url.scheme]
    schemes = FORMAT_SCHEMES[source.format]
    if source.url.scheme not in schemes and "format" in known:
        yield f"format: `{source.format}` is for {' and '.join(schemes)} sources{FORMAT_NOTES.get(source.format, '')}"
    if source.format == "arrow" and source.framing == "length" and "framing" in known:
        yield "framing: Arrow's messages tell their lengths themselves; leave it out with `format: arrow`"
    if source.format == "arrow" and source.is_datagram and "socket" in known:
        yield "format: `arrow` is a stream; a datagram holds lines"
    for option, name in FORMAT_OPTIONS.items():
        if option in known and getattr(source, option) is not None and source.format != name:
            yield f"{option}: only a source of `format: {name}` has it"
    if source.format == "bentoml" and "prediction" in known and not source.prediction:
        yield 'prediction: this key is required: the column that is logged with role="prediction", such as pred'
    if len(set(source.features or ())) < len(source.features or ()):
        yield "features: a name is there twice"
