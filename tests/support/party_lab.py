"""Organizations with real keys and sessions over loopback, several of them in one event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from parties.local.ports import free_ports
from parties.net.session import Participant, Session
from parties.organization.identity import Identity

T = TypeVar("T")
NAMES = ("county", "north", "st-mary", "valley", "west")
STUDY = {"scenario": "the same"}
STUDY_HASH = bytes(range(32))


@cache
def identity(number: int) -> Identity:
    """One of a few identities, made once."""
    return Identity.create(Path(mkdtemp(prefix=f"comity-test-{number}-")))


def participants(n: int, ports: list[int]) -> list[Participant]:
    return [
        Participant(NAMES[i], identity(i).key_hash, identity(i).certificate, ("127.0.0.1", ports[i])) for i in range(n)
    ]


class Lab:
    """n parties. `make(i, ...)` makes the session of one; `ports` may be changed before."""

    def __init__(self, n: int = 3) -> None:
        self.n = n
        self.ports = free_ports(n)
        self.seen_ports = list(self.ports)  # where others think a party is: a proxy, for instance
        self.lines: list[list[str]] = [[] for _ in range(n)]
        self.sessions: dict[int, Session] = {}

    def make(self, index: int, **changes: Any) -> Session:
        options: dict[str, Any] = {
            "identity": identity(index),
            "participants": participants(self.n, self.seen_ports),
            "index": index,
            "listen": ("127.0.0.1", self.ports[index]),
            "document": STUDY,
            "study_hash": STUDY_HASH,
            "explain": lambda ours, theirs, name: f"here {ours}, {name} {theirs}",
            "wait": 20.0,
            "grace": 2.0,
            "debug": True,
            "status": self.lines[index].append,
        }
        session = Session(**{**options, **changes})
        self.sessions[index] = session
        return session

    async def open(self, **changes: Any) -> list[Session]:
        """All sessions, connected."""
        sessions = [self.make(i, **changes) for i in range(self.n)]
        await asyncio.gather(*(session.open() for session in sessions))
        return sessions

    async def listening(self) -> None:
        """The first party takes calls."""
        await until(lambda: self.sessions[0].port != 0)

    async def finish(self) -> None:
        await asyncio.gather(*(session.finish() for session in self.sessions.values()))


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until `condition()` holds; TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def run(program: Callable[[], Awaitable[T]], *, seconds: float = 90.0, loop: str | None = None) -> T:
    """Run a program in a fresh event loop (uvloop where there is one), never longer than `seconds`."""

    async def bounded() -> T:
        return await asyncio.wait_for(program(), seconds)

    factory = asyncio.new_event_loop
    if (loop or os.environ.get("COMITY_TEST_LOOP", "uvloop")) == "uvloop":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(bounded())
