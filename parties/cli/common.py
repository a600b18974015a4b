"""What the commands share: files as arguments, the options `--home` and `--json`, JSON and tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from mpc.text import check_text, visible
from parties.organization.home import Home, open_home
from parties.text.echo import ask_secret, echo, json_text

Function = TypeVar("Function", bound=Callable[..., Any])


class Place(click.Path):
    """A file or folder whose name has visible characters only, since it is printed."""

    def __init__(self, **which: bool) -> None:
        super().__init__(path_type=Path, **which)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        check_text(os.fsdecode(value), "a file name")
        return super().convert(value, param, ctx)


FILE = Place(dir_okay=False)
FOLDER = Place(file_okay=False)


def home_option(function: Function) -> Function:
    return click.option(
        "--home",
        type=FOLDER,
        metavar="DIR",
        help="This organization's home. Default: $COMITY_HOME, else ~/.comity.",
    )(function)


def json_option(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")(function)


def patience_options(function: Function) -> Function:
    """`--grace` and `--stall`: how long a peer may be silent, and make no progress."""
    grace = click.option(
        "--grace",
        default=7.0,
        show_default=True,
        metavar="SECONDS",
        help="How long a peer may be silent before it is lost.",
    )
    stall = click.option(
        "--stall", default=600.0, show_default=True, metavar="SECONDS", help="How long a peer may make no progress."
    )
    return grace(stall(function))


def plan_timeout_option(function: Function) -> Function:
    return click.option(
        "--plan-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="Time limit for planning the script: loading it, and running it without data.",
    )(function)


def tried_option(function: Function) -> Function:
    """For a program that has tried the script itself, on this machine, before it starts several parties."""
    return click.option("--tried", is_flag=True, hidden=True)(function)


def opened(home: Path | None) -> Home:
    """Open the home; asks for the passphrase of a locked key."""
    return open_home(home, ask=lambda: ask_secret("Passphrase"))


def next_step(text: str, home: Path | None = None) -> None:
    """Say what to do next, on standard error: the end of a command that makes something, without `--json`.

    home  the value of --home: a command at the end of `text` needs it again
    """
    echo(f"Next: {text}{'' if home is None else f' --home {home}'}", err=True)


def print_json(value: Any) -> None:
    """Print JSON; characters that the encoding lacks are printed as escapes."""
    for line in json_text(value, sys.stdout.encoding).split("\n"):
        echo(line)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be, for terminals and for `grep` alike."""
    lines = [headings, *([visible(cell, None) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
