"""A server of PostgreSQL on the loopback interface, run by an unprivileged user for as long as tests need it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def programs() -> Path | None:
    """The folder of initdb and pg_ctl."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """HOST:PORT of a server with the user owner, password s3cret. Skips the test where PostgreSQL is not installed."""
    place = programs()
    if place is None:
        pytest.skip("PostgreSQL is not installed")
    # The server refuses to run as root; Debian's package brings a user for it, who must reach its folder.
    user = "postgres" if os.getuid() == 0 else None
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        if user:
            shutil.chown(name, user)
        with _running(place, Path(name), user) as address:
            yield address


@contextmanager
def _running(place: Path, folder: Path, user: str | None) -> Iterator[str]:
    (folder / "password").write_text("s3cret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, user=user)
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    data, options = str(folder / "data"), f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run(f"{place}/initdb", "-D", data, "-A", "scram-sha-256", "--pwfile", str(folder / "password"), "-U", "owner", "-N")
    run(f"{place}/pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"127.0.0.1:{port}"
    finally:
        run(f"{place}/pg_ctl", "-D", data, "-m", "immediate", "stop")
