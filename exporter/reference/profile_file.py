"""The file of a reference profile: readable JSON, validated completely when it is read."""

import msgspec

from exporter.reference.calibration import Calibration
from exporter.reference.components import Components
from exporter.reference.profile import VERSION, Profile


class ProfileError(ValueError):
    """The profile cannot be used; the message is one line that says why."""


def load(data: bytes) -> Profile:
    """Return a profile from the content of its file. Raises ProfileError."""
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except msgspec.ValidationError as error:
        raise ProfileError(f"not a profile of version {VERSION}: {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProfileError(f"not JSON: {error}") from None
    if profile.version != VERSION:
        raise ProfileError(f"version: expected {VERSION}, got {profile.version}; create the profile again")
    parts = {
        **{f"features.{name}": feature for name, feature in profile.features.items()},
        **{f"attributions.{name}": attribution for name, attribution in (profile.attributions or {}).items()},
        "prediction": profile.prediction,
        "probability": profile.probability,
        "actual": profile.actual,
    }
    for name, part in parts.items():
        if part and (problem := part.problem()):
            raise ProfileError(f"{name}: {problem}")
    if profile.components and (problem := _problem_of(profile.components, profile)):
        raise ProfileError(f"components: {problem}")
    if profile.calibration and (problem := _problem_of_scores(profile.calibration, profile)):
        raise ProfileError(f"calibration: {problem}")
    return profile


def _problem_of(components: Components, profile: Profile) -> str | None:
    for name in components.features:
        if name not in profile.numeric or profile.numeric[name].stddev <= 0:
            return f"expected `{name}` among the numeric features, with a standard deviation above 0"
    return components.problem()


def _problem_of_scores(calibration: Calibration, profile: Profile) -> str | None:
    if profile.classes != tuple(calibration.classes):
        return "expected the classes of `prediction`, in their order"
    return calibration.problem()


def dump(profile: Profile) -> bytes:
    """Return a profile as readable JSON, with each list on one line."""
    text = msgspec.json.format(msgspec.json.encode(profile), indent=2).decode()
    return (_fold_lists(text) + "\n").encode()


def _fold_lists(text: str) -> str:
    """Put each list on one line; a bracket within a string is never alone on its line."""
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if inside:
            lines[-1] += line.strip() + ("" if line.strip().startswith("]") or not line.endswith(",") else " ")
        else:
            lines.append(line)
        if line.endswith("["):
            inside = True
        elif line.strip() in ("]", "],"):
            inside = False
    return "\n".join(lines)
