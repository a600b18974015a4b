"""The consortium: the organizations that this one knows, by name, key and address.

One file in the home, `consortium.json`, has this organization's name and listening address, and for each member its
signed card and the address to call (that of the card, unless this organization reaches the member another way).
Left out: which members take part in a study (`study`), and their connections (`tls`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mpc.errors import ConfigError
from parties.data.toml import plain_text
from parties.organization.address import parse_address, show_address
from parties.organization.identity import Card, check_name
from parties.system.privacy import check_private, write_private

FILE = "consortium.json"
_MAX_FILE = 4 << 20


class _MemberFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    card: dict[str, Any]
    address: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    version: Literal[1]
    name: str
    listen: str
    members: dict[str, _MemberFile] = Field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A known organization."""

    name: str
    card: Card
    address: tuple[str, int] | None


def _first_words(card: Card) -> str:
    return " ".join(card.fingerprint.split()[:3]) + " …"


class Consortium:
    """The content of the file. `add` and `remove` save it at once."""

    def __init__(self, home: Path, name: str, listen: tuple[str, int], members: dict[str, Member]) -> None:
        self.home = home
        self.name = name
        self.listen = listen
        self.members = members

    @classmethod
    def create(cls, home: Path, name: str, listen: tuple[str, int]) -> Consortium:
        """A new consortium with no members yet. ConfigError if the home has a consortium already."""
        if (home / FILE).exists():
            raise ConfigError(f"{home / FILE} exists already. Choose another home")
        consortium = cls(home, check_name(name), listen, {})
        consortium.save()
        return consortium

    @classmethod
    def load(cls, home: Path) -> Consortium:
        """Read and check the file; ConfigError names the file and the wrong key."""
        path = home / FILE
        try:
            check_private(path)
            data = path.read_bytes()
        except FileNotFoundError:
            raise ConfigError(f"{path} is missing. `comity init NAME` makes a home") from None
        if len(data) > _MAX_FILE:
            raise ConfigError(f"{path} has {len(data)} bytes; at most {_MAX_FILE} are read")
        try:
            file = _File.model_validate_json(plain_text(data, str(path)))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(str(part) for part in problem["loc"]) or "the file"
            raise ConfigError(f"{path}: {key}: {problem['msg']}") from None
        members = {}
        for name, entry in file.members.items():
            where = f"{path}: members.{name}"
            card = Card.from_json(json.dumps(entry.card), where=where)
            if card.name != name:
                raise ConfigError(f"{where}: this is the card of {card.name}")
            text = entry.address or card.address
            members[name] = Member(name, card, parse_address(text, where=f"{where}.address") if text else None)
        consortium = cls(home, check_name(file.name), parse_address(file.listen, where=f"{path}: listen"), {})
        for member in members.values():
            consortium._check_new(member.card)
            consortium.members[member.name] = member
        return consortium

    def save(self) -> None:
        """Write the file, readable by its owner only."""
        content = {
            "version": 1,
            "name": self.name,
            "listen": show_address(self.listen),
            "members": {
                name: {
                    "card": json.loads(member.card.to_json()),
                    "address": show_address(member.address) if member.address else None,
                }
                for name, member in sorted(self.members.items())
            },
        }
        write_private(self.home / FILE, (json.dumps(content, indent=1) + "\n").encode())

    def has(self, card: Card) -> bool:
        """Whether this card is known, with the same keys and address."""
        known = self.members.get(card.name)
        return known is not None and known.card.body() == card.body()

    def check(self, card: Card) -> None:
        """ConfigError if the card cannot be added: its name is known with another key, or its key with another name."""
        known = self.members.get(card.name)
        if known is None or known.card.key_hash != card.key_hash:
            self._check_new(card)

    def add(self, card: Card, *, address: str | None = None) -> Member:
        """Add an organization whose words were compared. A new card with a known key changes the address."""
        self.check(card)
        text = address or card.address
        member = Member(card.name, card, parse_address(text, where=f"the address of {card.name}") if text else None)
        self.members[card.name] = member
        self.save()
        return member

    def remove(self, name: str) -> Member:
        """Remove a member; ConfigError if there is no such member."""
        if name not in self.members:
            known = ", ".join(sorted(self.members)) or "nobody"
            raise ConfigError(f"{name} is not in {self.home / FILE}. Known: {known}")
        member = self.members.pop(name)
        self.save()
        return member

    def member(self, name: str) -> Member:
        """A member by name; ConfigError says how to add it."""
        if name not in self.members:
            raise ConfigError(f"{name} is not known here ({self.home / FILE}). Add its card: `comity peer add CARD`")
        return self.members[name]

    def _check_new(self, card: Card) -> None:
        if card.name == self.name:
            raise ConfigError(f"{card.name} is the name of this organization itself: its card cannot be added here")
        known = self.members.get(card.name)
        if known is not None:
            raise ConfigError(
                f"{card.name} is known with another key: its words begin with {_first_words(known.card)}, those of the "
                f"new card with {_first_words(card)}. If {card.name} has a new key: `comity peer remove {card.name}`, "
                "then add the new card"
            )
        for member in self.members.values():
            if member.card.key_hash == card.key_hash:
                raise ConfigError(f"the card of {card.name} has the same key as {member.name}, which is known already")
