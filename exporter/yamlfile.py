"""Strict YAML in bounded time and memory: the safe subset, without duplicate keys."""

from pathlib import Path
from typing import Any

import yaml

from exporter import regular_file

# Nodes, with aliases counted as often as they are used.
MAX_NODES = 200_000


class YamlError(Exception):
    """The file cannot be read; the message has the file, and the line if there is one."""


def load(path: Path) -> Any:
    """Return the file's content; raises YamlError, in one line."""
    try:
        return yaml.load(regular_file.read(path), Loader=_StrictLoader)  # noqa: S506  # derives from SafeLoader
    except OSError as error:
        raise YamlError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        where = f":{error.problem_mark.line + 1}:{error.problem_mark.column + 1}" if error.problem_mark else ""
        raise YamlError(f"{path}{where}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise YamlError(f"{path}: lists and mappings are nested too deeply") from None


class _StrictLoader(yaml.SafeLoader):
    """Rejects duplicate keys, of which YAML silently takes the last, and aliases that would fill the memory."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _size(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise _error(key_node, f"duplicate key `{key}`")
            keys.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        try:
            return int(super().construct_yaml_int(node))
        except ValueError:
            raise _error(node, "this number is too long") from None

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """Return a date as text. A version may look like one, and it may be none, such as 2026-13-31."""
        return str(node.value)


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _StrictLoader.construct_text)


def _size(node: yaml.Node, sizes: dict[int, int | None]) -> int:
    """Return the number of nodes in a node; raises ConstructorError if it contains itself, or too many."""
    if id(node) not in sizes:
        sizes[id(node)] = None
        size = 1
        if isinstance(node, yaml.SequenceNode):
            size += sum(_size(inner, sizes) for inner in node.value)
        elif isinstance(node, yaml.MappingNode):
            size += sum(_size(inner, sizes) for pair in node.value for inner in pair)
        if size > MAX_NODES:
            raise _error(node, f"more than {MAX_NODES:,} values, with aliases")
        sizes[id(node)] = size
    known = sizes[id(node)]
    if known is None:
        raise _error(node, "an alias within its own anchor")
    return known


def _error(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
