"""No module but parties/net/tls.py speaks over a socket, and that one never without TLS; no setting changes that."""

import ast
import importlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from parties.cli import main as cli
from parties.net import tls
from tests.support.party_lab import identity

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


#: Puts another library's connections into sockets of a folder that only its user can enter, see below.
MPYC = ROOT / "parties" / "bench" / "mpyc_child.py"


#: Binds sockets to hold ports, and does nothing else with them.
PORTS = ROOT / "parties" / "local" / "ports.py"


@pytest.mark.parametrize(
    "path",
    sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if p not in (MPYC, PORTS)),
    ids=lambda p: str(p.name),
)
def test_only_tls_opens_sockets(path):
    assert openings(path.read_text(), tls=path == ROOT / "parties" / "net" / "tls.py") == []


def test_the_comparison_with_mpyc_opens_nothing_to_a_network():
    calls = [node.func for node in ast.walk(ast.parse(MPYC.read_text())) if isinstance(node, ast.Call)]
    names = {getattr(function, "attr", None) or getattr(function, "id", None) for function in calls}
    assert names & OPENERS == {"create_unix_server", "create_unix_connection"}


def test_ports_are_bound_and_no_more():
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(PORTS.read_text())) if isinstance(node, ast.Call)}
    assert {call for call in calls if call.startswith(("socket.", "held."))} == {
        "socket.socket", "held.bind", "held.setsockopt", "held.close"
    }  # fmt: skip


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


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def test_every_context_comes_from_one_function():
    """In tls.py `ssl.SSLContext` is called once, and what stands after `ssl=` is what that function made."""
    made = [c.lineno for c in calls(ROOT / "parties/net/tls.py") if ast.unparse(c.func) == "ssl.SSLContext"]
    assert len(made) == 1
    given = {ast.unparse(k.value) for c in calls(ROOT / "parties/net/tls.py") for k in c.keywords if k.arg == "ssl"}
    assert given == {"self._context", "context"}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            for weaker in ("CERT_NONE", "CERT_OPTIONAL", "create_default_context", "_create_unverified_context"):
                assert weaker not in text.replace("(not `create_default_context`)", ""), (path, weaker)
            if path != ROOT / "parties/net/tls.py":
                assert not any(ast.unparse(c.func).endswith("SSLContext") for c in calls(path)), path


@pytest.mark.parametrize("make", [tls.server_context, tls.client_context])
def test_both_contexts_ask_for_the_others_key(make):
    context = make(identity(0), [identity(1).certificate])
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.cert_store_stats()["x509"] == 1  # the other's certificate, and no authority of the machine
    assert context.keylog_filename is None


#: All that Comity reads from its environment.
VARIABLES = {"COMITY_DEBUG", "COMITY_HOME", "COMITY_PASSPHRASE", "COMITY_THREADS", "NUMBA_CACHE_DIR"}


def variables(tree: ast.AST, constants: dict[str, str]) -> set[str]:
    """Names of environment variables that a module reads; a call that hides the name is "?"."""
    found = set()
    for node in ast.walk(tree):
        argument: ast.expr | None = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv", "os.environ.pop"):
            argument = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            argument = node.slice
        if isinstance(argument, ast.Constant):
            found.add(argument.value)
        elif argument is not None:
            found.add(constants.get(ast.unparse(argument), "?"))
    return found


def test_the_environment_names_nothing_else():
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text())
            constants = {
                node.targets[0].id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and isinstance(node.value, ast.Constant)
            }
            found |= variables(tree, constants)
    assert found == VARIABLES


def commands(command: click.Command, path: str = "comity") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, f"{path} {name}")


def test_no_option_speaks_of_less():
    """A new option must not be one that could loosen who is spoken to, or how."""
    options = {
        option.lstrip("-")
        for _, command in commands(cli.main)
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {"home", "wait", "grace", "stall"} <= options
    for word in ("tls", "ssl", "secur", "plain", "verify", "trust", "cert", "auth", "encrypt", "cipher"):
        assert not [option for option in options if word in option.lower()], word


def test_neither_study_nor_home_says_how_to_connect():
    """The keys that a study, a card and a consortium file may have, named one by one."""
    from parties.study.file import ContributorsEntry, OrganizationEntry, StudyFile

    assert set(StudyFile.model_fields) == {
        "scenario", "purpose", "engine", "parameters", "organizations", "ranges", "valid_from", "valid_until",
        "network", "threshold", "keep_contributions", "contributors",
    }  # fmt: skip
    assert set(ContributorsEntry.model_fields) == {"roll", "at_least"}
    assert set(OrganizationEntry.model_fields) == {"roles"}
    for module in ("parties.net.session", "parties.net.link", "parties.net.dialer", "parties.run.process"):
        source = Path(str(importlib.import_module(module).__file__)).read_text()
        assert "ssl=None" not in source
        assert "ssl=False" not in source


def test_variables_of_the_tls_library_change_nothing(tmp_path):
    """Neither SSLKEYLOGFILE nor a configuration that allows old versions and no certificates."""
    configuration = tmp_path / "openssl.cnf"
    configuration.write_text(
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = weak\n"
        "[weak]\nMinProtocol = TLSv1\nVerifyMode = Once\nCipherString = ALL:@SECLEVEL=0\n"
    )
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.support.party_lab import identity\nfrom parties.net import tls\n"
        "for make in (tls.server_context, tls.client_context):\n"
        "    c = make(identity(0), [identity(1).certificate])\n"
        "    print(c.verify_mode.name, c.minimum_version.name, c.keylog_filename, c.cert_store_stats()['x509'])\n"
    )
    environment = {
        **os.environ,
        "OPENSSL_CONF": str(configuration),
        "SSLKEYLOGFILE": str(tmp_path / "keys"),
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "PYTHONHTTPSVERIFY": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", program, str(ROOT)], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split("\n")[:2] == ["CERT_REQUIRED TLSv1_3 None 1"] * 2
    assert not (tmp_path / "keys").exists()
