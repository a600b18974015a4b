"""The operations that a party scheduled, compared with those of its peers: a script must do the same at all parties.

The label of an operation covers its primitive, its operands and parameters, and the label before it in its scope. So
equal last labels show that all parties did the same so far. Parties exchange them before anything is opened; where two
differ, the parties exchange their recent labels, and both name the first line that differs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import AgreementError
from mpc.machine.digest import DIGEST_BYTES
from mpc.machine.labels import Scope
from mpc.machine.operation import place
from mpc.machine.party import Party
from mpc.text import visible

#: Operations that a party remembers, to find the first difference.
KEPT = 1 << 16
#: Bytes of a label that are sent to find a difference, and bytes of the text that names an operation.
_SHORT, _TEXT = 8, 512
_NOTHING = "nothing more"


class Entry(NamedTuple):
    """One operation in the script's order."""

    scope: Scope
    counter: int
    label: bytes
    name: str
    source: tuple[str, int]

    @property
    def position(self) -> tuple[float, ...]:
        return (*self.scope.path, self.counter)

    def text(self) -> str:
        """Its name and its line."""
        return f"{self.name}, {place(self.source)}"


class History:
    """The last operations of one party's script."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def note(self, scope: Scope, label: bytes, name: str, source: tuple[str, int]) -> None:
        """The operation `label` was scheduled."""
        self._entries.append(Entry(scope, scope.counter, label, name, source))

    def in_order(self) -> list[Entry]:
        """The operations in the script's order, also where parts of it ran concurrently."""
        return sorted(self._entries, key=lambda entry: entry.position)

    def first_other(self, theirs: set[bytes]) -> Entry | None:
        """The first operation here whose label is not among `theirs`; None where all are."""
        entries = self.in_order()
        shared = [entry.label[:_SHORT] in theirs for entry in entries]
        forgotten = max(len(entries), len(theirs)) >= KEPT  # an operation that a party has forgotten is no difference
        begin = shared.index(True) if forgotten and any(shared) else 0
        return next((entry for entry, same in zip(entries[begin:], shared[begin:], strict=True) if not same), None)

    def shorts(self) -> set[bytes]:
        return {entry.label[:_SHORT] for entry in self._entries}

    def short(self) -> NDArray[np.uint8]:
        """The first bytes of all labels, in the script's order."""
        return _octets(b"".join(entry.label[:_SHORT] for entry in self.in_order()))


def comparison_label(scope: Scope, number: int, run_label: bytes) -> bytes:
    """The label of the scope's `number`-th comparison. It depends on the place alone, so that parties whose scripts
    differ can still exchange digests."""
    place = run_label + repr((scope.path, number)).encode()
    return blake2b(place, digest_size=DIGEST_BYTES, person=b"same script").digest()


async def compare(party: Party, digest: bytes, history: History, names: Callable[[int], str]) -> None:
    """Raise AgreementError unless all parties have the same digest.

    Rounds    1
    Bytes     16 to each peer; where the digests differ, once 8 an operation
    Security  public: the digest follows from the agreed script
    """
    peers = [peer for peer in range(party.parties) if peer != party.index]
    own = _octets(digest)
    for peer in peers:
        party.send(peer, 0, own)
    others = {peer: await party.receive(peer, 0, own.shape, np.uint8) for peer in peers}
    differing = [peer for peer, other in others.items() if other.tobytes() != digest]
    if differing:
        raise await differences(party, history, differing, names)


async def differences(party: Party, history: History, peers: list[int], names: Callable[[int], str]) -> AgreementError:
    """The error to raise: where this party's script and each of these peers' differ. The peers must call this, too."""
    own = history.short()
    for peer in peers:
        party.send(peer, 1, np.array([own.size], np.uint64))
        party.send(peer, 2, own)
    lines: list[str] = []
    source: str | None = None
    for peer in peers:
        size = int((await party.receive(peer, 1, (1,), np.uint64))[0])
        short = await party.receive(peer, 2, (min(size, KEPT * _SHORT),), np.uint8)
        theirs = short[: short.size // _SHORT * _SHORT].reshape(-1, _SHORT)
        here = history.first_other({row.tobytes() for row in theirs})
        mine = _NOTHING if here is None else here.text()
        party.send(peer, 3, _octets(mine.encode()[:_TEXT].ljust(_TEXT, b"\0")))
        there = (await party.receive(peer, 3, (_TEXT,), np.uint8)).tobytes().rstrip(b"\0").decode(errors="replace")
        if here is None and there == _NOTHING:
            continue
        if not lines:
            lines.append(f"{names(party.index)}: {mine}")
            source = None if here is None else place(here.source)
        lines.append(f"{names(peer)}: {visible(there)}")
    return parted(lines, source)


def differences_here(histories: Sequence[tuple[str, History]]) -> AgreementError | None:
    """As `differences`, for parties in one process; None where their scripts did the same."""
    for i, (name, own) in enumerate(histories):
        for other_name, other in histories[i + 1 :]:
            here, there = own.first_other(other.shorts()), other.first_other(own.shorts())
            if here is not None or there is not None:
                lines = [
                    f"{who}: {_NOTHING if entry is None else entry.text()}"
                    for who, entry in ((name, here), (other_name, there))
                ]
                return parted(lines, None if here is None else place(here.source))
    return None


def parted(lines: list[str], source: str | None) -> AgreementError:
    """The error that shows what each party does at the first place where they differ."""
    error = AgreementError(
        "the script does not do the same at all parties; the first operation that differs:\n  "
        + "\n  ".join(lines)
        + "\nWhat a script does must follow from its text, its parameters and opened values alone: not from the order "
        "of a set, a clock, an address in memory or this party's data."
    )
    error.source = source
    return error


def _octets(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
