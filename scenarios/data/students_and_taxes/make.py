"""Make data for `students_and_taxes`, as CSV or, above 100,000 records, as Parquet:

    python scenarios/data/students_and_taxes/make.py FOLDER --records 10000000 --students 500000

Invented persons, the same each time. One tax office has all records (`--offices 1`), or several have records, some of
the same persons. Without FOLDER, the sample files beside this script.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

FIELDS = ("technology", "health", "engineering", "law")
SECTORS = (*FIELDS, "other")
#: Above so many records, files are Parquet.
_CSV = 100_000
_BATCH = 1_000_000


def persons(count: int, chance: np.random.Generator) -> np.ndarray:
    """Different numbers of eleven digits."""
    step = 10**11 // (count + 1)
    numbers: np.ndarray = chance.permutation(np.arange(1, count + 1) * step + chance.integers(0, step, count))
    return numbers


class People:
    """Students, and others who pay taxes: at the office where they live, and some who moved at two."""

    def __init__(self, students: int, offices: int, chance: np.random.Generator) -> None:
        count = students + students // 4
        self.person = persons(count, chance)
        self.students = students
        self.field = chance.integers(0, 4, count)
        self.years = chance.choice(
            np.arange(1, 11), count, p=[0.05, 0.06, 0.2, 0.21, 0.2, 0.12, 0.07, 0.04, 0.03, 0.02]
        )
        self.graduated = chance.random(count) < np.select([self.years < 3, self.years < 7], [0.1, 0.75], 0.45)
        #: Some earn nothing; more of the others work in their field, if they have graduated.
        self.working = chance.random(count) < 0.82
        in_field = chance.random(count) < np.where(self.graduated, 0.55, 0.3)
        self.sector = np.where(in_field, self.field, chance.integers(0, 5, count))
        self.home = chance.integers(0, offices, count)
        self.moved = chance.random(count) < 0.3
        self.offices = offices
        self.wage = chance.lognormal(7.4, 0.4, count) * np.where(self.graduated, 1.3, 1.0)

    def education(self) -> pd.DataFrame:
        """One row a student."""
        n = self.students
        return pd.DataFrame(
            {
                "person": self.person[:n],
                "field": np.asarray(FIELDS)[self.field[:n]],
                "years": self.years[:n],
                "graduated": self.graduated[:n],
            }
        )

    def taxes(self, records: int, office: int, chance: np.random.Generator) -> Iterator[pd.DataFrame]:
        """Records of wages at an office, in batches."""
        here = (self.home == office) | (self.moved & ((self.home + 1) % self.offices == office))
        working = np.flatnonzero(self.working & here)
        for start in range(0, records, _BATCH):
            n = min(_BATCH, records - start)
            who = chance.choice(working, n)
            sector = np.where(chance.random(n) < 0.85, self.sector[who], chance.integers(0, 5, n))
            yield pd.DataFrame(
                {
                    "person": self.person[who],
                    "year": chance.integers(2021, 2026, n),
                    "income": np.round(self.wage[who] * chance.uniform(0.5, 6, n), 2),
                    "sector": pd.Categorical.from_codes(sector, pd.Index(SECTORS)),
                }
            )


def write(folder: Path, records: int, students: int, offices: int, seed: int = 2026) -> None:
    """The files of the education register and of each tax office."""
    chance = np.random.default_rng(seed)
    people = People(students, offices, chance)
    names = {1: ["tax"], 2: ["tax-north", "tax-south"]}.get(offices, [f"tax-{k + 1}" for k in range(offices)])
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "education.education", records, iter([people.education()]))
    for k, name in enumerate(names):
        share = records // offices + (k < records % offices)
        _write(folder / f"{name}.taxes", records, people.taxes(share, k, chance))


def _write(path: Path, records: int, batches: Iterator[pd.DataFrame]) -> None:
    if records <= _CSV:
        pd.concat(batches).to_csv(f"{path}.csv", index=False)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pa.Table.from_pandas(next(batches), preserve_index=False)
    with pq.ParquetWriter(f"{path}.parquet", first.schema) as writer:
        writer.write_table(first)
        for batch in batches:
            writer.write_table(pa.Table.from_pandas(batch, schema=first.schema, preserve_index=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--records", type=int, default=8_000)
    parser.add_argument("--students", type=int, default=2_000)
    parser.add_argument("--offices", type=int, default=2)
    given = parser.parse_args()
    write(given.folder, given.records, given.students, given.offices)
