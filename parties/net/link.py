"""One TLS connection to a peer: who it is, its hello, its frames, its end.

A link learns from the certificate who the peer is, exchanges hellos, and then gives frames to its `Host` (the session)
until the connection ends. The host decides everything about the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from mpc.errors import ComityError, RemoteProtocolError
from mpc.machine.channel import Bytes
from parties.net import frames, tls
from parties.net.lane import Lane

#: A peer has so long, after the handshake, to send its hello; and so long to send its document after a disagreement.
HELLO_S = 5.0


class Host(Protocol):
    """What a link asks of its session."""

    def identify(self, link: Link, key_hash: bytes) -> Lane | None:
        """The lane of the peer with this key; None if the connection must be closed (the host has noted why)."""

    def greeting(self, lane: Lane) -> dict[str, Any]:
        """Our hello for this peer."""

    def welcome(self, link: Link, message: dict[str, Any]) -> None:
        """The peer's hello came; raises ComityError when it does not fit."""

    def control(self, link: Link, kind: int, sequence: int, payload: Bytes) -> None:
        """A frame other than data came."""

    def broken(self, lane: Lane, error: ComityError) -> None:
        """The peer is authenticated, and broke the protocol."""

    def closed(self, link: Link, error: Exception | None) -> None:
        """The connection is gone."""

    def writable(self, lane: Lane) -> None:
        """The connection takes data again."""

    def flush_overdue(self) -> None:
        """Another message is about to be delivered: replies to earlier ones go out if they have waited too long."""

    def flush(self) -> None:
        """All messages of one read were delivered: the replies to them go out."""


class VisitorHost(Host, Protocol):
    """The host of visitors: organizations that do not compute and call to submit data or to fetch results."""

    #: A visitor is still to be served.
    staying: bool

    @property
    def certificates(self) -> list[bytes]:
        """The certificates (DER) of the organizations that may visit."""

    def knows(self, key_hash: bytes) -> bool:
        """Whether this is the key of an organization that may visit."""


class Link(asyncio.BufferedProtocol):
    """A connection. `dialled` is the lane of the peer that we called, None if the peer called us."""

    def __init__(self, host: Host, *, origin: str = "", dialled: Lane | None = None) -> None:
        self.origin = origin
        self.dialled = dialled
        self.lane: Lane | None = None
        #: Both hellos were exchanged and fit.
        self.greeted = False
        self.paused = False
        self.over = False
        #: Reads since the session last looked.
        self.reads = 0
        self.document: asyncio.Future[dict[str, Any]] | None = None
        #: Set once both hellos were exchanged, or the connection is lost.
        self.settled = asyncio.Event()
        self.gone = asyncio.Event()
        #: The frames that may come after the hellos.
        self.limits = frames.AGREED
        #: The peer closed the connection before its hello; with `alert`, it said so in TLS.
        self.refused = self.alert = False
        self._hello_came = False
        self._host = host
        self._decoder = frames.Decoder(self._frame)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.get_buffer = self._decoder.get_buffer  # type: ignore[method-assign]

    # Called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        if self.over:
            self.abort()
            return
        with contextlib.suppress(OSError, AttributeError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            key_hash = tls.peer_key_hash(transport.get_extra_info("ssl_object"))
        except ValueError:
            key_hash = b""
        self.lane = self._host.identify(self, key_hash)
        if self.lane is None:
            self.abort()
            return
        self._deadline = asyncio.get_running_loop().call_later(HELLO_S, self.abort)
        self.write(frames.control(frames.HELLO, self._host.greeting(self.lane)))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._decoder.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        if self.over:
            return
        self.reads += 1
        try:
            self._decoder.buffer_updated(nbytes)
            self._host.flush()
        except ComityError as error:
            self.over = True
            assert self.lane is not None
            if type(error) is RemoteProtocolError and error.peer is None:
                error = RemoteProtocolError(f"{self.lane.name} sent {error}", peer=self.lane.name)
            self._host.broken(self.lane, error)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.lane is not None and self.greeted:
            self._host.writable(self.lane)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.refused = not self.over and not self._hello_came and self.lane is not None
        self.alert = isinstance(exc, ssl.SSLError) and "ALERT" in (exc.reason or "")
        self.over = True
        self._cancel_deadline()
        self.settled.set()
        self.gone.set()
        if self.document is not None and not self.document.done():
            self.document.set_result({})
        self._host.closed(self, exc)

    # Called by the session

    def hand_over(self, host: Host, limits: dict[int, int]) -> None:
        """Belong to `host` from here on, to which the frames in `limits` may come."""
        self._host, self.limits = host, limits

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes to TLS; whole frames only, in order."""
        if self._transport is not None:
            self._transport.write(data)

    def disagree(self, document: bytes) -> asyncio.Future[dict[str, Any]]:
        """The peer runs another study: send our document; the future gives the peer's, or {} after HELLO_S seconds."""
        self._decoder.accept(frames.DISAGREED)
        self.document = asyncio.get_running_loop().create_future()
        self._set_deadline(self._give_up_document)
        if len(document) > frames.DISAGREED[frames.DOCUMENT]:
            document = b"{}"
        self.write(frames.header(frames.DOCUMENT, len(document), 0, 0, frames.NO_TAG) + document)
        return self.document

    def close(self) -> None:
        """Close once all written bytes have gone out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.over = True
        if self._transport is not None:
            self._transport.abort()

    # Frames

    def _frame(self, kind: int, sequence: int, acknowledged: int, tag: bytes, payload: Bytes) -> None:
        lane = self.lane
        if self.over or lane is None:
            return
        if kind == frames.DATA or self.greeted:
            if acknowledged != lane.acknowledged:
                lane.acknowledge(acknowledged)
            if kind == frames.DATA:
                self._host.flush_overdue()
                lane.deliver(sequence, tag, payload)
            elif kind != frames.ACK:
                self._host.control(self, kind, sequence, payload)
        elif kind == frames.HELLO:
            self._hello_came = True
            self._decoder.accept(self.limits)
            self._cancel_deadline()
            self._host.welcome(self, frames.parse(payload))
        elif kind == frames.DOCUMENT and self.document is not None and not self.document.done():
            self.document.set_result(frames.parse(payload))

    def _give_up_document(self) -> None:
        if self.document is not None and not self.document.done():
            self.document.set_result({})

    def _set_deadline(self, then: Callable[[], None]) -> None:
        self._cancel_deadline()
        self._deadline = asyncio.get_running_loop().call_later(HELLO_S, then)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
