"""The file of a reference profile: readable JSON, validated completely when it is read."""

from collections.abc import Iterator

import msgspec

from exporter.reference.profile import VERSION, Profile


class ProfileError(ValueError):
    """The profile cannot be used; the message is one line with the reason."""


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
    for name, problem in _problems(profile):
        if problem:
            raise ProfileError(f"{name}: {problem}")
    return profile


def _problems(profile: Profile) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each part with its inconsistency, None if there is none."""
    parts = {
        **{f"features.{name}": feature for name, feature in profile.features.items()},
        **{f"attributions.{name}": attribution for name, attribution in (profile.attributions or {}).items()},
        **{
            name: getattr(profile, name)
            for name in ("prediction", "probability", "actual", "components", "calibration")
        },
    }
    yield from ((name, part.problem()) for name, part in parts.items() if part)
    for name in profile.components.features if profile.components else ():
        if name not in profile.numeric or profile.numeric[name].stddev <= 0:
            yield "components", f"expected `{name}` among the numeric features, with a standard deviation above 0"
    if profile.calibration and profile.classes != tuple(profile.calibration.classes):
        yield "calibration", "expected the classes of `prediction`, in their order"


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
