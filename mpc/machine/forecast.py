"""The time of a run before it runs: its operations on parties with one processor and one link each.

A small discrete simulation of the runtime. A party works in *turns*: it takes the messages that are there,
does all that they let it do (goes on with operations, starts those that waited for them, goes on with the script), and
then its messages leave together. They leave the party's link one after the other and arrive a one-way delay later. An
operation of r rounds is r exchanges, each with an even part of its work and of the bytes of its stage (`Cost.stages`).

What an owner computes from its rows before it shares them, as places for their keys in a table, takes a turn of its
own, when there is nothing else to do.

Left out: reading and checking rows, agreeing on a study, and that a party may know its result before others do.
Operations with many elements send while they compute.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

from mpc.machine.channel import FRAME_HEADER
from mpc.machine.engine import Cost
from mpc.machine.network import Network
from mpc.machine.trace import Read, Settle, Task, Trace

#: Bytes from which an operation is cut in chunks, and sends while it computes.
_STREAMED = 1 << 18


@dataclass(frozen=True)
class Machine:
    """What it costs one party to compute, in seconds, measured on an ordinary core.

    schedule_s   to schedule an operation: the script, bounds, labels, plans
    step_s       to start an operation and to end it
    exchange_s   to take part in one exchange of messages: streams, small arrays, going on afterwards
    message_s    to send a message and to receive one
    turn_s       to wake up, read from and write to connections
    byte_s       to encrypt, send, receive and decrypt a byte
    """

    schedule_s: float
    step_s: float
    exchange_s: float
    message_s: float
    turn_s: float
    byte_s: float


#: What `python -m parties.bench.calibrate` prints; docs/performance.md says where and when.
ORDINARY = Machine(schedule_s=11e-6, step_s=4e-6, exchange_s=38e-6, message_s=12e-6, turn_s=30e-6, byte_s=1.4e-9)
#: A machine that computes in no time.
_FREE = Machine(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_NO_DELAY = Network(0.0, inf)


@dataclass(frozen=True)
class Forecast:
    """Seconds from agreed keys to the last release; and what network and computing would take, each without the
    other. They overlap: `seconds` is less than their sum."""

    seconds: float
    network_seconds: float
    compute_seconds: float


def forecast(trace: Trace, network: Network, machine: Machine = ORDINARY, cores: int | None = None) -> Forecast:
    """Predict the time of a traced dry run.

    cores  what all parties share, where they run on one machine; None: a machine to each party
    """
    return Forecast(
        _Simulated(trace, network, machine, cores).run(),
        _Simulated(trace, network, _FREE, None, work=False).run(),
        _Simulated(trace, _NO_DELAY, machine, cores).run(),
    )


class _Exchange(NamedTuple):
    """One exchange of messages: what each party sends, and the parties that send, for which the exchange waits."""

    bytes_sent: tuple[float, ...]
    messages: tuple[float, ...]
    senders: tuple[int, ...]


@lru_cache(maxsize=4096)
def _alike(rounds: int, bytes_sent: tuple[int, ...], messages: tuple[int, ...]) -> tuple[_Exchange, ...]:
    """The exchanges of rounds that are alike."""
    one = _Exchange(
        tuple(sent / rounds for sent in bytes_sent),
        tuple(count / rounds for count in messages),
        tuple(party for party, sent in enumerate(bytes_sent) if sent),
    )
    return (one,) * rounds


def _exchanges(cost: Cost) -> tuple[_Exchange, ...]:
    if not cost.stages:
        return _alike(cost.rounds, cost.bytes_sent, cost.messages) if cost.rounds else ()
    return tuple(x for stage in cost.stages for x in _alike(stage.rounds, stage.bytes_sent, stage.messages))


class _Thread:
    """A part of the script at one party: how far it is, and which part waits for its end."""

    __slots__ = ("at", "children", "parent", "task", "waits")

    def __init__(self, task: Task, parent: _Thread | None = None) -> None:
        self.task = task
        self.at = 0
        self.parent = parent
        self.children = 0
        self.waits = 0


class _Party:
    """One party: what is ready, and how far its operations are."""

    def __init__(self, trace: Trace, index: int) -> None:
        steps = trace.steps
        self.missing = [len(step.after) + 1 for step in steps]  # operands, and being scheduled
        #: Its operations that wait for what it computes from its rows, by the number of that.
        self.users: dict[int, list[int]] = {}
        for number, step in enumerate(steps):
            if step.local is not None and step.owner == index:
                self.missing[number] += 1
                self.users.setdefault(step.local, []).append(number)
        #: What it computes from its rows: parts of the script that wait for it, and its numbers.
        self.readings: deque[tuple[_Thread, Read]] = deque()
        self.reading: tuple[_Thread, Read] | None = None
        self.done = bytearray(len(steps))
        self.stage = [0] * len(steps)
        self.arrived: Counter[tuple[int, int]] = Counter()  # messages, by operation and exchange
        self.waiting: dict[int, list[_Thread]] = {}
        self.scripts = deque([_Thread(trace.script)])
        self.ready: deque[int] = deque()
        self.link_free = 0.0
        self.busy = False
        self.queued = False


class _Simulated:
    def __init__(
        self, trace: Trace, network: Network, machine: Machine, cores: int | None, *, work: bool = True
    ) -> None:
        self._steps = trace.steps
        self._locals = trace.locals
        self._network = network
        self._machine = machine
        self._work = work
        self._users: list[list[int]] = [[] for _ in trace.steps]
        for number, step in enumerate(trace.steps):
            for before in step.after:
                self._users[before].append(number)
        # The exchanges of each operation.
        self._exchanges = [_exchanges(step.cost) for step in trace.steps]
        self._parties = [_Party(trace, index) for index in range(trace.parties)]
        self._cores = trace.parties if cores is None else cores
        self._wanting: deque[int] = deque()
        self._events: list[tuple[float, int, int, tuple[int, int] | None]] = []
        self._count = 0
        self._now = 0.0

    def run(self) -> float:
        """Seconds until the last party has finished."""
        for index in range(len(self._parties)):
            self._want(index)
        while self._events:
            self._now, _, index, message = heappop(self._events)
            if message is None:
                self._turn_over(index)
            else:
                self._arrive(index, *message)
        return self._now

    # ---- processors
    def _want(self, index: int) -> None:
        party = self._parties[index]
        if party.busy or party.queued:
            return
        party.queued = True
        self._wanting.append(index)
        self._next()

    def _next(self) -> None:
        while self._cores and self._wanting:
            index = self._wanting.popleft()
            self._parties[index].queued = False
            self._cores -= 1
            self._turn(index)

    def _turn_over(self, index: int) -> None:
        party = self._parties[index]
        party.busy = False
        self._cores += 1
        if party.reading is not None:
            thread, read = party.reading
            party.reading = None
            for local in read.locals:
                for user in party.users.get(local, ()):
                    self._less(party, user)
            party.scripts.append(thread)
        if party.ready or party.scripts or party.readings:
            self._want(index)
        self._next()

    def _turn(self, index: int) -> None:
        """Do all that can be done now; messages leave at the end."""
        party, machine = self._parties[index], self._machine
        party.busy = True
        spent = machine.turn_s
        outgoing: list[tuple[int, int]] = []
        ready, scripts = party.ready, party.scripts
        if party.readings and not ready and not scripts:
            party.reading = party.readings.popleft()
            if self._work:
                spent += sum(self._locals[local] for local in party.reading[1].locals if local in party.users)
        while ready or scripts:
            if ready:
                spent += self._advance(index, ready.popleft(), outgoing)
            else:
                spent += self._script(party, scripts.popleft())
        begun, ended = self._now, self._now + spent
        for number, exchange in outgoing:
            self._send(index, number, exchange, begun, ended)
        self._push(ended, index, None)

    # ---- the script
    def _script(self, party: _Party, thread: _Thread) -> float:
        """Go on until it waits, or something it scheduled can start."""
        items, spent = thread.task.items, 0.0
        while thread.at < len(items):
            item = items[thread.at]
            thread.at += 1
            if isinstance(item, int):
                spent += self._machine.schedule_s
                self._less(party, item)
                if party.ready:
                    party.scripts.appendleft(thread)
                    return spent
            elif isinstance(item, Settle):
                left = [number for number in item.steps if not party.done[number]]
                if left:
                    thread.waits = len(left)
                    for number in left:
                        party.waiting.setdefault(number, []).append(thread)
                    return spent
            elif isinstance(item, Read):
                if not party.users.keys().isdisjoint(item.locals):
                    party.readings.append((thread, item))
                    return spent
            elif item:
                thread.children = len(item)
                party.scripts.extend(_Thread(task, thread) for task in item)
                return spent
        parent = thread.parent
        if parent is not None:
            parent.children -= 1
            if not parent.children:
                party.scripts.append(parent)
        return spent

    # ---- operations
    def _less(self, party: _Party, number: int) -> None:
        party.missing[number] -= 1
        if not party.missing[number]:
            party.ready.append(number)

    def _advance(self, index: int, number: int, outgoing: list[tuple[int, int]]) -> float:
        """The next part of an operation: its start, or what follows an exchange."""
        party, step, machine = self._parties[index], self._steps[number], self._machine
        rounds = step.cost.rounds
        stage = party.stage[number]
        party.stage[number] += 1
        spent = step.work / (rounds + 1) if self._work else 0.0
        if stage == 0:
            spent += machine.step_s
        if stage < rounds:
            spent += machine.exchange_s
            exchange = self._exchanges[number][stage]
            spent += machine.message_s * exchange.messages[index]
            spent += machine.byte_s * exchange.bytes_sent[index]
            outgoing.append((number, stage + 1))
            self._complete(party, index, number)
            return spent
        party.done[number] = 1
        for user in self._users[number]:
            self._less(party, user)
        for thread in party.waiting.pop(number, ()):
            thread.waits -= 1
            if not thread.waits:
                party.scripts.append(thread)
        return spent

    def _send(self, index: int, number: int, exchange: int, begun: float, ended: float) -> None:
        party, part = self._parties[index], self._exchanges[number][exchange - 1]
        sent = part.bytes_sent[index] + FRAME_HEADER * part.messages[index]
        if not sent:
            return
        first = begun if sent > _STREAMED else ended
        party.link_free = max(party.link_free, first) + 8 * sent / self._network.bits_per_second
        there = max(party.link_free, ended) + self._network.rtt_s / 2
        for peer in range(len(self._parties)):
            if peer != index:
                self._push(there, peer, (number, exchange))

    def _arrive(self, index: int, number: int, exchange: int) -> None:
        party = self._parties[index]
        party.arrived[number, exchange] += 1
        if party.stage[number] == exchange and self._complete(party, index, number):
            self._want(index)

    def _complete(self, party: _Party, index: int, number: int) -> bool:
        """Go on with an operation if all messages of its exchange are there."""
        exchange = party.stage[number]
        senders = self._exchanges[number][exchange - 1].senders
        if party.arrived[number, exchange] < len(senders) - (index in senders):
            return False
        del party.arrived[number, exchange]
        party.ready.append(number)
        return True

    def _push(self, when: float, index: int, message: tuple[int, int] | None) -> None:
        self._count += 1
        heappush(self._events, (when, self._count, index, message))
