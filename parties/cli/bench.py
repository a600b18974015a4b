"""`comity bench`: how long protocols take between three processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from parties.bench.workloads import WORKLOADS
from parties.cli.common import print_json


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list and nothing else.")
def command(workloads: Sequence[str], sizes: Sequence[int], repeat: int, as_json: bool) -> None:
    """Measure protocols between three processes on this machine, over TLS.

    Seconds go from "inputs are shared" to "result is shared" at the slowest party: the median of R repetitions, the
    least and the most. The floor is what three bare processes take to move the same bytes in the same rounds, measured
    right after it: where it is slow, too, the machine is busy.

    \b
    Examples:  comity bench
               comity bench --workload matmul --size 500 --size 1000 --repeat 9
               comity bench --json --workload multiply --size 1000000
    """
    from parties.bench.run import BenchFailed, cases, measure
    from parties.cli.progress import Display
    from parties.kernels import prepare

    wanted = cases(workloads, sizes)
    for workload, size in wanted:
        largest = WORKLOADS[workload].largest
        if size > largest:
            raise click.BadParameter(f"{workload}: at most {largest:,} {WORKLOADS[workload].unit}", param_hint="--size")
    with Display(quiet=as_json) as display:
        prepare("replicated", display.status)

        def on_result(result: dict[str, Any]) -> None:
            display.status(f"{result['workload']} of {result['size']:,}: {_seconds(result['seconds'])}")

        try:
            results = measure(wanted, repeat, on_result)
        except BenchFailed as failed:
            click.echo(str(failed), err=True)
            raise click.exceptions.Exit(failed.code) from None
    if as_json:
        print_json(results)
    else:
        display.console.print(_table(results, repeat))


def _table(results: Sequence[dict[str, Any]], repeat: int) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from parties.report_text import size

    title = f"Three processes over TLS, median of {repeat}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("workload", no_wrap=True)
    for heading in ("size", "time", "least", "most", "floor", "sent", "rounds", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        times = [_seconds(result[f"seconds{which}"]) for which in ("", "_min", "_max")]
        table.add_row(
            result["workload"],
            f"{result['size']:,}",
            *times,
            _seconds(result["floor_seconds"]),
            size(result["bytes_per_party"]),
            f"{result['rounds']:,}",
            f"{result['max_error']:.2g}",
        )
    return table


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
