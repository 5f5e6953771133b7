"""A guess: a setting, and why."""

from dataclasses import dataclass
from typing import Any

from exporter.decoding.schema import DEFAULT_FIELDS
from exporter.offline.proposal.candidates import Candidate


@dataclass(frozen=True)
class Guess:
    """The setting of a field, and why, with how many rows support it.

    `names` are those of features that were recognised at the top level.
    """

    name: str
    candidate: Candidate
    why: str
    options: tuple[tuple[str, Any], ...] = ()
    names: frozenset[str] = frozenset()

    @property
    def setting(self) -> Any:
        """The setting as in a configuration."""
        options = dict(self.options)
        if self.candidate.decode:
            decode = [*self.candidate.decode]
            options = {"decode": decode[0] if len(decode) == 1 else decode} | options
        path = str(self.candidate.path)
        return {"path": path} | options if options else path

    @property
    def is_default(self) -> bool:
        """Whether the field is found without a setting."""
        return self.setting == self.name and self.name in (*DEFAULT_FIELDS, "request_id")
