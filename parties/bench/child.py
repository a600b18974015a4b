"""The common part of a measurement's processes: lines of JSON from and to the parent process, and the event loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parties.organization.home import Home, open_home
from parties.system.eventloop import loop_factory


@dataclass(frozen=True)
class Place:
    """The place of one process among all: its home, its index, and all names in index order."""

    home: Home
    index: int
    names: list[str]

    @classmethod
    def read(cls, message: dict[str, Any]) -> Place:
        names = [str(name) for name in message["names"]]
        return cls(open_home(Path(message["home"])), int(message["index"]), names)

    def certificate(self, peer: int) -> bytes:
        if peer == self.index:
            return self.home.card().certificate
        return self.home.consortium.member(self.names[peer]).card.certificate

    def key_hash(self, peer: int) -> bytes:
        if peer == self.index:
            return self.home.identity.key_hash
        return self.home.consortium.member(self.names[peer]).card.key_hash

    @property
    def peers(self) -> list[int]:
        return [i for i in range(len(self.names)) if i != self.index]


async def heard() -> dict[str, Any] | None:
    """The next message from the parent process; None at the end."""
    line = await asyncio.to_thread(sys.stdin.readline)
    return dict(json.loads(line)) if line else None


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a process of a measurement; an error is a message and an exit code."""
    from parties.system.privacy import no_core_dumps
    from parties.text.failure import report_error

    no_core_dumps()
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(main())
    except Exception as error:  # the top of the process: nothing above could report it
        sys.exit(report_error(error))
