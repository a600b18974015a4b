"""Labels name operations; streams draw the randomness that belongs to a label.

A *scope* is a place in the program that one task owns. An operation takes its label from its scope when it is
*called*, in program order, so that all parties give it the same one whatever the scheduling. The label tags
messages and selects the streams. It covers what the operation is and the label before it, so that parties whose
scripts do different things have no label in common from there on.
"""

from __future__ import annotations

import asyncio
import threading
from collections import ChainMap
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from numpy.typing import NDArray

from mpc.errors import LocalProtocolError
from mpc.machine.witness import Witness
from mpc.untyped import Opaque

LABEL_BYTES = 16
_BLOCK = 16
_KEY_BLOCKS = 1 << 40  # at 2^40 blocks under one key two counter ranges could meet; the run ends before
_ZEROS = memoryview(bytes(1 << 20))


def _current_task() -> object | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop: a dry run outside of one
        return None


class Scope:
    """(digest, counter, owner): hands out one label after the other. The digest is the last label.

    `owner` is the task that may take labels here (None: the task that drives the operation the scope belongs to).
    What a task finds here must not depend on how far concurrent tasks are, or parties would number operations
    differently. So `operations` and `bytes_held` count what this task alone scheduled since its last await, and
    `memo` shows entries of this scope and of the scopes around it (whose tasks wait), never of concurrent ones.
    """

    __slots__ = (
        "_memos",
        "_owned",
        "_owner",
        "bytes_held",
        "checks",
        "claims",
        "comparisons",
        "counter",
        "digest",
        "in_sequence",
        "known",
        "operations",
        "parent",
        "path",
        "unconfirmed",
        "witness",
    )

    def __init__(self, digest: bytes, *, owned: bool = False, parent: Scope | None = None) -> None:
        self.digest = digest
        self.counter: int = 0
        #: How often the parties have compared it.
        self.comparisons = 0
        self.parent = parent
        self.path: tuple[float, ...] = () if parent is None else (*parent.path, parent.counter)
        #: The witness of this scope's operations, and earlier witnesses that are not compared yet.
        self.witness = Witness()
        self.unconfirmed: list[Witness] = []
        #: Relations between owners' inputs that are not compared yet.
        self.claims: list[Any] = []
        self._memos: dict[int, ChainMap[Any, Any]] = {}
        self.operations = 0
        self.bytes_held = 0
        #: The longest chain of rounds before what the script waited for and knows: later operations come after it.
        self.known: int = 0 if parent is None else parent.known
        #: Whether operations follow each other, so that few of them hold memory at a time.
        self.in_sequence = False
        self._owned = owned
        self._owner = _current_task() if owned else None

    def label(self, name: str, what: bytes = b"") -> bytes:
        """The next label: BLAKE2b-128(label before ‖ name ‖ 0 ‖ what)."""
        if self._owned and _current_task() is not self._owner:
            raise LocalProtocolError(
                f"{name}: this task works in a scope that another task owns, so parties could number operations "
                "differently. Run concurrent parts with `await study.gather(f(a), f(b))`."
            )
        self.counter += 1
        label = blake2b(self.digest + name.encode() + b"\0" + what, digest_size=16).digest()
        self.digest = label
        return label

    def child(self, name: str, *, owned: bool = False) -> Scope:
        """A scope of its own under the next label."""
        inside = blake2b(self.label(name), digest_size=16, person=b"inside").digest()  # unlike the labels that follow
        return Scope(inside, owned=owned, parent=self)

    @property
    def position(self) -> tuple[float, ...]:
        """This place of the program, in program order."""
        return (*self.path, self.counter + 0.5)

    def join(self, parts: Sequence[Scope]) -> None:
        """Take over the digests and the uncompared witnesses of parts that ran inside of this scope and are done."""
        for part in parts:
            for witness in (*part.unconfirmed, part.witness):
                if witness.done:
                    self.witness.absorb(witness)
                else:
                    self.unconfirmed.append(witness)
        digests = b"".join([self.digest, *(part.digest for part in parts)])
        self.digest = blake2b(digests, digest_size=16, person=b"joined").digest()

    def to_confirm(self) -> list[Witness]:
        """All witnesses to compare before a result of this scope is given out. Later operations of this scope get a new
        witness."""
        around: list[Witness] = []
        scope = self.parent
        while scope is not None:
            around += [*scope.unconfirmed, scope.witness]
            scope = scope.parent
        own = [*self.unconfirmed, self.witness]
        self.unconfirmed, self.witness = [], Witness()
        return around + own

    def memo(self, owner: object) -> MutableMapping[Opaque, Opaque]:
        """What this scope and those around it remember about `owner` (which lives as long as the run)."""
        memo = self._memos.get(id(owner))
        if memo is None:
            around = [] if self.parent is None else [self.parent.memo(owner)]
            memo = self._memos[id(owner)] = ChainMap({}, *around)
        return memo

    def awaited(self) -> None:
        """The owner awaits: its operations so far are no longer in flight when it goes on."""
        self.operations = self.bytes_held = 0

    @contextmanager
    def sequence(self) -> Iterator[None]:
        """Inside, operations follow each other: together they count as much as the largest of them. Nothing inside
        awaits: `settle` returns at once. Sequences that are beside each other add up."""
        outer, held = self.in_sequence, self.bytes_held
        self.in_sequence, self.bytes_held = True, 0
        try:
            yield
        finally:
            self.in_sequence = outer
            self.bytes_held = max(held, self.bytes_held) if outer else held + self.bytes_held

    def adopt(self) -> None:
        """Make the current task the owner (the first thing a gathered part does)."""
        self._owned, self._owner = True, _current_task()


class Streams:
    """The pseudorandom streams of one AES-128 key, one run.

    The stream of (label, purpose, part) is AES-CTR from the counter block BLAKE2b-128(label ‖ purpose ‖ part).
    Streams are never cached and never continued: the same triple gives the same bytes again. Two holders of a pair key
    rely on that; one holder must never draw a triple twice (`record` finds it in tests).
    """

    def __init__(self, key: bytes, *, record: bool = False) -> None:
        if len(key) != 16:
            raise ValueError("a stream key has 16 bytes")
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        aes = algorithms.AES(key)
        self._make: Callable[[], tuple[Any, Any]] = lambda: (
            Cipher(aes, modes.CTR(bytes(16))).encryptor(),
            Cipher(aes, modes.ECB()).encryptor(),
        )
        self._local = threading.local()
        self._blocks = 0
        self._seen: set[bytes] | None = set() if record else None

    def fill(self, out: NDArray[Any], label: bytes, purpose: bytes, part: int = 0) -> None:
        """Overwrite the contiguous array `out` with the stream of (label, purpose, part).

        Raises LocalProtocolError when a recorded stream is drawn twice or the key's limit is reached.
        """
        start = blake2b(label + part.to_bytes(8, "little") + purpose, digest_size=16).digest()
        if self._seen is not None:
            if start in self._seen:
                raise LocalProtocolError(f"the stream {purpose!r} part {part} of one label was drawn twice")
            self._seen.add(start)
        size = out.nbytes
        self._blocks += (size + _BLOCK - 1) // _BLOCK
        if self._blocks >= _KEY_BLOCKS:
            raise LocalProtocolError("this run drew 2^40 blocks from one key: split the study into several runs")
        if not size:
            return
        flat = out.data.cast("B")
        ciphers = getattr(self._local, "ciphers", None)
        if ciphers is None:
            ciphers = self._local.ciphers = self._make()
        cipher, block = ciphers
        if size <= _BLOCK:
            # The first block of counter mode is the encrypted counter, in a third of the time; scalars need no more.
            flat[:] = block.update(start)[:size]
            return
        cipher.reset_nonce(start)
        if size <= len(_ZEROS):
            cipher.update_into(_ZEROS[:size], flat)
            return
        for begin in range(0, size, len(_ZEROS)):
            end = min(size, begin + len(_ZEROS))
            cipher.update_into(_ZEROS[: end - begin], flat[begin:end])
