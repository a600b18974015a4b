"""The part of MPyC's runtime that uses the network, written again on top of a session.

Four protocols send: `input`, `output`, resharing and `transfer`. They send the same values as in MPyC, to the same
parties in the same rounds, so the rest of MPyC need not change. The differences: vectors are encoded in a fixed width
and checked on arrival, whole vectors are split and recombined at once, objects are data and not pickles, labels have
128 bits, all holders of a key for pseudorandom sharing contribute to it, and an exception in a coroutine ends the run.

`install` puts this into a runtime. Imports MPyC: only inside a run, after `guard.load`.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

from mpyc import asyncoro, finfields, thresha
from mpyc.runtime import Runtime

from mpc.errors import LocalProtocolError, RemoteProtocolError
from mpc.machine.channel import Bytes
from parties.mpyc import labels, objects
from parties.mpyc.exchange import Exchange
from parties.mpyc.types import Types
from parties.mpyc.vectors import Vectors
from parties.mpyc.watch import Watch

_KEY = 16


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


def install(mpc: Any, exchange: Exchange, watch: Watch, run_id: bytes) -> None:
    """Let `mpc` send over an open session."""
    Runtime.comity = Network(exchange, watch, run_id)
    watch.stopped = exchange.kick
    sending = {"transfer": transfer, "_distribute": distribute, "output": output, "_reshare": reshare}
    for name, function in sending.items():
        function.__annotations__.pop("return", None)  # else MPyC reads it as the type of the placeholder
        setattr(Runtime, name, asyncoro.mpc_coro(function))
    Runtime.start, Runtime.shutdown, Runtime.barrier, Runtime.run = start, shutdown, barrier, run
    Runtime.prfs, Runtime._prss_uci = prfs, prss_uci
    Runtime.threshold = property(lambda self: self._threshold, set_threshold)
    asyncoro._hop = labels.fork
    asyncoro._reconcile = functools.partial(reconcile, mpc, watch)
    mpc._program_counter = [int.from_bytes(run_id[: labels.BYTES], "little"), 0]
    mpc._loop.set_exception_handler(_exceptions(watch))


# Messages


def send(runtime: Any, peer: int, payload: Bytes | bytes) -> None:
    runtime.comity.exchange.send(peer, labels.label(runtime._program_counter[0]), payload)


def receive(runtime: Any, peer: int) -> Any:
    return runtime.comity.exchange.receive(peer, labels.label(runtime._program_counter[0]))


def vectors(runtime: Any, x: list[Any]) -> tuple[Vectors, Any]:
    """The form in which the shares in `x` are sent, and their values."""
    if isinstance(x[0], finfields.FiniteFieldElement):
        return Vectors(type(x[0]), len(x), None, runtime.comity.exchange.names), [a.value for a in x]
    values = x[0].value
    return Vectors(x[0].field, values.size, values.shape, runtime.comity.exchange.names), values.reshape(-1)


def placeholder(runtime: Any, x: list[Any], *dims: int) -> Any:
    """MPyC's placeholder for the result of a step on secure `x`, until the result is there."""
    kind = type(x[0])
    array = issubclass(kind, runtime.SecureArray)
    parts = [kind, *([x[0].integral] if kind.frac_length else []), *([x[0].shape] if array else [])]
    return runtime.returnType(tuple(parts) if len(parts) > 1 else kind, *dims)


# The protocols


async def transfer(
    self: Any, obj: Any, senders: Any = None, receivers: Any = None, sender_receivers: Any = None
) -> Any:
    """Send an object from each of the senders to each of the receivers (default: all to all), or along arcs.

    Rounds 1. Objects that can be sent: `parties.mpyc.objects`. As in MPyC, the arcs are a list of pairs or a dict.
    """
    await self.returnType(asyncio.Future)
    one_sender = isinstance(senders, int)
    everybody = range(len(self.parties))
    if sender_receivers is None:
        froms = [senders] if one_sender else list(everybody if senders is None else senders)
        to = [receivers] if isinstance(receivers, int) else list(everybody if receivers is None else receivers)
        froms, to = (froms if self.pid in to else []), (to if self.pid in froms else [])
    elif senders is not None or receivers is not None:
        raise LocalProtocolError("mpc.transfer takes either senders and receivers, or sender_receivers")
    elif isinstance(sender_receivers, dict):
        froms = [a for a, b in sender_receivers.items() if self.pid in b]
        to = list(sender_receivers[self.pid])
    else:
        froms = [a for a, b in sender_receivers if b == self.pid]
        to = [b for a, b in sender_receivers if a == self.pid]
    net = network(self)
    data = objects.encode(obj, net.types) if to else b""
    for peer in to:
        if peer != self.pid:
            send(self, peer, data)
    payloads = await self.gather([data if peer == self.pid else receive(self, peer) for peer in froms])
    names = net.exchange.names
    received = [
        objects.decode(payload if isinstance(payload, bytes) else payload.data, names[peer], net.types)
        for peer, payload in zip(froms, payloads, strict=True)
    ]
    if one_sender:
        return received[0] if received else None
    return received


async def distribute(self: Any, x: list[Any], senders: list[int]) -> Any:
    """Each sender shares its values: a share to every party.

    Rounds 1. Bytes: from a sender, elements * width to each of the others.
    """
    if x == []:
        return [[] for _ in senders]
    kind = type(x[0])
    secure = issubclass(kind, self.SecureObject)
    if secure:
        if hasattr(kind, "_input"):
            return kind._input(x, senders)
        await placeholder(self, x, len(senders), len(x))
        field = kind.sectype.field if issubclass(kind, self.SecureArray) else kind.field
    else:
        await self.returnType(asyncio.Future)
        field = kind if issubclass(kind, finfields.FiniteFieldElement) else kind.field
    array = issubclass(kind, (self.SecureArray, finfields.FiniteFieldArray))
    shape = x[0].shape if array else None
    count = len(x) if shape is None else x[0].size
    form = Vectors(field, count, shape, network(self).exchange.names)
    shares: list[Any] = [None] * len(senders)
    own_shares: dict[int, Any] = {}
    for i, sender in enumerate(senders):
        if sender != self.pid:
            shares[i] = receive(self, sender)
            continue
        if secure:
            x = await self.gather(x)
        values = x if shape is None else x[0].value.reshape(-1)
        for peer, share in enumerate(form.split(values, self.threshold, len(self.parties))):
            if peer == self.pid:
                own_shares[i] = share
            else:
                send(self, peer, form.encode(share))
    shares = await self.gather(shares)
    return [
        form.wrap(own_shares[i] if i in own_shares else form.decode(shares[i], sender))
        for i, sender in enumerate(senders)
    ]


async def output(self: Any, x: Any, receivers: Any = None, threshold: int | None = None, raw: bool = False) -> Any:
    """Open secure values, or shares of a polynomial of degree `threshold`, to the receivers (default: all).

    Rounds 1. Bytes: to each receiver, elements * width from each of `threshold` parties.
    """
    many = isinstance(x, list)
    x = list(x) if many else [x]
    await self.returnType(asyncio.Future)
    if not x:
        return []
    t = self.threshold if threshold is None else threshold
    m, me = len(self.parties), self.pid
    to = [receivers] if isinstance(receivers, int) else list(range(m) if receivers is None else receivers)
    kind = type(x[0])
    secure = issubclass(kind, self.SecureObject)
    if secure:
        if hasattr(kind, "_output"):
            opened = await kind._output(x, to, threshold)
            return opened if many else opened[0]
        x = await self.gather(x)
    count = len(x)
    form, values = vectors(self, x)
    payload = None
    for peer in to:
        if 0 < (peer - me) % m <= t:
            payload = form.encode(values) if payload is None else payload
            send(self, peer, payload)
    if me not in to:
        y: list[Any] = [None] * count
    else:
        froms = [(me - t + j) % m for j in range(t)]
        payloads = await self.gather([receive(self, peer) for peer in froms])
        points = [(peer + 1, form.decode(payload, peer)) for peer, payload in zip(froms, payloads, strict=True)]
        y = form.recombine([*points, (me + 1, values)])
        if secure and not raw and kind._output_conversion is not None:
            y = [kind._output_conversion(a) for a in y]
    return y if many else y[0]


async def reshare(self: Any, x: Any) -> Any:
    """Shares of degree 2t become fresh ones of degree t, after Gennaro, Rabin and Rabin (PODC '98).

    Rounds 1. Bytes: elements * width from each of 2t + 1 parties to each of the others.
    """
    many = isinstance(x, list)
    x = x if many else [x]
    if x == []:
        return []
    if issubclass(type(x[0]), self.SecureObject):
        await placeholder(self, x, *([len(x)] if many else []))
        x = await self.gather(x)
    else:
        await self.returnType(asyncio.Future)
    t = self.threshold
    if t == 0:
        return x if many else x[0]
    form, values = vectors(self, x)
    m, me = len(self.parties), self.pid
    first = self._program_counter[0] % m  # the sharing parties are public, and vary so that all do the same work
    froms = [(first + j) % m for j in range(2 * t + 1)]
    own_share = None
    if me in froms:
        for peer, share in enumerate(form.split(values, t, m)):
            if peer == me:
                own_share = share
            else:
                send(self, peer, form.encode(share))
    others = [peer for peer in froms if peer != me]
    payloads = await self.gather([receive(self, peer) for peer in others])
    points = [(peer + 1, form.decode(payload, peer)) for peer, payload in zip(others, payloads, strict=True)]
    if own_share is not None:
        points.append((me + 1, own_share))
    y = form.recombine(points)
    return y if many else y[0]


# Start, end, and between them


async def start(self: Any) -> None:
    """Make the keys of pseudorandom sharing, and log what MPyC logs; the session is open already."""
    logging.info(f"Start MPyC runtime v{self.version}")
    for peer in self.parties:
        peer.protocol = Peer(network(self).exchange, peer.pid)
    await make_keys(self)
    logging.info(f"All {len(self.parties)} parties connected via TLS, authenticated.")
    self.start_time = time.time()


async def shutdown(self: Any) -> None:
    """Wait until this party's coroutines are done, and until all parties are here. A program may start again."""
    await settled(self)
    elapsed = datetime.timedelta(seconds=round(time.time() - self.start_time, 3))
    text = str(elapsed)[:-3] if elapsed.microseconds else f"{elapsed}.000"
    sent = [peer.protocol.nbytes_sent for peer in self.parties]
    logging.info(f"Stop MPyC -- elapsed time: {text}|bytes sent: {sum(sent)}")
    logging.debug(f"Bytes sent per party: {' '.join(map(str, sent))}")
    logging.debug("Synchronize with all parties before shutdown")
    await self.transfer(self.pid)


async def barrier(self: Any, name: str | None = None) -> None:
    """Wait until the coroutines of this level are done."""
    if self.options.no_barrier:
        return
    logging.info(f"Barrier{f'-{name}' if name else ''} {self._pc_level} {self._program_counter[1]}")
    await settled(self)


async def settled(self: Any) -> None:
    """Wait until no coroutine above this level is open: for a few turns of the loop, then for incoming messages."""
    turns = 0
    while self._pc_level > self._program_counter[1]:
        turns += 1
        if turns % 8:
            await asyncio.sleep(0)
        else:
            await asyncio.wait([network(self).exchange.arrival()], timeout=0.01)


def run(self: Any, f: Any) -> Any:
    """Run a coroutine or future until it is done."""
    if self._loop.is_running():  # as in MPyC: step a coroutine that waits for no message
        if not asyncio.iscoroutine(f):
            f = asyncoro._wrap_in_coro(f)
        while True:
            try:
                f.send(None)
            except StopIteration as done:
                return done.value
    return network(self).watch.run(f)


def reconcile(runtime: Any, watch: Watch, placeholder: Any, task: Any) -> None:
    """A coroutine has ended: give its result to its placeholder, or end the run with its exception."""
    runtime._pc_level -= 1
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        watch.coroutine_failed(error)
    elif placeholder is not None:
        vars(asyncoro)["__reconcile"](placeholder, task.result())


def _exceptions(watch: Watch) -> Callable[[Any, dict[str, Any]], None]:
    """A handler that shows errors outside coroutines as asyncio does, except after a failed run."""

    def handle(loop: Any, context: dict[str, Any]) -> None:
        if watch.failure is not None or ("task" in context and "destroyed" in context.get("message", "")):
            return
        loop.default_exception_handler(context)

    return handle


# Pseudorandom sharing


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
