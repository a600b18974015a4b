"""What MPyC's runtime uses to send over a session: its state in a run, and messages under the labels of its steps.

Imports MPyC: only inside a run.
"""

from __future__ import annotations

from typing import Any

from mpc.machine.channel import Bytes
from parties.mpyc import labels
from parties.mpyc.exchange import Exchange
from parties.mpyc.types import Types
from parties.mpyc.watch import Watch


class Peer:
    """The `protocol` of one of MPyC's parties; here it only counts bytes."""

    def __init__(self, exchange: Exchange, index: int) -> None:
        self._exchange = exchange
        self._index = index
        self._before = exchange.bytes_sent[index]

    @property
    def nbytes_sent(self) -> int:
        return self._exchange.bytes_sent[self._index] - self._before

    def close_connection(self) -> None:
        """Nothing to do: connections belong to the session, and end with the process."""


class Network:
    """The state that the functions below share in this run."""

    def __init__(self, exchange: Exchange, watch: Watch, run_id: bytes) -> None:
        self.exchange = exchange
        self.watch = watch
        self.run_id = run_id
        self.types = Types()
        #: The threshold for which keys of pseudorandom sharing were made.
        self.keys_for: int | None = None
        self.prfs: dict[int, dict[tuple[int, ...], Any]] = {}


def network(runtime: Any) -> Network:
    net = runtime.comity
    assert isinstance(net, Network)
    return net


def send(runtime: Any, peer: int, payload: Bytes | bytes) -> None:
    runtime.comity.exchange.send(peer, labels.label(runtime._program_counter[0]), payload)


def receive(runtime: Any, peer: int) -> Any:
    return runtime.comity.exchange.receive(peer, labels.label(runtime._program_counter[0]))
