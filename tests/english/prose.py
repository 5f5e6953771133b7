"""The prose in a file: pages without their code, docstrings, comments and messages, each line with its number."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|<?\bhttps?://\S+|<[^>]*>|\{[^}]*\}|%\([a-z]+\)s|\$\w+|--?[a-z][\w-]*|&\w+;")


class Line(NamedTuple):
    """A line of prose, and its number in the file."""

    number: int
    text: str


def prose(path: Path) -> Iterator[Line]:
    """Yield the lines of prose of a file, without code spans, links and placeholders."""
    text = path.read_text()
    match path.suffix:
        case ".md":
            lines = _of_page(text)
        case ".py":
            lines = _of_python(text)
        case ".yaml" | ".yml" | ".toml" | "" | ".service":
            lines = _comments(text)
        case _:
            lines = iter(())
    for number, line in lines:
        yield Line(number, CODE.sub(" ", line))


def _of_page(text: str) -> Iterator[Line]:
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*(```|~~~)", line):
            is_code = not is_code
        elif not is_code and not line.startswith("    "):
            yield Line(number, line)


def _of_python(text: str) -> Iterator[Line]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type:|pragma|mypy)", token.string):
            yield Line(token.start[0], re.sub(r"#\s*(noqa|type:).*", "", token.string))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            # Doctest examples and indented blocks are code.
            for offset, line in enumerate(node.value.splitlines()):
                if not re.match(r"\s*(>>>|\.\.\. )|\s{8,}", line):
                    yield Line(node.lineno + offset, line)


def _comments(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.search(r"(^|\s)#\s(.*)|^\s+(?:- )?(?:summary|description|message): (.*)", line):
            yield Line(number, found[2] or found[3] or "")
