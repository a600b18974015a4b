"""`comity run`: this organization's part of a study, now."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from mpc.errors import ConfigError
from parties.cli.common import (
    FILE,
    FOLDER,
    home_option,
    json_option,
    opened,
    patience_options,
    plan_timeout_option,
    tried_option,
)
from parties.system.events import Event, Finished, to_line
from parties.system.stopping import stoppable
from parties.text import units

if TYPE_CHECKING:
    from parties.run.outcome import Outcome

_STARTED = perf_counter()


@click.command()
@click.argument("study", type=FILE)
@home_option
@click.option(
    "--wait",
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for organizations that have not started yet, and for contributions.",
)
@patience_options
@click.option(
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Where result.json and report.html go. Default: results/ in the home.",
)
@click.option("--keep-contributions", "keep", is_flag=True, hidden=True)
@plan_timeout_option
@tried_option
@json_option
@click.option("--events", is_flag=True, hidden=True, help="JSON lines on stdout, for a program that started this one.")
@click.option("--shape", hidden=True, metavar="RTT,RATE", help="Hold messages back as such a network, to measure.")
@stoppable()
def command(
    study: Path,
    home: Path | None,
    wait: float,
    grace: float,
    stall: float,
    output: Path | None,
    keep: bool,
    plan_timeout: float,
    tried: bool,
    as_json: bool,
    events: bool,
    shape: str | None,
) -> None:
    """Take part in the study of the file STUDY.

    The organizations may start in any order; the first ones wait for the others. At the end this organization gets
    its releases as a table, result.json and report.html. Exit codes: 0 done; 1 the scenario is wrong, or Comity failed;
    2 something else here is wrong, or results could not be written (then they are printed); 3 an organization was
    lost, was stopped or never came; 4 the organizations do not agree, or one has a wrong key; 5 a rule forbids it.

    \b
    Example:  comity run study.toml --home ~/.comity --wait 600
    """
    from parties.run.keeping import NotWritten, Results
    from parties.run.outcome import Limits
    from parties.run.process import run_party
    from parties.run.result import result_document
    from parties.study import confined
    from parties.study.rehearsal import tried_study
    from parties.system.kernels import prepare
    from parties.system.privacy import no_core_dumps

    for name, seconds in (("--wait", wait), ("--grace", grace), ("--stall", stall)):
        if not seconds > 0:
            raise click.BadParameter(f"{name}: a number of seconds above 0")
    no_core_dumps()
    bound = tried_study(study, None if tried else confined.Limits(plan_timeout))  # before keys are opened
    here = opened(home)
    if keep and not bound.plan.keep_contributions:
        raise ConfigError(
            f"{study}: contributions are kept only where all agree to that, those who contribute, too: write\n"
            "    keep_contributions = true\nin the study, in place of --keep-contributions"
        )
    limits = Limits(wait, grace, stall)
    if events:
        held = None if shape is None else units.network(shape)

        def finished(outcome: Outcome) -> None:
            json_lines(Finished(result_document(bound, outcome, here.name)))
            if outcome.unwritten:
                raise NotWritten("\n".join(outcome.unwritten))

        run_party(here, bound, limits=limits, events=json_lines, started=_STARTED, shape=held, done=finished)
        return
    from parties.cli.progress import Display

    results = Results(output, here.path / "results")
    with Display(quiet=as_json) as display:

        def shown(outcome: Outcome) -> None:
            display.pause()
            for what in outcome.unwritten:
                results.failed(what)
            results.finish(result_document(bound, outcome, here.name), as_json=as_json, console=display.console)

        results.try_out()
        prepare(bound.plan.engine, display.status)
        run_party(
            here,
            bound,
            limits=limits,
            events=display.event,
            started=_STARTED,
            opened=results.opened,
            done=shown,
        )


def json_lines(event: Event) -> None:
    """Write an event to stdout, for the program that started this one."""
    sys.stdout.write(to_line(event) + "\n")
    sys.stdout.flush()
