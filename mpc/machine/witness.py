"""Two parties compare the messages that both have of a third one, before results are given out.

In an opening, or wherever a protocol sends the same to two parties, one lying party could tell them different things.
So each of the two adds a code of the message to a sum that it keeps for the other one: a keyed hash of label, part and
content, under a key of that pair, which nobody else has. Sums do not depend on the order in which operations run.
They are exchanged once for all that was opened, and where they differ, the run ends.

    party.compare_later(peer, part, message)     in a protocol: `peer` has, or was sent, the same message

The comparison finds any lie that makes the two see different contents. It does not find a lie that both see alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import CheckFailed

if TYPE_CHECKING:
    from mpc.machine.labels import Streams
    from mpc.machine.operation import Handle, Operation, Wake
    from mpc.machine.party import Party

_OCTETS = 16
_PURPOSE = b"witness"
#: Longer messages (in bytes) are hashed by the code of AES-GCM first, in a thirtieth of the time.
_LONG = 512


class Coder:
    """Codes of messages under the key of one pair."""

    def __init__(self, streams: Streams) -> None:
        key = np.empty(32, np.uint8)
        streams.fill(key, bytes(_OCTETS), _PURPOSE)
        self._key = key.tobytes()
        self._long: Any = None

    def code(self, tag: bytes, message: NDArray[Any]) -> int:
        """A pseudorandom function of a tag, used once, and the message."""
        data: Any
        if message.nbytes > _LONG:
            if self._long is None:
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM

                self._long = AESGCM(self._key[:16])
            nonce = blake2b(tag, digest_size=12).digest()
            # These codes are linear in the message: the sum must be of keyed hashes of them.
            data = self._long.encrypt(nonce, b"", np.ascontiguousarray(message).data.cast("B"))
        else:
            data = message.tobytes()
        return int.from_bytes(blake2b(tag + data, digest_size=_OCTETS, key=self._key[16:]).digest(), "little")


class Witness:
    """The sums of a set of operations, for each peer; `done` when all these operations are.

    depth, last  the longest chain of rounds of these operations, and the operation that ends it
    """

    __slots__ = ("depth", "last", "outstanding", "sums", "waiters")

    def __init__(self) -> None:
        self.sums: dict[int, int] = {}
        self.outstanding = 0
        self.depth = 0
        self.last: Handle | None = None
        self.waiters: list[Operation | Wake] = []

    @property
    def done(self) -> bool:
        return not self.outstanding

    def add(self, peer: int, code: int) -> None:
        self.sums[peer] = self.sums.get(peer, 0) ^ code

    def absorb(self, other: Witness) -> None:
        """Take over the sums of operations that are done."""
        for peer, code in other.sums.items():
            self.add(peer, code)
        if other.depth > self.depth:
            self.depth, self.last = other.depth, other.last


async def compare(party: Party, witnesses: Sequence[Witness], names: Callable[[int], str]) -> None:
    """Raise CheckFailed unless each peer has the same sum as this party has for it.

    Rounds    1
    Bytes     16 to each peer
    Security  against one party that deviates: the code of a pair is unknown to everybody else, so a third party sent
              the same to both, except with probability 2^-128 a message
    """
    own = Witness()
    for witness in witnesses:
        own.absorb(witness)
    peers = [peer for peer in range(party.parties) if peer != party.index]
    for peer in peers:
        party.send(peer, 0, np.frombuffer(own.sums.get(peer, 0).to_bytes(_OCTETS, "little"), np.uint8))
    differing = []
    for peer in peers:
        theirs = await party.receive(peer, 0, (_OCTETS,), np.uint8)
        if int.from_bytes(theirs.tobytes(), "little") != own.sums.get(peer, 0):
            differing.append(peer)
    if differing:
        # The pairs that differ do not tell who lied: shares that the lie made wrong make more differences.
        whom = " and ".join(names(peer) for peer in differing)
        raise CheckFailed(
            f"opened values: {names(party.index)} and {whom} were not told the same, so a party did not keep to the "
            "protocol. Nothing of this release is given out; compare the software of all parties"
        )
