"""The only way from a command to the terminal: everything is made visible, line by line.

A line is one argument: a line break inside of it is somebody else's, and becomes a space. So nothing that a study, a
scenario, a card, a file name or a peer says can move the cursor, hide itself or pretend to be a line of ours.
Tables and progress go through `parties.text.console`, which does the same.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import click

from mpc.releases.speaking import holding
from mpc.text import is_seen, visible, visible_lines

#: What stands before a line that a script prints.
SCRIPT = "scenario: "


def echo(*lines: str, err: bool = False) -> None:
    """Print lines: on standard output, or with `err` on standard error. Without an argument: an empty line."""
    for line in lines or ("",):
        # The stream by itself: click would write UTF-8 where the encoding is ASCII.
        click.echo(visible(line, None), file=sys.stderr if err else sys.stdout)


def echo_message(text: str, *, err: bool = True) -> None:
    """Print a message that has several lines; those after the first are indented, so that none looks like another
    message."""
    first, *others = visible_lines(text)
    echo(first, *(f"  {line}" if line and not line.startswith("  ") else line for line in others), err=err)


def scenario_print(*values: object, sep: str | None = " ", **_: object) -> None:
    """`print` of a scenario: on standard error, each line visible and marked as the scenario's; unless it is held."""
    text = (" " if sep is None else sep).join(map(str, values))
    lines = [f"{SCRIPT}{line}" for line in visible_lines(text)]
    if not holding(lines):
        echo(*lines, err=True)


def confirmed(question: str) -> bool:
    """Ask on standard error; yes or no."""
    return click.confirm(visible(question, None), err=True)


def ask_secret(what: str, *, twice: bool = False) -> str:
    """Ask for a secret on standard error, without showing it."""
    return str(click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))


def json_text(value: Any, encoding: str = "utf-8") -> str:
    """JSON for people and programs: what cannot be seen, or is not in the encoding, stands as \\uXXXX, which means the
    same."""
    text = json.dumps(value, ensure_ascii=False, indent=2)

    def shown(character: str) -> bool:
        return is_seen(character) and bool(character.encode(encoding, "ignore"))

    return re.sub(r"[^\n -~]", lambda found: found[0] if shown(found[0]) else json.dumps(found[0])[1:-1], text)
