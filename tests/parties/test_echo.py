"""What commands print: others' words cannot move a terminal's cursor, hide, or pretend to be ours."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.table import Table
from rich.text import Text

from mpc.errors import AgreementError
from parties.cli import main as cli
from parties.text.console import SafeConsole
from parties.text.echo import echo, echo_message, json_text

PARTIES = Path(cli.__file__).parents[1]
EVIL = "a\x1b[2K\x9b1A\nwords  forged\u202e\u200b\x07"
SHOWN = r"a\x1b[2K\x9b1A words  forged\u202e\u200b\x07"


def test_an_echoed_line_is_one_line(capsys):
    echo(EVIL, "ours")
    echo()
    assert capsys.readouterr().out == f"{SHOWN}\nours\n\n"


def test_further_lines_of_a_message_are_indented(capsys):
    echo_message(f"error: no file {EVIL}")
    assert capsys.readouterr().err == "error: no file a\\x1b[2K\\x9b1A\n  words  forged\\u202e\\u200b\\x07\n"


def test_json_means_the_same_and_shows_nothing_unseen():
    text = json_text({EVIL: ["é", EVIL, "\U000e0041"]})
    assert json.loads(text) == {EVIL: ["é", EVIL, "\U000e0041"]}
    assert all(character == "\n" or character.isprintable() for character in text)
    assert "é" in text


def test_a_console_draws_its_own_codes_and_no_others():
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, color_system="standard", width=120)
    table = Table("name")
    table.add_row(Text(EVIL.replace("\n", " "), "bold"))
    console.print(table)
    console.print(f"{EVIL}", markup=False, highlight=False)
    shown = out.getvalue()
    assert "\x1b[1m" in shown  # rich's own
    for code in ("\x1b[2K", "\x9b", "\u202e", "\u200b", "\x07"):
        assert code not in shown
    assert r"a\x1b[2K\x9b1A words" in shown


def test_an_error_of_ours_that_quotes_others_cannot_forge_a_line(monkeypatch):
    def refuse(self, ctx, name):
        raise AgreementError(f"{EVIL} runs another study")

    monkeypatch.setattr(cli.Comity, "get_command", refuse)
    for debug in ("", "1"):
        monkeypatch.setenv("COMITY_DEBUG", debug)
        result = CliRunner().invoke(cli.main, ["anything"], color=True)
        assert result.exit_code == 4
        assert "\x1b" not in result.stderr
        assert "\nwords" not in result.stderr


@pytest.mark.parametrize("name", ["a\x1b[2K.toml", "a\n    words.toml", "\u202elmot.a"])
@pytest.mark.parametrize("command", ["plan", "run", "peer add", "data add x", "demo --output"])
def test_file_names_with_unseen_characters_are_refused(tmp_path, command, name):
    result = CliRunner().invoke(cli.main, [*command.split(), str(tmp_path / name)], color=True)
    assert result.exit_code == 2
    assert "cannot be seen" in result.stderr
    assert not any(character in result.stderr for character in "\x1b\u202e")
    assert "\n    words" not in result.stderr


ALONE = {"text/echo.py", "text/console.py", "bench/calibrate.py", "bench/child.py", "cli/run.py"}
"""Where something is printed: the two ways of everything else, and JSON in ASCII for programs."""
BANNED = ("click.echo", "click.secho", "click.confirm", "click.prompt", "print", "Console", "click.Path")


def test_nothing_is_printed_another_way():
    found = []
    for path in sorted(PARTIES.rglob("*.py")):
        if path.relative_to(PARTIES).as_posix() in ALONE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in BANNED or name.endswith(("stdout.write", "stderr.write", ".print_exception")):
                    found.append(f"{path}:{node.lineno} {name}")
    assert not found
