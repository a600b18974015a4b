"""The time of a run before it runs: its operations on parties with one processor and one link each.

A small discrete simulation of the runtime. A party works in *turns*: it takes the messages that are there,
does all that they let it do (goes on with operations, starts those that waited for them, goes on with the script), and
then its messages leave together. They leave the party's link one after the other and arrive a one-way delay later. An
operation of r rounds is r exchanges, each with an even part of its bytes and its work.

Left out: reading and checking rows beforehand, agreeing on a study, and that a party may know its result before others
do. Operations with many elements send while they compute.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

from mpc.machine.channel import FRAME_HEADER
from mpc.machine.network import Network
from mpc.machine.trace import Settle, Task, Trace

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

    def __init__(self, trace: Trace) -> None:
        steps = trace.steps
        self.missing = [len(step.after) + 1 for step in steps]  # operands, and being scheduled
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
        self._network = network
        self._machine = machine
        self._work = work
        self._users: list[list[int]] = [[] for _ in trace.steps]
        for number, step in enumerate(trace.steps):
            for before in step.after:
                self._users[before].append(number)
        # The parties that send in an operation: its exchanges wait for them.
        self._senders = [tuple(p for p, sent in enumerate(step.cost.bytes_sent) if sent) for step in trace.steps]
        self._parties = [_Party(trace) for _ in range(trace.parties)]
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
        if party.ready or party.scripts:
            self._want(index)
        self._next()

    def _turn(self, index: int) -> None:
        """Do all that can be done now; messages leave at the end."""
        party, machine = self._parties[index], self._machine
        party.busy = True
        spent = machine.turn_s
        outgoing: list[tuple[int, int]] = []
        ready, scripts = party.ready, party.scripts
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
            spent += machine.message_s * step.cost.messages[index] / rounds
            spent += machine.byte_s * step.cost.bytes_sent[index] / rounds
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
        party, step = self._parties[index], self._steps[number]
        sent = (step.cost.bytes_sent[index] + FRAME_HEADER * step.cost.messages[index]) / step.cost.rounds
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
        senders, exchange = self._senders[number], party.stage[number]
        if party.arrived[number, exchange] < len(senders) - (index in senders):
            return False
        del party.arrived[number, exchange]
        party.ready.append(number)
        return True

    def _push(self, when: float, index: int, message: tuple[int, int] | None) -> None:
        self._count += 1
        heappush(self._events, (when, self._count, index, message))
