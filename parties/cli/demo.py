"""`comity demo`: a scenario between organizations on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from parties.cli.common import FOLDER, Place, json_option, next_step, plan_timeout_option, print_json
from parties.system.events import Agreed, Brought, Checking, Event, Planned, Progress, Unprotected, Warned
from parties.text.echo import echo, echo_message
from protocols.engines import ENGINES


@click.command()
@click.argument("scenario", default="hospital_statistics")
@click.argument("others", nargs=-1, metavar="")
@click.option(
    "--organizations",
    type=int,
    metavar="N",
    help="How many organizations bring data; with two, a helper without data joins. Default: 3, or as many as --data.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="Default: replicated if three parties compute, else shamir. With replicated, three organizations compute.",
)
@click.option(
    "--threshold",
    type=int,
    metavar="T",
    help="So many compute parties together learn nothing. Default: the largest number below half of them.",
)
@click.option(
    "--data",
    multiple=True,
    type=Place(),
    metavar="[INPUT=]FILE",
    help="A CSV or Parquet file with one organization's rows; give one for each organization (and input). Or a folder "
    "with files named like those of --export. Default: sample data.",
)
@click.option("--export", type=Place(), metavar="DIR", help="Only write the sample data and its schema to DIR.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the scenario.")
@click.option(
    "--widen",
    type=click.FloatRange(1),
    default=1.0,
    metavar="FACTOR",
    help="Declare all ranges FACTOR times as wide, to see that the result hardly changes.",
)
@click.option("--oracle/--no-oracle", default=None, help="Compare with a computation on the pooled data in the clear.")
@click.option(
    "--output",
    type=FOLDER,
    default=Path("comity-demo"),
    show_default=True,
    metavar="DIR",
    help="Where result.json and report.html go.",
)
@plan_timeout_option
@json_option
def command(
    scenario: str,
    others: Sequence[str],
    organizations: int | None,
    engine: str | None,
    threshold: int | None,
    data: Sequence[Path],
    export: Path | None,
    settings: Sequence[str],
    widen: float,
    oracle: bool | None,
    output: Path,
    plan_timeout: float,
    as_json: bool,
) -> None:
    """Run SCENARIO between organizations on this machine: real processes, keys, TLS.

    Shows the data of each organization, the releases, the joint result, and how far it is from a computation on the
    pooled data in the clear. Exit code 1 if the difference is larger than the scenario's tolerance.

    \b
    Examples:  comity demo
               comity demo hospital_statistics --organizations 5 --threshold 1
               comity demo hospital_statistics --data a.csv --data b.parquet --data c.csv
               comity demo ./visits.py --data people=a.csv --data people=b.csv --data visits=v.csv
               comity demo --export samples/
    """
    from dataclasses import replace

    from parties.cli.progress import Display
    from parties.local import demo, samples
    from parties.local.oracle import complaint
    from parties.run.keeping import Results
    from parties.study.confined import Limits
    from parties.study.loader import load
    from parties.study.rehearsal import tried_scenario
    from parties.system.kernels import prepare
    from parties.system.stopping import orderly_end

    if others:
        raise click.UsageError(
            f"unexpected {others[0]!r}: a file of data goes with --data {others[0]}, a parameter with --set NAME=VALUE"
        )
    tried_scenario(scenario, Limits(plan_timeout))
    if export is not None:
        written = samples.export(load(scenario), export)
        if as_json:
            print_json({"files": [str(path) for path in written]})
        else:
            echo(*map(str, written))
            one = len({path for path in written if path.suffix == ".toml"}) == 1
            options = (
                " ".join(f"--data {path}" for path in written if path.suffix != ".toml") if one else f"--data {export}"
            )
            next_step(f"put your rows in the place of these:  comity demo {scenario} {options}")
        return
    wanted = demo.prepare(scenario, organizations, data, engine, threshold)
    parameters = _parameters(settings, wanted.loaded.scenario.parameters)
    wanted.loaded.scenario.settings(parameters)  # what does not fit is refused before anything is made ready
    results = Results(output)
    results.try_out()
    with Display(quiet=as_json) as display:
        prepare(wanted.engine, display.status)
        display.status(f"{wanted.loaded.name}: {', '.join(wanted.names)}, each a process of its own, over TLS")
        display.status(f"engine {wanted.engine}, threshold {wanted.threshold}")
        first = wanted.names[0]
        left: dict[str, float | None] = {}  # whose rows are many knows best how long it takes

        def on_event(name: str, event: Event) -> None:
            if isinstance(event, Brought):
                display.status(f"{name} brings {event.rows:,} rows of {event.file}")
            elif isinstance(event, Checking):
                display.event(replace(event, dataset=f"{event.dataset} of {name}"))
            elif isinstance(event, Progress):
                left[name] = event.left
                if name == first:
                    display.event(replace(event, left=max((s for s in left.values() if s is not None), default=None)))
            elif isinstance(event, Planned | Unprotected | Warned | Agreed) and name == first:
                display.event(event)

        try:
            with orderly_end():
                result = demo.run(
                    wanted,
                    parameters=parameters,
                    widen=widen,
                    compare=oracle,
                    on_event=on_event,
                    plan_timeout=plan_timeout,
                )
        except demo.DemoFailed as failed:
            echo_message(str(failed))
            raise click.exceptions.Exit(failed.code) from None
    results.opened(str(result["study"]), result["releases"])
    results.finish(result, as_json=as_json, console=display.console)
    if result["oracle"] is not None and (wrong := complaint(result["oracle"])):
        echo_message(f"error: {wrong}")
        raise click.exceptions.Exit(1)


def _parameters(settings: Sequence[str], declared: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise click.BadParameter(f"{setting!r}: write it like minimum_cohort=20")
        if isinstance(declared.get(name), str):
            parameters[name] = text
            continue
        try:
            parameters[name] = json.loads(text)
        except ValueError:
            parameters[name] = text
    return parameters
