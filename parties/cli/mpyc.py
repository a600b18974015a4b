"""`comity mpyc`: a program written for MPyC, between authenticated parties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from mpc.errors import ConfigError
from parties.cli.common import FOLDER, home_option, opened, patience_options
from parties.text.echo import echo


class _Program(click.Command):
    """Takes our options anywhere before a `--`; from PROGRAM on, all other arguments are the program's."""

    allow_interspersed_args = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes = {name for option in self.params if isinstance(option, click.Option) for name in option.opts}
        before, after = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else (args, [])
        ours: list[str] = []
        others: list[str] = []
        words = iter(before)
        for word in words:
            name, sign, _ = word.partition("=")
            if name not in takes:
                others.append(word)
                continue
            ours.append(word)
            if not sign:
                value = next(words, None)
                if value is None:
                    raise click.BadOptionUsage(name, f"Option {name!r} requires an argument.", ctx)
                ours.append(value)
        return super().parse_args(ctx, [*ours, *(others or ["--"]), *after])


@click.command(cls=_Program)
@click.option("--local", type=int, metavar="N", help="Run all N parties on this machine, without a study and a home.")
@click.option("--threshold", type=int, metavar="T", help="With --local: so many parties together learn nothing.")
@click.option(
    "--output-dir",
    type=FOLDER,
    metavar="DIR",
    help="With --local: keep the output of the other parties, in DIR/party-1.log and so on.",
)
@home_option
@click.option(
    "--wait",
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for organizations that have not started yet.",
)
@patience_options
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[STUDY] PROGRAM [ARGS]...")
def command(
    local: int | None,
    threshold: int | None,
    output_dir: Path | None,
    home: Path | None,
    wait: float,
    grace: float,
    stall: float,
    arguments: Sequence[str],
) -> None:
    """Run a Python PROGRAM written for MPyC, unmodified, over Comity's connections.

    With --local N, all N parties are processes on this machine: the same as  python PROGRAM -MN,  but over TLS. Shows
    what party 0 prints. Without it, this process is the party of this organization; STUDY is a file that names the
    organizations, each with the role "compute" and nothing else, and maybe `threshold` (default: the largest below
    half of them). All must have the same PROGRAM, modules beside it, ARGS and version of MPyC: compared before
    anything else is sent.

    The options below are taken wherever they stand, also after PROGRAM; all other ARGS go to the program. For an
    option of the program that is named like one of them, write  --  before its ARGS. MPyC's own options work (-L, -K,
    --no-log, --log-level, ...), but not those about parties and network (-M, -I, -P, -T, -B, -C, --ssl). Exit code: the
    program's own; 1 it failed, 2 something here is wrong, 3 an organization was lost or never came, 4 the
    organizations do not agree or one is not who it must be.

    \b
    Examples:  comity mpyc --local 3 hello.py
               comity mpyc --local 5 --threshold 1 --output-dir logs/ sort.py --size 20
               comity mpyc program.toml hello.py --home county        at each organization
               comity mpyc --local 3 hello.py -- --wait 5             --wait is the program's

    The study of a program, program.toml:

    \b
        purpose = "Joint mean of three registries"
        [organizations.county]
        roles = ["compute"]
        [organizations.north]
        roles = ["compute"]
        [organizations.st-mary]
        roles = ["compute"]
    """
    from parties.data.misplaced import check_kind, kind
    from parties.mpyc.guard import check_options, mpyc_version

    for name, seconds in (("--wait", wait), ("--grace", grace), ("--stall", stall)):
        if not seconds > 0:
            raise click.BadParameter(f"{name}: a number of seconds above 0")
    if local is None and len(arguments) == 1 and kind(Path(arguments[0])) != "program study":
        check_kind(Path(arguments[0]), "program")
    if len(arguments) < (2 if local is None else 1):
        raise click.UsageError(
            "name a STUDY and a PROGRAM, or  --local N PROGRAM" if local is None else "name a PROGRAM after --local N"
        )
    mpyc_version()
    if local is not None:
        from parties.mpyc.local import run_local
        from parties.mpyc.sources import program_sources
        from parties.mpyc.study import check_threshold
        from parties.system.stopping import orderly_end

        t = check_threshold(local, threshold, f"--local {local}")
        program, rest = Path(arguments[0]), arguments[1:]
        program_sources(program)
        check_options(rest)
        options = [f"--wait={wait}", f"--grace={grace}", f"--stall={stall}"]
        with orderly_end():
            code = run_local(local, t, program, rest, options=options, output=output_dir)
        raise click.exceptions.Exit(code)
    for name, value in (("--threshold", threshold), ("--output-dir", output_dir)):
        if value is not None:
            instead = "the study says  threshold = T" if name == "--threshold" else "redirect this process's output"
            raise ConfigError(f"{name} goes with --local: {instead}")
    from parties.mpyc.run import Party
    from parties.mpyc.study import open_program_study
    from parties.run.outcome import Limits
    from parties.system.privacy import no_core_dumps
    from parties.system.stopping import stoppable
    from parties.text.failure import report_error

    no_core_dumps()
    with stoppable():
        here = opened(home)
        study = open_program_study(Path(arguments[0]))
        check_kind(Path(arguments[1]), "program")
        party = Party(
            here,
            study,
            Path(arguments[1]),
            arguments[2:],
            limits=Limits(wait, grace, stall),
            status=_status(),
            report=report_error,
        )
        raise click.exceptions.Exit(party.run())


def _status() -> Callable[[str], None]:
    """Lines for people on stderr: what this party waits for, every ten seconds; problems at once."""
    beats = 0

    def show(line: str) -> None:
        nonlocal beats
        if line.startswith("waiting for"):
            beats += 1
            if beats % 10 != 3:
                return
        elif line.startswith(("connected to", "reconnected to")):
            return
        echo(f"comity: {line}", err=True)

    return show
