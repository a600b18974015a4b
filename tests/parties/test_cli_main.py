"""The command line as a whole: quick help, errors as messages with exit codes, nothing heavy until it is needed."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from mpc.errors import AgreementError, ConfigError, PeerLost, ShapeError
from parties.cli import main as cli


@pytest.fixture
def failing(monkeypatch):
    """A command that raises what it is given."""

    def use(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(cli.Comity, "get_command", lambda self, ctx, name: command)
        return CliRunner().invoke(cli.main, ["anything"])

    return use


def test_help_lists_the_commands_with_one_line_each():
    result = CliRunner().invoke(cli.main, ["--help"])
    assert result.exit_code == 0
    for name in ("init", "identity", "peer", "data", "scenario", "plan"):
        assert f"\n  {name} " in result.stdout


COMMANDS = "init|identity|plan|peer add|peer list|peer remove|data add|data list|data check|data explain|data remove"
COMMANDS += "|roll make|roll show|roll place|scenario list|scenario show|scenario new"


@pytest.mark.parametrize("path", [command.split() for command in COMMANDS.split("|")])
def test_every_command_teaches_by_an_example_and_prints_json(path):
    result = CliRunner().invoke(cli.main, [*path, "--help"])
    assert result.exit_code == 0
    assert f"comity {' '.join(path)}" in result.stdout.replace("Usage: comity", "")
    assert "--json" in result.stdout


def test_wrong_use_ends_with_two():
    result = CliRunner().invoke(cli.main, ["dance"])
    assert result.exit_code == 2
    assert "No such command 'dance'" in result.stderr
    assert CliRunner().invoke(cli.main, ["init"]).exit_code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("study.toml: purpose is missing"), 2),
        (AgreementError("county runs a different study"), 4),
        (PeerLost("north stopped answering", peer="north"), 3),
        (ShapeError("shapes differ"), 1),
    ],
)
def test_our_errors_are_a_message_the_next_step_and_an_exit_code(failing, error, code):
    result = failing(error)
    assert result.exit_code == code
    lines = result.stderr.splitlines()
    assert lines[0] == f"error: {error}"
    assert lines[1] == " ".join(type(error).__doc__.split())
    assert result.stdout == ""


def test_an_operations_line_is_named(failing):
    error = ShapeError("shapes differ")
    error.source = "my_study.py, line 31"
    assert "at my_study.py, line 31" in failing(error).stderr


def test_an_unexpected_error_shows_neither_data_nor_traceback(failing, monkeypatch):
    monkeypatch.delenv("COMITY_DEBUG", raising=False)
    result = failing(ValueError("could not convert string to float: 'Jane Doe'"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: unexpected ValueError (test_cli_main.py, line ")
    assert "Jane" not in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("COMITY_DEBUG", "1")
    assert "Traceback" in failing(ValueError("x")).stderr


def test_an_interrupt_is_no_error(failing):
    assert failing(KeyboardInterrupt()).exit_code == 130


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom parties.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = 'ibis duckdb pandas pyarrow numba scipy matplotlib mpyc pydantic cryptography'.split()\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == "[]\n"
