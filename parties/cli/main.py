"""`comity`: the commands, where they are, and how errors leave the process.

A command's module is imported when the command is used, so that `comity --help` is quick.
"""

from __future__ import annotations

import atexit
import importlib
import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NoReturn

import click

from mpc.text import visible_lines
from parties.startup import end_with_a_word, start_anew
from parties.text.characters import plain_where_needed
from parties.text.echo import echo
from parties.text.failure import report_error

#: name -> (module:attribute, one line of help). A new command is one line here and one file.
COMMANDS = {
    "demo": ("parties.cli.demo:command", "Run a scenario here: real processes, TLS, sample data."),
    "init": ("parties.cli.identity:init", "Make this organization's home, keys and card."),
    "identity": ("parties.cli.identity:identity", "Show who this organization is, and its twelve words."),
    "peer": ("parties.cli.peer:group", "Add, list and remove other organizations."),
    "roll": ("parties.cli.roll:group", "Enrol very many contributors for a study, in one file."),
    "data": ("parties.cli.data:group", "Add, list and check this organization's datasets."),
    "scenario": ("parties.cli.scenario:group", "List, show and write scenarios."),
    "plan": ("parties.cli.plan:command", "Show what a study releases, to whom, and what it costs."),
    "sql": ("parties.cli.sql:command", "Show what a SQL query does: at which owner, in secret, at what cost."),
    "run": ("parties.cli.run:command", "Run a study with the other organizations, now."),
    "submit": ("parties.cli.submit:submit", "Submit this organization's data to a study, without computing."),
    "results": ("parties.cli.submit:results", "Fetch this organization's results of a study, without computing."),
    "contributions": ("parties.cli.contributions:group", "Add and list sealed contributions that came as files."),
    "mpyc": ("parties.cli.mpyc:command", "Run a program written for MPyC, over Comity's connections."),
    "bench": ("parties.cli.bench:command", "Measure the speed of protocols on this machine."),
    "accuracy": ("parties.cli.accuracy:command", "Compare statistics with values that are known."),
}


class Comity(click.Group):
    """The group of all commands. Its `main` turns errors into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (target, _) in COMMANDS.items() if find_spec(target.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        extra["standalone_mode"] = False
        try:
            code = super().main(args=args, prog_name=prog_name or "comity", **extra)
        except click.exceptions.Exit as stop:
            code = stop.exit_code
        except click.ClickException as error:
            show_usage(error)
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            echo("", "stopped", err=True)
            code = 130
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the reader has gone; nothing more can be said
            code = 1
        except Exception as error:  # the top of the process: nothing above could report it
            code = report_error(error)
        sys.exit(code if isinstance(code, int) else 0)


def show_usage(error: click.ClickException) -> None:
    """Print what is wrong with the arguments."""
    text = io.StringIO()
    error.show(file=text)
    echo(*visible_lines(text.getvalue().rstrip("\n")), err=True)


@click.command(cls=Comity, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="comity", prog_name="comity", message="%(prog)s %(version)s")
def main() -> None:
    """Organizations that may not show each other their data compute on it together.

    \b
    Try it here:              comity demo
    With others, once:        comity init NAME --listen HOST:PORT
                              comity peer add OTHER.card
                              comity data add NAME FILE --schema SCHEMA.toml
    Then for each study:      comity plan study.toml
                              comity run study.toml
    """


def entry() -> NoReturn:
    """The entry point, which the operating system starts through `parties.startup`. Ends without Python's cleanup.

    With compiled kernels and DuckDB loaded, the cleanup takes a second, for which a caller would wait in vain.
    """
    start_anew()  # for a program installed before `parties.startup` was the one it starts with
    plain_where_needed()
    code = 0
    try:
        end_with_a_word()
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # its reader has gone
            code = code or 1
    os._exit(code)
