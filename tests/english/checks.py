"""What is wrong with the wording or the spelling of a line of prose."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml
from spellchecker import SpellChecker

from tests.english.prose import prose

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent
PATTERNS = [
    (re.compile(entry["avoid"], re.IGNORECASE), entry["write"])
    for entry in yaml.safe_load((FOLDER / "patterns.yaml").read_text())
]
SUFFIXES = {".md", ".py", ".yaml", ".yml", ".toml", ".service"}
# Words of the field and of this project.
OWN_WORDS = frozenset((FOLDER / "dictionary.txt").read_text().split())
# Lower case, or with a capital at the start: other spellings are names.
WORD = re.compile(r"(?<![\w./@#%-])[A-Za-z]?[a-z]{2,}(?:'[a-z]+)?(?![\w/@(=\[]|\.\w|-\w)")
# Code in the words of others, what tests give to the exporter, and this list itself.
LEFT_OUT = ("tests/", "dashboards/json/")


def repository() -> Iterator[Path]:
    """Yield the files that people read."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in listed:
        if not name.startswith(LEFT_OUT) and (Path(name).suffix in SUFFIXES or Path(name).name == "Dockerfile"):
            yield ROOT / name


def mistakes(files: Iterable[Path]) -> Iterator[str]:
    """Yield `FILE:LINE: what is wrong; what to write`."""
    for file in files:
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        for number, text in prose(file):
            yield from (f"{name}:{number}: {mistake}" for mistake in wording(text))
            yield from (f"{name}:{number}: {mistake}" for mistake in spelling(text))


def wording(text: str) -> Iterator[str]:
    """Yield the patterns that a line matches."""
    for pattern, instead in PATTERNS:
        if found := pattern.search(text):
            yield f'"{found[0]}"; write: {instead}'


def spelling(text: str) -> Iterator[str]:
    """Yield the words of a line that are in no dictionary."""
    for word in WORD.findall(text):
        if not _is_word(word):
            yield f'no such word: "{word}"; correct it, or add it to tests/english/dictionary.txt'


@cache
def _is_word(word: str) -> bool:
    stem = word.lower().removesuffix("'s")
    return stem in OWN_WORDS or bool(_dictionary().known([stem]))


@cache
def _dictionary() -> SpellChecker:
    return SpellChecker("en")
