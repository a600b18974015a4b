"""Calling one peer until it answers, and again whenever the connection is lost.

The party with the higher index calls. A peer that does not answer yet is called again. If another organization
answers, or if the peer refuses our key, the session ends at once. Under TLS 1.3 a client that is refused sees only
that the connection closes before the peer's hello. This can happen by chance once; twice in a row it is a refusal.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol

from mpc.errors import AuthenticationError, ComityError
from parties.net import tls
from parties.net.lane import Lane
from parties.net.link import Host, Link
from parties.organization.address import show_address

_CONNECT_S = 6.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_REFUSALS = 2


class Caller(Host, Protocol):
    """What the dialer asks of its session, besides the calls of `Host`."""

    def broken(self, lane: Lane, error: ComityError) -> None: ...

    def met(self, lane: Lane) -> bool:
        """Whether this peer has accepted our hello before in this session."""


class Dialer:
    """Keeps a connection to the peer of `lane` at `address`."""

    def __init__(self, host: Caller, lane: Lane, address: tuple[str, int], context: ssl.SSLContext) -> None:
        self.address = address
        #: Why the peer is not connected, in words; "" while it is.
        self.trouble = ""
        self._host = host
        self._lane = lane
        self._context = context
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def redial(self) -> None:
        """Make a new connection: the old one is lost, or silent."""
        self._again.set()

    async def _run(self) -> None:
        pause, refusals = _FIRST_PAUSE_S, 0
        while True:
            self._again.clear()
            link = Link(self._host, dialled=self._lane)
            if await self._call(link):
                self.trouble, pause, refusals = "", _FIRST_PAUSE_S, 0
                await self._again.wait()
                continue
            if link.refused and not self._host.met(self._lane):
                refusals += 1
                if refusals == _REFUSALS or link.alert:
                    self._host.broken(self._lane, self._refused())
                    return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _call(self, link: Link) -> bool:
        """Call once; True if both hellos were exchanged."""
        host, port = self.address
        where = show_address(self.address)
        name = self._lane.name
        try:
            async with asyncio.timeout(_CONNECT_S):
                await tls.dial(lambda: link, host, port, self._context)
            await link.settled.wait()
        except ssl.SSLCertVerificationError:
            self._host.broken(
                self._lane,
                AuthenticationError(
                    f"the server at {where} is not {name}: its key is not in the study. Check the address of {name}, "
                    "then exchange cards again",
                    peer=name,
                ),
            )
        except OSError as error:
            self.trouble = trouble(error)
            no_party = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
            if no_party and not self._host.met(self._lane):
                self._host.broken(
                    self._lane,
                    AuthenticationError(
                        f"the server at {where} is not {name}: the TLS handshake failed "
                        f"({tls.handshake_failure(error)}). Check the address of {name}",
                        peer=name,
                    ),
                )
        if not link.greeted:
            if link.refused:
                self.trouble = "it closed the connection"
            link.abort()
        return link.greeted

    def _refused(self) -> AuthenticationError:
        return AuthenticationError(
            f"{self._lane.name} at {show_address(self.address)} does not know our key, or refused it. "
            f"Ask {self._lane.name} whether it has added our card, and compare the words of the card",
            peer=self._lane.name,
        )


def trouble(error: OSError) -> str:
    """Why a connection could not be made, in words."""
    if isinstance(error, ssl.SSLError):
        return tls.handshake_failure(error)
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "its host name is unknown here"
    if isinstance(error, ConnectionAbortedError):
        return tls.handshake_failure(error)
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionError):
        return "closed during the handshake"
    return (error.strerror or str(error) or "unreachable").lower()[:80]
