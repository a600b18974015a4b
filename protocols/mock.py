"""A mock run: the scenario on rows made up from its schema, in the clear, to show what results look like.

The rows are the same every time and say nothing about anybody's data. The columns are not correlated.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from mpc.errors import DataError
from mpc.machine.labels import Streams
from mpc.tables.dates import DateColumn
from mpc.tables.genotypes import GenotypesColumn, spelled
from mpc.tables.keys import KeyColumn
from mpc.tables.rows import Floats
from mpc.tables.schema import CategoryColumn, FlagColumn, IntegerColumn, Schema
from mpc.tables.texts import TextColumn
from protocols.computation import Computation
from protocols.digits import digits_left, enough_digits
from protocols.simulate import simulate
from protocols.simulated import Simulation

#: Largest number of made-up rows of an owner.
MOCK_ROWS = 1000
#: Keys of made-up rows are among so many, the same in all tables, so that rows of two tables match.
MOCK_KEYS = 200
#: A column of made-up rows: numbers, names of levels, dates, or whole numbers of any size.
Column = Floats | NDArray[np.object_] | NDArray[np.datetime64] | list[int]


def mock_run(computation: Computation, *, rows: int = 300, engine: str = "ideal", seed: int = 1) -> Simulation:
    """Run the scenario in the clear, with `rows` made-up rows for each owner. All organizations compute.

    The number of rows is at most 1,000, and fewer where `share(rows=…)` has no room for more. engine: "ideal", or
    "rounding", which rounds differently with each seed.
    """
    scenario = computation.scenario
    while True:
        tables: dict[str, dict[str, dict[str, Column]]] = {name: {} for name in computation.organizations}
        for name, schema in computation.schemas.items():
            for index in computation.owners_of(name):
                organization = computation.organizations[index]
                count = min(rows, MOCK_ROWS, scenario.inputs[name].at_most)
                tables[organization][name] = mock_rows(schema, count, f"{name}/{organization}")
        try:
            return simulate(
                scenario,
                tables,
                engine=engine,
                parameters=computation.parameters,
                ranges=computation.ranges,
                recipients=computation.recipients,
                seed=seed,
            )
        except DataError:  # more rows than `share(rows=…)` has room for
            if rows <= 1:
                raise
            rows //= 2


def mock_digits(computation: Computation, *, rows: int = 60, runs: int = 4) -> dict[str, float]:
    """Decimal digits that each release keeps after all roundings, on made-up rows (`protocols.digits`).

    Raises RangeError at the line of a release that keeps fewer than three digits.
    """
    simulations = [mock_run(computation, rows=rows, engine="rounding", seed=seed) for seed in range(1, runs + 1)]
    entries = simulations[0].entries
    digits = digits_left([run.releases for run in simulations], {entry.name: entry.kind for entry in entries})
    enough_digits(entries, digits)
    return digits


def mock_rows(schema: Schema, rows: int, seed: str) -> dict[str, Column]:
    """Made-up columns: numbers bell-shaped around the middle of their range, a third of flags set, all levels of a
    category, all dates of a range, keys from a small pool, texts of four letters, genotypes of common alleles."""
    columns: dict[str, Column] = {}
    for column in schema.columns:
        uniform = _uniform(rows, 4, f"{seed}/{column.name}")
        if isinstance(column, FlagColumn):
            columns[column.name] = np.floor(uniform[0] + 1 / 3)
        elif isinstance(column, CategoryColumn):
            levels = np.asarray(column.levels, dtype=object)
            columns[column.name] = levels[np.floor(uniform[0] * len(levels)).astype(np.int64)]
        elif isinstance(column, DateColumn):
            days = column.low + np.floor(uniform[0] * (column.high - column.low + 1)).astype(np.int64)
            columns[column.name] = days.astype("datetime64[D]")
        elif isinstance(column, KeyColumn):
            # Ten digits, the first of which is not 0: a key by every rule.
            places = np.arange(rows) if column.unique else np.floor(uniform[0] * MOCK_KEYS).astype(np.int64)
            columns[column.name] = np.asarray([str(10**9 + place) for place in places.tolist()], dtype=object)
        elif isinstance(column, GenotypesColumn):
            genotypes = _mock_genotypes(rows, column.count, f"{seed}/{column.name}")
            columns[column.name] = np.asarray(genotypes, dtype=object)
        elif isinstance(column, TextColumn):
            letters = np.floor(uniform * 26).astype(np.int64) + ord("a")
            texts = ["".join(map(chr, row)) for row in letters.T.tolist()]
            columns[column.name] = np.asarray(texts, dtype=object)
        elif isinstance(column, IntegerColumn):
            parts = [int(share * 2**50) for share in uniform.mean(axis=0)]
            columns[column.name] = [column.low + ((column.high - column.low) * part >> 50) for part in parts]
        else:
            columns[column.name] = column.low + (column.high - column.low) * uniform.mean(axis=0)
    return columns


def _mock_genotypes(rows: int, count: int, seed: str) -> list[str]:
    """Common alleles; of very many SNPs, the first are repeated."""
    block = min(count, 1024)
    alleles = _uniform(rows, 2 * block, seed).reshape(2, block, rows) < 0.4
    return spelled(alleles.sum(0).T[:, np.arange(count) % block])


def _uniform(rows: int, draws: int, seed: str) -> Floats:
    """Reproducible numbers in [0, 1)."""
    words = np.empty((draws, rows), np.uint64)
    Streams(blake2b(seed.encode(), digest_size=16).digest()).fill(words.reshape(-1), bytes(16), b"mock rows")
    return words.astype(np.float64) / 2.0**64 * (1 - 2.0**-50)
