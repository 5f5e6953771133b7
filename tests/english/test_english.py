"""The check of wording and spelling finds what it should, at its file and line, and nothing in code."""

from pathlib import Path

import pytest

from tests.english.checks import mistakes, spelling, wording

PAGE = """\
# A page

A metric is told when the truth comes.

    a command that tells

```yaml
key: a misspeling
```
The `misspelled_name` and [a misspeling](https://example.org/misspeling) of a page.
"""
MODULE = '''\
"""A module that tells."""

NAME = "misspeling"
log.info("a bad line", name=NAME)  # the misspeling
'''


def found(tmp_path: Path, name: str, text: str) -> list[str]:
    (tmp_path / name).write_text(text)
    return [line.removeprefix(f"{tmp_path}/").split(";")[0] for line in mistakes([tmp_path / name])]


def test_mistakes_of_a_page_have_its_line(tmp_path: Path) -> None:
    assert found(tmp_path, "page.md", PAGE) == [
        'page.md:3: "is told"',
        'page.md:3: "the truth"',
        'page.md:10: no such word: "misspeling"',
    ]


def test_docstrings_comments_and_messages_are_prose(tmp_path: Path) -> None:
    assert sorted(found(tmp_path, "module.py", MODULE)) == [
        'module.py:1: "tells"',
        'module.py:4: "bad line"',
        'module.py:4: no such word: "misspeling"',
    ]


def test_comments_and_annotations_of_yaml_are_prose(tmp_path: Path) -> None:
    text = "a: told  # the misspeling\nrules:\n  - summary: A window holds few records.\n    expr: misspeling\n"
    assert found(tmp_path, "rules.yaml", text) == [
        'rules.yaml:1: no such word: "misspeling"',
        'rules.yaml:3: "window holds"',
    ]


@pytest.mark.parametrize(
    "text", ["Requests per second.", "by how much it moved", "goes on to the next", "is well known"]
)
def test_plain_wording_passes(text: str) -> None:
    assert [*wording(text)] == []


@pytest.mark.parametrize(
    "text", ["Prometheus' histogram", "the model's p99", "x_total", "sha256", "GiB and MiB", "N/A"]
)
def test_names_and_units_are_not_words(text: str) -> None:
    assert [*spelling(text)] == []
