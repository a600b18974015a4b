"""Tables that PostgreSQL prepares have the same rows as those that NumPy prepares in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from mpc.tables.prepare.memory import run
from mpc.tables.prepare.nodes import Scan
from mpc.tables.prepare.selecting import all_physical
from parties.data.dataset import open_dataset
from parties.data.prepared.workspace import Workspace
from parties.data.source import Dataset
from protocols.assembly import rows_of
from tests.support import postgres
from tests.support.prepared import PEOPLE, People, Tax, frame, queries, same_rows

psycopg = pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed", exc_type=ImportError)
pytestmark = pytest.mark.slow

TABLES = """
create table tax(person bigint, year smallint, income numeric(9, 1), paid bigint, ok boolean, office varchar(9));
create table people(
    who bigint, year int, income double precision, office text, name text, tag varchar(20), born date
);
"""


@pytest.fixture(scope="module")
def brought() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both tables."""
    rng = np.random.default_rng(12)
    return frame(rng, Tax, 300), frame(rng, People, 40, keys=20)


@pytest.fixture(scope="module")
def server(brought: tuple[pd.DataFrame, pd.DataFrame]) -> Iterator[str]:
    """The URL of a database with these tables."""
    with postgres.server() as address:
        url = f"postgres://owner:s3cret@{address}/postgres"
        with psycopg.connect(url.replace("postgres:", "postgresql:", 1), autocommit=True) as base:
            base.execute(TABLES)
            for name, table in zip(("tax", "people"), brought, strict=True):
                with base.cursor().copy(f"copy {name} from stdin") as copy:
                    for row in table.itertuples(index=False):
                        copy.write_row(row)
        yield url


def test_a_server_prepares_the_same_rows_as_memory(server, brought, monkeypatch):
    streamed = []
    stream = Workspace._stream
    monkeypatch.setattr(Workspace, "_stream", lambda self, q, *more: (streamed.append(q), stream(self, q, *more))[1])
    tables = {
        name: open_dataset(Dataset(name, server, name), schema, threads=1)
        for name, schema in (("tax", Tax.schema), ("people", People.schema))
    }
    for dataset in tables.values():
        dataset.check()
    memory = {"tax": rows_of(brought[0], Tax.schema), "people": rows_of(brought[1], People.schema)}
    for name, query in queries().items():
        streamed.clear()
        names = all_physical(query)
        batches = list(tables["tax"].prepared(query, tables, lambda: None).batches(names))
        found = {n: np.concatenate([batch[n] for batch in batches]) if batches else np.zeros(0) for n in names}
        same_rows(run(query, memory), found)
        assert all(chosen.source == PEOPLE for chosen in streamed if isinstance(chosen.source, Scan)), name
