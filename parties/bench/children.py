"""The processes of a measurement, as their parent sees them: lines of JSON to and from each, and their certain end."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from typing import IO, Any

from parties import startup
from parties.local.launch import threads_per_party

_END_S = 15.0

Message = dict[str, Any]


class BenchFailed(Exception):
    """A process ended with an error, or a result was wrong; message and exit code are those of the measurement."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code if code > 0 else 3


class Children:
    """`count` processes, each of which runs `python -m module`."""

    def __init__(self, module: str, count: int) -> None:
        environment = {**startup.environment(), **threads_per_party(count)}
        self._errors: list[IO[str]] = []
        self.processes: list[subprocess.Popen[str]] = []
        self._heard: Queue[tuple[int, str]] = Queue()
        for _ in range(count):
            errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed with the processes
            self._errors.append(errors)
            self.processes.append(
                subprocess.Popen(
                    startup.command(module),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    encoding="utf-8",
                    env=environment,
                )
            )
        for index in range(count):
            threading.Thread(target=self._read, args=(index,), daemon=True).start()

    def _read(self, index: int) -> None:
        stream = self.processes[index].stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._heard.put((index, line))
        self._heard.put((index, ""))

    def tell_all(self, message: Message) -> None:
        """Send the same message to each process."""
        self.tell_each([{}] * len(self.processes), message)

    def tell_each(self, own: Sequence[Mapping[str, Any]], message: Message) -> None:
        """Send the message to each process, with the entries of `own` for this process."""
        for process, extra in zip(self.processes, own, strict=True):
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps({**message, **extra}) + "\n")
                process.stdin.flush()
            except BrokenPipeError:
                self._failed()

    def hear_all(self, within_s: float | None = None) -> list[Message]:
        """One message from each; if they do not all come in time, the processes are killed. Raises BenchFailed."""
        heard: dict[int, Message] = {}
        deadline = None if within_s is None else time.monotonic() + within_s
        while len(heard) < len(self.processes):
            try:
                index, line = self._heard.get(timeout=None if deadline is None else max(0, deadline - time.monotonic()))
            except Empty:
                self.kill()
                raise BenchFailed(f"no answer within {within_s:.0f} s", 3) from None
            if not line:
                self._failed()
            heard[index] = json.loads(line)
        return [heard[index] for index in sorted(heard)]

    def _failed(self) -> None:
        self.end()
        failed = [i for i, process in enumerate(self.processes) if process.returncode] or [0]
        # The process that says what is wrong, rather than processes that only lost it.
        failed.sort(key=lambda i: self.processes[i].returncode == 3)
        errors = self._errors[failed[0]]
        errors.seek(0)
        code = self.processes[failed[0]].returncode
        raise BenchFailed(errors.read().strip() or f"a process ended with exit code {code}", code)

    def kill(self) -> None:
        """End all processes at once."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

    def end(self) -> None:
        """Let all processes end; kill those that do not."""
        for process in self.processes:
            if process.stdin is not None and not process.stdin.closed:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        for process in self.processes:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        self.end()
        for errors in self._errors:
            errors.close()


@contextmanager
def children(module: str, count: int) -> Iterator[Children]:
    """Processes that end with the block; if an error ends the block, they are killed at once."""
    started = Children(module, count)
    try:
        yield started
    except BaseException:
        started.kill()
        raise
    finally:
        started.close()
