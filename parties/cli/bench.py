"""`comity bench`: how long protocols take between processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mpc.machine.network import Network
from parties.bench.against import OPPONENTS
from parties.bench.workloads import WORKLOADS
from parties.cli.common import FILE, print_json
from parties.text import units
from parties.text.echo import echo, echo_message
from protocols.engines import ENGINES


def _network(ctx: click.Context, param: click.Parameter, value: str | None) -> Network | None:
    try:
        return None if value is None else units.network(value)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), ctx, param) from None


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int]:
    try:
        numbers = [int(part) for part in value.split(",")] if value is not None else []
    except ValueError:
        raise click.BadParameter(f"{value!r} must be a number, or several with commas", ctx, param) from None
    if len(set(numbers)) < len(numbers):
        raise click.BadParameter(f"{value!r} names a number twice", ctx, param)
    return numbers


@click.command()
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="Default: replicated for three organizations, shamir for others.",
)
@click.option(
    "--organizations",
    callback=_numbers,
    metavar="N[,N...]",
    help="How many parties compute, 3 by default; several numbers, as 3,5,7,9, are measured one after the other.",
)
@click.option(
    "--threshold",
    type=int,
    metavar="T",
    help="How many parties together learn nothing. Default: the largest, below half of them.",
)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice([*WORKLOADS, "all"]),
    help="What to measure, or all; may be given several times. Default: the short ones.",
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Elements; for matmul the side, for chain the products. May be given several times. Default: each its own.",
)
@click.option(
    "--repeat", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="R", help="Measured repetitions."
)
@click.option(
    "--against",
    "opponent",
    type=click.Choice(OPPONENTS),
    help="Measure the same on this system, too, taking turns with ours; at a smaller size where it would take long.",
)
@click.option(
    "--network",
    callback=_network,
    metavar="lan|wan|RTT,RATE",
    help="Hold messages back as a network would, for instance 30ms,200M.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME",
    help="Measure a whole scenario on its sample data, once, against its prediction. May be given several times.",
)
@click.option("--profile", is_flag=True, help="Show where time, bytes and rounds go by operation.")
@click.option(
    "--report",
    "page",
    type=FILE,
    metavar="FILE",
    help="Write an HTML page, too. Without --size, each workload is measured at sizes from small to large, or at "
    "its own among each of several numbers of organizations.",
)
@click.option(
    "--history",
    "past",
    type=FILE,
    metavar="FILE",
    help="Add a line of JSON for each measurement to FILE, and show it beside those of the same on this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list on standard output.")
def command(
    engine: str | None,
    organizations: Sequence[int],
    threshold: int | None,
    workloads: Sequence[str],
    sizes: Sequence[int],
    repeat: int,
    opponent: str | None,
    network: Network | None,
    scenarios: Sequence[str],
    profile: bool,
    page: Path | None,
    past: Path | None,
    as_json: bool,
) -> None:
    """Measure protocols between processes on this machine, over TLS.

    Seconds go from "inputs are shared" to "result is shared" at the slowest party: the median of R repetitions, the
    least and the most. The floor is what as many bare processes take to move the same bytes in the same rounds,
    measured right after it: where it is slow, too, the machine is busy. With --network it is what the network alone
    takes.

    \b
    Examples:  comity bench
               comity bench --workload matmul --size 500 --size 1000 --repeat 9
               comity bench --json --workload multiply --size 1000000
               comity bench --scenario hospital_statistics --network wan
               comity bench --profile --workload sort_32 --size 10000
               comity bench --against mpyc --workload less_than --size 10000
               comity bench --workload less_than --size 100000 --network wan
               comity bench --engine shamir --organizations 5 --threshold 1 --workload multiply_int
               comity bench --report bench.html --workload multiply --workload sort_32
               comity bench --workload all --repeat 9 --history bench.jsonl
               comity bench --report bench.html --engine shamir --organizations 3,5,7,9
    """
    from parties.bench import history, tables
    from parties.bench.against import check
    from parties.bench.children import BenchFailed
    from parties.bench.run import ALL, cases, measure, too_large
    from parties.bench.setting import settings
    from parties.cli.progress import Display
    from parties.system.kernels import prepare
    from parties.system.stopping import orderly_end

    if scenarios:
        if workloads or sizes or profile or opponent is not None or page is not None or past is not None:
            raise click.UsageError(
                "--scenario goes with --network, --engine, --organizations, --threshold and --json alone"
            )
        _scenarios(scenarios, network, engine, organizations, threshold, as_json)
        return
    if opponent is not None:
        check(opponent)
    if opponent is not None and network is not None:
        raise click.UsageError("--network holds back our messages only: leave it out with --against")
    for option, file in (("--report", page), ("--history", past)):
        if file is not None and not file.absolute().parent.is_dir():
            raise click.BadParameter(f"there is no folder {file.absolute().parent}", param_hint=option)
    earlier = history.read(past) if past is not None else []
    configurations = settings(engine, organizations, threshold)
    growing = page is not None and len(configurations) == 1
    wanted = [(setting, cases(workloads, sizes, engine=setting.engine, growing=growing)) for setting in configurations]
    for workload, size in wanted[0][1]:
        if (problem := too_large(workload, size)) is not None:
            raise click.BadParameter(problem, param_hint="--size")
    if ALL in workloads:
        for problem in filter(None, (too_large(workload, size) for workload in WORKLOADS for size in sizes)):
            echo(f"left out: {problem}", err=True)
    results: list[dict[str, Any]] = []
    with Display(quiet=as_json) as display:
        for name in dict.fromkeys(setting.engine for setting in configurations):
            prepare(name, display.status)

        def on_result(result: dict[str, Any]) -> None:
            which = f"{result['workload']} of {result['size']:,}"
            if len(configurations) > 1:
                which = f"{result['organizations']} parties, {which}"
            display.status(f"{which}: {tables.seconds(result['seconds'])}")

        try:
            with orderly_end():
                for setting, chosen in wanted:
                    results += measure(
                        chosen,
                        repeat,
                        on_result,
                        setting=setting,
                        network=network,
                        profile=profile,
                        opponent=opponent,
                    )
        except BenchFailed as failed:
            echo_message(str(failed))
            raise click.exceptions.Exit(failed.code) from None
    if page is not None:
        from parties.bench import report

        report.write(results, repeat, page)
    if as_json:
        print_json(results)
    else:
        for table in tables.tables(results, repeat):
            display.console.print(table)
    for line in history.append(results, repeat, past) if past is not None else ():
        if not as_json:
            display.console.print(tables.history([*history.alike(earlier, line), line]))


def _scenarios(
    names: Sequence[str],
    network: Network | None,
    engine: str | None,
    organizations: Sequence[int],
    threshold: int | None,
    as_json: bool,
) -> None:
    """Run each scenario once among each number of organizations."""
    from parties.bench import tables
    from parties.bench.scenario import measure
    from parties.cli.progress import Display
    from parties.local import demo
    from parties.study.trust import number
    from parties.system.kernels import prepare
    from parties.system.stopping import orderly_end

    counts = list[int | None](organizations) or [None]
    wanted = [demo.prepare(name, count, (), engine, threshold) for count in counts for name in names]
    results = []
    with Display(quiet=as_json) as display:
        for used in dict.fromkeys(case.engine for case in wanted):
            prepare(used, display.status)
        try:
            with orderly_end():
                for case in wanted:
                    count = number(len(case.names))
                    display.status(f"{case.loaded.name}: {count} organizations, each a process of its own, over TLS")
                    results.append(measure(case, network))
        except demo.DemoFailed as failed:
            echo_message(str(failed))
            raise click.exceptions.Exit(failed.code) from None
    if as_json:
        print_json(results)
    else:
        for group in tables.by_setting(results):
            display.console.print(tables.scenarios(group))
