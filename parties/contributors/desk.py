"""The desk of a compute party for its visitors, which do not compute: contributions come in, results go out.

Visitors call on the port of the party, each with its key, and may stay connected. A contribution counts once it was
verified and kept here; then the visitor gets a signed receipt. Visitors that wait for results are sent the progress of
the run once a second, and at the end their sealed part of the releases. A visitor that misbehaves is refused, and the
run goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from mpc.errors import AgreementError, ComityError, RemoteProtocolError, Stopped
from mpc.machine.channel import MAX_MESSAGE, Bytes
from mpc.text import visible
from parties.contributors.inbox import Closed, Contributor, Inbox
from parties.contributors.receipts import receipt
from parties.net import agreement, frames
from parties.net.lane import Lane
from parties.net.link import Link
from parties.organization.identity import Identity

_NEWS_S = 1.0
#: The reason that refuses a contribution after the run has begun with an earlier one.
TOO_LATE = "TooLate"
#: So many contributions are verified at once.
_AT_ONCE = 2


class Visit:
    """A connection of a visitor."""

    def __init__(self, visitor: Contributor, link: Link) -> None:
        self.visitor = visitor
        self.link = link
        #: Bytes of the contribution that was offered on this connection; None before. A connection may offer one.
        self.expected: int | None = None
        self.buffer = bytearray()
        #: The rest of the visitor's part of the releases, which is not sent yet.
        self.outgoing: memoryview | None = None


class Desk:
    """See the module's first lines. `visitors` may call; those that the inbox does not know may only fetch results."""

    def __init__(
        self,
        *,
        identity: Identity,
        name: str,
        study: bytes,
        document: dict[str, Any],
        visitors: Sequence[Contributor],
        inbox: Inbox,
        status: Callable[[str], None],
    ) -> None:
        self._identity = identity
        self._name = name
        self._study = study
        self._document = document
        self._inbox = inbox
        self._status = status
        self._visitors = {visitor.card.key_hash: visitor for visitor in visitors}
        self._by_index = {visitor.index: visitor for visitor in visitors}
        self._contributors = {visitor.index for visitor in inbox.contributors}
        self._links: dict[Lane, Link] = {}
        self._visits: dict[int, Visit] = {}
        self._visit_of: dict[Link, Visit] = {}
        self._newest: dict[int, Link] = {}
        self._waiting: dict[int, tuple[Visit, bytes]] = {}
        self._working: set[int] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._news: Mapping[str, Any] = {"text": "waiting for the compute parties"}
        self._parts: dict[int, bytes] = {}
        self._fetched: set[int] = set()
        self._all_fetched = asyncio.Event()
        #: Results can be fetched here after the session has ended.
        self.staying = False

    @property
    def certificates(self) -> list[bytes]:
        """The certificates (DER) of the organizations that may visit."""
        return [visitor.card.certificate for visitor in self._visitors.values()]

    def knows(self, key_hash: bytes) -> bool:
        return key_hash in self._visitors

    def start(self) -> None:
        """Begin to send visitors the progress of the run."""
        self._tick()

    def set_progress(self, text: str, done: int = 0, steps: int = 0) -> None:
        """Set the progress that visitors are sent: a text, and `done` of `steps` steps."""
        self._news = {"text": visible(text), "done": done, "steps": steps}

    def offer_results(self, parts: Mapping[int, bytes]) -> None:
        """Send visitors their sealed results, given by the index of the recipient."""
        self._parts.update(parts)
        for visit in list(self._visits.values()):
            self._send_part(visit)

    async def wait_until_fetched(self, wait: float) -> list[int]:
        """Wait until all results are fetched, at most `wait` seconds; return who has not fetched (indices)."""
        if set(self._parts) - self._fetched:
            try:
                async with asyncio.timeout(wait):
                    await self._all_fetched.wait()
            except TimeoutError:
                pass
        return sorted(set(self._parts) - self._fetched)

    def not_fetched(self) -> list[str]:
        """The names of the visitors that have not fetched their results yet."""
        return [v.name for v in self._visitors.values() if v.index in set(self._parts) - self._fetched]

    async def close(self, error: ComityError | None = None, about: int | None = None) -> None:
        """End all visits; with an error, visitors are sent its class and the compute party that it is about."""
        if self._ticker is not None:
            self._ticker.cancel()
        links = list(self._links.values())
        for link in links:
            if error is not None:
                link.write(frames.control(frames.BYE, _reason(type(error).__name__, about)))
            link.close()
        for task in self._tasks:
            task.cancel()
        for link in links:
            try:
                async with asyncio.timeout(1):
                    await link.gone.wait()
            except TimeoutError:
                link.abort()

    def _tick(self) -> None:
        self._ticker = asyncio.get_running_loop().call_later(_NEWS_S, self._tick)
        for visit in self._visits.values():
            if visit.link.greeted and not visit.link.paused and visit.outgoing is None:
                visit.link.write(frames.control(frames.NEWS, dict(self._news)))

    # What links ask

    def identify(self, link: Link, key_hash: bytes) -> Lane | None:
        visitor = self._visitors[key_hash]
        lane = Lane(visitor.index, visitor.name, lambda lane: None)
        # One connection for each visitor: a visitor that calls again has lost the connection before.
        if visitor.index in self._newest:
            self._newest[visitor.index].abort()
        self._links[lane] = self._newest[visitor.index] = link
        return lane

    def greeting(self, lane: Lane) -> dict[str, Any]:
        return {"protocol": agreement.PROTOCOL_VERSION, "name": self._name, "study": self._study.hex()}

    def welcome(self, link: Link, message: dict[str, Any]) -> None:
        lane = link.lane
        assert lane is not None
        version = frames.number(message, "protocol")
        if version != agreement.PROTOCOL_VERSION:
            raise AgreementError(f"{lane.name} speaks version {version} of the protocol")
        if frames.octets(message, "study", 32) != self._study:
            self._begin(self._disagree(link, link.disagree(frames.canonical(self._document))))
            return
        visitor = self._by_index[lane.index]
        visit = self._visits[visitor.index] = self._visit_of[link] = Visit(visitor, link)
        link.greeted = True
        link.settled.set()
        self._send_part(visit)

    def control(self, link: Link, kind: int, sequence: int, payload: Bytes) -> None:
        visit = self._visit_of.get(link)
        if visit is None:
            return
        if kind == frames.OFFER:
            self._on_offer(visit, frames.parse(payload))
        elif kind == frames.SEALED:
            self._on_sealed(visit, payload)
        elif kind == frames.RECEIPT:
            self._on_receipt(visit, frames.parse(payload))
        elif kind == frames.BYE and frames.parse(payload).get("kind") == Stopped.__name__:
            self._status(f"{visit.visitor.name} was stopped by its operator")

    def broken(self, lane: Lane, error: ComityError) -> None:
        """A visitor broke the protocol: it is refused, and the run goes on."""
        link = self._links.get(lane)
        if link is not None:
            self._refuse(link, error)

    def closed(self, link: Link, error: Exception | None) -> None:
        if link.lane is not None:
            self._links.pop(link.lane, None)
            if self._newest.get(link.lane.index) is link:
                del self._newest[link.lane.index]
        visit = self._visit_of.pop(link, None)
        if visit is not None and self._visits.get(visit.visitor.index) is visit:
            del self._visits[visit.visitor.index]

    def writable(self, lane: Lane) -> None:
        visit = self._visits.get(lane.index)
        if visit is not None:
            self._send_rest(visit)

    def flush_overdue(self) -> None:
        pass

    def flush(self) -> None:
        pass

    # Contributions

    def _on_offer(self, visit: Visit, message: dict[str, Any]) -> None:
        visitor = visit.visitor
        if visitor.index not in self._contributors:
            raise RemoteProtocolError("a contribution, but in this study it brings no data")
        if self._inbox.closed:
            self._dismiss(visit.link, TOO_LATE)
            return
        if visit.expected is not None:
            raise RemoteProtocolError("a second contribution on one connection")
        visit.expected = frames.number(message, "bytes", self._inbox.largest_envelope(visitor))
        if not visit.expected:
            raise RemoteProtocolError("an empty contribution")
        self._inbox.check_number(visitor, frames.number(message, "number"))

    def _on_sealed(self, visit: Visit, payload: Bytes) -> None:
        if visit.expected is None or len(visit.buffer) + payload.size > visit.expected:
            raise RemoteProtocolError("more bytes than it had announced")
        if not payload.size:
            raise RemoteProtocolError("an empty piece of a contribution")
        visit.buffer += payload.data
        if len(visit.buffer) == visit.expected:
            envelope, visit.buffer, visit.expected = bytes(visit.buffer), bytearray(), 0
            self._queue(visit, envelope)

    def _queue(self, visit: Visit, envelope: bytes) -> None:
        """Verify an envelope in its turn. For each visitor one is being verified, and at most the latest one waits."""
        index = visit.visitor.index
        self._waiting[index] = visit, envelope
        if index not in self._working:
            self._working.add(index)
            self._begin(self._verify_waiting(index))

    async def _verify_waiting(self, index: int) -> None:
        try:
            while index in self._waiting:
                async with self._slots:
                    await self._verify(*self._waiting.pop(index))
        finally:
            self._working.discard(index)

    async def _verify(self, visit: Visit, envelope: bytes) -> None:
        visitor = visit.visitor
        try:
            received = await asyncio.to_thread(self._inbox.accept, visitor, envelope)
        except Closed:
            self._dismiss(visit.link, TOO_LATE)
            return
        except (ComityError, OSError) as error:
            self._refuse(visit.link, error)
            return
        if not visitor.enrolled:  # of very many, the number that is missing is shown
            self._status(f"{visitor.name} has submitted its contribution ({len(envelope):,} bytes)")
        message = receipt(self._identity, self._name, visitor.name, self._study, received.digest, received.number)
        visit.link.write(frames.control(frames.RECEIPT, message))

    def _refuse(self, link: Link, error: Exception) -> None:
        assert link.lane is not None
        self._status(f"refused {link.lane.name}: {error}")
        self._dismiss(link, type(error).__name__)

    def _dismiss(self, link: Link, kind: str) -> None:
        link.write(frames.control(frames.BYE, _reason(kind)))
        link.close()

    # Results

    def _send_part(self, visit: Visit) -> None:
        part = self._parts.get(visit.visitor.index)
        if part is None or visit.outgoing is not None:
            return
        visit.outgoing = memoryview(part)
        visit.link.write(frames.control(frames.OFFER, {"bytes": len(part)}))
        self._send_rest(visit)

    def _send_rest(self, visit: Visit) -> None:
        while visit.outgoing and not visit.link.paused:
            piece, visit.outgoing = visit.outgoing[:MAX_MESSAGE], visit.outgoing[MAX_MESSAGE:]
            visit.link.write(frames.header(frames.SEALED, len(piece), 0, 0, frames.NO_TAG))
            visit.link.write(piece)

    def _on_receipt(self, visit: Visit, message: dict[str, Any]) -> None:
        part = self._parts.get(visit.visitor.index)
        if part is None or frames.octets(message, "digest", 32) != sha256(part).digest():
            raise RemoteProtocolError("a receipt that does not fit the results it was sent")
        self._fetched.add(visit.visitor.index)
        self._status(f"{visit.visitor.name} has its results")
        if not set(self._parts) - self._fetched:
            self._all_fetched.set()

    # Agreement

    async def _disagree(self, link: Link, document: asyncio.Future[dict[str, Any]]) -> None:
        await document  # now both have the document of the other; the visitor shows the difference
        if link.lane is not None:
            self._status(f"refused {link.lane.name}: it has a different study")
        link.close()

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _reason(kind: str, about: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "label": "", "source": "", "about": about}
