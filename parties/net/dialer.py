"""Calling one peer until it answers, and again whenever the connection is lost.

The party with the higher index calls. That nobody answers yet is normal; that somebody else answers, or that the
peer refuses our key, ends the session at once. TLS 1.3 shows a refused client only a close before the peer's hello:
one such close can be an accident of timing, two in a row are taken for a refusal.
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
    """What the dialer asks of its session, besides what a link asks."""

    def broken(self, lane: Lane, error: ComityError) -> None: ...

    def met(self, lane: Lane) -> bool:
        """Whether this peer has accepted us before in this session."""


class Dialer:
    """Keeps a connection to the peer of `lane` at `address`."""

    def __init__(self, host: Caller, lane: Lane, address: tuple[str, int], context: ssl.SSLContext) -> None:
        self.address = address
        #: Why there is no connection, in words; "" while there is one.
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
        """The connection is lost, or silent: make another one."""
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
        """One attempt: whether it led to a greeted link."""
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
                    f"what answers at {where} is not {name}: its key is none of the study's. Compare the address, "
                    "then exchange cards again",
                    peer=name,
                ),
            )
        except OSError as error:
            self.trouble = trouble(error)
            foreign = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
            if foreign and not self._host.met(self._lane):
                self._host.broken(
                    self._lane,
                    AuthenticationError(
                        f"what answers at {where} is not {name}: {tls.handshake_failure(error)}. Compare the address",
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
            "Ask there whether our card was added, and compare its words",
            peer=self._lane.name,
        )


def trouble(error: OSError) -> str:
    """Why a connection could not be made, in words."""
    if isinstance(error, ssl.SSLError):
        return tls.handshake_failure(error)
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "its name is not known here"
    if isinstance(error, ConnectionAbortedError):
        return tls.handshake_failure(error)
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionError):
        return "closed during the handshake"
    return (error.strerror or str(error) or "unreachable").lower()[:80]
