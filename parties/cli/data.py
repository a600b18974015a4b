"""`comity data`: this organization's datasets, under the names that studies use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mpc.errors import ConfigError
from mpc.tables.aggregates import Aggregate
from mpc.tables.entries import expected
from mpc.tables.schema import DEFAULT_ROWS, Schema
from mpc.text import check_text
from parties.cli.common import (
    FILE,
    home_option,
    json_option,
    next_step,
    opened,
    plan_timeout_option,
    print_json,
    print_table,
)
from parties.data.databases import absolute
from parties.data.dataschema import read_schema
from parties.organization.catalog import Dataset, SourceRows, open_dataset
from parties.text.echo import echo

#: Rows of a column that `check --rows` names.
_SHOWN = 20


@click.group()
def group() -> None:
    """Add, list, check and explain this organization's datasets."""


@group.command()
@click.argument("name")
@click.argument("source")
@click.option("--schema", type=FILE, help="The schema file: it declares types and values of the columns.")
@click.option("--table", metavar="[SCHEMA.]TABLE", help="The table to read, if SOURCE is a URL.")
@click.option("--replace", is_flag=True, help="Replace the dataset of this name.")
@home_option
@json_option
def add(
    name: str, source: str, schema: Path | None, table: str | None, replace: bool, home: Path | None, as_json: bool
) -> None:
    """Add the dataset NAME to the catalog. SOURCE is a CSV or Parquet file, or the URL of a database.

    Nothing is copied and nothing is sent. Data are read only when you run a study that names them.

    \b
    Examples:  comity data add oncology.patients patients.parquet --schema patients.toml
               comity data add register postgres://reader@db/clinic --table public.register
    """
    url = "://" in check_text(source, "SOURCE")
    place = absolute(source) if url else str(Path(source).expanduser().absolute())
    dataset = Dataset(name, place, table, schema.absolute() if schema else None)
    opened(home).catalog.add(dataset, replace=replace)
    if as_json:
        print_json(_described(dataset))
    else:
        echo(f"{name} added: {dataset.file}")
        next_step(f"comity data check {name}{'' if schema else ' --scenario SCENARIO'}", home)


@group.command("list")
@home_option
@json_option
def list_(home: Path | None, as_json: bool) -> None:
    """List the datasets.

    \b
    Example:  comity data list
    """
    datasets = [dataset for _, dataset in sorted(opened(home).catalog.datasets.items())]
    if as_json:
        print_json({"datasets": [_described(dataset) for dataset in datasets]})
    elif datasets:
        print_table(
            ("name", "source", "schema"),
            [(d.name, d.file if d.is_url else d.source, str(d.schema or "-")) for d in datasets],
        )
    else:
        echo("none yet; add one with  comity data add NAME FILE --schema SCHEMA.toml")


@group.command()
@click.argument("name")
@home_option
@json_option
def remove(name: str, home: Path | None, as_json: bool) -> None:
    """Take the dataset NAME out of the catalog. Its file stays where it is.

    \b
    Example:  comity data remove register
    """
    catalog = opened(home).catalog
    dataset = catalog.dataset(name)
    del catalog.datasets[name]
    catalog.save()
    if as_json:
        print_json(_described(dataset))
    else:
        echo(f"{name} removed from the catalog")


@group.command()
@click.argument("name")
@click.option("--scenario", metavar="NAME|FILE", help="Check against what this scenario asks for.")
@click.option("--input", "input_", metavar="NAME", help="Which of the scenario's inputs. Default: its only one.")
@click.option("--rows", "show_rows", is_flag=True, help="Say in which rows values do not fit. For your eyes only.")
@home_option
@plan_timeout_option
@json_option
def check(
    name: str,
    scenario: str | None,
    input_: str | None,
    show_rows: bool,
    home: Path | None,
    plan_timeout: float,
    as_json: bool,
) -> None:
    """Check the dataset NAME: types, ranges, levels, missing values. Counts, and shows no value.

    \b
    Examples:  comity data check oncology.patients
               comity data check oncology.patients --scenario hospital_statistics --rows
    """
    dataset = opened(home).catalog.dataset(name)
    agreed, at_most = _agreed(dataset, scenario, input_, plan_timeout)
    rows = open_dataset(dataset, agreed)
    brought = rows.check(at_most=at_most, show_rows=_SHOWN if show_rows else 0)
    if as_json:
        print_json(brought.describe())
        return
    print_table(("column", "holds", "missing"), _lines(rows))
    dropped = f", {brought.dropped:,} dropped because a value does not fit" if brought.dropped else ""
    echo(f"{brought.file}: {brought.rows:,} rows{dropped}", *rows.places)


@group.command()
@click.argument("name")
@click.option("--scenario", metavar="NAME|FILE", help="Show what this scenario asks for. Default: usual statistics.")
@click.option("--study", type=FILE, help="Show what this study asks for.")
@click.option("--input", "input_", metavar="NAME", help="Which of the scenario's inputs. Default: its only one.")
@home_option
@plan_timeout_option
@json_option
def explain(
    name: str,
    scenario: str | None,
    study: Path | None,
    input_: str | None,
    home: Path | None,
    plan_timeout: float,
    as_json: bool,
) -> None:
    """Show which SQL the database of the dataset NAME would compute, and what this party would read instead, and why.

    Goes through the rows once, to check them. Three dots in SQL stand for numbers that an
    earlier pass gives.

    \b
    Examples:  comity data explain oncology.patients
               comity data explain register --scenario hospital_statistics
    """
    from mpc.tables.source import source_column
    from parties.data.pushdown.asking import why_streamed
    from parties.data.pushdown.explaining import usual

    dataset = opened(home).catalog.dataset(name)
    if scenario is None and study is None:
        agreed, at_most = _agreed(dataset, None, None, plan_timeout)
        aggregates = usual([source_column(column) for column in agreed.columns])
    else:
        agreed, at_most, aggregates = _asked(dataset, scenario, study, input_, plan_timeout)
    rows = open_dataset(dataset, agreed, pushed_from=0)
    rows.check(at_most=at_most)
    found, small = rows.explained(aggregates), why_streamed(dataset)
    if as_json:
        print_json({"name": name, "source": dataset.file, "small": small or None, **found.describe()})
        return
    echo(f"{dataset.file}: {rows.brought.rows if rows.brought else 0:,} rows")
    if small and not found.streamed:
        echo(f"A run would read it: {small}. As a larger file:")
    echo(*found.lines())


def _asked(
    dataset: Dataset, scenario: str | None, study: Path | None, input_: str | None, plan_timeout: float
) -> tuple[Schema, int, list[Aggregate]]:
    """The schema and the aggregates that a scenario or a study asks of a dataset."""
    from parties.study.confined import Limits
    from parties.study.rehearsal import supposed, tried_scenario, tried_study
    from protocols.dry import dry_run

    if study is not None:
        bound = tried_study(study, Limits(plan_timeout))
        computation, inputs = bound.computation, bound.loaded.scenario.inputs
        brought = [organization.datasets for organization in bound.plan.organizations]
        brought += [] if bound.plan.contributors is None else [bound.plan.contributors.datasets]
        named = [i for datasets in brought for i, d in datasets.items() if d == dataset.name]
        input_ = input_ or next(iter(named), None)
    else:
        loaded = tried_scenario(str(scenario), Limits(plan_timeout))
        computation, inputs = supposed(loaded), loaded.scenario.inputs
    chosen = _chosen(str(study or f"scenario {scenario}"), list(inputs), input_)
    return computation.schemas[chosen], inputs[chosen].at_most, dry_run(computation).asked[chosen]


def _chosen(where: str, inputs: Sequence[str], name: str | None) -> str:
    """The input that an option names, or the only one."""
    name = name or (inputs[0] if len(inputs) == 1 else "")
    if name not in inputs:
        raise ConfigError(f"{where}: choose one of its inputs with --input: {', '.join(inputs)}")
    return name


def _agreed(dataset: Dataset, scenario: str | None, input_: str | None, plan_timeout: float) -> tuple[Schema, int]:
    if scenario is None:
        if dataset.schema is None:
            raise ConfigError(f"{dataset.name} has no schema file; say what to check it against:  --scenario NAME")
        return read_schema(dataset.schema).schema, DEFAULT_ROWS
    from parties.study.confined import Limits
    from parties.study.rehearsal import tried_scenario

    inputs = tried_scenario(scenario, Limits(plan_timeout)).scenario.inputs
    name = _chosen(f"scenario {scenario}", list(inputs), input_)
    return inputs[name].schema, inputs[name].at_most


def _lines(rows: SourceRows) -> list[tuple[str, str, str]]:
    assert rows.brought is not None
    missing = rows.brought.missing
    return [(column.name, expected(column), f"{missing[column.name]:,}") for column in rows.columns]


def _described(dataset: Dataset) -> dict[str, str | None]:
    return {
        "name": dataset.name,
        # A URL may carry a password.
        "source": dataset.file if dataset.is_url else dataset.source,
        "table": dataset.table,
        "schema": str(dataset.schema) if dataset.schema else None,
    }
