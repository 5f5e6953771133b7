"""What happens in the whole demo, and when: quiet at first, then one incident after another."""

from __future__ import annotations

from dataclasses import dataclass

# What a story takes that is not hurried.
SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that goes wrong from one part of the story to another, 0 to 1, and what is to be seen of it."""

    name: str
    begin: float
    end: float
    text: str


LATENCY = Incident("latency", 0.15, 0.35, "each prediction takes 15 ms longer")
SENSOR = Incident("sensor", 0.4, 0.6, "a broken sensor: `mean area` is absent")
DRIFT = Incident("drift", 0.65, 1.0, "a new camera: textures are 1.5 times as large")
FAILING = Incident("failing", 0.8, 1.0, "half of the malignant ones fail with an error")
INCIDENTS = (LATENCY, SENSOR, DRIFT, FAILING)


@dataclass(frozen=True, slots=True)
class Story:
    """The incidents within `seconds`; the last ones stay."""

    seconds: float = SECONDS

    def at(self, seconds: float) -> tuple[Incident, ...]:
        """Return what goes wrong at a time after the start.

        >>> [incident.name for incident in Story(100).at(70)], Story(100).at(5)
        (['drift'], ())
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
            + f": {incident.text}"
            for incident in INCIDENTS
        ]
