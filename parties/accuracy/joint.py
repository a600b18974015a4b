"""A case's study: the rows of a frame, split between organizations, and a script over them in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import numpy as np

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.untyped import Anything
from parties.accuracy.compared import Rows
from protocols.simulate import simulate

#: Organizations that compute, by engine; it is also the number that rows are split among.
ORGANIZATIONS = {"ideal": 3, "replicated": 3, "shamir": 5}


@dataclass(frozen=True)
class Joint:
    """How the scripts of a case run.

    rows  whether rows stay with their owners, or are shared before the script sees them
    """

    engine: str
    rows: Rows

    def release(
        self,
        frame: Any,
        script: Callable[..., Anything],
        *,
        columns: Mapping[str, Any] | None = None,
        minimum: int = 1,
        others: bool = False,
        steps: bool = False,
    ) -> Any:
        """What `script(table)` returns, released: one release, or several by name if it returns a dict.

        steps    the script is called as script(study, table): it releases steps

        frame    a pandas table; organization k of n has the rows k, k + n, k + 2n …
        columns  declared columns by name, in place of those that `declare` makes
        minimum  the minimum cohort, which must also hold without each owner's own rows if `others` is set
        """
        declared = {name: (columns or {}).get(name) or declare(frame[name]) for name in frame.columns}
        rows = type("Rows", (Table,), declared).rows()  # type: ignore[attr-defined]
        parameters = {"minimum_cohort": minimum, "minimum_without_own_rows": others}
        scenario = Scenario(inputs={"rows": rows}, parameters=parameters)
        count = ORGANIZATIONS[self.engine]
        single = False

        @scenario.run
        async def run(study: Study) -> None:
            nonlocal single
            table: Any = study.table("rows")
            table = table.share(rows=-(-len(frame) // count)) if self.rows == "shared" else table
            returned = script(study, table) if steps else script(table)
            returned = await returned if isawaitable(returned) else returned
            single = not isinstance(returned, dict)
            for name, value in ({"release": returned} if single else returned).items():
                study.release(name, await value if isawaitable(value) else value)

        tables = {f"owner {k}": {"rows": frame.iloc[k::count]} for k in range(count)}
        releases = simulate(scenario, tables, engine=self.engine).releases
        return releases["release"] if single else releases


def declare(column: Any) -> Any:
    """The declaration of a pandas column: Flag, Integer or Real in a range rounded outwards, Category of its levels."""
    if column.dtype == bool:
        return Flag()
    if column.dtype.kind in "if":
        low, high = outwards(column.to_numpy())
        return Integer(int(low), int(high)) if column.dtype.kind == "i" else Real(low, high)
    return Category(*(str(level) for level in sorted(column.dropna().unique())))


def outwards(values: Any) -> tuple[float, float]:
    """A range around numbers, in steps of the power of ten below their span: that of 17 to 93 is 10 to 100."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    digits = int(np.floor(np.log10(high - low))) if high > low else 0
    scale = 10.0**-digits
    return round((np.floor(low * scale)) / scale, max(0, -digits)), round(
        np.ceil(high * scale) / scale, max(0, -digits)
    )
