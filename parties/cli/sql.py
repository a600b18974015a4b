"""`comity sql`: what a query does: which part at which owner, which in secret, what it costs, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpc.errors import ComityError, ConfigError, PolicyError
from mpc.machine.forecast import forecast
from mpc.machine.network import Network
from mpc.releases.study import Study
from mpc.suggestions import also, closest
from parties.cli.common import FILE, json_option, print_json, print_table
from parties.cli.plan import quantity
from parties.report.disclosed import read, release_lines
from parties.report.words import duration, size
from parties.study.sqlfile import RESULT, SqlFile, read_sql_file
from parties.text import units
from parties.text.echo import echo
from protocols.computation import Computation
from protocols.dry import DryRun, dry_run

if TYPE_CHECKING:
    from protocols.sql.steps import Step

_UNKNOWN = Network(0.030, 200e6)
_WORDS = 76


@dataclass
class Planned:
    """What a query does. refused: why its release would be refused; "" where it would not be."""

    sql: str
    steps: list[Step] = field(default_factory=list)
    refused: str = ""


@click.command()
@click.argument("query", metavar="QUERY|FILE")
@click.option(
    "--schema",
    type=FILE,
    metavar="FILE",
    help="The tables: a TOML file with [tables.NAME], as in a scenario of SQL; not needed for such a scenario.",
)
@click.option(
    "--rows", multiple=True, metavar="TABLE=N", help="Public limit of the rows one owner shares. Default: its at_most."
)
@click.option(
    "--organizations",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    metavar="N",
    help="How many organizations bring rows of the tables without a holder.",
)
@click.option("--matches", type=click.IntRange(1), metavar="N", help="At most so many rows of a table have one key.")
@click.option("--groups", type=click.IntRange(1), metavar="N", help="At most so many groups come out.")
@click.option(
    "--minimum", type=click.IntRange(1), metavar="N", help="The minimum cohort. Default: the file's, else 10."
)
@click.option("--rtt", callback=quantity(units.seconds), metavar="TIME", help="Round trip time. Default: 30ms.")
@click.option(
    "--bandwidth", callback=quantity(units.bits_per_second), metavar="RATE", help="Bits per second. Default: 200M."
)
@json_option
def command(
    query: str,
    schema: Path | None,
    rows: Sequence[str],
    organizations: int,
    matches: int | None,
    groups: int | None,
    minimum: int | None,
    rtt: float | None,
    bandwidth: float | None,
    as_json: bool,
) -> None:
    """Show what a query does, without data: QUERY is a SELECT, a file with one, or a scenario of SQL.

    For each step: where it happens (at the owners of a table, or in secret), on how many places, and what it sends.
    Then what would be released, and what guards it. The meaning of a query is DuckDB's; what is not supported is
    refused with its line, its column and a remedy.

    \b
    Examples:  comity sql "SELECT drug, count(*) FROM patients GROUP BY drug" --schema tables.toml
               comity sql query.sql --schema tables.toml --rows patients=1000 --json
               comity sql study_of_statins.toml
    """
    file = _file(query, schema)
    limits = _limits(rows, file)
    names, owners = parties_of(file, organizations)
    options: dict[str, Any] = {**file.options(), "rows": limits}
    options |= {key: value for key, value in (("matches", matches), ("groups", groups)) if value is not None}
    planned, dry = plan(file, names, owners, options, minimum)
    network = Network(rtt or _UNKNOWN.rtt_s, bandwidth or _UNKNOWN.bits_per_second)
    seconds = forecast(dry.trace, network).seconds
    if as_json:
        print_json(described(planned, dry, names, owners, seconds))
        return
    for name, each in planned.items():
        _show(name, each, many=len(planned) > 1)
    refused = [each for each in planned.values() if each.refused]
    if dry.releases:
        lines = [read({**line, "source": f"query {line['name']}"}) for line in dry.manifest()]
        echo("what comes out:", *(f"  {line}" for line in release_lines(lines, True)))
    for each in refused:
        echo("", f"This release would be refused: {each.refused}")
    most = max(dry.bytes_sent)
    echo(
        "",
        f"In all {dry.rounds:,} rounds, {size(most)} sent by the party that sends most; {duration(seconds)} with a "
        f"round trip of {duration(network.rtt_s)} and {network.bits_per_second / 1e6:g} Mbit/s.",
    )


def _file(query: str, schema: Path | None) -> SqlFile:
    """The query and its tables."""
    path = Path(query) if len(query) < 1000 and "\n" not in query else None
    if path is not None and path.suffix == ".toml":
        if schema is not None:
            raise ConfigError(f"{path} has its own tables; leave out --schema")
        return read_sql_file(_read(path), str(path))
    if path is not None and (path.suffix == ".sql" or path.is_file()):
        query = _read(path).decode("utf-8-sig", "replace")
    if schema is None:
        raise ConfigError("the query's tables are not known: give --schema FILE, with a part [tables.NAME] for each")
    declared = read_sql_file(_read(schema), str(schema), need_query=False)
    return replace(declared, queries={RESULT: query}, lines={RESULT: 1})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def _limits(rows: Sequence[str], file: SqlFile) -> dict[str, int]:
    limits = {}
    for each in rows:
        name, sign, number = each.partition("=")
        if name not in file.inputs:
            raise ConfigError(f"--rows {each}: no table {name!r}{also(closest(name, file.inputs))}")
        if not sign or not number.isdigit() or int(number) < 1:
            raise ConfigError(f"--rows {each}: write it like  --rows {name}=1000")
        limits[name] = int(number)
    return limits


def parties_of(file: SqlFile, organizations: int) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """The organizations of a plan, at least three, and who brings which table: holders under the name of their role."""
    names = list(dict.fromkeys(entry.holder for entry in file.inputs.values() if entry.holder))
    each: list[str] = []
    if any(entry.holder is None for entry in file.inputs.values()):
        each = [f"organization-{k + 1}" for k in range(organizations)]
    names += each
    names += [f"helper-{k + 1}" for k in range(3 - len(names))]
    owners = {
        table: (names.index(entry.holder),) if entry.holder else tuple(map(names.index, each))
        for table, entry in file.inputs.items()
    }
    return names, owners


def plan(
    file: SqlFile,
    names: Sequence[str],
    owners: Mapping[str, Sequence[int]],
    options: Mapping[str, Any],
    minimum: int | None,
) -> tuple[dict[str, Planned], DryRun]:
    """The steps of each query, and the dry run of all of them."""
    from protocols.sql.query import Query

    scenario = file.scenario()
    if minimum is not None:
        scenario.parameters["minimum_cohort"] = minimum
    planned: dict[str, Planned] = {}

    @scenario.run
    async def run(study: Study) -> None:
        for name, text in file.queries.items():
            made = planned[name] = Planned(text)
            query = Query(study, text, **options)
            result = query.run()
            made.steps = query.steps.steps
            try:
                study.release(name, result, unprotected=file.unprotected)
            except PolicyError as error:
                made.refused = str(error)

    try:
        return planned, dry_run(Computation(scenario, names, compute=3, owners=owners))
    except ComityError as error:
        error.source = None  # the line of this file; the message has the place in the query
        error.exit_code = type(error).exit_code  # the query is an argument here, and no scenario
        raise


def _show(name: str, each: Planned, *, many: bool) -> None:
    if many:
        echo(f"{name}:")
    rows = [
        (
            f"  {k}",
            step.where,
            f"{step.places:,}" if step.places is not None else "",
            f"{step.rounds:,}" if any(step.bytes) else "",
            size(max(step.bytes)) if any(step.bytes) else "",
            step.does if len(step.does) <= _WORDS else f"{step.does[: _WORDS - 1]}…",
        )
        for k, step in enumerate(each.steps, 1)
    ]
    print_table(("  step", "where", "places", "rounds", "sent", "what"), rows)
    echo("")


def described(
    planned: Mapping[str, Planned],
    dry: DryRun,
    names: Sequence[str],
    owners: Mapping[str, Sequence[int]],
    seconds: float,
) -> dict[str, Any]:
    """As JSON."""
    return {
        "queries": {
            name: {
                "sql": each.sql,
                "steps": [
                    {
                        "where": step.where,
                        "does": step.does,
                        "places": step.places,
                        "rounds": step.rounds,
                        "bytes_sent": list(step.bytes),
                    }
                    for step in each.steps
                ],
                "refused": each.refused,
            }
            for name, each in planned.items()
        },
        "owners": {table: [names[owner] for owner in brought] for table, brought in owners.items()},
        "releases": dry.manifest(),
        "discloses": list(dry.discloses),
        "shared": [{"table": t, "column": c, "resolution": unit} for (t, c), unit in sorted(dry.shared.items())],
        "rounds": dry.rounds,
        "bytes_sent": list(dry.bytes_sent),
        "seconds": seconds,
    }
