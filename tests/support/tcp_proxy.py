"""A TCP proxy on loopback that can cut, refuse, stall and delay."""

from __future__ import annotations

import asyncio


class Proxy:
    """Forwards connections to `target`. `port` is where it listens.

    cut()      closes the connections there are
    refusing   new connections are closed at once
    stalled    nothing is forwarded, and nothing is closed
    delay_s    each piece is forwarded so much later
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.refusing = False
        self.delay_s = 0.0
        self.connections = 0
        self.forwarded = 0
        self._running = asyncio.Event()
        self._running.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def stalled(self) -> bool:
        return not self._running.is_set()

    @stalled.setter
    def stalled(self, value: bool) -> None:
        if value:
            self._running.clear()
        else:
            self._running.set()

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        if self.refusing:
            writer.transport.abort()
            return
        try:
            away_reader, away_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, away_writer}
        try:
            await asyncio.gather(self._pump(reader, away_writer), self._pump(away_reader, writer))
        except OSError:
            pass
        finally:
            self._open -= {writer, away_writer}
            writer.transport.abort()
            away_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            await self._running.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            writer.write(data)
            self.forwarded += len(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
