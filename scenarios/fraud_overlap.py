"""Accounts that several banks have flagged: how many there are, and how much is at stake, and nothing about the others.

Brings    every bank: the accounts that it suspects, with its exposure to each, perhaps several rows an account
          (`Flagged`). Each writes an account number its own way; the schema says what is the same
Learns    every recipient: the released numbers. No bank learns which of its accounts another one has flagged, how many
          another one has flagged, or which banks have accounts in common
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  the number of accounts that at least `banks` banks have flagged; the sum of all banks' exposure to them; how
          much that is for an account on average. Fewer than `minimum_cohort` such accounts, or fewer others, come out
          as "suppressed"
Costs     about 260 rounds and 4 MB a party with the engine replicated, for three banks with 1,024 places each

Each bank adds up its own rows of an account in its own database, so an account is one row of a bank. The rows of all
banks are then grouped by account in secret. There may be as many groups as places, so the number of groups needs no
check. `accounts` is a public number of places, which hides how many accounts a bank has flagged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Key, Real, Scenario, Study, Table

if TYPE_CHECKING:
    import pandas as pd


class Flagged(Table):
    account = Key(case="upper", strip=True)
    exposure = Real(0, 1_000_000, unit="EUR")


scenario = Scenario(
    inputs={"flagged": Flagged.rows()},
    parameters={"accounts": 1024, "banks": 2, "minimum_cohort": 10},
)


@scenario.run
async def run(study: Study) -> None:
    p = study.parameters
    own = study.table("flagged").group_by("account", at="owner")  # at each bank, in its own database
    flagged = own.agg(exposure=("exposure", "sum"), within={"exposure": (0, 1_000_000)}).share(rows=p.accounts)
    accounts = flagged.group_by("account", groups=flagged.capacity).agg(banks="count", exposure=("exposure", "sum"))
    several = accounts.filter(accounts.banks >= p.banks)

    study.release("accounts flagged by several banks", several.count())
    study.release("their exposure", several.exposure.sum())
    study.release("exposure to one of them", several.exposure.mean())


@scenario.plaintext
def plaintext(flagged: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled tables, with pandas."""
    import numpy as np

    least = parameters.minimum_cohort
    brought = flagged.attrs["rows"]
    rows = flagged.assign(bank=np.repeat(np.arange(len(brought)), brought)).dropna(subset=["account"])
    accounts = rows.groupby("account").agg(
        banks=("bank", "nunique"), bank=("bank", "first"), exposure=("exposure", "sum")
    )
    chosen = accounts.banks >= parameters.banks
    several = accounts[chosen]

    def views(part: Any) -> list[int]:
        """Numbers of accounts: all, and those that are not one bank's alone, for each bank."""
        return [len(part), *(int(((part.banks > 1) | (part.bank != k)).sum()) for k in range(len(brought)))]

    few = min(views(several)) < least or any(0 < left < least for left in views(accounts[~chosen]))
    small = f"suppressed (fewer than {least})"
    return {
        "accounts flagged by several banks": small if few else len(several),
        "their exposure": small if few else float(several.exposure.sum()),
        "exposure to one of them": small if few else float(several.exposure.mean()),
    }
