"""n parties inside one process over memory channels, for share-floor programs.

Only simulation can seed a party's randomness: its keys come from `simulated_keys`, and no process of a real run
can be started with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from mpc.machine.channel import MemoryNetwork
from mpc.machine.labels import Streams
from mpc.machine.party import Environment, Keys, Party

T = TypeVar("T")


def simulated_keys(index: int, parties: int, seed: int, *, record: bool = True) -> Keys:
    """Reproducible keys of one simulated party; streams record what is drawn and fail on a repetition."""

    def stream(*who: object) -> Streams:
        return Streams(blake2b(repr((seed, *who)).encode(), digest_size=16).digest(), record=record)

    pair = {peer: stream("pair", *sorted((index, peer))) for peer in range(parties) if peer != index}
    return Keys(pair, stream("common"), stream("private", index))


@dataclass
class Simulated(Generic[T]):
    """The result of each party, and the network that carried their messages."""

    results: list[T]
    network: MemoryNetwork


def simulate_parties(
    program: Callable[[Party], Coroutine[Any, Any, T]],
    *,
    parties: int = 3,
    seed: int = 1,
    label: bytes = b"simulated-label.",
    network: MemoryNetwork | None = None,
) -> Simulated[T]:
    """Run `program(party)` at every party, each inside the operation `label`; the first error ends all."""
    net = network if network is not None else MemoryNetwork(parties)

    async def main() -> list[T]:
        environments = [Environment(net.channels[i], simulated_keys(i, parties, seed)) for i in range(parties)]
        tasks = [asyncio.ensure_future(program(Party(env, label))) for env in environments]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    return Simulated(asyncio.run(main()), net)
