"""How often a change is found in one window: by this product's levels, and by other tools on the same records."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exporter.batch import Floats
from exporter.derived.drift import DriftCalculator
from exporter.derived.drift_level import MAJOR, MODERATE
from exporter.derived.view import WindowTallies
from exporter.reference.profile import Profile
from tests.honesty.populations import Rng, codes, counted, profiled
from tests.records import DEFAULT, columns

OTHERS = Path(__file__).parent / "other_tools.py"
# Each feature of these models changes; one that does is judged in the same way, whatever the others do.
MODELS, FEATURES = 10, 20
# Other tools take seconds per model.
MODELS_OF_OTHERS = 2

Draw = Callable[[Rng, int], Floats]


@dataclass(frozen=True)
class Event:
    """A change of a feature, from records of the reference to those of a window."""

    name: str
    reference: Draw
    window: Draw
    is_categorical: bool = False


def _normal(rng: Rng, n: int) -> Floats:
    return rng.normal(size=n)


def _missing(rng: Rng, n: int) -> Floats:
    return np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n))


EIGHTEEN = codes(18, 0.8)


def _two_vanish(rng: Rng, n: int) -> Floats:
    """Return codes without two of the eighteen, which have 7% of the records."""
    drawn = EIGHTEEN(rng, 2 * n)
    return drawn[(drawn != 7) & (drawn != 9)][:n]


def _new(rng: Rng, n: int) -> Floats:
    return np.where(rng.random(n) < 0.03, 8.0, codes(8, 0.5)(rng, n))


NOTHING = Event("no change", _normal, _normal)
EVENTS = [
    Event("mean + 0.2 sd", _normal, lambda rng, n: rng.normal(0.2, 1, n)),
    Event("mean + 0.3 sd", _normal, lambda rng, n: rng.normal(0.3, 1, n)),
    Event("mean + 0.5 sd", _normal, lambda rng, n: rng.normal(0.5, 1, n)),
    Event("variance × 1.5", _normal, lambda rng, n: rng.normal(0, 1.5**0.5, n)),  # noqa: RUF001
    Event("variance × 2", _normal, lambda rng, n: rng.normal(0, 2**0.5, n)),  # noqa: RUF001
    Event("5% missing", _normal, _missing),
    Event("new category, 3%", codes(8, 0.5), _new, is_categorical=True),
    Event("2 of 18 codes vanish, 7%", EIGHTEEN, _two_vanish, is_categorical=True),
]


@dataclass(frozen=True)
class Samples:
    """The records of a reference and of a window, shape (FEATURES, records)."""

    reference: Floats
    window: Floats


def samples(event: Event, m: int, n: int) -> Iterator[Samples]:
    """Yield the records of MODELS models."""
    rng = np.random.default_rng([*event.name.encode(), m, n])
    for _ in range(MODELS):
        yield Samples(
            np.stack([event.reference(rng, m) for _ in range(FEATURES)]),
            np.stack([event.window(rng, n) for _ in range(FEATURES)]),
        )


def levels(event: Event, drawn: Samples, features: int = FEATURES) -> Floats:
    """Return the level of each feature in its first judgement; `features` share the rate of false alarms."""
    names = [f"x{i}" for i in range(features)]
    describe = counted if event.is_categorical else profiled
    rows = [i % FEATURES for i in range(features)]
    described = [describe(values) for values in drawn.reference]
    profile = Profile(1, drawn.reference.shape[1], {name: described[i] for name, i in zip(names, rows, strict=True)})
    calculator = DriftCalculator(profile)
    window = drawn.window[rows]
    if event.is_categorical:
        texts = [[None if np.isnan(code) else f"c{code:.0f}" for code in values] for values in window]
        batch = columns(window.shape[1], categories=texts)
    else:
        batch = columns(window.shape[1], numbers=window.tolist())
    statistics = (calculator.bins, calculator.cuts, calculator.moments)
    tallies = {statistic.name: statistic.tally(batch)[0].astype(np.float64) for statistic in statistics}
    return calculator.drift(WindowTallies("5m", DEFAULT, [tallies], {})).levels[:FEATURES]


def power(event: Event, m: int, n: int, features: int = FEATURES) -> tuple[float, float]:
    """Return the shares of changes that reach level 1, and level 2."""
    found = np.concatenate([levels(event, drawn, features) for drawn in samples(event, m, n)])
    return float((found >= MODERATE).mean()), float((found >= MAJOR).mean())


def power_of_others(python: Path, cases: Sequence[tuple[Event, int, int]]) -> list[Mapping[str, float]]:
    """Return for each event, m and n the share of changes that each tool reports, by tool and model."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.npz" for number in range(len(cases))]
        for file, (event, m, n) in zip(files, cases, strict=True):
            drawn = [*samples(event, m, n)][:MODELS_OF_OTHERS]
            np.savez(
                file,
                reference=np.stack([each.reference for each in drawn]),
                window=np.stack([each.window for each in drawn]),
                is_categorical=event.is_categorical,
            )
        done = subprocess.run([python, OTHERS, *files], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: list[Mapping[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found
