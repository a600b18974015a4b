"""One party of the same measurement on MPyC, in a process of its own.

MPyC reads `sys.argv` when it is imported, trusts what its peers send, and speaks plain TCP. Here this module sets its
arguments, and its connections are sockets in a folder that only the user can enter: nothing is open to a network or to
other users of this machine. Otherwise it uses its defaults, with gmpy2 and uvloop if they are installed.

The parent sends: the place of the process; then, line by line, workload, size and repetitions.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from parties.bench.child import heard, tell
from parties.bench.mpyc_programs import Input, program

_BASE = 20_000


def load(index: int, parties: int, threshold: int, folder: Path) -> Any:
    """MPyC's runtime of this party, not yet connected."""
    sys.argv = ["comity", f"-M{parties}", f"-T{threshold}", f"-I{index}", f"-B{_BASE}", "--no-log"]
    from mpyc.runtime import mpc as runtime

    loop = runtime._loop

    async def create_server(factory: Callable[[], Any], *, port: int, ssl: None) -> Any:
        return await loop.create_unix_server(factory, str(folder / str(port - _BASE)))

    async def create_connection(
        factory: Callable[[], Any], host: str, port: int, *, ssl: None, server_hostname: None
    ) -> Any:
        return await loop.create_unix_connection(factory, str(folder / str(port - _BASE)))

    loop.create_server, loop.create_connection = create_server, create_connection
    return runtime


class Measured:
    """One party's programs."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._types = {
            "int32": runtime.SecInt(32),
            "int64": runtime.SecInt(64),
            "fixed": runtime.SecFxp(32, 16),
        }

    async def serve(self, version: str) -> None:
        await self._runtime.start()
        tell({"version": version})
        while (message := await heard()) is not None:
            tell(await self._measure(str(message["workload"]), int(message["size"]), int(message["repeat"])))

    async def _measure(self, workload: str, size: int, repeat: int) -> dict[str, Any]:
        runtime, workload_program = self._runtime, program(workload, size)
        assert workload_program is not None
        clear = workload_program.inputs(size)
        shares = [await self._settled(self._shared(owner, entry)) for owner, entry in enumerate(clear)]
        arguments = [await self._settled(share) for share in workload_program.before(runtime, *shares)]
        timed = partial(workload_program.timed, runtime, *arguments)
        if workload == "input":
            timed = partial(self._shared, 0, clear[0])
        seconds, error = [], 0.0
        for _ in range(repeat):
            await runtime.transfer(None)  # a barrier
            begun = perf_counter()
            result = await self._settled(timed())
            seconds.append(perf_counter() - begun)
            opened = result if workload == "open" else await runtime.output(result)
            error = max(error, workload_program.error(opened, *(values for _, values in clear)))
        return {"seconds": seconds, "error": error}

    def _shared(self, owner: int, entry: Input) -> Any:
        kind, values = entry
        secret = self._types[kind]
        plain = values / 65536.0 if kind == "fixed" else values
        held = secret.array(plain) if values.ndim else secret(int(plain))
        return self._runtime.input(held, senders=owner % len(self._runtime.parties))

    async def _settled(self, secret: Any) -> Any:
        """Wait for this party's share of the secret. Returns the secret, or the result of an opening."""
        if hasattr(secret, "__await__"):
            return await secret
        await self._runtime.gather(secret)
        return secret


def main() -> None:
    line = sys.stdin.readline()
    if not line:
        return
    place = json.loads(line)
    runtime = load(int(place["index"]), int(place["parties"]), int(place["threshold"]), Path(place["folder"]))
    from mpyc import __version__

    work: Coroutine[Any, Any, None] = Measured(runtime).serve(str(__version__))
    runtime.run(work)
    # The peers end, too: there is nothing left to tell them.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
