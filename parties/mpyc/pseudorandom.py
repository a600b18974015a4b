"""MPyC's pseudorandom sharing: its keys, made by all parties that hold them, and its inputs.

Imports MPyC: only inside a run.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from mpyc import thresha

from mpc.errors import LocalProtocolError, RemoteProtocolError
from parties.mpyc import labels
from parties.mpyc.network import network, receive, send

_KEY = 16


def set_threshold(self: Any, threshold: int) -> None:
    """Set the threshold, as in MPyC; `mpc.start()` makes the keys for it."""
    if not 0 <= 2 * threshold < len(self.parties):
        raise ValueError(f"threshold {threshold} with {len(self.parties)} parties")
    self._threshold = threshold


def subsets(self: Any) -> Iterator[tuple[int, ...]]:
    """The sets of parties that share a key, of which this party is a member; in the same order at all parties."""
    m = len(self.parties)
    return (s for s in itertools.combinations(range(m), m - self.threshold) if self.pid in s)


async def make_keys(self: Any) -> None:
    """Make a key for each set of n - t parties, from random parts of all its members.

    The key is uniform if the part of one member is, and nobody outside the set knows it.
    """
    net = network(self)
    if self.options.no_prss or net.keys_for == self.threshold:
        return
    net.prfs.clear()
    mine = {s: os.urandom(_KEY) for s in subsets(self)}
    parts: dict[tuple[int, ...], dict[int, bytes]] = {s: {self.pid: part} for s, part in mine.items()}
    self._program_counter[0] += 1
    others = [peer for peer in range(len(self.parties)) if peer != self.pid]
    for peer in others:
        send(self, peer, b"".join(part for s, part in mine.items() if peer in s))
    for peer in others:
        payload = receive(self, peer)
        data = (await payload if isinstance(payload, asyncio.Future) else payload).tobytes()
        shared = [s for s in mine if peer in s]
        if len(data) != _KEY * len(shared):
            name = net.exchange.names[peer]
            raise RemoteProtocolError(f"{name} sent {len(data)} bytes for {len(shared)} keys", peer=name)
        for k, s in enumerate(shared):
            parts[s][peer] = data[_KEY * k : _KEY * (k + 1)]
    self._prss_keys = {s: _key(net.run_id, s, parts[s]) for s in mine}
    net.keys_for = self.threshold


def _key(run_id: bytes, members: tuple[int, ...], parts: dict[int, bytes]) -> bytes:
    data = run_id + bytes(members) + b"".join(parts[i] for i in members)
    return blake2b(data, digest_size=_KEY, person=b"comity/mpyc/prss").digest()


def prfs(self: Any, bound: int) -> dict[tuple[int, ...], Any]:
    """The pseudorandom functions of this party's sets, with values below `bound`."""
    net = network(self)
    if net.keys_for != self.threshold:
        raise LocalProtocolError("random sharings need mpc.start() first: the parties have no common keys yet")
    functions = net.prfs.get(bound)
    if functions is None:
        functions = net.prfs[bound] = {s: thresha.PRF(key, bound) for s, key in self._prss_keys.items()}
    return functions


def prss_uci(self: Any) -> bytes:
    """An input that no other call has: all bits of the next number of this branch."""
    self._program_counter[0] += 1
    return labels.label(self._program_counter[0])
