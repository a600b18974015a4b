"""The participants of a session, from a home's cards, in index order; this organization's card is among them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from parties.net.session import Participant
from parties.organization.home import Home


def participants(home: Home, names: Sequence[str]) -> list[Participant]:
    """The compute parties `names`, in that order. Raises ConfigError if a card is not known here."""
    parties = []
    for name in names:
        if name == home.name:
            parties.append(Participant(name, home.identity.key_hash, home.card().certificate, None))
        else:
            member = home.consortium.member(name)
            parties.append(Participant(name, member.card.key_hash, member.card.certificate, member.address))
    return parties


def bystanders(home: Home, taking_part: Collection[str]) -> list[bytes]:
    """Certificates of members that do not take part: a call from such a member is refused by its name."""
    names = set(taking_part)
    return [m.card.certificate for m in home.consortium.members.values() if m.name not in names]
