"""The calls of an organization that does not compute: to each compute party, until all have its contribution.

    submission = Submission(...)
    await submission.run()        # raises the typed error of what went wrong
    submission.receipts           # compute party -> its signed receipt
    submission.parts              # with `fetch`: index of a compute party -> its sealed part of the releases

Compute parties may be started later: they are called until `wait` is over. A lost connection is made again, and a
contribution without a receipt is sent again, whole. With `fetch` the connections stay until the results are here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol

from mpc.errors import (
    AgreementError,
    AuthenticationError,
    ComityError,
    PeerLost,
    PeerStopped,
    PeerTimeout,
    RemoteError,
    RemoteProtocolError,
    Stopped,
)
from mpc.machine.channel import MAX_MESSAGE, Bytes
from parties.contributors.contribution import Prepared
from parties.contributors.desk import TOO_LATE
from parties.contributors.receipts import check_receipt
from parties.net import agreement, frames, tls
from parties.net.dialer import Dialer
from parties.net.lane import Lane
from parties.net.link import Link
from parties.organization.address import show_address
from parties.organization.identity import Card, Identity
from parties.system.events import Events, News, Receipt, Status

_TICK_S = 0.25
#: A connection that has been silent for so long is made again; a compute party sends a frame every second.
_SILENT_S = 10.0
#: A part of the releases has at most so many bytes.
_MOST_PART = 1 << 34
#: Reasons of a refusal that waiting does not mend.
_EXIT_4 = {"AgreementError", "AuthenticationError", "CheckFailed", "RemoteProtocolError"}
_WHY = {
    "CheckFailed": "it could not be decrypted there. Compare the cards: `comity peer list` at both",
    "AuthenticationError": "its signature was not accepted there. Compare the cards: `comity peer list` at both",
    "RemoteProtocolError": "it was used already, is malformed, or a newer one is there. Submit again",
    TOO_LATE: "the run has begun with an earlier contribution. `comity results STUDY` waits for its results",
}


class Called(Protocol):
    """What the study says of a compute party."""

    @property
    def name(self) -> str: ...

    @property
    def key_hash(self) -> bytes: ...

    @property
    def certificate(self) -> bytes: ...

    @property
    def address(self) -> tuple[str, int] | None: ...


class Submission:
    """See the module's first lines. `prepared` is None for an organization that only receives results."""

    def __init__(
        self,
        *,
        identity: Identity,
        name: str,
        peers: Sequence[Called],
        cards: Mapping[str, Card],
        document: dict[str, Any],
        study: bytes,
        explain: Callable[[dict[str, Any], dict[str, Any], str], str],
        prepared: Prepared | None,
        fetch: bool,
        wait: float,
        events: Events,
        keep: Callable[[str, bytes], bool] = lambda party, part: True,
    ) -> None:
        """`keep` writes the part of a compute party to disk, and returns whether this worked: only then does the
        compute party get a receipt, after which it forgets the part."""
        self.receipts: dict[str, dict[str, Any]] = {}
        self.parts: dict[int, bytes] = {}
        self._identity = identity
        self._name = name
        self._peers = list(peers)
        self._cards = cards
        self._document = document
        self._study = study
        self._explain = explain
        self._prepared = prepared
        self._fetch = fetch
        self._wait = wait
        self._events = events
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._lanes = [Lane(i, peer.name, lambda lane: None) for i, peer in enumerate(self._peers)]
        self._links: dict[int, Link] = {}
        self._dialers: list[Dialer] = []
        self._met: set[int] = set()
        self._outgoing: dict[int, memoryview] = {}
        self._calling: set[Link] = set()
        self._incoming: dict[int, tuple[int, bytearray]] = {}
        self._heard: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = self._last_status = 0.0

    async def run(self) -> None:
        """Call all compute parties until they have the contribution and, with `fetch`, have sent the results.

        Raises PeerTimeout (not all compute parties could be reached; it names those that have the contribution and
        those that have not), PeerLost (a party was lost before the results came), AgreementError,
        AuthenticationError, RemoteError (refused, or the run failed).
        """
        context = tls.client_context(self._identity, [peer.certificate for peer in self._peers])
        if note := tls.clock_note({peer.name: peer.certificate for peer in self._peers}):
            self._events(Status(note))
        for lane, peer in zip(self._lanes, self._peers, strict=True):
            if peer.address is None:
                raise AuthenticationError(
                    f"no address is known for {peer.name}. Ask for its card with an address, and add it", peer=peer.name
                )
            dialer = Dialer(self, lane, peer.address, context)
            self._dialers.append(dialer)
            dialer.start()
        self._started = self._last_status = self._loop.time()
        self._heard = dict.fromkeys(range(len(self._peers)), self._started)
        timer = self._loop.create_task(self._watch())
        try:
            await self._over
        finally:
            timer.cancel()
            await self._close()

    def stop(self, stopped: Stopped) -> None:
        """The operator stops this organization: tell the compute parties and end."""
        for link in self._links.values():
            link.write(frames.control(frames.BYE, {"kind": Stopped.__name__, "label": "", "source": "", "about": None}))
        self._fail(stopped)

    # Progress

    def _finished(self, index: int) -> bool:
        submitted = self._prepared is None or self._peers[index].name in self.receipts
        return submitted and (not self._fetch or index in self.parts)

    def _advance(self) -> None:
        if all(self._finished(i) for i in range(len(self._peers))) and not self._over.done():
            self._over.set_result(None)

    def _fail(self, error: ComityError) -> None:
        if not self._over.done():
            if self._prepared is not None and self._fetch and self._all_submitted:
                error.args = (f"{error}\nThe contribution is with all compute parties.",)
            self._over.set_exception(error)

    @property
    def _all_submitted(self) -> bool:
        return self._prepared is None or len(self.receipts) == len(self._peers)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            now = self._loop.time()
            for index, link in list(self._links.items()):
                if link.reads:
                    link.reads, self._heard[index] = 0, now
                elif now - self._heard[index] > _SILENT_S and not self._finished(index):
                    link.abort()
            if not self._all_submitted:
                if now - self._started > self._wait:
                    self._fail(PeerTimeout(self._who_has_it(), peer=self._not_submitted()[0]))
                elif now - self._last_status >= 1:
                    self._last_status = now
                    self._events(Status(f"waiting for {self._missing()} … {now - self._started:.0f} s"))
                continue
            lost = [i for i in range(len(self._peers)) if not self._finished(i) and now - self._heard[i] > self._wait]
            if lost:
                name = self._peers[lost[0]].name
                self._fail(
                    PeerLost(
                        f"{name} cannot be reached any more, and the results are not here: {self._trouble(lost[0])}. "
                        f"Ask again with `comity results STUDY`, or ask the operator of {name} for the sealed file",
                        peer=name,
                    )
                )

    def _not_submitted(self) -> list[str]:
        return [peer.name for peer in self._peers if peer.name not in self.receipts]

    def _missing(self) -> str:
        waited = [i for i, peer in enumerate(self._peers) if peer.name not in self.receipts]
        return ", ".join(f"{self._peers[i].name} ({self._trouble(i)})" for i in waited)

    def _trouble(self, index: int) -> str:
        if index in self._links:
            return "connected"
        dialer = self._dialers[index]
        return f"{show_address(dialer.address)}, not reachable: {dialer.trouble or 'no answer'}"

    def _who_has_it(self) -> str:
        has = ", ".join(self.receipts) or "nobody"
        return (
            f"after {self._wait:g} s the contribution is with {has}, and not with {self._missing()}. The study runs "
            "once all compute parties have it: start the same command again"
        )

    async def _close(self) -> None:
        for dialer in self._dialers:
            dialer.stop()
        for task in self._tasks:
            task.cancel()
        links = list(self._calling)
        for link in links:
            link.close()
        for link in links:
            try:
                async with asyncio.timeout(1):
                    await link.gone.wait()
            except TimeoutError:
                link.abort()

    # What links and dialers ask

    def identify(self, link: Link, key_hash: bytes) -> Lane | None:
        lane = link.dialled
        assert lane is not None
        if self._peers[lane.index].key_hash != key_hash:
            other = next((peer.name for peer in self._peers if peer.key_hash == key_hash), None)
            whose = f"the key of {other}" if other else "an unknown key"
            where = show_address(self._dialers[lane.index].address)
            self._fail(
                AuthenticationError(
                    f"the server at {where} is not {lane.name}: it has {whose}. Check the address of {lane.name}",
                    peer=lane.name,
                )
            )
            return None
        link.limits = frames.VISITING
        self._calling.add(link)
        return lane

    def greeting(self, lane: Lane) -> dict[str, Any]:
        return {"protocol": agreement.PROTOCOL_VERSION, "name": self._name, "study": self._study.hex()}

    def met(self, lane: Lane) -> bool:
        return lane.index in self._met

    def welcome(self, link: Link, message: dict[str, Any]) -> None:
        lane = link.lane
        assert lane is not None
        version = frames.number(message, "protocol")
        if version != agreement.PROTOCOL_VERSION:
            raise AgreementError(
                f"{lane.name} speaks version {version} of the protocol, we speak {agreement.PROTOCOL_VERSION}: install "
                "the same version of Comity at all parties"
            )
        if frames.octets(message, "study", 32) != self._study:
            document = link.disagree(frames.canonical(self._document))
            task = self._loop.create_task(self._disagree(lane, document))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        link.greeted = True
        link.settled.set()
        self._met.add(lane.index)
        self._links[lane.index] = link
        self._heard[lane.index] = self._loop.time()
        self._incoming.pop(lane.index, None)
        if self._prepared is not None and lane.name not in self.receipts:
            envelope = self._prepared.envelopes[lane.name]
            self._events(Status(f"connected to {lane.name}: submitting {len(envelope):,} bytes"))
            link.write(frames.control(frames.OFFER, {"bytes": len(envelope), "number": self._prepared.number}))
            self._outgoing[lane.index] = memoryview(envelope)
            self._send(link)
        elif self._prepared is None:
            self._events(Status(f"connected to {lane.name}"))

    def control(self, link: Link, kind: int, sequence: int, payload: Bytes) -> None:
        lane = link.lane
        assert lane is not None
        if kind == frames.RECEIPT and self._prepared is not None:
            message = frames.parse(payload)
            prepared = self._prepared
            check_receipt(message, self._cards[lane.name], self._name, self._study, prepared.digest, prepared.number)
            self.receipts[lane.name] = message
            self._events(Receipt(lane.name, len(prepared.envelopes[lane.name])))
            self._advance()
        elif kind == frames.NEWS:
            self._on_news(lane, frames.parse(payload))
        elif kind == frames.OFFER:
            size = frames.number(frames.parse(payload), "bytes", _MOST_PART)
            self._incoming[lane.index] = size, bytearray()
        elif kind == frames.SEALED:
            self._on_result(link, lane, payload)
        elif kind == frames.BYE:
            self._ended_by(lane, frames.parse(payload))

    def broken(self, lane: Lane, error: ComityError) -> None:
        self._fail(error)

    def closed(self, link: Link, error: Exception | None) -> None:
        self._calling.discard(link)
        lane = link.lane
        if lane is None or self._links.get(lane.index) is not link:
            return
        del self._links[lane.index]
        if not self._over.done() and not self._finished(lane.index):
            self._events(Status(f"lost the connection to {lane.name}"))
            self._dialers[lane.index].redial()

    def writable(self, lane: Lane) -> None:
        link = self._links.get(lane.index)
        if link is not None:
            self._send(link)

    def flush_overdue(self) -> None:
        pass

    def flush(self) -> None:
        pass

    # The contribution and the results

    def _send(self, link: Link) -> None:
        assert link.lane is not None
        index = link.lane.index
        rest = self._outgoing.get(index, memoryview(b""))
        while rest and not link.paused:
            piece, rest = rest[:MAX_MESSAGE], rest[MAX_MESSAGE:]
            link.write(frames.header(frames.SEALED, len(piece), 0, 0, frames.NO_TAG))
            link.write(piece)
        self._outgoing[index] = rest

    def _on_result(self, link: Link, lane: Lane, payload: Bytes) -> None:
        if lane.index not in self._incoming:
            raise RemoteProtocolError("results that it had not announced")
        size, buffer = self._incoming[lane.index]
        buffer += payload.data
        if len(buffer) > size:
            raise RemoteProtocolError("more bytes than it had announced")
        if len(buffer) < size:
            return
        del self._incoming[lane.index]
        if self._fetch:
            self.parts[lane.index] = bytes(buffer)
            if self._keep(lane.name, self.parts[lane.index]):
                link.write(frames.control(frames.RECEIPT, {"digest": sha256(buffer).hexdigest()}))
            self._advance()

    def _on_news(self, lane: Lane, message: dict[str, Any]) -> None:
        """Show the progress of the run, from the first compute party that is connected."""
        if self._all_submitted and lane.index == min(self._links):
            done, steps = (frames.number(message, key) if key in message else 0 for key in ("done", "steps"))
            self._events(News(frames.text(message, "text"), done, steps))

    def _ended_by(self, lane: Lane, message: dict[str, Any]) -> None:
        kind = "".join(c for c in frames.text(message, "kind", 60) if c.isalnum() or c == "_")
        error: ComityError
        if kind in (Stopped.__name__, PeerStopped.__name__):
            about = message.get("about") if kind == PeerStopped.__name__ else None
            known = isinstance(about, int) and 0 <= about < len(self._peers)
            whose = self._peers[about].name if isinstance(about, int) and known else lane.name
            error = PeerStopped(f"{whose} was stopped by its operator{self._how_far()}", peer=whose)
        elif self._prepared is not None and lane.name not in self.receipts:
            error = RemoteError(f"{lane.name} refused the contribution: {_WHY.get(kind, kind)}", peer=lane.name)
            if kind in _EXIT_4:
                error.exit_code = 4
        else:
            error = RemoteError(f"{lane.name} ended the run: {kind}. See its log", peer=lane.name)
        self._fail(error)

    def _how_far(self) -> str:
        if self._prepared is None or self._all_submitted:
            return ""  # `_fail` says that the contribution is with all of them
        return f"; the contribution is with {', '.join(self.receipts) or 'nobody'}"

    async def _disagree(self, lane: Lane, document: asyncio.Future[dict[str, Any]]) -> None:
        theirs = await document
        difference = f"{lane.name} runs a different study (it did not send its study)"
        try:
            if theirs:
                difference = f"{lane.name} runs a different study (its study document cannot be compared with ours)"
                difference = self._explain(self._document, theirs, lane.name)
        except (ComityError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            pass  # the document comes from the peer: whatever is in it, the disagreement stands
        self._fail(AgreementError(difference))
