"""Messages between the event loop of a program and that of the session, which runs in another thread.

There are two loops, because an MPyC program may compute in its thread for as long as it likes. Meanwhile this party
must send heartbeats, listen, and notice that a peer is lost. The price is that a message wakes each thread once. Each
thread wakes the other at the end of a turn of its loop, once for all queued messages: woken earlier, the other thread
would only wait for the interpreter.

A message of any length is a row of frames of at most `MAX_MESSAGE` bytes, under its label and the number of frames that
follow. So its receiver need not know the length beforehand; the codec compares it with the length that the program
implies.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from mpc.errors import ComityError, PeerLost, RemoteProtocolError
from mpc.machine.channel import MAX_MESSAGE, Bytes
from parties.net.frames import DATA
from parties.net.lane import Lane
from parties.net.session import Session

#: The longest message, in bytes.
MOST_BYTES = 1 << 30
#: So many bytes of messages from a peer may wait here until the program asks for them.
INBOX = 2 << 30
_MOST_FRAMES = MOST_BYTES // MAX_MESSAGE
#: Counted for each waiting message besides its payload, so that empty messages are bounded too.
_ENTRY = 512

#: A future of a message, in the program's loop.
Waiter = asyncio.Future[Bytes]


class Exchange:
    """The messages of this party. Comments below say in which thread each method runs.

    failed(error)  called in the program's thread when the program cannot go on because of a peer
    """

    def __init__(
        self, session: Session, network: asyncio.AbstractEventLoop, program: Any, failed: Callable[[ComityError], None]
    ) -> None:
        self.names = [participant.name for participant in session.participants]
        self.bytes_sent = [0] * len(self.names)
        #: The number of messages that were taken or sent; heartbeats carry it as progress.
        self.progress = 0
        self._session = session
        self._network = network
        self._program = program
        self._failed = failed
        self._lanes = {lane.index: lane for lane in session.peers}
        # Used by both threads.
        self._outgoing: deque[tuple[Lane, bytes, Bytes]] = deque()
        self._incoming: deque[tuple[int, bytes, Bytes] | tuple[int, ComityError]] = deque()
        self._session_waking = self._program_waking = False
        # Used by the program's thread.
        self._inbox: dict[tuple[int, bytes], Bytes] = {}
        self._waiting: dict[tuple[int, bytes], Waiter] = {}
        self._ended: dict[int, ComityError] = {}
        self._arrivals: list[asyncio.Future[None]] = []
        # Used by the session's thread.
        self._parts: dict[int, list[Bytes]] = {}
        self._labels: dict[int, bytes] = {}
        # Bytes that came from each peer (written by the session's thread), and bytes that the program has taken.
        self._received_bytes = dict.fromkeys(self._lanes, 0)
        self._taken_bytes = dict.fromkeys(self._lanes, 0)
        for lane in session.peers:
            lane.sink = self

    # In the program's thread

    def send(self, peer: int, label: bytes, payload: Bytes | bytes) -> None:
        """Queue a message, which must not change afterwards."""
        data = np.frombuffer(payload, np.uint8) if isinstance(payload, bytes) else payload
        if data.size > MOST_BYTES:
            raise ValueError(f"a message has {data.size} bytes; at most {MOST_BYTES} are allowed")
        lane = self._lanes[peer]
        frames = max(1, -(-data.size // MAX_MESSAGE))
        for k in range(frames):
            tag = label + (frames - 1 - k).to_bytes(4, "little")
            self._outgoing.append((lane, tag, data if frames == 1 else data[k * MAX_MESSAGE : (k + 1) * MAX_MESSAGE]))
        self.bytes_sent[peer] += data.size + 40 * frames
        self.progress += 1
        if not self._session_waking:
            self._session_waking = True
            self._program.call_soon(self.kick)

    def kick(self) -> None:
        """Have the session's thread send the queued messages; called at the end of a turn, and when the loop stops."""
        if self._session_waking:
            self._session_waking = False
            self._network.call_soon_threadsafe(self._flush)

    def receive(self, peer: int, label: bytes) -> Bytes | Waiter:
        """The message if it is here, else a future of it."""
        payload = self._inbox.pop((peer, label), None)
        if payload is not None:
            self._taken(peer, payload)
            return payload
        future: Waiter = self._program.create_future()
        ended_with = self._ended.get(peer)
        if ended_with is not None:
            self._failed(ended_with)
            return future
        self._waiting[peer, label] = future
        self._lanes[peer].awaited += 1
        return future

    def arrival(self) -> asyncio.Future[None]:
        """A future that is done when the next message comes, from any peer."""
        future: asyncio.Future[None] = self._program.create_future()
        self._arrivals.append(future)
        return future

    def _drain(self) -> None:
        while self._incoming:
            item = self._incoming.popleft()
            if len(item) == 2:
                self._lose(*item)
                continue
            peer, label, payload = item
            future = self._waiting.pop((peer, label), None)
            if future is None:
                if (peer, label) in self._inbox:
                    name = self.names[peer]
                    self._failed(RemoteProtocolError(f"{name} sent the label {label.hex()} twice", peer=name))
                self._inbox[peer, label] = payload
                continue
            self._lanes[peer].awaited -= 1
            self._taken(peer, payload)
            if not future.done():
                future.set_result(payload)
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            if not arrival.done():
                arrival.set_result(None)

    def _taken(self, peer: int, payload: Bytes) -> None:
        self.progress += 1
        self._taken_bytes[peer] += payload.size + _ENTRY

    def _lose(self, peer: int, error: ComityError) -> None:
        self._ended[peer] = error
        if any(waiting == peer for waiting, _ in self._waiting):
            self._failed(error)

    # In the session's thread

    def _flush(self) -> None:
        lanes: list[Lane] = []
        while self._outgoing:
            lane, tag, payload = self._outgoing.popleft()
            lane.put(DATA, tag, payload)
            if lane not in lanes:
                lanes.append(lane)
        for lane in lanes:
            lane.flush()

    def deliver(self, lane: Lane, tag: bytes, payload: Bytes) -> None:
        """The next frame from a peer; RemoteProtocolError if it does not fit the frame before."""
        peer, label, follow = lane.index, tag[:16], int.from_bytes(tag[16:], "little")
        parts = self._parts.get(peer)
        if parts is None:
            if follow >= _MOST_FRAMES:
                raise RemoteProtocolError(f"a message of {follow + 1} frames; at most {_MOST_FRAMES} are allowed")
            if follow:
                self._parts[peer], self._labels[peer] = [payload], tag
                return
        else:
            last = self._labels[peer]
            if label != last[:16] or follow != int.from_bytes(last[16:], "little") - 1:
                raise RemoteProtocolError("a frame of one message in the middle of another")
            parts.append(payload)
            self._labels[peer] = tag
            if follow:
                return
            payload = np.concatenate(parts)
            del self._parts[peer], self._labels[peer]
        self._received_bytes[peer] += payload.size + _ENTRY
        if self._received_bytes[peer] - self._taken_bytes[peer] > INBOX:
            raise RemoteProtocolError(f"more than {INBOX >> 20} MiB of messages that the program has not asked for yet")
        self._pass_on((peer, label, payload))

    def ended(self, lane: Lane, error: ComityError) -> None:
        """The peer sends no more messages."""
        if lane.ended:
            error = PeerLost(
                f"{lane.name} has ended its program, and we still wait for a message from it: the programs went "
                "different ways, or it ended without mpc.shutdown()",
                peer=lane.name,
            )
        self._pass_on((lane.index, error))

    def _pass_on(self, item: tuple[int, bytes, Bytes] | tuple[int, ComityError]) -> None:
        self._incoming.append(item)
        if not self._program_waking:
            self._program_waking = True
            self._network.call_soon(self._wake)

    def _wake(self) -> None:
        self._program_waking = False
        self._program.call_soon_threadsafe(self._drain)
