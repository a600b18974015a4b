"""One run's connections: from the first call to the last acknowledgement.

    session = Session(identity=..., participants=[...], index=i, listen=(host, port), document=..., study_hash=...,
                      explain=..., wait=300, grace=7, stall=600, status=print)
    await session.open()                    # connects, agrees, makes keys; raises the typed error of what went wrong
    session.channel                         # a mpc.machine.channel.Channel
    session.keys, session.run_id            # mpc.machine.party.Keys; 32 bytes, the same at all parties
    session.attach(progress=..., waiting=..., parted=...)   # what our heartbeats say; see `liveness`
    session.failed                          # a future of the error, done when the session fails: cancel the script
    await session.finish()                  # or finish(error): tells the peers class, label and source line of it
    session.frame_bytes_sent, session.refused   # bytes with headers; Counter of (address, reason)

A session is made inside the event loop it runs in. `finish` must be called in any case, also after `open` raised.
If the session fails, every wait on the channel ends with its error. `known` are certificates (DER) of the consortium's
members outside the study: refused like strangers, but with their key shown. `participants` are in index order; the
party with the higher index of a pair calls the other. `explain(ours, theirs, peer_name)` is the message about two
different study documents. `status` gets lines for people; a line that starts with "waiting for" is repeated each second
while it holds. `debug` checks that payloads do not change after they were sent. `desk` receives visitors on the same
port; if its `staying` is set, they may still call after `finish`, until `dismiss`.
Left out: connections (`link`, `dialer`, `tls`), numbering (`lane`), keys (`meeting`, `agreement`), verdicts
(`liveness`), time (`pulse`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpc.errors import AgreementError, AuthenticationError, ComityError, LocalProtocolError
from mpc.machine.channel import Bytes
from mpc.machine.party import Keys
from parties.net import endings, frames, tls
from parties.net.channel import SessionChannel, acknowledge_later
from parties.net.dialer import Dialer
from parties.net.lane import NOTHING, Lane
from parties.net.link import Link, VisitorHost
from parties.net.liveness import Liveness, Progress, Waiting
from parties.net.meeting import Meeting
from parties.net.pulse import Pulse
from parties.net.strangers import Strangers
from parties.organization.address import show_address
from parties.organization.identity import Identity

_CLOSE_S = 1.0
#: If a peer runs a different study, this party stays so long for peers that have not called yet.
_LINGER_S = 3.0
#: If all parties wait for each other in vain, they compare for at most so long where their scripts differ.
_COMPARE_S = 6.0
Parted = Callable[[], Awaitable[AgreementError | None]]


@dataclass(frozen=True)
class Participant:
    """A party of the study. `address` may be None if this party never calls it."""

    name: str
    key_hash: bytes
    certificate: bytes  #: DER
    address: tuple[str, int] | None = None


class Session:
    """See the module's first lines."""

    def __init__(
        self,
        *,
        identity: Identity,
        participants: Sequence[Participant],
        index: int,
        listen: tuple[str, int] | None,
        document: dict[str, Any],
        study_hash: bytes,
        explain: Callable[[dict[str, Any], dict[str, Any], str], str],
        known: Sequence[bytes] = (),
        wait: float = 300.0,
        grace: float = 7.0,
        stall: float = 600.0,
        status: Callable[[str], None] = lambda line: None,
        debug: bool = False,
        desk: VisitorHost | None = None,
    ) -> None:
        self.participants = list(participants)
        self.index = index
        self.failed: asyncio.Future[ComityError] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._identity = identity
        self._listen = listen
        self._document = document
        self._explain = explain
        self._desk = desk
        self._certificates = [*(p.certificate for p in self.participants), *known]
        self._grace = grace
        self._status = status
        self._error: ComityError | None = None
        self._lanes: list[Lane | None] = [
            None if i == index else Lane(i, p.name, acknowledge_later, debug=debug)
            for i, p in enumerate(self.participants)
        ]
        self.peers = [lane for lane in self._lanes if lane is not None]
        self.links: dict[int, Link] = {}
        self._unsettled: set[Link] = set()
        self.meeting = Meeting(self.participants, index, study_hash)
        self._disagreement: AgreementError | None = None
        self._parted: Parted | None = None
        self._comparing = False
        self._ending = self._gone = False
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self.dialers: dict[int, Dialer] = {}
        self._listener: tls.Listener | None = None
        self._strangers = Strangers(status)
        self._liveness = Liveness([p.name for p in self.participants], index, self._lanes, grace=grace, stall=stall)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pulse = Pulse(self, self._liveness, self._strangers, wait=wait, status=status)
        self.channel = SessionChannel(index, self._lanes, self._loop)
        self.port = 0  #: where we listen, once opened

    # For the process

    async def open(self) -> None:
        """Connect to all participants, agree with each, make the keys."""
        ours = self.participants[self.index]
        if note := tls.clock_note({p.name: p.certificate for p in self.participants}):
            self._status(note)
        if ours.key_hash != self._identity.key_hash:
            raise AuthenticationError(
                f"the study's key for {ours.name} is not the key in this home. Use the home with that key, or give the "
                "others this home's card",
                peer=ours.name,
            )
        if self.index < len(self.participants) - 1 or self._desk is not None:
            assert self._listen is not None
            visitors = [] if self._desk is None else self._desk.certificates
            context = tls.server_context(self._identity, [*self._certificates, *visitors])
            self._listener = tls.Listener(
                context,
                lambda origin: Link(self, origin=origin),
                self._strangers.refused,
                known=[p.address[0] for p in self.participants if p.address is not None],
            )
            self.port = await self._listener.start(*self._listen)
        context = tls.client_context(self._identity, self._certificates)
        for lane in self.peers[: self.index]:
            address = self.participants[lane.index].address
            if address is None:
                raise AuthenticationError(
                    f"no address is known for {lane.name}. Ask for its card with an address, and add it", peer=lane.name
                )
            self.dialers[lane.index] = Dialer(self, lane, address, context)
            self.dialers[lane.index].start()
        self._pulse.start()
        await self._ready

    def attach(self, *, progress: Progress, waiting: Waiting, parted: Parted | None = None) -> None:
        """`progress()` counts finished chunks and rounds; `waiting()` is (label, source line) if nothing can run, else
        None; `parted()` compares with the peers where the scripts differ."""
        self._liveness.attach(progress, waiting)
        self._parted = parted

    @property
    def over(self) -> bool:
        """The session has failed, or is being ended."""
        return self._ending or self._error is not None

    @property
    def keys(self) -> Keys:
        """The run's stream keys; after `open`."""
        if self.meeting.keys is None:
            raise LocalProtocolError("the session is not open yet: there are no keys")
        return self.meeting.keys

    @property
    def run_id(self) -> bytes:
        return self.meeting.run_id

    @property
    def frame_bytes_sent(self) -> int:
        return sum(lane.bytes_sent for lane in self.peers)

    @property
    def refused(self) -> Counter[tuple[str, str]]:
        return self._strangers.counts

    async def finish(self, error: ComityError | None = None) -> None:
        """End the run. Without an error, wait until every peer has all our frames (at most the grace period).

        With an error, tell the peers and close within a second. Afterwards nothing of the session runs any more.
        """
        if error is not None:
            self.fail(error)
        elif self._error is None and self.meeting.opened:
            self._ending = True
            for lane in self.peers:
                lane.put(frames.END, frames.NO_TAG, NOTHING)
                lane.flush()
            await asyncio.wait([lane.drained() for lane in self.peers], timeout=self._grace)
        self._ending = self._gone = True
        self._stop()
        links = [*self.links.values(), *self._unsettled]
        for link in links:
            link.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                for link in links:
                    await link.gone.wait()
        for link in links:
            if not link.gone.is_set():
                link.abort()
        if self._listener is not None and not self._stays:
            await self._listener.closed()

    async def dismiss(self) -> None:
        """Stop listening for visitors, if `finish` left the port open for them."""
        if self._listener is not None:
            self._listener.close()
            await self._listener.closed()

    def fail(self, error: ComityError) -> None:
        """The run is over: every wait ends with `error`, and the peers are sent its class and place."""
        if self.over:
            return
        self._error = error
        for lane in self.peers:
            lane.fail(error)
        farewell = endings.farewell(error, self.participants_by_name(), self._liveness.place())
        # Also to peers whose hello is still on its way: they get our hello before this farewell.
        for link in [*self.links.values(), *self._unsettled]:
            link.write(frames.control(frames.BYE, farewell))
        self._stop()
        self.failed.set_result(error)
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()

    def diverged(self, error: AgreementError) -> None:
        """The parties wait for each other in vain: fail with where their scripts differ, or else with `error`."""
        if self._parted is None:
            self.fail(error)
        elif not self._comparing:
            self._comparing = True
            task = self._loop.create_task(self._compare(self._parted, error))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _compare(self, parted: Parted, error: AgreementError) -> None:
        difference: AgreementError | None = None
        with contextlib.suppress(TimeoutError, ComityError):
            async with asyncio.timeout(_COMPARE_S):
                difference = await parted()
        self.fail(difference or error)

    def participants_by_name(self) -> dict[str, int]:
        """The index of each party, by name."""
        return {p.name: i for i, p in enumerate(self.participants)}

    def _stop(self) -> None:
        for dialer in self.dialers.values():
            dialer.stop()
        if self._listener is not None and not self._stays:
            self._listener.close()
        self._pulse.stop()

    @property
    def _stays(self) -> bool:
        """Whether the port stays open, because a visitor is still to fetch results."""
        return self._desk is not None and self._desk.staying

    # For links and dialers

    def identify(self, link: Link, key_hash: bytes) -> Lane | None:
        if self._desk is not None and link.dialled is None and self._desk.knows(key_hash):
            link.hand_over(self._desk, frames.VISITING)
            return self._desk.identify(link, key_hash)
        if self._gone:
            return None
        peer = next((lane for lane in self.peers if self.participants[lane.index].key_hash == key_hash), None)
        if link.dialled is None:
            if peer is None:
                self._strangers.refused(link.origin, f"unknown key {key_hash.hex()[:8]}…")
        elif peer is not link.dialled:
            expected = link.dialled
            whose = "this party's own key" if key_hash == self._identity.key_hash else "an unknown key"
            if peer is not None:
                whose = f"the key of {peer.name}"
            where = show_address(self.dialers[expected.index].address)
            self.fail(
                AuthenticationError(
                    f"the server at {where} is not {expected.name}: it has {whose}. Check the address of "
                    f"{expected.name}",
                    peer=expected.name,
                )
            )
            return None
        if peer is not None:
            self._unsettled.add(link)
        return peer

    def greeting(self, lane: Lane) -> dict[str, Any]:
        return self.meeting.greeting(lane)

    def met(self, lane: Lane) -> bool:
        return self.meeting.knows(lane)

    def welcome(self, link: Link, message: dict[str, Any]) -> None:
        lane = link.lane
        assert lane is not None
        hello = self.meeting.read(lane, message)
        if not self.meeting.same_study(hello):
            task = self._loop.create_task(self._disagree(lane, link.disagree(frames.canonical(self._document))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        again = self.meeting.admit(lane, hello, called_us=link.dialled is None)
        old = self.links.get(lane.index)
        self.links[lane.index] = link
        self._unsettled.discard(link)
        if old is not None:
            old.abort()
        link.greeted = True
        link.settled.set()
        self._status(f"{'reconnected' if again else 'connected'} to {lane.name}")
        lane.attach(link, hello.received)
        self._open_if_complete()
        self._give_up_if_all_answered()

    def control(self, link: Link, kind: int, sequence: int, payload: Bytes) -> None:
        lane = link.lane
        assert lane is not None
        if kind == frames.BEAT:
            self._liveness.watches[lane.index].hear(frames.parse(payload), self._loop.time())
        elif kind == frames.SETUP:
            if lane.accept(sequence, payload.size):
                self.meeting.take_setup(lane, frames.parse(payload))
                self._make_keys()
        elif kind == frames.END:
            if lane.accept(sequence, 0):
                lane.end(endings.ended_early(lane.name, self._liveness.place()))
                lane.acknowledge_now()
        elif kind == frames.BYE and not lane.ended:
            reason = endings.Reason.read(frames.parse(payload), len(self.participants))
            patience, error = endings.verdict(
                reason, lane.index, self.index, self.participants, self._liveness, in_agreement=not self.meeting.opened
            )
            self._loop.call_later(patience, self.fail, error) if patience else self.fail(error)

    def broken(self, lane: Lane, error: ComityError) -> None:
        self.fail(error)

    def closed(self, link: Link, error: Exception | None) -> None:
        self._unsettled.discard(link)
        lane = link.lane
        if lane is not None and self.links.get(lane.index) is link:
            del self.links[lane.index]
            lane.wire = None
            if not (self.over or lane.ended):
                self._status(f"lost the connection to {lane.name}")
                if lane.index in self.dialers:
                    self.dialers[lane.index].redial()

    def writable(self, lane: Lane) -> None:
        lane.flush()

    def flush_overdue(self) -> None:
        self.channel.flush_overdue()

    def flush(self) -> None:
        self.channel.flush()

    # Agreement

    async def _disagree(self, lane: Lane, document: asyncio.Future[dict[str, Any]]) -> None:
        theirs = await document
        difference = f"{lane.name} runs a different study (it did not send its study)"
        try:
            if theirs:
                difference = f"{lane.name} runs a different study (its study document cannot be compared with ours)"
                difference = self._explain(self._document, theirs, lane.name)
        except (ComityError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            pass  # the document comes from the peer: whatever is in it, the disagreement stands
        if self._disagreement is None:
            self._disagreement = AgreementError(difference)
            # The other peers are about to call, and must hear of the disagreement, too.
            self._loop.call_later(_LINGER_S, self.fail, self._disagreement)
        self._give_up_if_all_answered()

    def _give_up_if_all_answered(self) -> None:
        if self._disagreement is not None and len(self.meeting.heard) == len(self.peers):
            self.fail(self._disagreement)

    def _open_if_complete(self) -> None:
        """Once all parties are connected: fix the run, and send our setup."""
        if self.meeting.opened or len(self.links) < len(self.peers):
            return
        payload = frames.as_array(self.meeting.open())
        for lane in self.peers:
            lane.put(frames.SETUP, frames.NO_TAG, payload)
            lane.flush()
        self._liveness.start(self._loop.time())
        self._make_keys()

    def _make_keys(self) -> None:
        if self.meeting.make_keys() and not self._ready.done():
            self._ready.set_result(None)
