"""The structure of the package: who imports whom, what a name means, and that the pages name what there is."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from exporter.decoding.schema import FIELD_TYPES, RECORD_FIELDS
from exporter.lines.rejects import Reason
from tests.exported import documented, of_the_process, table, types

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter"
LOG = (PACKAGE / "sources" / "README.md").read_text()


def name_of(file: Path) -> str:
    """Return a module's dotted name within the package; that of the package itself is empty."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}
# Computation, which touches nothing else.
CORE_PACKAGES = {
    *("lines", "formats", "decoding", "tallies", "engine", "joins"),
    *("reference", "stats", "derived"),
}
CORE_MODULES = {"batch", "encoded", "tails", "families", "model_key", "plain_words", "store_error"}
# What is saved is a value, and the interface of what it is saved with.
CORE_OF_STATE = {"state.snapshot", "state.outlet"}
# Those that read and write files.
FILES = {"reference.profile_file", "joins.sqlite_store", "joins.stores"}
CORE = {name for name in MODULES if name.split(".")[0] in CORE_PACKAGES | CORE_MODULES} - FILES | CORE_OF_STATE
OUTSIDE = {"asyncio", "time", "os", "pathlib", "logging", "structlog", "aiohttp"}
SHELL = {"sources", "serving", "web", "state", "configuration", "assembly", "sidecar", "cli"}


def imports(module: str) -> Iterator[str]:
    """Return the dotted names of all that a module imports, within functions too; of a `from`, also the names."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def internal(module: str) -> set[str]:
    """Return the modules of the package that a module imports, by their names within it."""
    names = {
        name.removeprefix("exporter").removeprefix(".") for name in imports(module) if name.split(".")[0] == "exporter"
    }
    return {name for name in names if name in MODULES and name}


def package(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def offenders(modules: set[str], allowed: set[str]) -> dict[str, set[str]]:
    """Return which of the modules import other modules of the package than those allowed, or in an allowed package."""
    found = {
        module: {name for name in internal(module) if name not in allowed and package(name) not in allowed}
        for module in modules
    }
    return {module: names for module, names in found.items() if names}


def test_packages_import_in_one_direction() -> None:
    used = {package(module): set[str]() for module in MODULES}
    for module in MODULES:
        used[package(module)] |= {package(name) for name in internal(module)} - {package(module)}
    # Raises CycleError.
    assert len([*TopologicalSorter(used).static_order()]) == len(used)


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    # Raises CycleError.
    assert [*TopologicalSorter({module: internal(module) - {module} for module in MODULES}).static_order()]


def test_packages_import_from_the_rows_below_theirs_in_the_drawing() -> None:
    drawing = re.search(r"^    cli .*?\n\n", (PACKAGE / "ARCHITECTURE.md").read_text(), re.DOTALL | re.MULTILINE)
    assert drawing
    rows = [re.split(r" {4,}", line.strip())[0].split() for line in drawing[0].splitlines()]
    row_of = {name: number for number, row in enumerate(rows) for name in row}
    assert row_of.keys() >= {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    used = {(package(module), package(name)) for module in MODULES for name in internal(module)}
    upwards = {(a, b) for a, b in used if a != b and {a, b} <= row_of.keys() and row_of[a] >= row_of[b]}
    assert upwards == set()


def test_the_packages_named_here_exist() -> None:
    assert {package(module) for module in MODULES} >= SHELL | CORE_PACKAGES | CORE_MODULES


def test_the_core_has_no_clock_no_files_and_no_event_loop() -> None:
    used = {module: {name.split(".")[0] for name in imports(module)} & OUTSIDE for module in CORE}
    assert {module: names for module, names in used.items() if names} == {}


def test_the_core_imports_only_the_core() -> None:
    # Types of values that people write, such as paths, are part of it.
    assert offenders(CORE, CORE | {"units", "validation"}) == {}


def test_sources_know_nothing_of_statistics() -> None:
    allowed = {"sources", "lines", "formats", "units", "telemetry", "store_error", "regular_file", "pacer"}
    assert offenders({name for name in MODULES if package(name) == "sources"}, allowed) == {}


def test_only_what_assembles_the_exporter_knows_the_configuration() -> None:
    knowing = {package(name) for name in MODULES if any(package(used) == "configuration" for used in internal(name))}
    assert knowing == {"configuration", "assembly", "sidecar", "cli", "offline", "reporting"}


def test_statistics_do_not_know_each_other() -> None:
    shared = {"stats", "stats.variable_kind"}
    statistics = [name for name in MODULES if name.startswith("stats.")]
    used = {name: {other for other in internal(name) - shared if package(other) == "stats"} for name in statistics}
    assert {name: others for name, others in used.items() if others} == {}


def test_few_modules_know_single_statistics() -> None:
    # These build the statistics and the values derived from them, or show them.
    readers = {"stats", "derived", "status", "reporting"}
    knowing = {
        module
        for module in MODULES
        if package(module) not in readers
        and any(name.startswith(("stats.", "derived.")) for name in internal(module) - {"derived.view"})
    }
    assert knowing == {"assembly.measures", "exposition.collector", "configuration.settings"}


def test_a_module_is_named_for_what_it_is() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    assert [module for module in MODULES if {*module.split(".")} & vague] == []


def test_a_module_says_what_it_is() -> None:
    assert [module for module, file in MODULES.items() if not ast.get_docstring(ast.parse(file.read_text()))] == []


def test_a_capitalised_name_has_one_meaning() -> None:
    owners = defaultdict(set)
    for module, file in MODULES.items():
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                owners[node.name.lstrip("_")].add(module)
    assert {name: modules for name, modules in owners.items() if len(modules) > 1} == {}


def test_the_sidecar_does_not_load_what_it_may_not_need() -> None:
    program = "import sys, exporter.sidecar; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "exporter.sidecar" in loaded
    assert {"scipy", "pyarrow", "sklearn", "pandas", "sqlalchemy", "jinja2"} & {*loaded} == set()


def test_the_tables_of_metrics_are_read() -> None:
    assert {"model_feature_drift_psi", "prediction_exporter_source_bytes_total"} < documented()
    assert {"prediction_exporter_checkpoint_bytes", "model_label_drift_psi"} < documented()


def test_every_exported_metric_is_in_the_reference() -> None:
    exported = types()
    # Business figures are named by the configuration.
    business = ("model_business_", "model_segment_business_")
    assert exported
    assert [name for name in exported if name not in documented() and not name.startswith(business)] == []


def test_every_metric_of_the_process_itself_is_in_a_test() -> None:
    """Mtail declares two that can never move."""
    own = of_the_process()
    assert {"commits_total", "source_lag_bytes", "source_gaps_total", "source_lines_total"} < {*own}
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py") if file != Path(__file__))

    def is_tested(metric: str) -> bool:
        named = f"{metric}|{metric.removeprefix('source_')}"
        return re.search(rf'[_"](?:{named})(?:_count|_sum)?["{{ ]', tests) is not None

    assert [metric for metric in own if not is_tested(metric)] == []


def test_every_reason_for_rejecting_a_line_is_documented() -> None:
    assert [reason for reason in Reason if f"`{reason}`" not in LOG] == []


def test_every_record_field_is_documented_and_no_other() -> None:
    named = {name for names, *_ in table(LOG, "field") for name in re.findall(r"`([^`]+)`", names)}
    assert [field for field in RECORD_FIELDS if f"`{field}`" not in LOG] == []
    assert named <= {*RECORD_FIELDS}
    assert {"prediction", "features", "latency_ms"} <= named <= {*FIELD_TYPES, "features", "attributions"}
