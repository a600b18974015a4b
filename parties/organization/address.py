"""The address at which a party is called: a host and a port, as text and as a pair."""

from __future__ import annotations

import re

from mpc.errors import ConfigError

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


def parse_address(text: str, *, where: str = "address") -> tuple[str, int]:
    """`host:port` (an IPv6 host in brackets) as (host, port); ConfigError names `where`."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise ConfigError(f"{where}: {text[:80]!r} is not host:port, like 10.2.0.7:7200 or [2001:db8::7]:7200")
    return match[1] or match[2], int(match[3])


def show_address(address: tuple[str, int]) -> str:
    """(host, port) as text, the inverse of `parse_address`."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
