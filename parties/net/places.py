"""Places for connections that have not proved a key yet: few, shared fairly, and some of them kept for known addresses.

A connection takes a place from its acceptance to the end of its TLS handshake. There are `PLACES` for unknown
addresses, at most `PER_NETWORK` of them for one network (IPv4 /24, IPv6 /64), and `KEPT` for known addresses: those
of the study's participants, and those from which a member has proved its key before.

If all places for a new connection are taken, another connection gives way: the oldest connection of the address with
the worst record, if that record is worse than the newcomer's; else the oldest of all, if it is older than `YOUNG_S`.
The record of an address is the number of places it holds plus its recent failures. So idle connections, however many
and however often renewed, give way to a participant, and participants do not push each other out.
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
#: A connection gives way to another one with an equal record only if it is older than this.
YOUNG_S = 1.0
#: The failures of an address are forgotten so long after the last one.
FORGIVEN_S = 60.0
_MOST_RECORDS = 1024
_MOST_PROVED = 256


@dataclass(frozen=True)
class _Held:
    address: str
    network: str
    known: bool
    since: float


class Places:
    """Which connections hold a place. Connections are any hashable objects; times are seconds of one clock."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = {plain(address) for address in known}
        self._proved: OrderedDict[str, None] = OrderedDict()
        self._held: dict[Hashable, _Held] = {}
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def know(self, address: str) -> None:
        """Keep places for this address, too."""
        self._known.add(plain(address))

    def room_for(self, address: str, now: float) -> tuple[bool, Hashable | None]:
        """(whether a connection from `address` gets a place, the connection that must give way for it)."""
        address = plain(address)
        rivals = self._rivals(address)
        if not rivals:
            return True, None
        records = {held.address: self._record(held.address, now) for held in rivals.values()}
        worst = max(records, key=lambda other: records[other])
        if records[worst] > self._record(address, now) + 1:
            return True, next(key for key, held in rivals.items() if held.address == worst)
        oldest = next(iter(rivals))
        if now - rivals[oldest].since > YOUNG_S:
            return True, oldest
        return False, None

    def take(self, connection: Hashable, address: str, now: float) -> None:
        address = plain(address)
        self._held[connection] = _Held(address, network_of(address), self._is_known(address), now)

    def leave(self, connection: Hashable) -> None:
        del self._held[connection]

    def failed(self, address: str, now: float) -> None:
        """A connection from `address` was refused or did not finish its handshake."""
        address = plain(address)
        last, count = self._failures.pop(address, (now, 0))
        self._failures[address] = now, (count if now - last < FORGIVEN_S else 0) + 1
        while len(self._failures) > _MOST_RECORDS:
            self._failures.popitem(last=False)

    def proved(self, address: str) -> None:
        """A member has proved its key from `address`: it is known from now on."""
        address = plain(address)
        self._failures.pop(address, None)
        if address not in self._known:
            self._proved[address] = None
            while len(self._proved) > _MOST_PROVED:
                self._proved.popitem(last=False)

    def _is_known(self, address: str) -> bool:
        return address in self._known or address in self._proved

    def _rivals(self, address: str) -> dict[Hashable, _Held]:
        """The connections that hold the places which `address` could have, oldest first; empty while one is free."""
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
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(parsed)


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))
