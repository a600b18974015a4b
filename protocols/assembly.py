"""What processes, simulations and dry runs put together alike: rows, the study object, the whole script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mpc.errors import ConfigError, DataError
from mpc.machine.runtime import Runtime
from mpc.releases.scenario import Scenario
from mpc.releases.study import Study, runtime_of
from mpc.tables.entries import not_unique, problems, read
from mpc.tables.keys import KeyColumn, repeated, second
from mpc.tables.rows import ArrayRows, Rows, Values
from mpc.tables.schema import Schema
from protocols.computation import Computation
from protocols.mistakes import mistake, of_the_author

#: A table as a user has it, column by name: a mapping of columns, or a pandas table, which has no common type with it.
Frame = Any
#: A release as the agreed document lists it: JSON values by key.
Line = Mapping[str, Any]
T = TypeVar("T")


def rows_of(frame: Frame, schema: Schema) -> Rows:
    """Rows from a mapping of columns or a pandas table, which mean what they do in a file: categories by the names of
    their levels, flags also by words, dates as dates or ISO texts, keys as texts or whole numbers; None, NaN and
    missing codes are missing. Raises DataError for values that the schema does not allow, ConfigError for a missing
    column."""
    columns: dict[str, Values] = {}
    for column in schema.columns:
        if column.name not in frame:
            raise ConfigError(f"table {schema.name}: no column {column.name!r} in the data given")
        entries = read(column, frame[column.name])
        invalid, outside = int(entries.invalid.sum()), int(entries.outside(column).sum())
        if invalid or outside:
            place, total = f"table {schema.name}", len(entries.values) - int(entries.missing.sum())
            raise DataError("\n".join(problems(place, column, total, invalid, outside, entries.reasons())))
        columns[column.name] = entries.values
        if entries.second is not None:
            columns[second(column.name)] = entries.second
        if isinstance(column, KeyColumn) and column.unique and (twice := repeated([entries.values])):
            raise DataError(not_unique(f"table {schema.name}", column.name, twice))
    return ArrayRows(columns)


def assemble(
    computation: Computation,
    run: Runtime,
    *,
    rows: Mapping[str, Rows] | None = None,
    manifest: Sequence[Line] | None = None,
) -> Study:
    """The study object of one party: what its script is given.

    rows      input -> this organization's own rows
    manifest  the agreed releases; None in a dry run, which makes them
    """
    return Study(
        run,
        parameters=computation.settings(),
        participants=computation.organizations,
        recipients=computation.learners,
        schemas=computation.schemas,
        owners={name: computation.owners_of(name) for name in computation.schemas},
        at_most=computation.at_most,
        rows=rows,
        manifest=manifest,
    )


async def whole(scenario: Scenario, study: Study) -> None:
    """The script after what others have contributed, and every release at its end. Raises ScenarioError for what
    `protocols.mistakes` calls a mistake of its author."""
    await study.receive()
    try:
        await scenario.script(study)
    except ConfigError as error:
        raise of_the_author(error) from error.__cause__
    except Exception as error:
        found = mistake(error, standing_in=runtime_of(study).standing_in)
        if found is None:
            raise
        raise found from error
    await study.finish()


def run_here(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also where an event loop runs already (a notebook): then in a thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(main())).result()
