"""One run's connections: from the first call to the last acknowledgement.

    session = Session(identity=..., participants=[...], index=i, listen=(host, port), document=..., study_hash=...,
                      explain=..., wait=300, grace=7, stall=600, status=print)
    await session.open()                    # connects, agrees, makes keys; raises the typed error of what went wrong
    session.channel                         # mpc.channel.Channel
    session.keys, session.run_id            # mpc.party.Keys; 32 bytes, the same at all parties
    session.attach(progress=..., waiting=...)   # what heartbeats say of us; see `liveness`
    session.failed                          # a future of the error, done when the session fails: cancel the script
    await session.finish()                  # or finish(error): tells the peers class, label and source line of it
    session.frame_bytes_sent, session.refused   # bytes with headers; Counter of (address, reason)

`finish` must be called in any case, also after `open` raised. Every wait on the channel ends with the session's
error. `known` are certificates (DER) of the consortium's members outside the study: they are refused like strangers,
but recognized. `participants` are in index order; the party with the higher index of a pair calls the other one.
`explain(ours, theirs, peer_name)` puts the difference of two study documents in words. `status` gets lines for
people; one that starts with "waiting for" comes anew each second while it holds.
Left out: connections (`link`, `dialer`, `tls`), numbering (`lane`), keys (`agreement`), verdicts (`liveness`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpc.channel import Bytes
from mpc.errors import AgreementError, AuthenticationError, ComityError, PeerLost, PeerTimeout, RemoteProtocolError
from mpc.party import Keys
from parties import agreement, endings, frames, tls
from parties.agreement import Contribution, Hello
from parties.channel import SessionChannel, acknowledge_later
from parties.dialer import Dialer
from parties.identity import Identity
from parties.lane import NOTHING, Lane
from parties.link import Link
from parties.liveness import BEAT_S, Liveness, Progress, Waiting, first
from parties.strangers import Strangers

_TICK_S = 0.25
_CLOSE_S = 1.0
#: A party that found a different study stays so long for those who have not called yet.
_LINGER_S = 3.0
#: A connection that has been silent for so long is made anew, beside the old one.
_SILENT_S = 3.0


@dataclass(frozen=True)
class Participant:
    """One party of the study. `address` may be None for a party that only calls, towards those it calls."""

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
    ) -> None:
        self.participants = list(participants)
        self.index = index
        self.failed: asyncio.Future[ComityError] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._identity = identity
        self._listen = listen
        self._document = document
        self._study_hash = study_hash
        self._explain = explain
        self._certificates = [*(p.certificate for p in self.participants), *known]
        self._wait, self._grace = wait, grace
        self._status = status
        self._error: ComityError | None = None
        self._own = Contribution(index)
        self._lanes: list[Lane | None] = [
            None if i == index else Lane(i, p.name, acknowledge_later) for i, p in enumerate(self.participants)
        ]
        self._peers = [lane for lane in self._lanes if lane is not None]
        self._links: dict[int, Link] = {}
        self._unsettled: set[Link] = set()
        self._hellos: dict[int, Hello] = {index: self._own.hello(self.participants[index].name, study_hash, 0)}
        self._setups: dict[int, dict[str, Any]] = {}
        self._coins: dict[int, bytes] = {index: self._own.coin}
        self._answered: set[int] = set()
        self._disagreement: AgreementError | None = None
        self._opened = False
        self._ending = False
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._dialers: dict[int, Dialer] = {}
        self._listener: tls.Listener | None = None
        self._strangers = Strangers(status)
        self._liveness = Liveness(
            [p.name for p in self.participants], index, self._lanes, grace=grace, stall=stall
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._started = self._expected = self._beaten = self._loop.time()
        self.channel = SessionChannel(index, self._lanes, self._loop)
        self.keys: Keys | None = None
        self.run_id = b""
        self.port = 0  #: where we listen, once opened

    # For the process

    async def open(self) -> None:
        """Connect to all participants, agree with each, make the keys."""
        own = self.participants[self.index]
        if own.key_hash != self._identity.key_hash:
            raise AuthenticationError(f"the study names another key for {own.name} than this home holds", peer=own.name)
        self._started = self._expected = self._loop.time()
        if self.index < len(self.participants) - 1:
            assert self._listen is not None
            context = tls.server_context(self._identity, self._certificates)
            self._listener = tls.Listener(context, lambda origin: Link(self, origin=origin), self._strangers.refused)
            self.port = await self._listener.start(*self._listen)
        context = tls.client_context(self._identity, self._certificates)
        for lane in self._peers[: self.index]:
            address = self.participants[lane.index].address
            if address is None:
                raise AuthenticationError(f"no address is known for {lane.name}", peer=lane.name)
            self._dialers[lane.index] = Dialer(self, lane, address, context)
            self._dialers[lane.index].start()
        self._ticker = self._loop.call_later(_TICK_S, self._tick)
        await self._ready

    def attach(self, *, progress: Progress, waiting: Waiting) -> None:
        """`progress()` counts finished chunks and rounds; `waiting()` is (label, source line) when nothing can run."""
        self._liveness.attach(progress, waiting)

    @property
    def frame_bytes_sent(self) -> int:
        return sum(lane.bytes_sent for lane in self._peers)

    @property
    def refused(self) -> Counter[tuple[str, str]]:
        return self._strangers.counts

    async def finish(self, error: ComityError | None = None) -> None:
        """End the run. Without an error, waits until every peer has all we sent (at most the grace period).

        With one, tells the peers and closes within a second. After it, nothing of the session is left running.
        """
        if error is not None:
            self.fail(error)
        elif self._error is None and self._opened:
            self._ending = True
            for lane in self._peers:
                lane.put(frames.END, frames.NO_TAG, NOTHING)
                lane.flush()
            await asyncio.wait([lane.drained() for lane in self._peers], timeout=self._grace)
        self._ending = True
        self._stop()
        links = [*self._links.values(), *self._unsettled]
        for link in links:
            link.close()
        if links:
            await asyncio.wait([asyncio.ensure_future(link.gone.wait()) for link in links], timeout=_CLOSE_S)
        for link in links:
            if not link.gone.is_set():
                link.abort()

    def fail(self, error: ComityError) -> None:
        """The run is over: everybody who waits gets `error`, and the peers hear its class and place."""
        if self._error is not None or self._ending:
            return
        self._error = error
        for lane in self._peers:
            lane.fail(error)
        farewell = endings.farewell(error, self.participants_by_name(), self._liveness.place())
        for link in self._links.values():
            link.write(frames.control(frames.BYE, farewell))
        self._stop()
        self.failed.set_result(error)
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()

    def participants_by_name(self) -> dict[str, int]:
        """Index of each name."""
        return {p.name: i for i, p in enumerate(self.participants)}

    def _stop(self) -> None:
        for dialer in self._dialers.values():
            dialer.stop()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._ticker is not None:
            self._ticker.cancel()
        self._strangers.show(self._loop.time(), last=True)

    # For links and dialers

    def identify(self, link: Link, key_hash: bytes) -> Lane | None:
        found = next((lane for lane in self._peers if self.participants[lane.index].key_hash == key_hash), None)
        if link.dialled is None:
            if found is None:
                self._strangers.refused(link.origin, f"unknown key {key_hash.hex()[:8]}…")
        elif found is not link.dialled:
            expected = link.dialled
            whose = "this party's own key" if key_hash == self._identity.key_hash else "an unknown key"
            if found is not None:
                whose = f"the key of {found.name}"
            host, port = self._dialers[expected.index].address
            self.fail(
                AuthenticationError(
                    f"at {host}:{port}, the address of {expected.name}, answers {whose}. Compare the addresses",
                    peer=expected.name,
                )
            )
            return None
        if found is not None:
            self._unsettled.add(link)
        return found

    def greeting(self, lane: Lane) -> dict[str, Any]:
        own = self.participants[self.index]
        return self._own.hello(own.name, self._study_hash, lane.received).message()

    def met(self, lane: Lane) -> bool:
        return lane.index in self._hellos

    def welcome(self, link: Link, message: dict[str, Any]) -> None:
        lane = link.lane
        assert lane is not None
        theirs = frames.number(message, "protocol")
        if theirs != agreement.PROTOCOL_VERSION:
            raise AgreementError(
                f"{lane.name} speaks version {theirs} of the protocol, we speak {agreement.PROTOCOL_VERSION}: "
                "install the same version of Comity at all parties"
            )
        hello = Hello.read(message)
        self._answered.add(lane.index)
        if hello.study != self._study_hash:
            task = self._loop.create_task(self._disagree(lane, link.disagree(frames.canonical(self._document))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        if (hello.index, hello.name) != (lane.index, lane.name):
            raise RemoteProtocolError(f"a hello as party {hello.index} ({hello.name}), which it is not")
        if (link.dialled is None) != (lane.index > self.index):
            raise RemoteProtocolError("a call, although it is we who call it")
        known = self._hellos.get(lane.index)
        if known is not None and known.contribution != hello.contribution:
            if self._opened:
                self.fail(PeerLost(f"{lane.name} was restarted; it cannot rejoin a run", peer=lane.name))
                return
            lane.reset()
            self._setups.pop(lane.index, None)
            known = None
        if hello.received > lane.written:
            raise PeerLost(f"{lane.name} is in a run with an earlier process of ours. Start again", peer=lane.name)
        self._hellos[lane.index] = hello
        old = self._links.get(lane.index)
        self._links[lane.index] = link
        self._unsettled.discard(link)
        if old is not None:
            old.abort()
        link.greeted = True
        link.settled.set()
        self._status(f"{'reconnected' if known else 'connected'} to {lane.name}")
        lane.attach(link, hello.received)
        self._set_up()
        self._give_up_if_all_answered()

    def control(self, link: Link, kind: int, sequence: int, payload: Bytes) -> None:
        lane = link.lane
        assert lane is not None
        if kind == frames.BEAT:
            self._liveness.watches[lane.index].hear(frames.parse(payload), self._loop.time())
        elif kind == frames.SETUP:
            if lane.accept(sequence, payload.size):
                if lane.index in self._setups:
                    raise RemoteProtocolError("a second setup")
                self._setups[lane.index] = frames.parse(payload)
                self._make_keys()
        elif kind == frames.END:
            if lane.accept(sequence, 0):
                lane.end(endings.ended_early(lane.name, self._liveness.place()))
                lane.acknowledge_now()
        elif kind == frames.BYE and not lane.ended:
            reason = endings.Reason.read(frames.parse(payload), len(self.participants))
            patience, error = endings.verdict(
                reason, lane.index, self.index, self.participants, self._liveness, in_agreement=not self._opened
            )
            self._loop.call_later(patience, self.fail, error) if patience else self.fail(error)

    def broken(self, lane: Lane, error: ComityError) -> None:
        self.fail(error)

    def closed(self, link: Link, error: Exception | None) -> None:
        self._unsettled.discard(link)
        lane = link.lane
        if lane is not None and self._links.get(lane.index) is link:
            del self._links[lane.index]
            lane.wire = None
            if not (self._ending or lane.ended or self._error):
                self._status(f"lost the connection to {lane.name}")
                if lane.index in self._dialers:
                    self._dialers[lane.index].redial()

    def writable(self, lane: Lane) -> None:
        lane.flush()

    # Agreement

    async def _disagree(self, lane: Lane, document: asyncio.Future[dict[str, Any]]) -> None:
        theirs = await document
        difference = "(it did not show its study)"
        if theirs:
            try:
                difference = self._explain(self._document, theirs, lane.name)
            except (ValueError, TypeError, KeyError, AttributeError, IndexError):
                difference = "(its study document is of a form that cannot be compared)"
        if self._disagreement is None:
            self._disagreement = AgreementError(f"{lane.name} runs a different study\n{difference}")
            # The others are about to call, and must hear of it, too.
            self._loop.call_later(_LINGER_S, self.fail, self._disagreement)
        self._give_up_if_all_answered()

    def _give_up_if_all_answered(self) -> None:
        if self._disagreement is not None and len(self._answered) == len(self._peers):
            self.fail(self._disagreement)

    def _set_up(self) -> None:
        """Once all are connected: fix who takes part, and open our coin."""
        if self._opened or len(self._links) < len(self._peers):
            return
        self._opened = True
        hellos = [self._hellos[i] for i in range(len(self.participants))]
        self.run_id = agreement.run_id(hellos)
        payload = frames.canonical(agreement.setup_message(hellos, self._own.coin))
        for lane in self._peers:
            lane.put(frames.SETUP, frames.NO_TAG, frames.as_array(payload))
            lane.flush()
        self._liveness.start(self._loop.time())
        self._make_keys()

    def _make_keys(self) -> None:
        if not self._opened or self._ready.done():
            return
        hellos = [self._hellos[i] for i in range(len(self.participants))]
        for sender, message in self._setups.items():
            if sender not in self._coins:
                self._coins[sender] = agreement.check_setup(message, hellos, sender)
        if len(self._coins) == len(hellos):
            coins = [self._coins[i] for i in range(len(hellos))]
            key_hashes = [p.key_hash for p in self.participants]
            self.keys = agreement.make_keys(self._own, hellos, coins, self._study_hash, key_hashes)
            self._ready.set_result(None)

    # Time

    def _tick(self) -> None:
        now = self._loop.time()
        self._ticker = self._loop.call_later(_TICK_S, self._tick)
        if now - self._expected > 1.0:
            self._liveness.excuse(now - self._expected)
        self._expected = now + _TICK_S
        for index, link in self._links.items():
            watch = self._liveness.watches[index]
            if link.reads:
                link.reads, watch.heard = 0, now
            elif now - watch.heard > _SILENT_S and index in self._dialers:
                self._dialers[index].redial()
        if now - self._beaten >= BEAT_S - _TICK_S / 2:
            self._beaten = now
            self._beat(now)
        if self._error is None and self._opened and not self._ending:
            live = self._liveness
            verdict = first(live.lost(now), live.stalled(now), live.diverged(now))
            if verdict is not None:
                self.fail(verdict)
        if self._error is None and not self._ready.done() and now - self._started > self._wait:
            self.fail(PeerTimeout(f"{self._missing()}. Waited {self._wait:g} s", peer=self._missing_names()[0]))

    def _beat(self, now: float) -> None:
        message = self._liveness.message(now)
        for index, link in self._links.items():
            lane = self._lanes[index]
            if lane is not None and not link.paused:
                link.write(frames.control(frames.BEAT, message, acknowledged=lane.received))
        self._strangers.show(now)
        if not self._ready.done():
            self._status(f"waiting for {self._missing()} … {now - self._started:.0f} s")

    def _missing_names(self) -> list[str]:
        missing = [lane.name for lane in self._peers if lane.index not in self._links]
        return missing or [lane.name for lane in self._peers if lane.index not in self._setups] or [""]

    def _missing(self) -> str:
        parts = []
        for lane in self._peers:
            address = self.participants[lane.index].address
            where = f"{address[0]}:{address[1]}, " if address is not None and lane.index in self._dialers else ""
            if lane.index not in self._links:
                trouble = self._dialers[lane.index].trouble if lane.index in self._dialers else "it calls us"
                parts.append(f"{lane.name} ({where}not reachable yet: {trouble or 'no answer'})")
        if not parts:
            waiting = [lane.name for lane in self._peers if lane.index not in self._setups]
            parts = [f"{name} (connected, but not yet to everybody else)" for name in waiting]
        return ", ".join(parts)
