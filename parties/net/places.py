"""Places for connections that have not proved a key yet: few, shared fairly, and never all taken by strangers.

A connection takes a place from its acceptance to the end of its TLS handshake. There are `PLACES` for unknown
addresses, at most `PER_NETWORK` of them for one network (IPv4 /24, IPv6 /64), and `KEPT` for known addresses: those
of the study's participants, and those from which a member has proved its key before.

A newcomer that finds its places taken gets the place of another connection: the oldest one of the address with the
worst record, if that record is worse than the newcomer's, else the oldest one of all, if it is older than `YOUNG_S`.
An address's record is what it holds and how often it has failed lately. So idle connections, however many and however
often renewed, give way to a participant, and participants do not push each other out.
Left out: sockets and time limits (`tls`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

PLACES = 32
PER_NETWORK = 8
KEPT = 16
#: A connection gives way to one with as good a record only when it is older than this.
YOUNG_S = 1.0
#: Failures of an address are forgotten so long after the last one.
FORGIVEN_S = 60.0
_RECORDS = 1024
_LEARNED = 256


@dataclass(frozen=True)
class _Held:
    address: str
    network: str
    known: bool
    since: float


class Places:
    """Who holds a place. Connections are any hashable objects; times are seconds of one clock."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = {plain(address) for address in known}
        self._learned: OrderedDict[str, None] = OrderedDict()
        self._held: dict[Hashable, _Held] = {}
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def know(self, address: str) -> None:
        """Keep places for this address, too."""
        self._known.add(plain(address))

    def room_for(self, address: str, now: float) -> tuple[bool, Hashable | None]:
        """(whether a connection from `address` gets a place, the connection that must give way for it)."""
        own = plain(address)
        rivals = self._rivals(own)
        if not rivals:
            return True, None
        records = {held.address: self._record(held.address, now) for held in rivals.values()}
        worst = max(records, key=lambda other: records[other])
        if records[worst] > self._record(own, now) + 1:
            return True, next(key for key, held in rivals.items() if held.address == worst)
        oldest = next(iter(rivals))
        if now - rivals[oldest].since > YOUNG_S:
            return True, oldest
        return False, None

    def take(self, connection: Hashable, address: str, now: float) -> None:
        own = plain(address)
        self._held[connection] = _Held(own, network_of(own), self._is_known(own), now)

    def leave(self, connection: Hashable) -> None:
        del self._held[connection]

    def failed(self, address: str, now: float) -> None:
        """A connection from `address` was refused or did not finish its handshake."""
        own = plain(address)
        before, count = self._failures.pop(own, (now, 0))
        self._failures[own] = now, (count if now - before < FORGIVEN_S else 0) + 1
        while len(self._failures) > _RECORDS:
            self._failures.popitem(last=False)

    def proved(self, address: str) -> None:
        """A member has proved its key from `address`: it is known from now on."""
        own = plain(address)
        self._failures.pop(own, None)
        if own not in self._known:
            self._learned[own] = None
            while len(self._learned) > _LEARNED:
                self._learned.popitem(last=False)

    def _is_known(self, address: str) -> bool:
        return address in self._known or address in self._learned

    def _rivals(self, address: str) -> dict[Hashable, _Held]:
        """Those who hold the places that `address` could have, oldest first; empty while one is free."""
        if self._is_known(address):
            kept = {key: held for key, held in self._held.items() if held.known}
            return kept if len(kept) >= KEPT else {}
        unknown = {key: held for key, held in self._held.items() if not held.known}
        network = network_of(address)
        near = {key: held for key, held in unknown.items() if held.network == network}
        if len(near) >= PER_NETWORK:
            return near
        return unknown if len(unknown) >= PLACES else {}

    def _record(self, address: str, now: float) -> int:
        last, count = self._failures.get(address, (now, 0))
        return Counter(held.address for held in self._held.values())[address] + (
            count if now - last < FORGIVEN_S else 0
        )


def plain(address: str) -> str:
    """An address without its zone; an IPv4 address in IPv6's form as IPv4; other text as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found)


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 24 if found.version == 4 else 64), strict=False))
