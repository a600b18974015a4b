"""TLS connections pinned to the consortium's keys; the only module that speaks over a socket.

Every connection is TLS 1.3 with certificates at both ends. A context trusts exactly the certificates it is given, no
authority and no name, and the caller then compares the peer's key with the expected key (`peer_key_hash`).
The dates in certificates are not checked: keys are pinned, and a wrong clock must not look like a wrong key
(`clock_note` names the certificates that are out of date).
A listening socket is bound through the event loop with its TLS context. This module accepts the connections one by
one: only so are unfinished handshakes bounded, counted by address, and their failures shown.
Left out: what is said on a connection (`link`), and which connection gets a place for its handshake (`places`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mpc.errors import ConfigError
from parties.net.places import Places
from parties.organization.identity import Identity, certificate_key_hash

HANDSHAKE_S = 5.0
#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's `ssl` does not name.
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
#: After PATIENCE refusals in a row, at most ACCEPTED_PER_S connections a second are accepted: strangers cannot use up
#: this party's time.
PATIENCE = 50
ACCEPTED_PER_S = 200
_SHUTDOWN_S = 1.0
_CROWDED = "too many unfinished handshakes at once"

Factory = Callable[[str], asyncio.BaseProtocol]
Refused = Callable[[str, str], None]


def server_context(identity: Identity, certificates: Iterable[bytes]) -> ssl.SSLContext:
    """For connections that others open to us; the holders of `certificates` (DER) are let in."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, identity, certificates)
    context.num_tickets = 0  # no resumption: each connection proves its keys
    return context


def client_context(identity: Identity, certificates: Iterable[bytes]) -> ssl.SSLContext:
    """For connections that we open; the holders of `certificates` (DER) may answer."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, identity, certificates)


def _context(protocol: int, identity: Identity, certificates: Iterable[bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    pems = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode() for der in certificates]
    context.load_verify_locations(cadata="".join(pems))
    with identity.key_for_tls() as (path, passphrase):
        context.load_cert_chain(identity.certificate_file, path, passphrase or _no_passphrase)
    return context


def _no_passphrase() -> str:
    # Without this function OpenSSL would ask on the terminal.
    raise ConfigError("the key is locked by a passphrase, and none was given")


def peer_key_hash(ssl_object: ssl.SSLObject) -> bytes:
    """SHA-256 of the public key that the other end of an established connection has proved to hold."""
    der = ssl_object.getpeercert(binary_form=True)
    if der is None:
        raise ValueError("the peer showed no certificate")
    return certificate_key_hash(der)


def clock_note(certificates: Mapping[str, bytes], now: datetime | None = None) -> str | None:
    """Which certificates (DER, by name) are out of date by this machine's clock; None if none is."""
    now = now or datetime.now(UTC)
    out_of_date = []
    for name, der in certificates.items():
        certificate = x509.load_der_x509_certificate(der)
        if now < certificate.not_valid_before_utc:
            out_of_date.append(f"the certificate of {name} begins on {certificate.not_valid_before_utc:%d %B %Y}")
        elif now > certificate.not_valid_after_utc:
            out_of_date.append(f"the certificate of {name} ended on {certificate.not_valid_after_utc:%d %B %Y}")
    if not out_of_date:
        return None
    return (
        f"this machine's clock says {now:%d %B %Y}; {', '.join(out_of_date)}. Is the clock right? "
        "(The run goes on: the keys are known)"
    )


async def dial(
    factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, context: ssl.SSLContext
) -> asyncio.BaseTransport:
    """Connect; returns after the handshake. Raises OSError (ssl.SSLError is one)."""
    transport, _ = await asyncio.get_running_loop().create_connection(
        factory,
        host,
        port,
        ssl=context,
        server_hostname="",  # no name is checked, and none is sent in the clear
        ssl_handshake_timeout=HANDSHAKE_S,
        ssl_shutdown_timeout=_SHUTDOWN_S,
    )
    return transport


class Listener:
    """Accepts connections; `factory(address)` makes the protocol of each. Strangers cost little and stop nothing.

    `refused(address, reason)` is called for each connection that did not finish its handshake. `known` are the hosts
    of the organizations that are expected to call: places for handshakes are kept for them.
    """

    def __init__(
        self, context: ssl.SSLContext, factory: Factory, refused: Refused, *, known: Iterable[str] = ()
    ) -> None:
        self._context = context
        self._factory = factory
        self._report = refused
        #: A count of refusals that decays with time, and the time of the last refusal.
        self._refusals = 0.0
        self._last_refusal = 0.0
        self._server: asyncio.AbstractServer | None = None
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._unfinished: dict[asyncio.Task[None], str] = {}
        self._hosts = list(known)
        self._places = Places(self._hosts)
        self._lookup: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port (for port 0, the port that the system chose).

        Raises ConfigError if the address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        try:
            # Bound with TLS, but never served by the loop: it would neither limit nor report handshakes.
            server = await loop.create_server(
                lambda: self._factory(""), host, port, ssl=self._context, start_serving=False
            )
        except OSError as error:
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror or str(error)
            hint = "The address must be one of this machine, or 0.0.0.0"
            if number == errno.EADDRINUSE:
                hint = "Is another party running there?"
            raise ConfigError(f"cannot listen on {host}:{port}: {reason}. {hint}") from None
        self._server = server
        self._lookup = loop.create_task(self._look_up_hosts())
        for bound in server.sockets:
            listening = bound.dup()
            listening.setblocking(False)
            listening.listen(128)
            self._sockets.append(listening)
            self._accepting.append(loop.create_task(self._accept(listening)))
        return int(self._sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening; established connections stay."""
        for task in [*self._accepting, *self._unfinished]:
            task.cancel()
        if self._lookup is not None:
            self._lookup.cancel()
        if self._server is not None:
            self._server.close()

    async def closed(self) -> None:
        """After `close`: wait until the port is free again."""
        await asyncio.gather(*self._accepting, *self._unfinished, return_exceptions=True)

    def _refused(self, origin: str, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        self._places.failed(origin, now)
        self._refusals = self._recent_refusals() + 1
        self._last_refusal = now
        self._report(origin, reason)

    async def _look_up_hosts(self) -> None:
        """Keep places for the addresses of known hosts, too, where these are given by name."""
        for host in self._hosts:
            with contextlib.suppress(OSError, UnicodeError):
                for info in await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM):
                    self._places.know(str(info[4][0]))

    def _recent_refusals(self) -> float:
        passed = asyncio.get_running_loop().time() - self._last_refusal
        return max(0.0, self._refusals - passed * ACCEPTED_PER_S / 2)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                if self._recent_refusals() > PATIENCE:
                    await asyncio.sleep(1 / ACCEPTED_PER_S)
                try:
                    connection, address = await loop.sock_accept(listening)
                except OSError:  # out of descriptors, or a connection that is gone already
                    await asyncio.sleep(0.05)
                    continue
                self._begin(connection, str(address[0]))
                await asyncio.sleep(0)  # the handshake begins before the connection may have to give way

    def _begin(self, connection: socket.socket, origin: str) -> None:
        loop = asyncio.get_running_loop()
        there_is_room, gives_way = self._places.room_for(origin, loop.time())
        if not there_is_room:
            connection.close()
            self._refused(origin, _CROWDED)
            return
        if isinstance(gives_way, asyncio.Task):
            self._refused(self._unfinished[gives_way], _CROWDED)
            self._leave(gives_way)
            gives_way.cancel()
        task = loop.create_task(self._handshake(connection, origin))
        self._unfinished[task] = origin
        self._places.take(task, origin, loop.time())
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        if self._unfinished.pop(task, None) is not None:
            self._places.leave(task)

    async def _handshake(self, connection: socket.socket, origin: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: self._factory(origin),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
        except OSError as error:
            self._refused(origin, handshake_failure(error))
        else:
            self._places.proved(origin)


def handshake_failure(error: OSError) -> str:
    """Why a handshake failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "unknown key"
    if isinstance(error, ssl.SSLEOFError):
        return "closed during the handshake"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if "CERTIFICATE" in reason and "NOT_RETURN" in reason:
            return "no certificate"
        if "UNSUPPORTED_PROTOCOL" in reason or "ALERT_PROTOCOL_VERSION" in reason:
            return "TLS older than 1.3"
        if "ALERT" in reason:
            return f"refused by the other end ({reason.lower().replace('_', ' ')})"
        return "not TLS"
    if isinstance(error, (ConnectionAbortedError, TimeoutError)):
        return f"handshake not finished in {HANDSHAKE_S:g} s"
    return "closed during the handshake"
