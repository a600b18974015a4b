"""Loopback ports for parties on this machine: held here until the parties listen. Nothing is sent or received."""

from __future__ import annotations

import secrets
import socket
import sys
from collections import deque

_FIRST_PORT, _PORTS, _HELD = 20_000, 12_000, 512
#: Sockets that hold the newest ports until this process ends; the oldest is released first.
_held: deque[socket.socket] = deque()


def free_ports(number: int) -> list[int]:
    """Free loopback ports, below the ports of outgoing connections.

    Each port was bound, which shows that nobody listens on it. On Linux a socket that does not listen can hold a port
    for a socket that will (both with SO_REUSEADDR), so that no other call gets the port meanwhile, in any process.
    Elsewhere a port is released at once, and a party reports it if another program takes the port.
    """
    chosen: set[int] = set()
    while len(chosen) < number:
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            held.bind(("127.0.0.1", port := _FIRST_PORT + secrets.randbelow(_PORTS)))
        except OSError:
            held.close()
            continue
        chosen.add(port)
        if sys.platform == "linux":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _held.append(held)
        else:
            held.close()
    while len(_held) > max(_HELD, number):
        _held.popleft().close()
    return sorted(chosen)
