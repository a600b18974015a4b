"""The study of an MPyC program: the parties, and how many of them may collude without learning anything.

    purpose   = "Joint mean of three registries"
    threshold = 1                              # default: the largest below half of the parties

    [organizations.county]
    roles = ["compute"]

    [organizations.north]
    roles = ["compute"]

    [organizations.st-mary]
    roles = ["compute"]

It names no scenario: the command line names the program, and the parties compare its source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from mpc.errors import ConfigError
from parties.data.misplaced import check_kind
from parties.data.toml import read_toml
from parties.net.agreement import PROTOCOL_VERSION
from parties.study.document import FORMAT, comity_version
from parties.study.file import Name, Text, problems

FEWEST, MOST = 3, 20


def _roles(roles: list[str]) -> list[str]:
    if roles != ["compute"]:
        raise ValueError('every party of an MPyC program computes; write  roles = ["compute"]')
    return roles


class _Organization(BaseModel):
    model_config = ConfigDict(extra="forbid")

    roles: Annotated[list[StrictStr], AfterValidator(_roles)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    purpose: Text
    threshold: Annotated[StrictInt, Field(ge=0)] | None = None
    organizations: dict[Name, _Organization]
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True)
class ProgramStudy:
    """The study file of a program. Participants are sorted by name; their position is their index."""

    participants: tuple[str, ...]
    threshold: int
    purpose: str
    valid_from: date | None
    valid_until: date | None
    path: Path

    def index(self, name: str) -> int:
        if name not in self.participants:
            raise ConfigError(
                f"{self.path}: {name} does not take part; the organizations are {', '.join(self.participants)}"
            )
        return self.participants.index(name)

    def check_date(self, today: date) -> None:
        """ConfigError if `today` is outside the agreed dates."""
        if self.valid_from and today < self.valid_from:
            raise ConfigError(f"{self.path}: valid_from is {self.valid_from}; this machine's clock says {today}")
        if self.valid_until and today > self.valid_until:
            raise ConfigError(
                f"{self.path}: valid_until was {self.valid_until}; this machine's clock says {today}. "
                "Agree on a new study"
            )


def open_program_study(path: Path) -> ProgramStudy:
    """Read the study file of a program; ConfigError names file and key."""
    check_kind(path, "program study")
    document = read_toml(path)
    try:
        file = _File.model_validate(document)
    except ValidationError as errors:
        raise ConfigError(problems(errors, str(path))) from None
    names = tuple(sorted(file.organizations))
    threshold = check_threshold(len(names), file.threshold, str(path))
    return ProgramStudy(names, threshold, file.purpose, file.valid_from, file.valid_until, path)


def check_threshold(parties: int, threshold: int | None, where: str) -> int:
    """The threshold for a number of parties (None: the largest); ConfigError if it is impossible."""
    if not FEWEST <= parties <= MOST:
        raise ConfigError(f"{where}: an MPyC program takes {FEWEST} to {MOST} parties, found {parties}")
    largest = (parties - 1) // 2
    if threshold is None:
        return largest
    if not 1 <= threshold <= largest:
        raise ConfigError(
            f"{where}: threshold {threshold} is not possible with {parties} parties; choose 1 to {largest}: so many "
            "parties together learn nothing"
        )
    return threshold


def agreed_program(
    study: ProgramStudy,
    *,
    keys: Mapping[str, bytes],
    program: str,
    sources: Mapping[str, bytes],
    arguments: Sequence[str],
    mpyc: str,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """All that the parties of a program agree to, as plain JSON values.

    keys      organization -> SHA-256 of its public key
    sources   relative path -> source
    settings  MPyC's settings that change which messages are sent
    """
    missing = [name for name in study.participants if name not in keys]
    if missing:
        raise ConfigError(
            f"{study.path}: the key of {missing[0]} is not known here; get its card, then  comity peer add CARD"
        )
    return {
        "format": FORMAT,
        "comity": comity_version(),
        "protocol": PROTOCOL_VERSION,
        "mpyc": mpyc,
        "program": program,
        "sources": {
            name: {"sha256": sha256(source).hexdigest(), "text": source.decode("utf-8", "replace")}
            for name, source in sources.items()
        },
        "arguments": list(arguments),
        "settings": dict(settings),
        "threshold": study.threshold,
        "purpose": study.purpose,
        "valid_from": study.valid_from.isoformat() if study.valid_from else None,
        "valid_until": study.valid_until.isoformat() if study.valid_until else None,
        "participants": [{"name": name, "key": keys[name].hex(), "roles": ["compute"]} for name in study.participants],
    }
