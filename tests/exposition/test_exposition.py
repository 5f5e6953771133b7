"""What we write is what prometheus_client writes of the same families: byte for byte, in every format."""

import gzip
import math
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString

from exporter.exposition.exposition import Accept, Writer, complete
from exporter.families import CounterFamily, Family, GaugeFamily, HistogramFamily

Parse = Callable[[str], Iterable[Metric]]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
FORMATS = [
    "",
    "text/html, */*",
    "text/plain; version=1.0.0; escaping=dots",
    "application/openmetrics-text",
    OPENMETRICS,
    *(f"{OPENMETRICS}; escaping={escaping}" for escaping in ("allow-utf-8", "underscores", "dots", "values")),
]


class Told(NamedTuple):
    """What both sides are told of a family; each of its series is label values, and values: counts, then the sum."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    series: list[tuple[tuple[str, ...], list[float]]]


def ours(told: Told) -> Family:
    if told.kind == "histogram":
        histogram = HistogramFamily(told.name, told.help, told.labels, told.bounds)
        for labels, (*counts, total) in told.series:
            histogram.add(labels, counts, total)
        return histogram
    family = {"gauge": GaugeFamily, "counter": CounterFamily}[told.kind](told.name, told.help, told.labels)
    for labels, (value,) in told.series:
        family.add(labels, value)
    return family


def theirs(told: Told) -> Metric:
    if told.kind == "histogram":
        histogram = HistogramMetricFamily(told.name, told.help, labels=told.labels)
        bounds = [*map(floatToGoString, told.bounds), "+Inf"]
        for labels, (*counts, total) in told.series:
            histogram.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
        return histogram
    kinds = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}
    family = kinds[told.kind](told.name, told.help, labels=told.labels)
    for labels, (value,) in told.series:
        family.add_metric(labels, value)
    return family


class Theirs:
    """A page as prometheus_client collects it: families, and then what a registry holds."""

    def __init__(self, page: Sequence[Told], registry: CollectorRegistry) -> None:
        self._metrics = [*map(theirs, page), *registry.collect()]

    def collect(self) -> list[Metric]:
        return self._metrics


def told(
    values: st.SearchStrategy[float], totals: st.SearchStrategy[float], names: st.SearchStrategy[str]
) -> st.SearchStrategy[Told]:
    """Return families whose series have each label values of their own, and any text where text may stand."""

    @st.composite
    def family(draw: st.DrawFn) -> Told:
        kind = draw(st.sampled_from(["gauge", "counter", "histogram"]))
        names_of_labels = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True).filter(lambda name: name != "le")
        labels = tuple(draw(st.lists(names_of_labels, max_size=4, unique=True)))
        bounds = tuple(
            sorted(draw(st.lists(st.floats(allow_nan=False, max_value=1e300), min_size=1, max_size=4, unique=True)))
        )
        numbers = {
            "gauge": values.map(lambda value: [value]),
            "counter": totals.map(lambda value: [value]),
            "histogram": st.tuples(
                st.lists(st.integers(0, 10**7).map(float), min_size=len(bounds) + 1, max_size=len(bounds) + 1), totals
            ).map(lambda counts_and_sum: [*accumulate(counts_and_sum[0]), counts_and_sum[1]]),
        }[kind]
        series = draw(st.dictionaries(st.tuples(*(label_values for _ in labels)), numbers, max_size=4))
        return Told(kind, draw(names), draw(st.text(max_size=10)), labels, bounds, list(series.items()))

    return family()


label_values = st.one_of(
    st.sampled_from(["", '"', "\\", "\n", "\\n", '\\"', "{0}", "%s", "\1", "a b", "é", "\u2028", "😀", "\r\n", "}"]),
    st.text(max_size=8),
)
EDGES = [1e6, 1e16, 1e-4, 1e22, 2.0**53, 0.0]
numbers = st.one_of(
    st.floats(),
    st.integers(0, 10**17).map(float),
    st.integers(0, 10**10).map(lambda number: number / 100),
    st.sampled_from([sign * math.nextafter(edge, to) for edge in EDGES for to in (-9, edge, 9e99) for sign in (1, -1)]),
)
totals = numbers.filter(lambda value: value >= 0)
METRIC_NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}(_total)?", fullmatch=True)


def written(writer: Writer, page: Sequence[Told], registry: CollectorRegistry, accept: str) -> bytes:
    return complete(writer.write(map(ours, page), Accept(accept)), registry, Accept(accept), 1).body


def text(writer: Writer, *page: Told) -> str:
    return b"".join(writer.write(map(ours, page), Accept())).decode()


@pytest.fixture(scope="module")
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("of_the_process", "Help.", ["label"], registry=registry).labels('a "b"').set(7)
    return registry


@given(
    st.lists(
        st.tuples(st.lists(told(numbers, numbers, METRIC_NAMES), max_size=3), st.sampled_from(FORMATS)), max_size=4
    )
)
def test_a_page_is_prometheus_client_s_byte_for_byte(
    registry: CollectorRegistry, pages: list[tuple[list[Told], str]]
) -> None:
    writer = Writer()
    for page, accept in [*pages, *pages]:
        encode, _ = choose_encoder(accept)
        assert written(writer, page, registry, accept) == encode(Theirs(page, registry))


@pytest.mark.parametrize("accept", FORMATS)
def test_the_content_type_is_prometheus_client_s(accept: str) -> None:
    _, content_type = choose_encoder(accept)
    assert complete([], CollectorRegistry(), Accept(accept), 1).content_type == content_type


@given(told(numbers, totals, st.just("model_x")), st.sampled_from([("", parse_text), (OPENMETRICS, parse_openmetrics)]))
def test_what_is_written_is_read_back(family: Told, by: tuple[str, Parse]) -> None:
    accept, parse = by
    (read,) = parse(written(Writer(), [family], CollectorRegistry(), accept).decode())
    assert read.type == family.kind
    samples = ours(family).samples
    assert [(each.name, each.labels) for each in read.samples] == [(each.name, each.labels) for each in samples]
    np.testing.assert_array_equal([sample.value for sample in read.samples], [sample.value for sample in samples])


def gauge(*labels: str, value: float = 1.0) -> Told:
    return Told("gauge", "model_x", "Help.", ("a",), (), [((label,), [value]) for label in labels])


def test_series_that_come_and_go_are_those_of_the_page() -> None:
    writer = Writer()
    pages = [text(writer, gauge(*labels)) for labels in ("xyz", "y", "xq", "", "xyz")]
    shown = [[sample.labels["a"] for family in parse_text(page) for sample in family.samples] for page in pages]
    assert shown == [[*"xyz"], ["y"], [*"xq"], [], [*"xyz"]]


@pytest.mark.parametrize("later", [[], [gauge("1")]], ids=["the whole family", "most of its series"])
def test_what_a_page_did_without_is_forgotten(later: list[Told]) -> None:
    writer = Writer()
    tracemalloc.start()
    try:
        text(writer, gauge(*map(str, range(10_000))))
        before, _ = tracemalloc.get_traced_memory()
        text(writer, *later)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after < before / 5


def test_a_page_of_many_lines_has_them_all_in_order() -> None:
    labels = [*map(str, range(25_001))]
    page = text(Writer(), gauge(*labels))
    assert page.splitlines()[2:] == [f'model_x{{a="{label}"}} 1.0' for label in labels]


def test_a_compressed_page_is_the_same() -> None:
    page = complete([b"# ", b"ours\n"], CollectorRegistry(), Accept(OPENMETRICS, is_gzip=True), 1)
    assert page.content_encoding == "gzip"
    assert gzip.decompress(page.body) == b"# ours\n# EOF\n"


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_histogram_with_a_negative_bound_has_no_sum(accept: str) -> None:
    family = HistogramFamily("model_x", "Help.", (), (-1.0, 1.0))
    family.add((), [1, 2, 4], -3.5)
    assert {sample.name for sample in family.samples} == {"model_x_bucket"}
    assert b"_sum" not in b"".join(Writer().write([family], Accept(accept)))
