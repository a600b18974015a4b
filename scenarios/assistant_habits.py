"""What people ask their assistants for, from very many devices, each of which brings a few counts.

Brings    every device: its requests of a week by kind, and whether it was spoken to at night, in one row (`Habits`). A
          device does not compute: it submits its contribution once (`comity submit`) and is gone
Learns    every recipient: the released numbers, nothing about one device
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  the number of devices; requests of each kind a device on average, and their spread; how many devices were
          spoken to at night. Fewer than `minimum_cohort` devices come out as "suppressed"
Costs     about 60 rounds with the engine replicated, and 3 kB a device and party in the joint part

A device counts to 200 requests of a kind. That each one keeps to it is checked in secret; a device that does not is
left out and named. So no device can move a mean by more than one device may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Flag, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

KINDS = ["music", "weather", "alarms", "questions", "lights"]
#: A device brings at most so many requests of a kind in a week; it counts no further.
MOST = 200


class Habits(Table):
    music = Real(0, MOST, unit="requests")
    weather = Real(0, MOST, unit="requests")
    alarms = Real(0, MOST, unit="requests")
    questions = Real(0, MOST, unit="requests")
    lights = Real(0, MOST, unit="requests")
    at_night = Flag()


scenario = Scenario(inputs={"habits": Habits.rows(at_most=1)}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    habits = study.table("habits")
    summary = st.describe(habits[KINDS])
    study.release("devices", habits.count())
    for kind in KINDS:
        study.release(f"{kind} mean", summary.mean[kind])
        study.release(f"{kind} sd", summary.sd[kind])
    study.release("at night", habits.at_night.mean())


@scenario.plaintext
def plaintext(habits: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled rows, with pandas."""
    least = parameters.minimum_cohort
    small = f"suppressed (fewer than {least})"

    def few(rows: int) -> bool:  # one row is one device's: others must be as many, too
        return bool(rows - 1 < least)

    out: dict[str, Any] = {"devices": small if few(len(habits)) else len(habits)}
    for kind in KINDS:
        counts = habits[kind].dropna()
        out[f"{kind} mean"] = small if few(len(counts)) else float(counts.mean())
        out[f"{kind} sd"] = small if few(len(counts)) else float(counts.std())
    flags = habits.at_night.dropna().astype(bool)
    sides = (int(flags.sum()), int((~flags).sum()))
    out["at night"] = small if any(few(side) for side in sides) else float(flags.mean())
    return out
