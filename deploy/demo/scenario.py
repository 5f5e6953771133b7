"""The incidents of the demo, and their times."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from exporter.units import Duration

# Possible lengths, in seconds, of the 5m of the shipped rules. Prometheus scrapes every second, and a rate needs two
# samples, even if one scrape fails. All are divisors of 300, so that every duration is a whole number of seconds.
FIVE_MINUTES = 300
SHORTENED_FIVE_MINUTES = (3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
# How long an incident that should end may last because its alert has not fired, as on a busy machine.
MAX_WAIT_SECONDS = 60.0
# The windows that the shipped rules use.
WINDOWS = ("5m", "1h", "24h")


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault, and the alert that detects it. `start` and `end` are fractions of the scenario's duration."""

    start: float
    end: float
    text: str
    alert: str


DRIFT = Incident(0.05, 0.35, "a new camera: textures are 30% larger", "ModelFeatureDrift")
LATENCY = Incident(0.45, 0.6, "one prediction in 30 takes 80 ms longer", "ModelLatencyHigh")
SENSOR = Incident(0.65, 0.8, "a broken sensor: `mean area` is missing", "ModelFeatureAbsent")
FAILURE = Incident(0.82, 1.0, "half of the malignant predictions fail", "ModelErrorBudgetBurnFast")
INCIDENTS = (DRIFT, LATENCY, SENSOR, FAILURE)


@dataclass(frozen=True, slots=True)
class Scenario:
    """The incidents, spread over `seconds`. The last one continues after that."""

    seconds: float = 300.0

    @property
    def speedup(self) -> int:
        """The divisor of all durations in the shipped rules. It makes 5m about a sixtieth of the scenario.

        >>> Scenario(300).speedup, Scenario(100).speedup
        (60, 100)
        """
        sixtieth = self.seconds / 60
        return FIVE_MINUTES // min(SHORTENED_FIVE_MINUTES, key=lambda seconds: abs(seconds - sixtieth))

    @property
    def windows(self) -> dict[str, str]:
        """The exporter's windows during the demo, by the name of the window in the shipped rules.

        >>> Scenario(300).windows
        {'5m': '5s', '1h': '1m', '24h': '24m'}
        """
        return {window: str(Duration.parse(window).divided(self.speedup)) for window in WINDOWS}

    def incidents(self, seconds: float) -> Collection[Incident]:
        """Return the incidents in progress at a time since the start.

        >>> Scenario(100).incidents(70) == (SENSOR,), Scenario(100).incidents(2)
        (True, ())
        """
        fraction = min(seconds / self.seconds, 1.0)
        return tuple(each for each in INCIDENTS if each.start <= fraction < each.end or fraction == each.end == 1)

    def headline(self, seconds: float) -> str:
        """Return a line about the incidents at a time since the start.

        >>> Scenario(100).headline(2), Scenario(100).headline(70)
        ('No incident.', 'Incident: a broken sensor: `mean area` is missing.')
        """
        texts = "; ".join(each.text for each in self.incidents(seconds))
        return f"Incident: {texts}." if texts else "No incident."

    def outline(self) -> list[str]:
        """Return one line per incident: its time, its text and its alert."""
        return [
            f"{each.start * self.seconds:.0f}-{each.end * self.seconds:.0f} s".ljust(11)
            + f"{each.text:<41}{each.alert}"
            for each in INCIDENTS
        ]

    def fired(self, incident: Incident, last: Mapping[str, float]) -> bool:
        """Return whether the alert of an incident has fired since its start, given when each alert fired last."""
        return last.get(incident.alert, -1.0) >= incident.start * self.seconds


@dataclass
class ScenarioClock:
    """The time of a scenario in seconds, which stands still at the end of an incident whose alert has not fired."""

    scenario: Scenario
    seconds: float = 0.0
    waited: float = 0.0

    def advance(self, seconds: float, last: Mapping[str, float]) -> None:
        """Let seconds pass. `last` says when each alert fired last, on this clock."""
        after, whole = self.seconds + seconds, self.scenario.seconds
        ending = [each for each in INCIDENTS if self.seconds < each.end * whole <= after]
        if self.waited < MAX_WAIT_SECONDS and not all(self.scenario.fired(each, last) for each in ending):
            self.waited += seconds
        else:
            self.seconds = after
            self.waited = 0.0 if ending else self.waited
