"""`comity bench`: how long protocols take between three processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mpc.network import Network
from parties import units
from parties.bench.against import OPPONENTS
from parties.bench.workloads import WORKLOADS
from parties.cli.common import FILE, print_json


def _network(ctx: click.Context, param: click.Parameter, value: str | None) -> Network | None:
    try:
        return None if value is None else units.network(value)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), ctx, param) from None


@click.command()
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice(list(WORKLOADS)),
    help="What to measure; may be given several times. Default: the short ones.",
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
    help="Write an HTML page, too. Without --size, each workload is measured at sizes from small to large.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list and nothing else.")
def command(
    workloads: Sequence[str],
    sizes: Sequence[int],
    repeat: int,
    opponent: str | None,
    network: Network | None,
    scenarios: Sequence[str],
    profile: bool,
    page: Path | None,
    as_json: bool,
) -> None:
    """Measure protocols between three processes on this machine, over TLS.

    Seconds go from "inputs are shared" to "result is shared" at the slowest party: the median of R repetitions, the
    least and the most. The floor is what three bare processes take to move the same bytes in the same rounds, measured
    right after it: where it is slow, too, the machine is busy. With --network it is what the network alone takes.

    \b
    Examples:  comity bench
               comity bench --workload matmul --size 500 --size 1000 --repeat 9
               comity bench --json --workload multiply --size 1000000
               comity bench --scenario hospital_statistics --network wan
               comity bench --profile --workload sort_32 --size 10000
               comity bench --against mpyc --workload less_than --size 10000
               comity bench --workload less_than --size 100000 --network wan
               comity bench --report bench.html --workload multiply --workload sort_32
    """
    from parties.bench import tables
    from parties.bench.against import check
    from parties.bench.children import BenchFailed
    from parties.bench.run import cases, measure
    from parties.cli.progress import Display
    from parties.kernels import prepare

    if scenarios:
        if workloads or sizes or profile or opponent is not None or page is not None:
            raise click.UsageError("--scenario goes with --network and --json alone")
        _scenarios(scenarios, network, as_json)
        return
    if opponent is not None:
        check(opponent)
    if opponent is not None and network is not None:
        raise click.UsageError("--network holds back our messages only: leave it out with --against")
    if page is not None and not page.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {page.absolute().parent}", param_hint="--report")
    wanted = cases(workloads, sizes, growing=page is not None)
    for workload, size in wanted:
        largest = WORKLOADS[workload].largest
        if size > largest:
            raise click.BadParameter(f"{workload}: at most {largest:,} {WORKLOADS[workload].unit}", param_hint="--size")
    with Display(quiet=as_json) as display:
        prepare("replicated", display.status)

        def on_result(result: dict[str, Any]) -> None:
            display.status(f"{result['workload']} of {result['size']:,}: {tables.seconds(result['seconds'])}")

        try:
            results = measure(wanted, repeat, on_result, network=network, profile=profile, opponent=opponent)
        except BenchFailed as failed:
            click.echo(str(failed), err=True)
            raise click.exceptions.Exit(failed.code) from None
    if page is not None:
        from parties.bench import report

        report.write(results, repeat, page)
    if as_json:
        print_json(results)
    else:
        for table in tables.tables(results, repeat):
            display.console.print(table)


def _scenarios(names: Sequence[str], network: Network | None, as_json: bool) -> None:
    """Run each scenario once."""
    from parties.bench import tables
    from parties.bench.scenario import measure
    from parties.cli.progress import Display
    from parties.demo import DemoFailed
    from parties.kernels import prepare
    from parties.launch import orderly_end

    results = []
    with Display(quiet=as_json) as display:
        prepare("replicated", display.status)
        try:
            with orderly_end():
                for name in names:
                    display.status(f"{name}: three parties, each a process of its own, over TLS")
                    results.append(measure(name, network))
        except DemoFailed as failed:
            click.echo(str(failed), err=True)
            raise click.exceptions.Exit(failed.code) from None
    if as_json:
        print_json(results)
    else:
        display.console.print(tables.scenarios(results))
