"""An organization's own place in a roll: its card, and a short proof that the roll has this card at this place.

With its place an enrolled organization agrees on the same roll as all others, and needs no card of theirs. The file has
about 2 kB, whatever the number of enrolled organizations; the proof is that of `parties.organization.merkle`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from mpc.errors import ConfigError
from parties.organization import merkle
from parties.organization.identity import MAX_CARD, Card

FORMAT = 1
#: The most cards of a roll.
MOST = 1 << 20
SUFFIX = ".place"
_AGAIN = "Ask whoever made the roll for it again, who writes it with  comity roll place"
_FIELDS = {"card", "cards", "comity_place", "digest", "index", "proof"}


class Enrolled(Protocol):
    """What a participant knows of the enrolled organizations: all of them, or its own place among them."""

    @property
    def path(self) -> Path: ...

    @property
    def digest(self) -> bytes: ...

    @property
    def names(self) -> Sequence[str]:
        """The names in order; in a place, other names than its own stand for those that it does not know."""

    def card(self, name: str) -> Card | None:
        """The verified card of an enrolled organization; None if this name is not enrolled, or not known here."""


@dataclass(frozen=True)
class Place:
    """An organization's own place in a roll. `path` is the file it was read from, or its roll."""

    path: Path
    digest: bytes
    count: int
    index: int
    line: bytes
    proof: Sequence[bytes]

    @cached_property
    def own(self) -> Card:
        """The card at this place, verified."""
        return Card.from_json(self.line, where=str(self.path))

    @cached_property
    def names(self) -> Sequence[str]:
        stand_ins = [f"enrolled {index + 1}" for index in range(self.count)]  # no card has such a name
        stand_ins[self.index] = self.own.name
        return stand_ins

    def card(self, name: str) -> Card | None:
        return self.own if name == self.own.name else None

    def to_json(self) -> str:
        place = {
            "comity_place": FORMAT,
            "cards": self.count,
            "digest": self.digest.hex(),
            "index": self.index,
            "card": json.loads(self.line),
            "proof": [neighbour.hex() for neighbour in self.proof],
        }
        return json.dumps(place, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def digest_of(root: bytes, count: int) -> bytes:
    """The digest of a roll: of its number of cards, and of the root over its lines."""
    return sha256(b"comity/1/roll\0" + count.to_bytes(8, "big") + root).digest()


def read_place(path: Path) -> Place:
    """Read a place and verify its proof. Raises ConfigError."""
    fields = fields_of(bytes_of(path)[: 4 * MAX_CARD])
    count, index, proof = fields.get("cards"), fields.get("index"), fields.get("proof")
    if fields.keys() != _FIELDS or fields["comity_place"] != FORMAT or not isinstance(fields["card"], dict):
        raise ConfigError(f"{path}: not a place in a roll, or of another version of Comity. {_AGAIN}")
    try:
        if type(count) is not int or type(index) is not int or not isinstance(proof, list) or count > MOST:
            raise ValueError
        neighbours = [bytes.fromhex(neighbour) for neighbour in proof]
        digest = bytes.fromhex(fields["digest"])
    except (TypeError, ValueError):
        raise ConfigError(f"{path}: its numbers or its proof are malformed. {_AGAIN}") from None
    line = canonical(fields["card"])
    root = merkle.root_by(line, index, count, neighbours)
    if root is None or digest_of(root, count) != digest:
        raise ConfigError(f"{path}: its card is not at this place of a roll with this digest. {_AGAIN}")
    place = Place(path, digest, count, index, line, neighbours)
    place.own  # noqa: B018  raises for a wrong card
    return place


def fields_of(text: bytes) -> dict[str, Any]:
    """The JSON object in a line; an empty one if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def bytes_of(path: Path) -> bytes:
    """The content of a file; ConfigError names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def canonical(value: object) -> bytes:
    """A JSON value in the one form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
