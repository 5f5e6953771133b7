"""What Prometheus sees of a model, minute by minute: healthy, then at fault for a while, then healthy again.

Of each timeline promtool says which alerts fire, when, and in what words.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from click.testing import CliRunner

from alerts.__main__ import main
from tests.alerts.rule_files import FILES
from tests.servers import require

# No alert reads these, except in cases that name them: without them promtool is much faster.
OPTIONAL = {"feature-drift-comparisons", "feature-drift-instances", "outcomes", "dashboards"}

NAMESPACE = "prod"
VERSION = f'namespace="{NAMESPACE}",model_name="credit",model_version="3"'
POD = 'job="model",pod="a",instance="a:9465"'
MODEL_LABELS = {"namespace": NAMESPACE, "model_name": "credit"}
VERSION_LABELS = {**MODEL_LABELS, "model_version": "3"}
# Minutes between scrapes; `rate` over five minutes has two of them.
STEP = 4
JOB_LABELS = {"namespace": NAMESPACE, "job": "model"}


@dataclass(frozen=True)
class Level:
    """A gauge that stays."""

    value: float


@dataclass(frozen=True)
class Rate:
    """A counter that grows by so much a minute."""

    a_minute: float


@dataclass(frozen=True)
class Clock:
    """A timestamp so many minutes ago."""

    minutes_ago: int = 0


@dataclass(frozen=True)
class Gone:
    """No sample."""


Shape = Level | Rate | Clock | Gone
Series = Mapping[str, Shape]


def spelt(pieces: Sequence[tuple[int, Shape]], step: int) -> str:
    """Return promtool's notation of shapes that last so many minutes each, scraped every `step` minutes."""
    text, count, begin = [], 0.0, 0
    for minutes, shape in pieces:
        samples = minutes // step
        match shape:
            case Level(value):
                text.append(f"{value!r}x{samples - 1}")
            case Rate(a_minute):
                text.append(f"{count!r}+{a_minute * step!r}x{samples - 1}")
                count += a_minute * step * samples
            case Clock(minutes_ago):
                text.append(f"{60 * (begin - minutes_ago)}+{60 * step}x{samples - 1}")
            case Gone():
                text.append(f"_x{samples}")
        begin += samples * step
    return " ".join(text)


def of(name: str, labels: str = "", *, version: str = VERSION, pod: str = POD) -> str:
    """Name a series of the model, at a pod."""
    return f"{name}{{{','.join(part for part in (version, pod, labels) if part)}}}"


def own(name: str, labels: str = "", pod: str = POD) -> str:
    """Name a series of the sidecar itself."""
    return of(name, labels, version=f'namespace="{NAMESPACE}"', pod=pod)


def thresholds(**limits: float) -> dict[str, Shape]:
    return {of("model_threshold", f'metric="{metric}"'): Level(limit) for metric, limit in limits.items()}


# Sixty predictions a minute and an error in a hundred minutes; nothing is wrong.
HEALTHY: dict[str, Shape] = {
    own("up"): Level(1),
    **thresholds(feature_drift_psi=0.25, latency_p99_seconds=0.5, accuracy=0.8),
    of("model_reference_info", 'reference_id="r1"'): Level(1),
    of("model_predictions_total", 'prediction_class="approve"'): Rate(40),
    of("model_predictions_total", 'prediction_class="decline"'): Rate(20),
    of("model_prediction_errors_total", 'error_type="timeout"'): Rate(0.01),
    of("model_prediction_latency_seconds_bucket", 'le="0.25"'): Rate(60),
    of("model_prediction_latency_seconds_bucket", 'le="0.5"'): Rate(60),
    of("model_prediction_latency_seconds_bucket", 'le="1.0"'): Rate(60),
    of("model_prediction_latency_seconds_bucket", 'le="+Inf"'): Rate(60),
    of("model_prediction_latency_seconds_count"): Rate(60),
    own("prediction_exporter_source_lines_total", 'source="log"'): Rate(60),
    own("prediction_exporter_commits_total", 'result="failure"'): Rate(0),
}


@dataclass(frozen=True)
class Case:
    """One alert, and what makes it fire.

    From the minute `begins` on `fault` takes the place of what is healthy; `near` is what must be borne instead.
    `fires` is by when at the latest it must have fired, in minutes of the fault, and `resolves` in minutes after it.
    `also` are the alerts that rightly fire with it, `beside` those of the near miss; `files` the recording rules that
    it needs besides, and `step` the minutes between scrapes. The texts are all that a person reads.
    """

    alert: str
    fault: Series
    near: Series
    summary: str
    says: str
    healthy: Series = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=lambda: VERSION_LABELS)
    fires: int = 24
    resolves: int = 80
    begins: int = 80
    step: int = STEP
    also: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def told(self) -> int:
        """The minute by which it must have fired."""
        return self.begins + self.fires

    @property
    def over(self) -> int:
        """The minute by which it must have been resolved."""
        return self.told + 2 * self.step + self.resolves


@cache
def rules() -> Path:
    """Write the rules once; return the folder."""
    folder = Path(mkdtemp(prefix="rules"))
    assert CliRunner().invoke(main, [str(folder)]).exit_code == 0
    return folder


def simulation(case: Case, until: int) -> dict[str, str]:
    """Return a model at fault, and beside it another one that has the near miss, until a minute."""
    fault, near = timeline(case, case.fault, until), timeline(case, case.near, until)
    return {**fault, **{other(name): text for name, text in near.items()}}


def timeline(case: Case, meanwhile: Series, until: int) -> dict[str, str]:
    healthy = {**HEALTHY, **case.healthy}
    at_fault = case.fires + 2 * case.step
    spans = (case.begins, at_fault, until + case.step - case.begins - at_fault)
    shapes = {name: (healthy.get(name, Gone()), meanwhile.get(name)) for name in {**healthy, **meanwhile}}
    return {
        name: spelt([*zip(spans, (before, during or before, before), strict=True)], case.step)
        for name, (before, during) in shapes.items()
    }


def other(series: str) -> str:
    """Return the name of the same series of the model beside."""
    for one, another in (('="a', '="x'), ('="b', '="y'), ('"credit"', '"beside"'), ('job="model"', 'job="beside"')):
        series = series.replace(one, another)
    return series


def in_namespace(series: Mapping[str, str], namespace: str) -> dict[str, str]:
    """Return series of NAMESPACE in another one."""
    return {name.replace(f'namespace="{NAMESPACE}"', f'namespace="{namespace}"'): text for name, text in series.items()}


def firing(minute: int, names: Sequence[str], namespace: str = NAMESPACE) -> dict[str, Any]:
    """Expect that these alerts fire, and no others."""
    alerts = f'ALERTS{{alertstate="firing", namespace="{namespace}", model_name!="beside", job!="beside"}}'
    return {
        "eval_time": f"{minute}m",
        "expr": f"count by (alertname) ({alerts})",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
    }


def fired(minute: int, names: Sequence[str], namespace: str) -> dict[str, Any]:
    """Expect that until now these alerts have fired, and no others."""
    ever = f'ALERTS{{alertstate="firing", namespace="{namespace}", model_name!="beside", job!="beside"}}[{minute}m]'
    return {
        "eval_time": f"{minute}m",
        "expr": f"group by (alertname) (count_over_time({ever}))",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
    }


def nothing_beside(minute: int, but: Sequence[str], namespace: str) -> dict[str, Any]:
    """Expect that no alert has ever fired of the model beside."""
    beside = f', namespace="{namespace}", model_name!="credit", job!="model", alertname!~"{"|".join(but)}"'
    expression = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"{beside}}}[{minute}m]))'
    return {"eval_time": f"{minute}m", "expr": expression, "exp_samples": []}


def run(folder: Path, case: Case, tests: dict[str, Any]) -> str:
    """Run promtool on a case; return what it has found wrong."""
    return run_series(folder, case, simulation(case, case.over), tests)


def run_series(folder: Path, case: Case, series: Mapping[str, str], tests: dict[str, Any]) -> str:
    """Run promtool on series, with the files and steps of a case."""
    files = [file for file in FILES if file.name not in OPTIONAL - {*case.files}]
    groups = [group["name"] for file in files for group in file.groups]
    return evaluate(folder, [rules() / f"{file.name}.yaml" for file in files], groups, case.step, series, tests)


def evaluate(
    folder: Path,
    files: Sequence[Path],
    groups: Sequence[str],
    step: int,
    series: Mapping[str, str],
    tests: dict[str, Any],
) -> str:
    """Run promtool on rule files, whose groups are evaluated in this order after each scrape, every `step` minutes."""
    unit = {
        "rule_files": [*map(str, files)],
        "evaluation_interval": f"{step}m",
        "group_eval_order": groups,
        "tests": [
            {
                "interval": f"{step}m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                **tests,
            }
        ],
    }
    path = folder / "alerts.test.yaml"
    path.write_text(json.dumps(unit))
    done = subprocess.run(
        [require("promtool"), "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr)[:6000] if done.returncode else ""
