"""No module but parties/tls.py opens a socket, and that one none without TLS."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("mpc", "protocols", "parties", "scenarios")
OPENERS = {
    "create_server",
    "create_connection",
    "start_server",
    "open_connection",
    "connect_accepted_socket",
    "create_unix_server",
    "create_unix_connection",
    "create_datagram_endpoint",
    "start_unix_server",
    "open_unix_connection",
    "start_tls",
    "socketpair",
    "fromfd",
    "SocketType",
}
MODULES = {"socketserver", "http", "urllib", "ftplib", "smtplib", "xmlrpc", "multiprocessing.connection", "_socket"}


def openings(source: str, *, tls: bool) -> list[str]:
    """What in `source` opens a socket without TLS, or at all where `tls` is False."""
    tree, found = ast.parse(source), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            secured = any(
                k.arg == "ssl" and not (isinstance(k.value, ast.Constant) and not k.value.value) for k in node.keywords
            )
            if name in OPENERS and not (tls and secured):
                found.append(f"line {node.lineno}: {name}")
            if ast.unparse(node.func) in ("socket.socket", "socket"):
                found.append(f"line {node.lineno}: socket.socket")
        elif isinstance(node, ast.Attribute) and node.attr in OPENERS and not tls:
            found.append(f"line {node.lineno}: {node.attr}")
        elif isinstance(node, ast.ImportFrom) and not tls:
            names = {alias.name for alias in node.names}
            if node.module in MODULES or (node.module in ("socket", "asyncio") and names & (OPENERS | {"socket"})):
                found.append(f"line {node.lineno}: from {node.module} import …")
        elif isinstance(node, ast.Import) and not tls and {alias.name for alias in node.names} & MODULES:
            found.append(f"line {node.lineno}: import")
    return found


@pytest.mark.parametrize(
    "path", sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")), ids=lambda p: str(p.name)
)
def test_only_tls_opens_sockets(path):
    assert openings(path.read_text(), tls=path == ROOT / "parties" / "tls.py") == []


@pytest.mark.parametrize(
    "line",
    [
        "loop.create_server(f, host, 1)",
        "loop.create_server(f, host, 1, ssl=None)",
        "asyncio.open_connection(host, 1)",
        "socket.socket()",
        "socket.create_connection((host, 1))",
    ],
)
def test_the_rule_finds_what_it_forbids(line):
    assert openings(line, tls=True)
    assert openings(line, tls=False)
