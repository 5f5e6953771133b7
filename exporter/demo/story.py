"""What happens in the whole demo, and when: quiet at first, then one incident after another."""

from __future__ import annotations

from dataclasses import dataclass

# What a story takes that is not hurried further.
SECONDS = 300.0
# What five minutes of the shipped rules may take, in whole seconds: an hour is twelve times that. Scrapes come every
# second, and a rate needs two of them, though one fails.
FIVE_MINUTES = 300
HURRIED_FIVE_MINUTES = (3, 4, 5, 6, 10, 12, 15, 20, 30, 60)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that goes wrong from one part of the story to another, 0 to 1; `alert` is who tells of it."""

    name: str
    begin: float
    end: float
    text: str
    alert: str


DRIFT = Incident("drift", 0.05, 0.35, "a new camera: textures are 1.3 times as large", "ModelFeatureDrift")
LATENCY = Incident("latency", 0.45, 0.6, "one prediction of thirty takes 80 ms longer", "ModelLatencyHigh")
SENSOR = Incident("sensor", 0.65, 0.8, "a broken sensor: `mean area` is absent", "ModelFeatureAbsent")
FAILING = Incident("failing", 0.82, 1.0, "half of the malignant ones fail with an error", "ModelErrorBudgetBurnFast")
INCIDENTS = (DRIFT, LATENCY, SENSOR, FAILING)


@dataclass(frozen=True, slots=True)
class Story:
    """The incidents within `seconds`; the last one stays."""

    seconds: float = SECONDS

    @property
    def hurry(self) -> int:
        """By what the times of the shipped rules are divided, so that five minutes take a sixtieth of the story.

        In a story of less than 90 seconds, alerts come late.

        >>> Story(300).hurry, Story(100).hurry
        (60, 100)
        """
        sixtieth = self.seconds / 60
        return FIVE_MINUTES // min(HURRIED_FIVE_MINUTES, key=lambda seconds: abs(seconds - sixtieth))

    def at(self, seconds: float) -> tuple[Incident, ...]:
        """Return what goes wrong at a time after the start.

        >>> [incident.name for incident in Story(100).at(70)], Story(100).at(2)
        (['sensor'], ())
        """
        part = min(seconds / self.seconds, 1.0)
        return tuple(
            incident for incident in INCIDENTS if incident.begin <= part < incident.end or part == incident.end == 1
        )

    def outline(self) -> list[str]:
        """Return a line for each incident."""
        return [
            f"from {incident.begin * self.seconds:.0f} s"
            + (f" to {incident.end * self.seconds:.0f} s" if incident.end < 1 else " on")
            + f": {incident.text} ({incident.alert})"
            for incident in INCIDENTS
        ]
