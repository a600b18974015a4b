"""The rows of a query over datasets of this organization, as `mpc.tables.rows.Rows`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from weakref import finalize

from mpc.errors import DataError
from mpc.tables.prepare.nodes import Query
from mpc.tables.prepare.selecting import Frame
from mpc.tables.rows import Rows
from parties.data.prepared.workspace import Workspace
from parties.data.source import MEMORY_LIMIT, default_threads

if TYPE_CHECKING:
    from parties.data.source import Dataset


class PreparedRows:
    """Computed when they are first read, and kept in an embedded database until the object is gone.

    dataset  that messages are about
    """

    def __init__(
        self,
        query: Query,
        tables: Mapping[str, Rows],
        on_batch: Callable[[], None],
        dataset: Dataset,
        threads: int | None,
    ) -> None:
        self._query, self._tables, self._on_batch = query, tables, on_batch
        self._dataset, self._threads = dataset, threads
        self._lock = Lock()
        self._workspace: Workspace | None = None
        self._name = ""
        self._close: Callable[[], object] = lambda: None

    def batches(self, columns: Sequence[str]) -> Iterator[Frame]:
        with self._lock:
            workspace = self._workspace or self._computed()
        yield from workspace.batches(self._name, self._query, columns)

    def _computed(self) -> Workspace:
        workspace = Workspace(self._threads or default_threads())
        self._close = finalize(self, workspace.close)
        with _explained(self._dataset.name):
            self._name = workspace.run(self._query, self._tables, self._on_batch)
        self._workspace = workspace
        return workspace

    def forget(self) -> None:
        with self._lock:
            self._workspace = None
            self._close()

    def prepared(self, query: Query, tables: Mapping[str, Rows], on_batch: Callable[[], None]) -> Rows:
        return PreparedRows(query, tables, on_batch, self._dataset, self._threads)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Inside, what the embedded database lacks becomes a DataError that says what to do."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise DataError(
            f"{name}: the table that the scenario prepares needs more than {MEMORY_LIMIT} of memory, and more "
            "room than the folder for temporary files has\nSet COMITY_THREADS=1, or TMPDIR to a folder with more room."
        ) from None
    except (duckdb.IOException, OSError) as error:
        raise DataError(
            f"{name}: the table that the scenario prepares cannot be written ({type(error).__name__})\nSet TMPDIR to a "
            "folder with more room."
        ) from None
