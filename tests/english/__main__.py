"""Check the wording and the spelling of everything that people read: `python -m tests.english`."""

import sys

from tests.english.checks import mistakes, repository

found = [*mistakes(repository())]
print("\n".join(found))
sys.exit(1 if found else 0)
