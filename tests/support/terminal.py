"""A command on a pseudo-terminal: what it writes there, byte by byte, with questions answered."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def on_terminal(
    arguments: Sequence[str], *, answers: Mapping[str, str] | None = None, cwd: Path | None = None
) -> tuple[int, str]:
    """The exit code of `comity ARGUMENTS…`, and everything it wrote. `answers`: question's end -> what is typed."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(cwd or ".")
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "parties.cli", *arguments])
    waiting = dict(answers or {})
    written = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
        for question in [q for q in waiting if q.encode() in written]:
            os.write(terminal, waiting.pop(question).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), written.decode()
