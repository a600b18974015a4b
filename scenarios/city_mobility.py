"""Where a city's people go, and when, from several operators' trips.

Brings    every operator of buses, trains or bicycles: its trips of one day, from zone to zone (`Trips`)
Learns    every recipient: the released numbers. No operator learns how many passengers another one has, in all or
          between two zones
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  the number of trips; the matrix of trips from each zone to each zone; mean minutes of these; trips by hour.
          Small cells are left out: those with fewer than `minimum_cohort` trips, or fewer without any one operator's,
          and another one where a small cell could be told from the total
Costs     about 35 rounds and 0.1 MB a party with the engine replicated, whatever the number of trips

No row leaves its operator: each one counts its own trips, and shares the counts. A traveller counts once for two zones
and an hour, so that one person cannot fill a cell. Operators know travellers by numbers of their own, which never meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Integer, Key, PrivateArray, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

ZONES = ["harbour", "centre", "north", "east", "south", "west"]
PAIRS = [f"{a} to {b}" for a in ZONES for b in ZONES]
HOURS = [*range(25)]


class Trips(Table):
    traveller = Key(strip=True)
    origin = Category(*ZONES)
    destination = Category(*ZONES)
    hour = Integer(0, 23)
    minutes = Real(0, 240, unit="min")


scenario = Scenario(inputs={"trips": Trips.rows(at_most=1 << 24)}, parameters={"minimum_cohort": 10})


def place(zone: PrivateArray) -> PrivateArray:
    """The place of each row's zone in ZONES."""
    _, *terms = [(zone == name) * k for k, name in enumerate(ZONES)]
    return sum(terms[1:], terms[0])


@scenario.run
async def run(study: Study) -> None:
    trips = study.table("trips").drop_duplicates(["traveller", "origin", "destination", "hour"], at="owner")
    pair = (place(trips.origin) * len(ZONES) + place(trips.destination)).cut([*range(len(PAIRS) + 1)], PAIRS)
    known = trips[~pair.isna()]

    study.release("trips", known.count())
    between = known.group_by(pair)
    study.release("from zone to zone", between.count())
    study.release("minutes from zone to zone", between.minutes.mean())
    study.release("trips by hour", known.hour.histogram(HOURS))


@scenario.plaintext
def plaintext(trips: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with pandas."""
    import numpy as np

    least = parameters.minimum_cohort
    small = f"suppressed (fewer than {least})"
    brought = trips.attrs["rows"]
    rows = trips.assign(operator=np.repeat(np.arange(len(brought)), brought))
    once = ["operator", "traveller", "origin", "destination", "hour"]
    rows = rows.sort_values([*once, "minutes"]).drop_duplicates(once)
    rows = rows.dropna(subset=["traveller", "origin", "destination"])
    rows["pair"] = rows.origin + " to " + rows.destination

    def table(column: str, levels: list[Any], of: Any) -> tuple[Any, Any]:
        """Numbers of rows by a column, and the cells that are hidden."""
        each = [of[of.operator == k][column].value_counts().reindex(levels, fill_value=0) for k in range(len(brought))]
        total = sum(each)
        return total, st.hidden_cells(total, least, [total - own for own in each])

    def cells(values: Any, hidden: Any) -> list[Any]:
        return [small if h else float(value) for value, h in zip(values, hidden, strict=True)]

    pairs, few = table("pair", PAIRS, rows)
    few_timed = table("pair", PAIRS, rows.dropna(subset=["minutes"]))[1]
    minutes = rows.groupby("pair").minutes.mean().reindex(PAIRS)
    hours, few_hours = table("hour", HOURS[:-1], rows)
    return {
        "trips": len(rows),
        "from zone to zone": {"labels": PAIRS, "values": cells(pairs, few)},
        "minutes from zone to zone": {"labels": PAIRS, "values": cells(minutes, few | few_timed), "unit": "min"},
        "trips by hour": {"edges": [float(h) for h in HOURS], "counts": cells(hours, few_hours)},
    }
