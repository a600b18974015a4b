"""A roll: the cards of very many organizations that bring data to a study and do not compute, in one file.

    {"cards": 10000, "comity_roll": 1, "digest": "5f0c…"}
    {"address": null, "certificate": "…", …, "name": "device-00000", …}
    {"address": null, "certificate": "…", …, "name": "device-00001", …}

The first line says how many cards follow, and their digest. Each further line is a card, with its keys in order; cards
are sorted by name. A study names the file, and its participants agree on the digest in place of names and keys. So all
of them mean the same organizations, in the same order.

An enrolled organization needs no roll, only its own place in it (`parties.organization.place`).

Whoever makes a roll vouches for its cards: nobody compares their words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import count, pairwise
from pathlib import Path

from mpc.errors import ConfigError
from parties.data.toml import plain_text
from parties.organization import merkle
from parties.organization.identity import MAX_CARD, Card, check_name, in_words
from parties.organization.place import MOST, Place, bytes_of, canonical, digest_of, fields_of

FORMAT = 1
_SPACE = re.compile(r"\s*")
_HEADER = {"cards", "comity_roll", "digest"}
_AGAIN = "Ask for the file again, or make it anew:  comity roll make"


@dataclass(frozen=True)
class Roll:
    """A roll as it was read: names and lines in order. The cards are verified when they are asked for."""

    path: Path
    digest: bytes
    names: tuple[str, ...]
    lines: tuple[bytes, ...]

    @property
    def words(self) -> str:
        """Twelve words of the digest."""
        return in_words(self.digest)

    def card(self, name: str) -> Card | None:
        index = self._places.get(name)
        return None if index is None else self._card(index)

    def card_of(self, key_hash: bytes) -> Card | None:
        """The verified card of the organization with this key; None if it is not enrolled."""
        for index, line in enumerate(self.lines):
            key = fields_of(line).get("signing_key")
            with suppress(ValueError):
                if isinstance(key, str) and sha256(bytes.fromhex(key)).digest() == key_hash:
                    return self._card(index)
        return None

    def cards(self) -> list[Card]:
        """All cards, verified. Raises ConfigError for a wrong card, and for two cards with the same key."""
        cards = [self._card(index) for index in range(len(self.lines))]
        check_keys(cards, str(self.path))
        return cards

    def place(self, name: str) -> Place:
        """The place of an enrolled organization; ConfigError if it is not enrolled."""
        if name not in self._places:
            raise ConfigError(f"{self.path}: {name!r} is not enrolled here")
        index = self._places[name]
        return Place(
            self.path, self.digest, len(self.lines), index, self.lines[index], merkle.proof(self._leaves, index)
        )

    def places(self) -> Iterator[Place]:
        """The places of all, in order."""
        for index, (line, proof) in enumerate(zip(self.lines, merkle.proofs(self._leaves), strict=True)):
            yield Place(self.path, self.digest, len(self.lines), index, line, proof)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def _leaves(self) -> list[bytes]:
        return [merkle.leaf(line) for line in self.lines]

    def _card(self, index: int) -> Card:
        where = f"{self.path}: line {index + 2}"
        card = Card.from_json(self.lines[index], where=where)
        if line_of(card) != self.lines[index]:
            raise ConfigError(f"{where}: the card of {card.name} is not written as a roll has it. {_AGAIN}")
        return card


def make_roll(cards: Iterable[Card], path: Path) -> Roll:
    """A roll of verified cards, for the file `path`, which is not written. Raises ConfigError if there is no card, if
    two have the same name or the same key, or if there are too many."""
    ordered = sorted(cards, key=lambda card: card.name)
    if not 0 < len(ordered) <= MOST:
        raise ConfigError(f"{path}: {len(ordered):,} cards; a roll has 1 to {MOST:,}")
    for one, other in pairwise(ordered):
        if one.name == other.name:
            raise ConfigError(
                f"{path}: two different cards have the name {one.name}; their words begin with {_begin(one)} and "
                f"{_begin(other)}. Leave out the wrong one, or let one of the two take another name"
            )
    check_keys(ordered, str(path))
    lines = tuple(line_of(card) for card in ordered)
    root = merkle.root([merkle.leaf(line) for line in lines])
    return Roll(path, digest_of(root, len(lines)), tuple(card.name for card in ordered), lines)


def cards_in(raw: bytes, where: str) -> Iterator[Card]:
    """The cards that stand one after the other in a file, verified. ConfigError names the place of a wrong one."""
    text, decoder, start = plain_text(raw, where), json.JSONDecoder(), 0
    for number in count(1):
        space = _SPACE.match(text, start)
        start = space.end() if space else start
        if start == len(text) and number > 1:
            return
        at = where if number == 1 else f"{where}: card {number}"
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            raise ConfigError(f"{at}: not a card (it is not JSON). Ask for the file again") from None
        yield Card.from_json(text[start:end], where=at)
        start = end


def check_keys(cards: Iterable[Card], where: str) -> None:
    """ConfigError if two cards have the same key."""
    known: dict[bytes, str] = {}
    for card in cards:
        other = known.setdefault(card.key_hash, card.name)
        if other != card.name:
            raise ConfigError(
                f"{where}: {other} and {card.name} have the same key: one organization would count twice. Leave out "
                "one of the two cards"
            )


def line_of(card: Card) -> bytes:
    """A card as a line of a roll."""
    return canonical({**card.body(), "signature": card.signature.hex()})


def roll_text(roll: Roll) -> bytes:
    """The content of the file."""
    header = canonical({"comity_roll": FORMAT, "cards": len(roll.lines), "digest": roll.digest.hex()})
    return b"\n".join([header, *roll.lines]) + b"\n"


def read_roll(path: Path) -> Roll:
    """Read a roll and compare it with its digest. ConfigError names the line, and says what to do. The signatures of
    the cards are verified by `Roll.cards` and `Roll.card`."""
    raw = bytes_of(path)
    header, *lines = raw.split(b"\n")
    fields = fields_of(header[:MAX_CARD])
    if fields.keys() != _HEADER or fields["comity_roll"] != FORMAT:
        raise ConfigError(f"{path}: not a roll, or of another version of Comity. {_AGAIN}")
    if lines and not lines[-1]:
        lines.pop()
    if fields["cards"] != len(lines) or not 0 < len(lines) <= MOST:
        raise ConfigError(
            f"{path}: its first line says {str(fields['cards'])[:20]} cards, and {len(lines):,} follow: the file was "
            f"changed or cut off. {_AGAIN}"
        )
    names = [_name(line, f"{path}: line {number}") for number, line in enumerate(lines, 2)]
    for number, (one, other) in enumerate(pairwise(names), 3):
        if one >= other:
            what = f"a second card of {other}" if one == other else f"{other} comes after {one}; they must be sorted"
            raise ConfigError(f"{path}: line {number}: {what}. {_AGAIN}")
    digest = digest_of(merkle.root([merkle.leaf(line) for line in lines]), len(lines))
    if fields["digest"] != digest.hex():
        raise ConfigError(f"{path}: its cards do not fit the digest in its first line: the file was changed. {_AGAIN}")
    return Roll(path, digest, tuple(names), tuple(lines))


def _name(line: bytes, where: str) -> str:
    name = fields_of(line[:MAX_CARD]).get("name")
    if not isinstance(name, str):
        raise ConfigError(f"{where}: not a card. {_AGAIN}")
    try:
        return check_name(name)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _begin(card: Card) -> str:
    return " ".join(card.fingerprint.split()[:3])
