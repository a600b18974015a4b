"""The reliable way from this party to one peer, across connections that are lost and made again.

Numbered frames go out in order, are kept until the peer acknowledges them, and are sent again, byte for byte, on
the next connection. Incoming frames are put in order, checked, and given to the receiver that waits for their tag.
Left out: connections themselves (`link`), and when a peer counts as lost (`liveness`).
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from mpc.errors import ComityError, LocalProtocolError, RemoteProtocolError
from mpc.machine.channel import FRAME_HEADER, Arrival, Bytes
from parties.net import frames

#: So many bytes may be on their way to one peer before `room` makes a sender wait.
WINDOW = 64 << 20
#: An acknowledgement is sent at once after so many received bytes, and within ACK_S seconds after fewer.
ACK_BYTES = 4 << 20
ACK_S = 0.1
#: So many bytes of messages may wait here until an operation asks for them: two memory budgets.
INBOX = 512 << 20
#: Counted for each waiting message besides its payload, so that empty messages are bounded too.
_ENTRY = 512
#: Payloads up to here are copied next to their header: cheaper than a TLS record of its own.
_SMALL = 16 << 10
#: A large payload is encrypted in pieces of this size, which stay in the processor's cache.
_PIECE = 256 << 10

Frame = tuple[int, int, bytes, Bytes]  # kind, sequence, tag, payload


class Wire(Protocol):
    """What a lane needs of a connection."""

    paused: bool

    def write(self, data: bytes | memoryview) -> None: ...


class Sink(Protocol):
    """Takes a lane's messages as they come, in place of its inbox: for receivers that do not know the lengths."""

    def deliver(self, lane: Lane, tag: bytes, payload: Bytes) -> None:
        """The next message came; raises RemoteProtocolError."""

    def ended(self, lane: Lane, error: ComityError) -> None:
        """No message will come any more."""


class Lane:
    """Sequence numbers, unacknowledged frames, inbox and waiting receivers for one peer."""

    def __init__(
        self, index: int, name: str, acknowledge_later: Callable[[Lane], None], *, debug: bool = False
    ) -> None:
        self.index = index
        self.name = name
        self.wire: Wire | None = None
        self.error: ComityError | None = None
        #: The peer has sent its last frame and needs none of ours.
        self.ended = False
        self.bytes_sent = 0
        self.sink: Sink | None = None
        #: How many messages the owner of the sink waits for.
        self.awaited = 0
        self._acknowledge_later = acknowledge_later
        #: Sequence number -> checksum of what was sent, in debug mode.
        self._sums: dict[int, int] | None = {} if debug else None
        self.reset()

    def reset(self) -> None:
        """Start anew: the peer is a new process, and no frame to it was numbered yet."""
        self.sent = 0
        self.written = 0
        self.received = 0
        self.acknowledged = 0
        self.waiting: dict[bytes, tuple[Arrival, int]] = {}
        #: `acknowledge_later` was called and has not acknowledged yet.
        self.acknowledgement_due = False
        self._last_acknowledged = 0
        self._bytes_unacknowledged = 0
        self._in_flight = 0
        self._pending: deque[Frame] = deque()
        self._kept: deque[Frame] = deque()
        self._inbox: dict[bytes, Bytes] = {}
        self._inbox_bytes = 0
        self._waiting_for_room: list[asyncio.Future[None]] = []
        self._drained: asyncio.Future[None] | None = None

    @property
    def quiet(self) -> bool:
        """All frames were sent and acknowledged."""
        return not self._pending and not self._kept

    @property
    def crowded(self) -> bool:
        """A sender waits for room."""
        return bool(self._waiting_for_room)

    # Outgoing

    def put(self, kind: int, tag: bytes, payload: Bytes) -> None:
        """Number a frame and queue it; `flush` sends it."""
        size = payload.size + FRAME_HEADER
        self.sent += 1
        self.bytes_sent += size
        if self.ended:
            return
        self._in_flight += size
        self._pending.append((kind, self.sent, tag, payload))
        if self._sums is not None:
            self._sums[self.sent] = zlib.crc32(payload.data)

    def flush(self) -> None:
        """Write the queued frames, as far as the connection takes them."""
        wire, pending = self.wire, self._pending
        if wire is None or not pending:
            return
        kept, acknowledged, header = self._kept, self.received, frames.header
        small: list[bytes | memoryview] = []
        while pending and not wire.paused:
            frame = pending.popleft()
            kept.append(frame)
            kind, sequence, tag, payload = frame
            size = payload.size
            small.append(header(kind, size, sequence, acknowledged, tag))
            if size <= _SMALL:
                small.append(payload.data)
                continue
            wire.write(b"".join(small))
            small.clear()
            view = payload.data
            for start in range(0, size, _PIECE):
                wire.write(view[start : start + _PIECE])
        if small:
            wire.write(b"".join(small))
        if kept:
            self.written = kept[-1][1]
        self._last_acknowledged, self._bytes_unacknowledged = acknowledged, 0

    def attach(self, wire: Wire, received: int) -> None:
        """Go on over a new connection, whose peer has received frames up to number `received`."""
        self.acknowledge(received)
        for _, sequence, tag, payload in self._kept:
            if self._sums is not None and zlib.crc32(payload.data) != self._sums[sequence]:
                raise LocalProtocolError(f"the payload of message {tag.hex()} was changed after it had been sent")
        self._pending.extendleft(reversed(self._kept))
        self._kept.clear()
        self.wire = wire
        self.flush()

    def acknowledge_now(self) -> None:
        """Send a separate acknowledgement, unless the last frame out carried it."""
        if self.wire is not None and self._last_acknowledged != self.received:
            self._last_acknowledged, self._bytes_unacknowledged = self.received, 0
            self.wire.write(frames.header(frames.ACK, 0, 0, self.received, frames.NO_TAG))

    def acknowledge(self, number: int) -> None:
        """The peer has all frames up to `number`."""
        if number > self.written:
            raise RemoteProtocolError(
                f"an acknowledgement of frame {number}, but the last frame sent to it was {self.written}"
            )
        if number <= self.acknowledged:
            return
        self.acknowledged = number
        kept = self._kept
        while kept and kept[0][1] <= number:
            _, sequence, _, payload = kept.popleft()
            self._in_flight -= payload.size + FRAME_HEADER
            if self._sums is not None:
                del self._sums[sequence]
        if self._waiting_for_room and self._in_flight < WINDOW:
            self._wake_senders()
        if self._drained is not None and self.quiet and not self._drained.done():
            self._drained.set_result(None)

    def drained(self) -> asyncio.Future[None]:
        """Done when the peer has acknowledged all frames."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
            if self.quiet:
                self._drained.set_result(None)
        return self._drained

    def end(self, error: ComityError) -> None:
        """The peer sends no more frames and needs none; receivers that wait for it get `error`."""
        self.ended = True
        self._pending.clear()
        self._kept.clear()
        self._in_flight = 0
        self._wake_senders()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self.fail(error)

    def room(self) -> asyncio.Future[None] | None:
        """None while the window has room, else a future that is done when it has room again."""
        if self._in_flight < WINDOW:
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.error is not None:
            _fail(future, self.error)
        else:
            self._waiting_for_room.append(future)
        return future

    def _wake_senders(self) -> None:
        for future in self._waiting_for_room:
            if not future.done():
                future.set_result(None)
        self._waiting_for_room.clear()

    # Incoming

    def take(self, tag: bytes, size: int) -> Arrival:
        """The payload under `tag`, as a future; done at once if the message is here."""
        future = Arrival(loop=asyncio.get_running_loop())
        payload = self._inbox.pop(tag, None)
        if payload is not None:
            self._inbox_bytes -= payload.size + _ENTRY
            if payload.size == size:
                future.set_result(payload)
            else:
                wrong = self._wrong_size(tag, payload.size, size)
                future.fail(RemoteProtocolError(f"{self.name} sent {wrong}", peer=self.name))
        elif self.error is not None:
            future.fail(self.error)
        else:
            self.waiting[tag] = (future, size)
        return future

    def deliver(self, sequence: int, tag: bytes, payload: Bytes) -> None:
        """A data frame came."""
        if not self.accept(sequence, payload.size):
            return
        if self.sink is not None:
            self.sink.deliver(self, tag, payload)
            return
        entry = self.waiting.pop(tag, None)
        if entry is not None:
            future, size = entry
            if payload.size != size:
                self.waiting[tag] = entry  # its receiver gets the error of the session
                raise self._wrong_size(tag, payload.size, size)
            future.arrive(payload)
            return
        if tag in self._inbox:
            raise RemoteProtocolError(f"two messages under the tag {tag.hex()}")
        self._inbox[tag] = payload
        self._inbox_bytes += payload.size + _ENTRY
        if self._inbox_bytes > INBOX:
            raise RemoteProtocolError(f"more than {INBOX >> 20} MiB of messages that no operation has asked for yet")

    def accept(self, sequence: int, size: int) -> bool:
        """True for the next frame, False for a repeated one. A gap is a RemoteProtocolError."""
        if sequence != self.received + 1:
            if sequence <= self.received:
                return False
            raise RemoteProtocolError(f"frame {sequence} after frame {self.received}")
        self.received = sequence
        self._bytes_unacknowledged += size
        if self._bytes_unacknowledged >= ACK_BYTES:
            self.acknowledge_now()
        elif not self.acknowledgement_due:
            self.acknowledgement_due = True
            self._acknowledge_later(self)
        return True

    def fail(self, error: ComityError) -> None:
        """All waits for this peer, now and later, end with `error`."""
        self.error = error
        if self.sink is not None:
            self.sink.ended(self, error)
        for arrival, _ in self.waiting.values():
            arrival.fail(error)
        for future in self._waiting_for_room:
            _fail(future, error)
        self.waiting.clear()
        self._waiting_for_room.clear()

    def _wrong_size(self, tag: bytes, size: int, expected: int) -> RemoteProtocolError:
        return RemoteProtocolError(
            f"{size} bytes under {tag[:16].hex()} part {int.from_bytes(tag[16:], 'little')}, expected {expected}"
        )


def _fail(future: asyncio.Future[None], error: ComityError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # marks it as read: a future that nobody awaits is not a mistake


NOTHING: Bytes = np.empty(0, np.uint8)
