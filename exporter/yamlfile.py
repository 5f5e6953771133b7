"""Strict YAML: the safe subset, without duplicate keys."""

from pathlib import Path
from typing import Any

import yaml


class YamlError(Exception):
    """The file cannot be read; the message has the file, and the line if there is one."""


def load(path: Path) -> Any:
    """Return the file's content; raises YamlError, in one line."""
    try:
        with path.open("rb") as file:
            return yaml.load(file, Loader=_UniqueKeyLoader)  # noqa: S506  # derives from SafeLoader
    except OSError as error:
        raise YamlError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        where = f":{error.problem_mark.line + 1}:{error.problem_mark.column + 1}" if error.problem_mark else ""
        raise YamlError(f"{path}{where}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Rejects duplicate keys, of which YAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key `{key}`", key_node.start_mark)
            keys.add(key)
        return super().construct_mapping(node, deep)
