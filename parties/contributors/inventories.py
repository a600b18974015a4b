"""Which submissions each compute party holds, as all of them have announced it, and which ones all hold.

A party announces each submission once. From then on it counts as held, until so many newer ones of the same
organization were announced that a party keeps it no longer. What is chosen is a public function of all announcements:
for each organization the newest submission that all parties hold. So no party can choose a submission that another
party does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from mpc.errors import RemoteProtocolError
from parties.contributors.inbox import KEPT, Arrived

_ENTRY = Struct(">IQ32s")
ENTRY = _ENTRY.size


class Inventories:
    """The inventories of all parties. `chosen` has, by owner, the digest of the submission to use."""

    def __init__(self, parties: int, owners: Iterable[int]) -> None:
        #: Owner -> for each party its newest submissions, (number, digest).
        self._held: dict[int, list[list[tuple[int, bytes]]]] = {o: [[] for _ in range(parties)] for o in owners}
        self.chosen: dict[int, bytes] = {}

    def add(self, party: int, announced: Sequence[Arrived]) -> None:
        """Take what a party has announced. RemoteProtocolError if it names an organization that contributes nothing."""
        for owner, number, digest in announced:
            inventories = self._held.get(owner)
            if inventories is None:
                raise RemoteProtocolError(
                    f"party {party} announced a contribution of organization {owner}, which brings none", peer=party
                )
            own = inventories[party]
            if (number, digest) not in own:
                own.append((number, digest))
                own.sort()
                del own[:-KEPT]
                self._choose(owner)

    def _choose(self, owner: int) -> None:
        first, *others = self._held[owner]
        common = [entry for entry in first if all(entry in other for other in others)]
        if common:
            self.chosen[owner] = common[-1][1]
        else:
            self.chosen.pop(owner, None)


def packed(announced: Sequence[Arrived]) -> bytes:
    """Announcements as bytes, ENTRY for each."""
    return b"".join(_ENTRY.pack(*arrived) for arrived in announced)


def unpacked(raw: bytes) -> list[Arrived]:
    """Announcements from bytes; the length is a multiple of ENTRY."""
    return [Arrived(*fields) for fields in _ENTRY.iter_unpack(raw)]
