"""Who is who: the organizations this one knows, by name, key and address.

One file in the home, `consortium.json`: our own name and listening address, and for each member its signed card
and the address to call (the card's, unless this organization reaches it another way). Left out: which of them
take part in a study (`study`), and their connections (`tls`).
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
from parties.organization.identity import Card, check_name, check_private, write_private

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


def _start(card: Card) -> str:
    return " ".join(card.fingerprint.split()[:3]) + " …"


class Consortium:
    """The file's content. `add` and `remove` change it on disk at once."""

    def __init__(self, home: Path, name: str, listen: tuple[str, int], members: dict[str, Member]) -> None:
        self.home = home
        self.name = name
        self.listen = listen
        self.members = members

    @classmethod
    def create(cls, home: Path, name: str, listen: tuple[str, int]) -> Consortium:
        """A consortium of this organization alone, in a home that has none."""
        if (home / FILE).exists():
            raise ConfigError(f"{home / FILE} exists already. Choose another home")
        consortium = cls(home, check_name(name), listen, {})
        consortium.save()
        return consortium

    @classmethod
    def load(cls, home: Path) -> Consortium:
        """Read and check the file; ConfigError names it, and the key that is wrong."""
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
                raise ConfigError(f"{where}: the card is that of {card.name}")
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
        """Whether this very card is known."""
        known = self.members.get(card.name)
        return known is not None and known.card.body() == card.body()

    def check(self, card: Card) -> None:
        """ConfigError where the card cannot be taken in: another key under a known name, or a known key."""
        known = self.members.get(card.name)
        if known is None or known.card.key_hash != card.key_hash:
            self._check_new(card)

    def add(self, card: Card, *, address: str | None = None) -> Member:
        """Take in an organization whose words were compared. Another card of the same key changes its address."""
        self.check(card)
        text = address or card.address
        member = Member(card.name, card, parse_address(text, where=f"the address of {card.name}") if text else None)
        self.members[card.name] = member
        self.save()
        return member

    def remove(self, name: str) -> Member:
        """Forget an organization."""
        if name not in self.members:
            known = ", ".join(sorted(self.members)) or "nobody"
            raise ConfigError(f"{name} is not in {self.home / FILE}. Known: {known}")
        member = self.members.pop(name)
        self.save()
        return member

    def member(self, name: str) -> Member:
        """A known organization by name; ConfigError says how to add it."""
        if name not in self.members:
            raise ConfigError(f"{name} is not known here ({self.home / FILE}). `comity peer add CARD` adds it")
        return self.members[name]

    def _check_new(self, card: Card) -> None:
        if card.name == self.name:
            raise ConfigError(f"{card.name} is the name of this organization itself; the card is not added")
        known = self.members.get(card.name)
        if known is not None:
            raise ConfigError(
                f"{card.name} is known with another key ({_start(known.card)}; the card says {_start(card)}). "
                f"If its key was replaced: `comity peer remove {card.name}` first"
            )
        for member in self.members.values():
            if member.card.key_hash == card.key_hash:
                raise ConfigError(f"the card of {card.name} holds the key of {member.name}")
