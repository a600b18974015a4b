"""Who takes part in a session, from a home's cards: in index order, with this organization's own card among them."""

from __future__ import annotations

from collections.abc import Sequence

from parties.net.session import Participant
from parties.organization.home import Home


def participants(home: Home, names: Sequence[str]) -> list[Participant]:
    """Those who compute. ConfigError where a card is not known here."""
    found = []
    for name in names:
        if name == home.name:
            found.append(Participant(name, home.identity.key_hash, home.card().certificate, None))
        else:
            member = home.consortium.member(name)
            found.append(Participant(name, member.card.key_hash, member.card.certificate, member.address))
    return found


def bystanders(home: Home, taking_part: Sequence[str]) -> list[bytes]:
    """Certificates of members that take no part: a call from one is refused by its name."""
    return [m.card.certificate for m in home.consortium.members.values() if m.name not in taking_part]
