"""The cost of a protocol without a cost formula: all parties run it in memory, and their messages are counted.

A tally takes as long as the parties compute together, so it is for shares of zeros. The protocols of the engine
`replicated` have formulas, because they work on whole arrays with compiled kernels: a formula of `sign` takes 5 µs, a
tally takes 1.5 ms for one element and 15 ms for 10^5. `shamir` has its own tally, which runs a protocol without arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost
from mpc.machine.party import Party
from mpc.machine.simulation import simulate_parties


def tallied(parties: int, label: bytes, program: Callable[[Party], Coroutine[Any, Any, Any]]) -> tuple[Cost, bool]:
    """The cost of `program(party)` inside the operation `label`, and whether the program has inner operations.

    Rounds are the messages of the longest chain; the rounds of inner operations are added up, as if each waited for the
    one before it.
    """
    network = MemoryNetwork(parties)
    with ThreadPoolExecutor(1) as thread:  # an event loop may run in this thread
        thread.submit(lambda: simulate_parties(program, parties=parties, label=label, network=network)).result()
    sent, messages = [0] * parties, [0] * parties
    labels = set()
    for sender, _, tag, size in network.messages:
        sent[sender] += size
        messages[sender] += 1
        labels.add(tag[: len(label)])
    rounds = sum(network.rounds(operation) for operation in labels)
    return Cost(rounds, tuple(sent), tuple(messages)), bool(labels - {label})
