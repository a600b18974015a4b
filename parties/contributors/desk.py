"""Where a compute party receives organizations that do not compute: contributions come in, results go out.

They call on the port of the party, with keys of their own, and stay as long as they like: a contribution is theirs
and not the run's until it was verified and kept here; then they get a signed receipt. Those that wait for results
are told once a second how far the run is, and are sent their sealed part of the releases when it is there.
Nothing that one of them does ends the run.
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
#: What refuses an offer that comes after the run has begun with others.
TOO_LATE = "TooLate"
#: Contributions that are verified at once; of each organization one, and one that waits.
_AT_ONCE = 2


class Visit:
    """One connection of an organization that does not compute."""

    def __init__(self, who: Contributor, link: Link) -> None:
        self.who = who
        self.link = link
        #: Bytes of the one contribution that a connection may bring; None before it was offered.
        self.expected: int | None = None
        self.buffer = bytearray()
        #: Its part of the releases, as far as it is not sent yet.
        self.outgoing: memoryview | None = None
        self.told = False


class Desk:
    """See the module's first lines. `visitors` may call; those that the inbox does not know contribute nothing."""

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
        self._visitors = {one.card.key_hash: one for one in visitors}
        self._contributors = {one.index for one in inbox.contributors}
        self._links: dict[Lane, Link] = {}
        self._visits: dict[int, Visit] = {}
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
        #: Results are to be fetched here after the session has ended.
        self.staying = False

    @property
    def certificates(self) -> list[bytes]:
        """Of those that may call (DER)."""
        return [one.card.certificate for one in self._visitors.values()]

    def knows(self, key_hash: bytes) -> bool:
        return key_hash in self._visitors

    def start(self) -> None:
        """Begin to tell visitors how far the run is."""
        self._tick()

    def tell(self, text: str, done: int = 0, steps: int = 0) -> None:
        """How far the run is, for those who wait for its results."""
        self._news = {"text": visible(text), "done": done, "steps": steps}

    def offer(self, parts: Mapping[int, bytes]) -> None:
        """Sealed results are there, by the index of whom they are for."""
        self._parts.update(parts)
        for visit in list(self._visits.values()):
            self._send_part(visit)

    async def fetched(self, wait: float) -> list[int]:
        """Wait until all results are fetched, at most so many seconds; who has not fetched."""
        if set(self._parts) - self._fetched:
            try:
                async with asyncio.timeout(wait):
                    await self._all_fetched.wait()
            except TimeoutError:
                pass
        return sorted(set(self._parts) - self._fetched)

    def missing(self) -> list[str]:
        """Who has not fetched its results yet."""
        return [one.name for one in self._visitors.values() if one.index in set(self._parts) - self._fetched]

    async def close(self, error: ComityError | None = None, about: int | None = None) -> None:
        """Send everybody away; with an error, they are told its class, and which compute party it is about."""
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
        one = self._visitors[key_hash]
        lane = Lane(one.index, one.name, lambda lane: None)
        # One connection of each: whoever calls again has lost the one before.
        if one.index in self._newest:
            self._newest[one.index].abort()
        self._links[lane] = self._newest[one.index] = link
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
        one = next(v for v in self._visitors.values() if v.index == lane.index)
        visit = self._visits[one.index] = Visit(one, link)
        link.greeted = True
        link.settled.set()
        self._send_part(visit)

    def control(self, link: Link, kind: int, sequence: int, payload: Bytes) -> None:
        visit = self._visit(link)
        if visit is None:
            return
        if kind == frames.OFFER:
            self._offered(visit, frames.parse(payload))
        elif kind == frames.SEALED:
            self._arrived(visit, payload)
        elif kind == frames.RECEIPT:
            self._receipted(visit, frames.parse(payload))
        elif kind == frames.BYE and frames.parse(payload).get("kind") == Stopped.__name__:
            self._status(f"{visit.who.name} was stopped by its operator")

    def broken(self, lane: Lane, error: ComityError) -> None:
        """A visitor misbehaved: it is refused, and the run goes on."""
        link = self._links.get(lane)
        if link is not None:
            self._refuse(link, error)

    def closed(self, link: Link, error: Exception | None) -> None:
        if link.lane is not None:
            self._links.pop(link.lane, None)
            if self._newest.get(link.lane.index) is link:
                del self._newest[link.lane.index]
        visit = self._visit(link)
        if visit is not None:
            del self._visits[visit.who.index]

    def writable(self, lane: Lane) -> None:
        visit = self._visits.get(lane.index)
        if visit is not None:
            self._send_more(visit)

    def flush_overdue(self) -> None:
        pass

    def flush(self) -> None:
        pass

    # Contributions

    def _offered(self, visit: Visit, message: dict[str, Any]) -> None:
        one = visit.who
        if one.index not in self._contributors:
            raise RemoteProtocolError("a contribution, which the study does not ask of it")
        if self._inbox.closed:
            self._send_away(visit.link, TOO_LATE)
            return
        if visit.expected is not None:
            raise RemoteProtocolError("a second contribution on one connection")
        visit.expected = frames.number(message, "bytes", self._inbox.most(one))
        if not visit.expected:
            raise RemoteProtocolError("an empty contribution")
        self._inbox.check_number(one, frames.number(message, "number"))

    def _arrived(self, visit: Visit, payload: Bytes) -> None:
        if visit.expected is None or len(visit.buffer) + payload.size > visit.expected:
            raise RemoteProtocolError("more bytes than it had offered")
        if not payload.size:
            raise RemoteProtocolError("an empty piece of a contribution")
        visit.buffer += payload.data
        if len(visit.buffer) == visit.expected:
            envelope, visit.buffer, visit.expected = bytes(visit.buffer), bytearray(), 0
            self._queue(visit, envelope)

    def _queue(self, visit: Visit, envelope: bytes) -> None:
        """Verify it in its turn. Of each organization one is at work and one waits: the latest, in place of others."""
        index = visit.who.index
        self._waiting[index] = visit, envelope
        if index not in self._working:
            self._working.add(index)
            self._begin(self._work(index))

    async def _work(self, index: int) -> None:
        try:
            while index in self._waiting:
                async with self._slots:
                    await self._take(*self._waiting.pop(index))
        finally:
            self._working.discard(index)

    async def _take(self, visit: Visit, envelope: bytes) -> None:
        one = visit.who
        try:
            received = await asyncio.to_thread(self._inbox.accept, one, envelope)
        except Closed:
            self._send_away(visit.link, TOO_LATE)
            return
        except (ComityError, OSError) as error:
            self._refuse(visit.link, error)
            return
        self._status(f"{one.name} has contributed ({len(envelope):,} bytes)")
        message = receipt(self._identity, self._name, one.name, self._study, received.digest, received.number)
        visit.link.write(frames.control(frames.RECEIPT, message))

    def _refuse(self, link: Link, error: Exception) -> None:
        assert link.lane is not None
        self._status(f"refused {link.lane.name}: {error}")
        self._send_away(link, type(error).__name__)

    def _send_away(self, link: Link, kind: str) -> None:
        link.write(frames.control(frames.BYE, _reason(kind)))
        link.close()

    # Results

    def _send_part(self, visit: Visit) -> None:
        part = self._parts.get(visit.who.index)
        if part is None or visit.outgoing is not None:
            return
        visit.outgoing = memoryview(part)
        visit.link.write(frames.control(frames.OFFER, {"bytes": len(part)}))
        self._send_more(visit)

    def _send_more(self, visit: Visit) -> None:
        while visit.outgoing and not visit.link.paused:
            some, visit.outgoing = visit.outgoing[:MAX_MESSAGE], visit.outgoing[MAX_MESSAGE:]
            visit.link.write(frames.header(frames.SEALED, len(some), 0, 0, frames.NO_TAG))
            visit.link.write(some)

    def _receipted(self, visit: Visit, message: dict[str, Any]) -> None:
        part = self._parts.get(visit.who.index)
        if part is None or frames.octets(message, "digest", 32) != sha256(part).digest():
            raise RemoteProtocolError("a receipt for something else than it was sent")
        self._fetched.add(visit.who.index)
        self._status(f"{visit.who.name} has its results")
        if not set(self._parts) - self._fetched:
            self._all_fetched.set()

    # Agreement

    async def _disagree(self, link: Link, document: asyncio.Future[dict[str, Any]]) -> None:
        await document  # both have the other's then; the visitor shows the difference
        if link.lane is not None:
            self._status(f"refused {link.lane.name}: its study is another one")
        link.close()

    def _visit(self, link: Link) -> Visit | None:
        return next((visit for visit in self._visits.values() if visit.link is link), None)

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _reason(kind: str, about: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "label": "", "source": "", "about": about}
