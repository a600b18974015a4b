"""`comity plan`: what a study would release, to whom, who must not collude, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import ceil, log2
from pathlib import Path
from typing import Any

import click

from mpc.machine.forecast import Forecast, forecast
from mpc.machine.network import Network
from mpc.releases.speaking import held
from parties.cli.common import FILE, json_option, plan_timeout_option, print_json
from parties.cli.scenario import WARNING
from parties.organization.identity import in_words
from parties.report.disclosed import who_learns_what
from parties.report.words import duration, size
from parties.run.result import told_of
from parties.study.confined import Limits, confined
from parties.study.plan import BoundStudy, StudyPlan, open_study
from parties.study.rehearsal import dry_run_of, files_of, made_ready
from parties.study.trust import coalition_lines, coalitions, listed, who_must_not_collude, why
from parties.text import units
from parties.text.echo import echo
from protocols.dry import DryRun

_NAMES_SHOWN = 12
#: The network for the predicted time, where neither the study nor an option names one.
_UNKNOWN = Network(0.030, 200e6)
#: Round trips from the first call to agreed keys: TCP, TLS, hello, commitments and their opening.
_ROUND_TRIPS_TO_AGREE = 4
#: The part of the time that naming the network must save before the command advises it.
_WORTH_NAMING = 0.05


def quantity(parse: Callable[[object], float]) -> Callable[[click.Context, click.Parameter, str | None], float | None]:
    """An option's value: a number with a unit."""

    def convert(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return convert


@click.command()
@click.argument("study", type=FILE)
@click.option(
    "--rtt",
    callback=quantity(units.seconds),
    metavar="TIME",
    help="Round trip time between two parties, for the predicted time (default: the study's, else 30ms).",
)
@click.option(
    "--bandwidth",
    callback=quantity(units.bits_per_second),
    metavar="RATE",
    help="Bits per second that a party sends, for the predicted time (default: the study's, else 200M).",
)
@click.option(
    "--mock",
    is_flag=True,
    help="Also show results on rows that are made up from the schema, and how many digits they keep.",
)
@click.option("--all", "all_", is_flag=True, help="List all releases, with all rules that guard them.")
@plan_timeout_option
@json_option
def command(
    study: Path,
    rtt: float | None,
    bandwidth: float | None,
    mock: bool,
    all_: bool,
    plan_timeout: float,
    as_json: bool,
) -> None:
    """Show what the study in the file STUDY would do. The command needs no home, reads no data and calls nobody.

    Planning executes the scenario without data. This happens in a separate process with limits of time and memory; on
    Linux it has no network and cannot write files.

    \b
    Example:  comity plan study.toml --rtt 30ms --bandwidth 200M
    """
    request = {"study": str(study), "rtt": rtt, "bandwidth": bandwidth, "mock": mock, "all_": all_}
    files = files_of(study, made_ready(study))
    reply, missing = confined("parties.cli.plan:planned", request, Limits(plan_timeout), readable=files)
    if as_json:
        print_json({**reply["described"], "planned": {"confined": not missing, "missing": missing}})
        return
    echo(*reply["lines"])
    echo(f"  {how_planned(missing)}")
    if mock:
        from parties.report import page as report
        from parties.text.console import SafeConsole

        echo("", "What results look like, on rows made up from the schema (nobody's data):")
        report.show(reply["mock"], SafeConsole())


def how_planned(missing: Sequence[str]) -> str:
    """What the script could do while it was planned."""
    how = "The script was executed for this, on shapes alone, in a process of its own with limits of time and memory"
    if missing:
        return f"{how}. Beyond that this system does not confine it: {'; '.join(missing)}."
    return f"{how}, without network, and with no files but its own and Python's to read."


def planned(study: str, rtt: float | None, bandwidth: float | None, mock: bool, all_: bool) -> dict[str, Any]:
    """In the confined child: the facts about a study, as JSON and as lines."""
    bound = open_study(Path(study))
    known = bound.plan.network or _UNKNOWN
    network = Network(rtt or known.rtt_s, bandwidth or known.bits_per_second)
    dry = dry_run_of(bound, bound.plan.network, speaks=True)
    predicted = forecast(dry.trace, network)
    seconds = predicted.seconds + _ROUND_TRIPS_TO_AGREE * network.rtt_s
    described = _described(bound, dry, seconds, predicted)
    with held():  # the script's prints were shown already
        example = _mock(bound) if mock else None
        digits = _digits(bound) if mock else {}
    lines = _lines(bound, dry, network, predicted, seconds, all_)
    if example is not None:
        described["mock"] = example["releases"]
        described["digits"] = digits
        if digits:
            fewest = min(digits, key=lambda name: digits[name])
            added = [f"  On made-up rows releases keep {digits[fewest]:.0f} digits or more ({fewest})."]
            if all_:
                added += [f"    {name}: {left:.0f} digits" for name, left in digits.items()]
            lines[-1:-1] = added
    return {"described": described, "lines": lines, "mock": example}


def _lines(
    bound: BoundStudy, dry: DryRun, network: Network, predicted: Forecast, seconds: float, all_: bool
) -> list[str]:
    lines: list[str] = []
    say = lines.append
    plan = bound.plan
    say(f"{plan.purpose}  (scenario {bound.loaded.name})")
    for line in when_valid(plan, date.today()):
        say(f"  {line}")
    say(f"  Engine {plan.engine}, threshold {plan.threshold}: {why(plan)}.")
    for line in who_learns_what(dry.manifest(), all_):
        say(f"  {line}")
    for line in who_contributes(bound, dry):
        say(f"  {line}")
    for line in what_is_prepared(dry, plan):
        say(f"  {line}")
    for line in what_is_shared(dry):
        say(f"  {line}")
    for line in dry.discloses:
        say(f"  Besides, everybody learns {line}.")
    on_shares = bool(bound.loaded.shares)
    say(f"  {who_must_not_collude(plan.having('compute'), plan.threshold, on_shares=on_shares)}")
    for name in plan.helpers:
        say(f"  {name} is a helper: it brings no data and learns nothing.")
    for line in coalition_lines(plan):
        say(f"    {line}")
    if dry.may_depend_on_opened:
        say("  Some of it may depend on values that are opened on the way, shown as … where they are numbers in texts.")
        say("  (Where int() or NumPy made other numbers of them, what stands in for these is shown: 1, 2, …)")
    say(
        f"  {dry.rounds} rounds, {size(max(dry.bytes_sent))} per party, about {duration(seconds)} "
        f"at {duration(network.rtt_s)} and {network.bits_per_second / 1e6:g} Mbit/s, after the local part"
    )
    if not on_shares:
        say(f"  {how_hidden(dry)}")
    compared = how_compared(bound, dry, network, predicted)
    if compared is not None:
        say(f"  {compared}")
    if on_shares:
        say("  THE SCRIPT WORKS ON SHARES: a reviewer must read it. Its own protocols can send anything to anybody,")
        say("  whatever bounds, masks and releases say. Agree only if somebody who knows them has read it. It uses")
        for line in bound.loaded.shares:
            say(f"    {line}")
    if bound.loaded.library:
        say("  The script uses names of library code, which can take protection off a value; read these lines:")
        for line in bound.loaded.library:
            say(f"    {line}")
    say(f"  {WARNING}  {bound.loaded.path}")
    return lines


def _mock(bound: BoundStudy) -> dict[str, Any]:
    """The result document of a mock run."""
    from protocols.mock import mock_run

    plan = bound.plan
    run = mock_run(bound.computation)
    return {
        "scenario": bound.loaded.name,
        "study": "",
        "purpose": plan.purpose,
        "organizations": {o.name: {"roles": list(o.roles)} for o in plan.organizations},
        "releases": run.releases,
        **told_of([entry.describe() for entry in run.entries], run.releases),
        "cost": {"rounds": 0, "bytes_sent": 0, "seconds": 0.0, "operations": 0},
        "notes": ["made up from the schema: nobody's data"],
    }


def _digits(bound: BoundStudy) -> dict[str, float]:
    """The digits that rounding leaves each release on made-up rows. Raises RangeError if they are too few."""
    from protocols.mock import mock_digits

    return mock_digits(bound.computation)


def how_compared(bound: BoundStudy, dry: DryRun, network: Network, predicted: Forecast) -> str | None:
    """Which comparisons were chosen, and why; without a network in the study, the time that naming it would save."""
    chosen = bound.plan.network
    if chosen is None:
        with_it = forecast(dry_run_of(bound, network).trace, network)
        saved = predicted.seconds - with_it.seconds
        if saved < _WORTH_NAMING * predicted.seconds:
            return None
        return (
            f"The study names no network: comparisons are those of a fast one. With [network] in it, "
            f"about {duration(saved)} less."
        )
    choices = dry.trace.choices
    total = sum(choices.values()) if bound.plan.engine == "replicated" else 0  # shamir has one form only
    quick = sum(count for (primitives, primitive), count in choices.items() if primitive != primitives[0])
    if not total:
        return None
    where = f"For {duration(chosen.rtt_s)} and {chosen.bits_per_second / 1e6:g} Mbit/s"
    if not quick:
        return f"{where}: comparisons in few bytes; fewer rounds would not be quicker."
    number = "all" if quick == total else f"{quick} of {total}"
    return f"{where}: {number} comparisons in fewer rounds and more bytes, where that is quicker."


def contributed(bound: BoundStudy, dry: DryRun) -> dict[str, dict[str, int]]:
    """What each organization that does not compute submits: numbers, and bytes to all compute parties together. Those
    that a roll enrols submit the same; they stand under the roll's name."""
    engine, plan = bound.computation.make_engine(), bound.plan
    amounts = {}
    for owner in dry.layout.owners:
        name = plan.participants[owner]
        if plan.contributors is not None and owner in plan.enrolled:
            name = plan.contributors.roll
            if name in amounts:
                continue
        values = dry.layout.size(owner)
        octets = sum(len(piece.holders) * piece.octets for piece in engine.pieces(values))
        amounts[name] = {"values": values, "bytes": octets}
    return amounts


def who_contributes(bound: BoundStudy, dry: DryRun) -> list[str]:
    """Lines about organizations that do not compute: their names, and what they send."""
    plan = bound.plan
    compute = plan.having("compute")
    outside = [organization.name for organization in plan.organizations if organization.name not in compute]
    if not outside and plan.contributors is None:
        return []
    lines = [f"{listed(compute)} compute."]
    alike: dict[tuple[int, int], list[str]] = {}
    amounts = contributed(bound, dry)
    enrolled = None if plan.contributors is None else amounts.pop(plan.contributors.roll, None)
    for name, amount in amounts.items():
        alike.setdefault((amount["values"], amount["bytes"]), []).append(name)
    for (values, octets), names in alike.items():
        verb = "submit" if len(names) > 1 else "submits"
        whom = f"{listed(names)} {verb}" if len(names) <= _NAMES_SHOWN else f"{len(names)} organizations submit"
        each = " each" if len(names) > 1 else ""
        lines.append(
            f"{whom} {values:,} numbers{each} with `comity submit`, in shares sealed for each compute party "
            f"({size(octets)} in all), and need not wait for the run."
        )
    if enrolled is not None:
        lines += _who_is_enrolled(plan, enrolled)
    if (alike or enrolled) and plan.keep_contributions:
        lines.append("The compute parties keep these contributions and may use them in every further run.")
    elif alike or enrolled:
        lines.append("A contribution is used for one run, and is deleted before the run opens anything.")
    bring = {name for names in alike.values() for name in names}
    if idle := [name for name in outside if name not in bring]:
        lines.append(f"{listed(idle)} only {'learns' if len(idle) == 1 else 'learn'}, by `comity submit` or `results`.")
    return lines


def _who_is_enrolled(plan: StudyPlan, amount: Mapping[str, int]) -> list[str]:
    """Lines about the organizations that a roll enrols."""
    assert plan.contributors is not None
    return [
        f"{plan.contributors} submit {amount['values']:,} numbers each with `comity submit`, in shares sealed for each "
        f"compute party ({size(amount['bytes'])} in all), and need not wait for the run.",
        "The run waits for all of them."
        if plan.contributors.at_least is None
        else f"{plan.contributors.at_least:,} of them are enough: once all compute parties have waited, the run begins "
        "without the others, who count as organizations without rows.",
        f"The words of {plan.contributors.roll}: {in_words(plan.contributors.enrolled.digest)}.",
    ]


def when_valid(plan: StudyPlan, today: date) -> list[str]:
    """The days on which the study can be run, as lines; [] if it can on all days."""
    begin = f" from {plan.valid_from}" if plan.valid_from else ""
    end = f" until {plan.valid_until}" if plan.valid_until else ""
    if not begin and not end:
        return []
    over = bool(plan.valid_until and today > plan.valid_until)
    early = bool(plan.valid_from and today < plan.valid_from)
    now = ": that is over, and `comity run` refuses it" if over else ": `comity run` refuses it before" if early else ""
    return [f"Valid{begin}{end}{now}."]


def how_hidden(dry: DryRun) -> str:
    """How much the compute parties see beyond uniform shares and releases."""
    if not dry.distance and {"quick_sign", "quick_signs"} & dry.primitives:
        return "What compute parties see on the way is uniform but for 2^-42 for each comparison in fewer rounds."
    if not dry.distance:
        return "Given AES-128, compute parties see uniform numbers on the way: nothing is hidden only statistically."
    most = ceil(log2(dry.distance))
    return f"Given AES-128, compute parties see uniform numbers on the way, but for a statistical distance of 2^{most}."


def _described(bound: BoundStudy, dry: DryRun, seconds: float, predicted: Forecast) -> dict[str, Any]:
    plan = bound.plan
    return {
        "scenario": bound.loaded.name,
        "path": str(bound.loaded.path),
        "purpose": plan.purpose,
        "valid_from": plan.valid_from.isoformat() if plan.valid_from else None,
        "valid_until": plan.valid_until.isoformat() if plan.valid_until else None,
        "engine": plan.engine,
        "threshold": plan.threshold,
        "why": why(plan),
        "helpers": list(plan.helpers),
        "organizations": {
            organization.name: {"roles": list(organization.roles), "datasets": dict(organization.datasets)}
            for organization in plan.organizations
        },
        "enrolled": _enrolled(plan),
        "parameters": vars(bound.computation.settings()),
        "releases": dry.manifest(),
        "contributions": contributed(bound, dry),
        "keep_contributions": plan.keep_contributions,
        "discloses": list(dry.discloses),
        "prepared": [{"owners": named_owners(plan, owners), "table": text} for owners, text in dry.prepared],
        "shared": [{"table": t, "column": c, "resolution": unit} for (t, c), unit in sorted(dry.shared.items())],
        "may_depend_on_opened": dry.may_depend_on_opened,
        "collusion": _collusion(plan),
        "rounds": dry.rounds,
        "bytes_sent": list(dry.bytes_sent),
        "statistical_distance": dry.distance,
        "seconds": seconds,
        "predicted": vars(predicted),
        "library_names": list(bound.loaded.library),
        "works_on_shares": list(bound.loaded.shares),
        "warning": WARNING,
    }


def what_is_prepared(dry: DryRun, plan: StudyPlan) -> list[str]:
    """What owners compute from their own rows before anything is shared: one line for each table."""
    lines = []
    for owners, text in dry.prepared:
        verb = "prepares" if len(owners) == 1 else "prepare, each from its own rows,"
        lines.append(f"{listed(named_owners(plan, owners))} {verb} {text}.")
    return lines


def named_owners(plan: StudyPlan, owners: Sequence[int]) -> list[str]:
    """The names of owners; a single name for those that a roll enrols."""
    names = [plan.participants[owner] for owner in owners if owner not in plan.enrolled]
    return names if plan.contributors is None or len(names) == len(owners) else [*names, str(plan.contributors)]


def what_is_shared(dry: DryRun) -> list[str]:
    """Rows that leave their organizations as shares, and the resolution of their numbers: one line for each table."""
    tables: dict[str, list[str]] = {}
    for (table, column), unit in sorted(dry.shared.items()):
        tables.setdefault(table, []).append(f"{column} " + (f"to {unit:.2g}" if unit else "exactly"))
    return [f"Rows of {table} leave their organizations as shares: {listed(c)}." for table, c in tables.items()]


def _enrolled(plan: StudyPlan) -> dict[str, Any] | None:
    if plan.contributors is None:
        return None
    enrolled = plan.contributors.enrolled
    return {
        "roll": plan.contributors.roll,
        "count": plan.contributors.count,
        "digest": enrolled.digest.hex(),
        "words": in_words(enrolled.digest),
        "datasets": dict(plan.contributors.datasets),
        "at_least": plan.contributors.at_least,
    }


def _collusion(plan: StudyPlan) -> dict[str, Any]:
    collusion: dict[str, Any] = {"of": list(plan.having("compute")), "needed": plan.threshold + 1}
    if plan.helpers:
        collusion["coalitions"] = [{"of": list(c.parties), "opens": list(c.opens)} for c in coalitions(plan)]
    return collusion
