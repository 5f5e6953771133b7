"""The file of a reference profile: readable JSON, validated completely when it is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from exporter import regular_file
from exporter.plain_words import plain
from exporter.reference.calibration import ScoredClass
from exporter.reference.counts import Count
from exporter.reference.profile import VERSION, Attribution, Feature, Profile, Vector, records

MAX_BYTES = 32 * 1024**2
# The types of what msgspec's paths do not name, by the name of the mapping that contains them.
NAMED = {"features": Feature | Vector, "categories": Count, "attributions": Attribution, "classes": ScoredClass}


class ProfileError(ValueError):
    """The profile cannot be used; the message is one line with the reason."""


class _Version(msgspec.Struct):
    version: Any = "nothing"


def read(path: Path) -> Profile:
    """Return the profile in a file. Raises ProfileError, and OSError if it cannot be read."""
    return load(regular_file.read(path, MAX_BYTES))


def load(data: bytes) -> Profile:
    """Return a profile from the content of its file. Raises ProfileError."""
    try:
        if (version := msgspec.json.decode(data, type=_Version).version) != VERSION:
            raise ProfileError(f"version: expected {VERSION}, got {version!r:.20}; create the profile again")
        profile = msgspec.json.decode(data, type=Profile)
        # The decoder takes the last of duplicate keys.
        json.loads(data, object_pairs_hook=_check_keys, parse_int=len, parse_float=len)
    except msgspec.ValidationError as error:
        path, text = _named(msgspec.json.decode(data), *plain(str(error)))
        if path.endswith("kind"):
            text = "expected one of the kinds that `profile` writes: numeric, categorical, vector or attribution"
        where = f"{path}: " if path else ""
        raise ProfileError(f"not a profile of version {VERSION}: {where}{text}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProfileError(f"not JSON: {error}") from None
    except RecursionError:
        raise ProfileError("objects or lists are nested too deeply") from None
    for name, problem in _problems(profile):
        if problem:
            raise ProfileError(f"{name}: {problem}")
    return profile


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ProfileError(f"duplicate key `{key:.100}`")
        seen.add(key)


def _named(content: Any, path: str, text: str) -> tuple[str, str]:
    """Return the path in `content` and the text of a mistake, with names such as that of the feature in the path."""
    within, _, _ = path.partition("[...]")
    *_, key = within.split(".")
    if within == path or key not in NAMED:
        return path, text
    for name in within.split("."):
        content = content[name]
    for name, part in content.items():
        try:
            msgspec.convert(part, NAMED[key])
        except msgspec.ValidationError as error:
            deeper, text = _named(part, *plain(str(error)))
            return ".".join(filter(None, (within, name[:100], deeper))), text
    return path, text


def _problems(profile: Profile) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each part with its inconsistency, None if there is none."""
    features = {f"features.{name}": feature for name, feature in profile.features.items()}
    attributions = {f"attributions.{name}": each for name, each in (profile.attributions or {}).items()}
    outputs = {name: getattr(profile, name) for name in ("prediction", "probability", "actual")}
    variables = {name: variable for name, variable in (features | attributions | outputs).items() if variable}
    if not variables:
        yield "features", "expected at least one"
    yield from ((name, variable.problem()) for name, variable in variables.items())
    for name, variable in variables.items():
        if (found := records(variable)) > profile.rows:
            yield name, f"expected counts of at most {profile.rows} `rows`, with `missing` and `other`, got {found}"
    yield from (
        (name, part.problem()) for name in ("components", "calibration", "errors") if (part := getattr(profile, name))
    )
    for name in profile.components.features if profile.components else ():
        if name not in profile.numeric or profile.numeric[name].stddev <= 0:
            yield "components", f"expected `{name}` among the numeric features, with a standard deviation above 0"
    if profile.errors and not profile.errors.features <= profile.numeric.keys():
        yield "errors", "expected numeric features of the profile in `splits`"
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
