"""The house: who may import whom, how long a module may be, and that the pages name what there is, and all of it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from exporter.decoding.schema import FIELD_TYPES, RECORD_FIELDS
from exporter.lines.rejects import REASONS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter"
METRICS = (PACKAGE / "METRICS.md").read_text()
LOG = (PACKAGE / "sources" / "README.md").read_text()
PAGES = "".join(
    (ROOT / "tests" / "golden" / name).read_text()
    for name in ("metrics.txt", "metrics.segments.txt", "metrics.truth.txt")
)


def name_of(file: Path) -> str:
    """Return a module's dotted name within the package; the package itself is empty."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}
# What computes, and touches nothing else.
ROOMS_OF_THE_CORE = {
    *("lines", "requests", "decoding", "arrow", "tallies", "counting", "joins"),
    *("reference", "stats", "derived"),
}
CORE = {name for name in MODULES if name.split(".")[0] in {"batch", "encoded", "families", *ROOMS_OF_THE_CORE}}
CORE |= {"chance", "histogram_quantile"}
# The one that opens a file.
CORE -= {"reference.profile_file"}
OUTSIDE = {"asyncio", "time", "os", "pathlib", "logging", "structlog", "aiohttp"}
SHELL = {"sources", "serving", "web", "durable", "configuration", "assembly", "sidecar", "cli"}


def imports(module: str) -> Iterator[str]:
    """Return the dotted names of all that a module imports, within functions too; of a `from`, also the names."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> set[str]:
    """Return the modules of ours that a module imports, by their names within the package."""
    names = {
        name.removeprefix("exporter").removeprefix(".") for name in imports(module) if name.split(".")[0] == "exporter"
    }
    return {name for name in names if name in MODULES and name}


def foreign(module: str) -> set[str]:
    return {name.split(".")[0] for name in imports(module)}


def room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def test_rooms_import_in_one_direction() -> None:
    used = {room(module): set[str]() for module in MODULES}
    for module in MODULES:
        used[room(module)] |= {room(name) for name in ours(module)} - {room(module)}
    # Raises CycleError.
    assert len([*TopologicalSorter(used).static_order()]) == len(used)


def test_the_walls_are_where_the_modules_are() -> None:
    assert {room(module) for module in MODULES} >= SHELL | ROOMS_OF_THE_CORE


@pytest.mark.parametrize("module", sorted(CORE))
def test_the_core_has_no_clock_no_files_and_no_event_loop(module: str) -> None:
    assert foreign(module) & OUTSIDE == set()


@pytest.mark.parametrize("module", sorted(CORE))
def test_the_core_imports_nothing_of_the_shell(module: str) -> None:
    assert {room(name) for name in ours(module)} & SHELL == set()
    # Nor anything that would bring the shell with it.
    assert ours(module) <= CORE


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room(name) == "sources"))
def test_a_source_knows_nothing_of_statistics(module: str) -> None:
    assert {name for name in ours(module) if room(name) != "sources"} <= {
        "lines.framing",
        "decoding.intake",
        "requests.bodies",
        "tallies.snapshot",
        "telemetry",
        "durable.commit",
    }


@pytest.mark.parametrize("module", sorted({*MODULES} - {"sidecar", "cli", "assembly.config", "evaluation.command"}))
def test_only_the_sidecar_and_the_command_know_the_configuration(module: str) -> None:
    assert "assembly.config" not in ours(module)


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("stats.")))
def test_statistics_do_not_know_each_other(module: str) -> None:
    shared = {"stats", "stats.variable_kind"}
    assert not [name for name in ours(module) - shared if room(name) in ("stats", "derived")]


# They build the statistics and derived values, or show them.
READERS = {"stats", "derived", "status"}


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room(name) not in READERS))
def test_few_modules_know_single_statistics(module: str) -> None:
    known = {name for name in ours(module) if name.startswith(("stats.", "derived."))} - {"derived.view"}
    assert not known or module in {"assembly.measures", "exposition.collector", "configuration.settings"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_is_named_for_what_it_is(module: str) -> None:
    assert not {*module.split(".")} & {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[module].read_text()))


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Return all modules that are loaded where the sidecar is."""
    program = "import sys, exporter.sidecar; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


@pytest.mark.parametrize("heavy", ["scipy.stats", "pyarrow", "sklearn", "pandas", "sqlalchemy", "jinja2"])
def test_the_sidecar_does_not_load(heavy: str, loaded: set[str]) -> None:
    assert "exporter.sidecar" in loaded
    assert heavy not in loaded


def table(text: str, head: str) -> list[list[str]]:
    """Return the cells of the tables whose first line begins with `head`."""
    found = []
    for part in text.split(f"| {head} |")[1:]:
        lines = part.split("\n\n", 1)[0].splitlines()[2:]
        found += [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return found


def metrics() -> list[str]:
    """Return the metrics that the page of reference names, which is made from the code."""
    return [name.strip("`") for name, *_ in table(METRICS, "metric")]


def test_the_tables_of_metrics_are_read() -> None:
    assert {"model_feature_drift_psi", "prediction_exporter_source_bytes_total"} < {*metrics()}
    assert {"prediction_exporter_checkpoint_bytes", "model_label_drift_psi"} < {*metrics()}


@pytest.mark.parametrize("metric", re.findall(r"^# TYPE (\S+)", PAGES, re.MULTILINE))
def test_a_metric_of_a_page_is_in_the_reference(metric: str) -> None:
    # Business figures are named by the configuration.
    assert metric in metrics() or metric.startswith(("model_business_", "model_segment_business_"))


SELF_METRIC = r'(?:PREFIX|prefix) \+ "(\w+)"|self\._(?:count|by_source)\("(\w+)"'
SELF_METRICS = [
    name or of_source
    for module in ("telemetry", "exposition.collector")
    for name, of_source in re.findall(SELF_METRIC, re.sub(r"\(\s+", "(", MODULES[module].read_text()))
]


def test_the_metrics_of_the_process_itself_are_found() -> None:
    assert {"commits_total", "source_lag_bytes", "source_gaps_total", "source_lines_total"} < {*SELF_METRICS}


@pytest.mark.parametrize("metric", SELF_METRICS)
def test_a_metric_of_the_process_itself_is_in_a_test(metric: str) -> None:
    """Mtail declares two that can never move."""
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py") if file != Path(__file__))
    named = f"{metric}|{metric.removeprefix('source_')}"
    assert re.search(rf'[_"](?:{named})(?:_count|_sum)?["{{ ]', tests)


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_for_refusing_a_line_is_told(reason: str) -> None:
    assert f"`{reason}`" in LOG


@pytest.mark.parametrize("field", RECORD_FIELDS)
def test_a_record_field_is_told(field: str) -> None:
    assert f"`{field}`" in LOG


def test_the_table_of_fields_has_no_others() -> None:
    named = {name for names, *_ in table(LOG, "field") for name in re.findall(r"`([^`]+)`", names)}
    assert named <= {*RECORD_FIELDS}
    assert {"prediction", "features", "latency_ms"} <= named <= {*FIELD_TYPES, "features", "attributions"}
