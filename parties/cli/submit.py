"""`comity submit` and `comity results`: the part of an organization that brings data, or learns, without computing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from parties.cli.common import (
    FILE,
    FOLDER,
    home_option,
    json_option,
    next_step,
    opened,
    plan_timeout_option,
    print_json,
    tried_option,
)
from parties.cli.run import json_lines
from parties.report.words import size
from parties.system.events import Contribution, Finished, Warned
from parties.system.stopping import stoppable
from parties.text.echo import echo

if TYPE_CHECKING:
    from parties.cli.progress import Display
    from parties.run.contributing import Own
    from parties.run.keeping import Results
    from parties.run.outcome import Outcome

_STARTED = perf_counter()
#: The warning to contributors of a study with `keep_contributions`.
KEPT = "this study keeps contributions: the compute parties may use this one in every further run of it"

_WAIT = click.option(
    "--wait", default=300.0, show_default=True, metavar="SECONDS", help="How long to wait for compute parties."
)
_PLACE = click.option(
    "--place",
    type=FILE,
    metavar="FILE",
    help="This organization's place in the study's roll, if it is enrolled and has no roll. Default: ROLL.place beside "
    "STUDY.",
)
_OUTPUT = click.option(
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Where result.json and report.html go. Default: results/ in the home.",
)
_EVENTS = click.option("--events", is_flag=True, hidden=True, help="JSON lines on stdout, for a program.")


@click.command()
@click.argument("study", type=FILE)
@home_option
@_WAIT
@click.option(
    "--no-wait", is_flag=True, help="End when all compute parties have the contribution; do not wait for results."
)
@click.option(
    "--to",
    type=FOLDER,
    metavar="DIR",
    help="Send nothing: write a sealed file for each compute party, to send to it in another way.",
)
@_PLACE
@_OUTPUT
@plan_timeout_option
@tried_option
@json_option
@_EVENTS
@stoppable()
def submit(
    study: Path,
    home: Path | None,
    wait: float,
    no_wait: bool,
    to: Path | None,
    place: Path | None,
    output: Path | None,
    plan_timeout: float,
    tried: bool,
    as_json: bool,
    events: bool,
) -> None:
    """Submit this organization's data to the study of the file STUDY, in which it does not compute.

    The command checks the data, splits the numbers that the scenario needs into shares, seals a contribution for each
    compute party, and sends it there; `comity run STUDY` must be running at each, or start within --wait. Each compute
    party returns a receipt. Until the run begins, the same command again replaces the contribution. An organization
    that learns results then waits for them. Exit codes: 0 done; 1 the scenario is wrong; 2 something else here is
    wrong; 3 not all compute parties have the contribution, or the results did not come; 4 the organizations do not
    agree, or a party has a wrong key.

    \b
    Example:  comity submit study.toml --wait 3600
    """
    _check(wait)
    own, display = _opened(study, home, None if tried else plan_timeout, as_json, events, place=place)
    with display or _NoDisplay() as shown:
        tell = json_lines if shown is None else shown.event
        prepared = own.sealed()
        if prepared is not None:
            sizes = {name: len(envelope) for name, envelope in prepared.envelopes.items()}
            if own.bound.plan.keep_contributions:
                tell(Warned([KEPT]))
            tell(Contribution(prepared.values, sizes, prepared.digest.hex()))
        if to is not None:
            _written(own, prepared, to, as_json)
            return
        from parties.run.contributing import call

        fetch = own.learns and not no_wait
        kept = _results(own, output, try_out=fetch and display is not None)
        outcome = call(own, prepared, fetch=fetch, wait=wait, events=tell)
        if fetch and display is not None:
            kept.opened(outcome.study, outcome.releases)
    _end(own, outcome, display, kept, as_json, show=fetch)


@click.command()
@click.argument("study", type=FILE)
@home_option
@_WAIT
@click.option(
    "--from",
    "files",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="Call nobody: read the sealed part of a compute party from FILE; give one for each compute party.",
)
@_OUTPUT
@plan_timeout_option
@tried_option
@json_option
@_EVENTS
@stoppable()
def results(
    study: Path,
    home: Path | None,
    wait: float,
    files: Sequence[Path],
    output: Path | None,
    plan_timeout: float,
    tried: bool,
    as_json: bool,
    events: bool,
) -> None:
    """Fetch this organization's results of the study of the file STUDY, in which it does not compute.

    Each compute party seals a part of the results for this organization. It sends the part for some minutes after the
    run (its --wait), and then keeps it as a file in its home. The results need the parts of all compute parties.

    \b
    Examples:  comity results study.toml
               comity results study.toml --from a.sealed --from b.sealed --from c.sealed
    """
    from mpc.errors import ConfigError
    from parties.run.contributing import call

    _check(wait)
    own, display = _opened(study, home, None if tried else plan_timeout, as_json, events, reads=False)
    if not own.learns:
        raise ConfigError(f"{study}: {own.home.name} is not a recipient of this study")
    with display or _NoDisplay() as shown:
        kept = _results(own, output, try_out=display is not None)
        if files:
            outcome = own.read([_bytes(path) for path in files])
        else:
            tell = json_lines if shown is None else shown.event
            outcome = call(own, None, fetch=True, wait=wait, events=tell)
        if display is not None:
            kept.opened(outcome.study, outcome.releases)
    _end(own, outcome, display, kept, as_json, show=True)


class _NoDisplay:
    """In place of a display, for programs."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _check(wait: float) -> None:
    if not wait > 0:
        raise click.BadParameter("--wait: a number of seconds above 0")


def _opened(
    study: Path,
    home: Path | None,
    plan_timeout: float | None,
    as_json: bool,
    events: bool,
    *,
    place: Path | None = None,
    reads: bool = True,
) -> tuple[Own, Display | None]:
    """This organization's side of the study, with its data checked; and what shows progress."""
    from parties.run.contributing import open_own
    from parties.study.confined import Limits
    from parties.study.rehearsal import tried_study
    from parties.system.kernels import prepare
    from parties.system.privacy import no_core_dumps

    no_core_dumps()
    limits = None if plan_timeout is None else Limits(plan_timeout)
    bound = tried_study(study, limits, place=place, computes=False)  # before keys are opened
    here = opened(home)
    if events:
        return open_own(here, bound, json_lines, started=_STARTED, reads=reads), None
    from parties.cli.progress import Display

    display = Display(quiet=as_json)
    prepare(bound.plan.engine, display.status)
    return open_own(here, bound, display.event, started=_STARTED, reads=reads), display


def _written(own: Own, prepared: Any, folder: Path, as_json: bool) -> None:
    from mpc.errors import ConfigError
    from parties.run.contributing import write_envelopes

    if prepared is None:
        raise ConfigError(f"{own.bound.plan.where}: {own.home.name} brings nothing to this study")
    paths = write_envelopes(prepared, folder, own.home.name, own.digest)
    if as_json:
        print_json({"contribution": prepared.digest.hex(), "files": [str(path) for path in paths]})
        return
    for path in paths:
        echo(str(path))
    next_step("send each file to its compute party, which adds it:  comity contributions add FILE")


def _results(own: Own, output: Path | None, *, try_out: bool) -> Results:
    """The files of the results; the folder is tried before any party is called."""
    from parties.run.keeping import Results

    kept = Results(output, own.home.path / "results")
    if try_out:
        kept.try_out()
    return kept


def _end(own: Own, outcome: Outcome, display: Display | None, kept: Results, as_json: bool, *, show: bool) -> None:
    from parties.run.contributing import forget_parts
    from parties.run.result import result_document

    for what in outcome.unwritten:
        kept.failed(what)
    result = result_document(own.bound, outcome, own.home.name)
    if display is None:
        json_lines(Finished(result))
        kept.check()
    elif show:
        kept.finish(result, as_json=as_json, console=display.console)
    else:
        parties = list(own.cards)
        if as_json:
            print_json({"study": outcome.study, "receipts": parties, "bytes_sent": outcome.frame_bytes_sent})
        else:
            echo(f"{', '.join(parties)} have it ({size(outcome.frame_bytes_sent)}); this organization is done")
            if own.learns:
                next_step(f"fetch the results when they are there:  comity results {own.bound.plan.where}")
        kept.check()
    forget_parts(own)


def _bytes(path: Path) -> bytes:
    from mpc.errors import ConfigError
    from parties.data.misplaced import check_kind

    check_kind(path, "sealed")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
