"""The only way from a command to the terminal: every character is made visible, line by line.

Each line is an argument of its own. A line break inside an argument comes from another text, and becomes a space. So
no text of a study, a scenario, a card, a file name or a peer can move the cursor, hide itself or look like a line of
Comity. Tables and progress go through `parties.text.console`, which does the same.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import click

from mpc.releases.speaking import holding
from mpc.text import is_seen, visible, visible_lines

#: The mark before each line that a script prints.
SCRIPT = "scenario: "


def echo(*lines: str, err: bool = False) -> None:
    """Print lines on standard output, or with `err` on standard error. Without an argument, print an empty line."""
    for line in lines or ("",):
        # The stream is given, because click would choose UTF-8 where the encoding is ASCII.
        click.echo(visible(line, None), file=sys.stderr if err else sys.stdout)


def echo_message(text: str, *, err: bool = True) -> None:
    """Print a message of several lines. All lines but the first are indented, so that none looks like a message."""
    first, *others = visible_lines(text)
    echo(first, *(f"  {line}" if line and not line.startswith("  ") else line for line in others), err=err)


def scenario_print(*values: object, sep: str | None = " ", **_: object) -> None:
    """`print` of a scenario: on standard error, each line marked as the scenario's, unless output is held back."""
    text = (" " if sep is None else sep).join(map(str, values))
    lines = [f"{SCRIPT}{line}" for line in visible_lines(text)]
    if not holding(lines):
        echo(*lines, err=True)


def confirmed(question: str) -> bool:
    """Ask a yes-or-no question on standard error."""
    return click.confirm(visible(question, None), err=True)


def ask_secret(what: str, *, twice: bool = False) -> str:
    """Ask for a secret on standard error, without showing it."""
    return str(click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))


def json_text(value: Any, encoding: str = "utf-8") -> str:
    """JSON for people and programs: characters that are invisible, or not in the encoding, stand as \\uXXXX."""
    text = json.dumps(value, ensure_ascii=False, indent=2)

    def shown(character: str) -> bool:
        return is_seen(character) and bool(character.encode(encoding, "ignore"))

    return re.sub(r"[^\n -~]", lambda match: match[0] if shown(match[0]) else json.dumps(match[0])[1:-1], text)
