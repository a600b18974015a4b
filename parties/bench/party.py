"""One party of a measurement: a real session with its agreement, a real engine, and a clock.

The parent sends: the place of the process and all cases; then, one after the other, which case to run. A case is run
once unmeasured and then `repeat` times, each after a barrier.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from time import perf_counter
from typing import Any

import numpy as np

from mpc.machine.accounting import MEMORY_BUDGET
from mpc.machine.engine import Engine
from mpc.machine.network import Network
from mpc.machine.operation import Handle
from mpc.machine.party import Environment, Party
from mpc.machine.runtime import Runtime
from parties.bench import memory
from parties.bench.child import Place, heard, run, tell
from parties.bench.profile import watched
from parties.bench.workloads import WORKLOADS
from parties.bench.workloads.base import Workload
from parties.net.agreement import PROTOCOL_VERSION
from parties.net.clock import Clock
from parties.net.session import Participant, Session
from parties.net.shaping import Shaped
from parties.run.assembly import opened, runtime_over
from parties.study.document import comity_version, study_hash
from protocols.engines import make_engine
from protocols.library import Library

#: Four times the memory budget of a study by default: workloads of 10^7 elements hold several vectors at once.
BUDGET = MEMORY_BUDGET


def document(
    place: Place, engine: Engine, threshold: int, cases: list[list[Any]], repeat: int, network: Network | None
) -> dict[str, Any]:
    """The document that all parties agree on before they measure."""
    participants = [{"name": name, "key": place.key_hash(i).hex()} for i, name in enumerate(place.names)]
    return {
        "bench": {"cases": cases, "repeat": repeat, "network": None if network is None else repr(network)},
        "comity": comity_version(),
        "protocol": PROTOCOL_VERSION,
        "engine": engine.name,
        "threshold": threshold,
        "participants": participants,
    }


class Bench:
    """One party's runs of all cases within one session."""

    def __init__(
        self, session: Session, runtime: Runtime, cases: list[list[Any]], repeat: int, shaped: Shaped | None
    ) -> None:
        self._session = session
        self._run = runtime
        self._shaped = shaped
        self._cases = cases
        self._repeat = repeat
        self._barriers = 0
        #: Bytes that this party has in memory before the first case.
        self._idle: int | None = None

    async def script(self) -> None:
        memory.give_back()
        gc.freeze()  # as a party does when its script begins
        self._idle = memory.resident()
        tell({"ready": True})
        while (message := await heard()) is not None:
            name, size = self._cases[int(message["case"])]
            memory.give_back()
            workload = WORKLOADS[str(name)](self._run, int(size))
            await workload.prepare()
            measured = await self._measure(workload, profile=bool(message["profile"]))
            del workload
            tell(measured)

    async def _measure(self, workload: Workload, *, profile: bool) -> dict[str, Any]:
        """Seconds of each repetition; with `profile`, one more is watched, and also gives rounds and bytes."""
        seconds, error = [], 0.0
        most: int | None = None
        for repetition in range(self._repeat + 1):
            once, result = await self._once(workload.timed)
            once["rounds"] = workload.rounds(result)
            error = max(error, await workload.error(result))
            del result
            if repetition:
                seconds.append(once["seconds"])
                most = once["memory"] if most is None else max(most, once["memory"])
        if profile:
            with watched(self._run) as watch:
                once, result = await self._once(lambda: watch.script(workload.timed()))
                once["rounds"] = workload.rounds(result)
                once["profile"] = watch.profile()
        return once | {
            "seconds": seconds,
            "error": error,
            "memory": most,
            "elements": workload.elements,
            "rounding": self._run.engine.rounding,
        }

    async def _once(self, timed: Callable[[], Awaitable[Handle]]) -> tuple[dict[str, Any], Handle]:
        """One repetition, which all parties begin together: its seconds, bytes on each link and memory; its result."""
        gc.collect()
        fresh = memory.forget_peak()
        await self._barrier()
        before = self._sent()
        self._shape(True)
        begun = perf_counter()
        result = await timed()
        seconds = perf_counter() - begun
        self._shape(False)
        taken = (memory.peak() or 0) - self._idle if fresh and self._idle else None
        links = [after - sent for after, sent in zip(self._sent(), before, strict=True)]
        return {"seconds": seconds, "links": links, "memory": taken}, result

    async def _barrier(self) -> None:
        """Wait until all parties have reached this barrier."""
        self._barriers += 1
        label = blake2b(b"bench barrier" + self._barriers.to_bytes(8, "little"), digest_size=16).digest()
        party = Party(Environment(self._session.channel, self._session.keys), label)
        peers = [lane.index for lane in self._session.peers]
        for peer in peers:
            party.send(peer, 0, np.zeros(1, np.uint8))
        for peer in peers:
            await party.receive(peer, 0, (1,), np.uint8)

    def _shape(self, on: bool) -> None:
        """Shape messages from here on, or not: only messages of the timed part are shaped."""
        if self._shaped is not None:
            self._shaped.shaping = on

    def _sent(self) -> list[int]:
        """Bytes of frames sent so far, by receiver."""
        if self._shaped is not None:
            return list(self._shaped.bytes_sent)
        sent = [0] * self._run.parties
        for lane in self._session.peers:
            sent[lane.index] = lane.bytes_sent
        return sent


async def primitives(cases: list[list[Any]], engine: Engine, network: Network | None) -> set[str]:
    """The primitives that the cases need, from a dry run of each."""
    planned: set[str] = set()
    for name, size in cases:
        run = Runtime(engine, Library(), network=network, memory_budget=BUDGET)
        await run.execute(_once_dry(WORKLOADS[str(name)](run, int(size))))
        planned |= run.planned
    return planned


async def _once_dry(workload: Workload) -> None:
    await workload.prepare()
    await workload.timed()


async def main() -> None:
    message = await heard()
    assert message is not None
    place = Place.read(message)
    cases, repeat = message["cases"], int(message["repeat"])
    threshold = int(message["threshold"])
    engine = make_engine(str(message["engine"]), len(place.names), threshold)
    network = None if message["network"] is None else Network(**message["network"])
    agreed = document(place, engine, threshold, cases, repeat, network)
    engine.prepare(await primitives(cases, engine, network))
    session = Session(
        identity=place.home.identity,
        participants=[
            Participant(name, place.key_hash(i), place.certificate(i), _address(place, i))
            for i, name in enumerate(place.names)
        ],
        index=place.index,
        listen=place.home.consortium.listen,
        document=agreed,
        study_hash=study_hash(agreed),
        explain=lambda ours, theirs, name: f"{name} measures something else",
        wait=60.0,
    )
    threads = _cores() - 1 if _cores() > len(place.names) else 1
    async with opened(session):
        shaped = None if network is None else Shaped(session.channel, network, Clock())
        with runtime_over(
            session, engine, threads=threads, shaped=shaped, network=network, memory_budget=BUDGET
        ) as runtime:
            await runtime.execute(Bench(session, runtime, cases, repeat, shaped).script())


def _address(place: Place, index: int) -> tuple[str, int] | None:
    if index == place.index:
        return None
    return place.home.consortium.member(place.names[index]).address


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


if __name__ == "__main__":
    run(main)
