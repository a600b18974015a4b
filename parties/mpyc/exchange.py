"""Messages between a program's event loop and the session's, which runs in a thread of its own.

Two loops, because an MPyC program computes inside of its own one for as long as it likes, with `mpc.run` and between
two of them, and all that time this party must beat, listen, and find out that a peer is gone. A message costs one
wake-up of each thread for that. Each thread wakes the other at the end of a turn of its loop, once for everything that
is queued: woken earlier, the other one would only wait for the interpreter.

A message of any length is frames of at most `MAX_MESSAGE` bytes in a row, under its label and the number of frames that
follow, so its receiver needs no length beforehand: the codec checks it against the one that the program implies.
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

#: Longest message.
MOST_BYTES = 1 << 30
#: What may wait here, from one peer, for the program to ask for it.
INBOX = 2 << 30
_MOST_FRAMES = MOST_BYTES // MAX_MESSAGE
#: Counted for each waiting message besides its payload, so that empty messages are bounded too.
_ENTRY = 512

#: What waits for a message: a future of the program's loop.
Waiter = asyncio.Future[Bytes]


class Exchange:
    """One party's messages. `send` and `receive` belong to the program's thread, the rest as it says.

    failed(error)  called in the program's thread when a peer makes the program impossible
    """

    def __init__(
        self, session: Session, network: asyncio.AbstractEventLoop, program: Any, failed: Callable[[ComityError], None]
    ) -> None:
        self.names = [participant.name for participant in session.participants]
        self.bytes_sent = [0] * len(self.names)
        #: Messages that were taken or sent: what heartbeats call progress.
        self.progress = 0
        self._session = session
        self._network = network
        self._program = program
        self._failed = failed
        self._lanes = {lane.index: lane for lane in session.peers}
        # Between the threads.
        self._out: deque[tuple[Lane, bytes, Bytes]] = deque()
        self._in: deque[tuple[int, bytes, Bytes] | tuple[int, ComityError]] = deque()
        self._out_waking = self._in_waking = False
        # The program's.
        self._inbox: dict[tuple[int, bytes], Bytes] = {}
        self._waiting: dict[tuple[int, bytes], Waiter] = {}
        self._gone: dict[int, ComityError] = {}
        self._arrivals: list[asyncio.Future[None]] = []
        # The session's.
        self._parts: dict[int, list[Bytes]] = {}
        self._labels: dict[int, bytes] = {}
        # Bytes that came from each peer, and that the program has taken: one is written by each thread.
        self._came = dict.fromkeys(self._lanes, 0)
        self._took = dict.fromkeys(self._lanes, 0)
        for lane in session.peers:
            lane.sink = self

    # In the program's thread

    def send(self, peer: int, label: bytes, payload: Bytes | bytes) -> None:
        """Queue a message; it must not be changed afterwards."""
        data = np.frombuffer(payload, np.uint8) if isinstance(payload, bytes) else payload
        if data.size > MOST_BYTES:
            raise ValueError(f"a message of {data.size} bytes; at most {MOST_BYTES}")
        lane = self._lanes[peer]
        frames = max(1, -(-data.size // MAX_MESSAGE))
        for k in range(frames):
            tag = label + (frames - 1 - k).to_bytes(4, "little")
            self._out.append((lane, tag, data if frames == 1 else data[k * MAX_MESSAGE : (k + 1) * MAX_MESSAGE]))
        self.bytes_sent[peer] += data.size + 40 * frames
        self.progress += 1
        if not self._out_waking:
            self._out_waking = True
            self._program.call_soon(self.kick)

    def kick(self) -> None:
        """Let the session's thread send what is queued: at the end of a turn, and when the loop stops."""
        if self._out_waking:
            self._out_waking = False
            self._network.call_soon_threadsafe(self._flush)

    def receive(self, peer: int, label: bytes) -> Bytes | Waiter:
        """The message, or a future of it."""
        payload = self._inbox.pop((peer, label), None)
        if payload is not None:
            self._taken(peer, payload)
            return payload
        future: Waiter = self._program.create_future()
        gone = self._gone.get(peer)
        if gone is not None:
            self._failed(gone)
            return future
        self._waiting[peer, label] = future
        self._lanes[peer].awaited += 1
        return future

    def arrival(self) -> asyncio.Future[None]:
        """A future that is done when anything comes in."""
        future: asyncio.Future[None] = self._program.create_future()
        self._arrivals.append(future)
        return future

    def _drain(self) -> None:
        while self._in:
            item = self._in.popleft()
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
        self._took[peer] += payload.size + _ENTRY

    def _lose(self, peer: int, error: ComityError) -> None:
        self._gone[peer] = error
        if any(waiting == peer for waiting, _ in self._waiting):
            self._failed(error)

    # In the session's thread

    def _flush(self) -> None:
        lanes: list[Lane] = []
        while self._out:
            lane, tag, payload = self._out.popleft()
            lane.put(DATA, tag, payload)
            if lane not in lanes:
                lanes.append(lane)
        for lane in lanes:
            lane.flush()

    def deliver(self, lane: Lane, tag: bytes, payload: Bytes) -> None:
        """A frame of a peer, in order; RemoteProtocolError when it does not fit the one before."""
        peer, label, follow = lane.index, tag[:16], int.from_bytes(tag[16:], "little")
        parts = self._parts.get(peer)
        if parts is None:
            if follow >= _MOST_FRAMES:
                raise RemoteProtocolError(f"a message of {follow + 1} frames, at most {_MOST_FRAMES} are allowed")
            if follow:
                self._parts[peer], self._labels[peer] = [payload], tag
                return
        else:
            last = self._labels[peer]
            if label != last[:16] or follow != int.from_bytes(last[16:], "little") - 1:
                raise RemoteProtocolError("a frame of another message in the middle of one")
            parts.append(payload)
            self._labels[peer] = tag
            if follow:
                return
            payload = np.concatenate(parts)
            del self._parts[peer], self._labels[peer]
        self._came[peer] += payload.size + _ENTRY
        if self._came[peer] - self._took[peer] > INBOX:
            raise RemoteProtocolError(f"more than {INBOX >> 20} MiB that nobody asked for yet")
        self._hand_over((peer, label, payload))

    def ended(self, lane: Lane, error: ComityError) -> None:
        """The peer sends nothing more."""
        if lane.ended:
            error = PeerLost(
                f"{lane.name} has ended its program, and we still wait for a message of it: the programs went "
                "different ways, or it ended without mpc.shutdown()",
                peer=lane.name,
            )
        self._hand_over((lane.index, error))

    def _hand_over(self, item: tuple[int, bytes, Bytes] | tuple[int, ComityError]) -> None:
        self._in.append(item)
        if not self._in_waking:
            self._in_waking = True
            self._network.call_soon(self._wake)

    def _wake(self) -> None:
        self._in_waking = False
        self._program.call_soon_threadsafe(self._drain)
