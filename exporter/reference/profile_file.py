"""The file of a reference profile: readable JSON, validated completely when it is read."""

from collections.abc import Iterator
from typing import Any

import msgspec

from exporter.plain_words import plain
from exporter.reference.profile import VERSION, Profile


class ProfileError(ValueError):
    """The profile cannot be used; the message is one line with the reason."""


def load(data: bytes) -> Profile:
    """Return a profile from the content of its file. Raises ProfileError."""
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except msgspec.ValidationError as error:
        path, text = plain(str(error))
        where = f"{path}: " if path else ""
        raise ProfileError(f"not a profile of version {VERSION}: {where}{text}") from None
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
    return (_text(msgspec.to_builtins(profile)) + "\n").encode()


def _text(value: Any, indent: str = "") -> str:
    if not isinstance(value, dict) or not value:
        return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    items = (f"{indent}  {_text(key)}: {_text(item, indent + '  ')}" for key, item in value.items())
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"
