"""Which campaigns lead to purchases: a platform's impressions and a shop's sales, without a list of customers.

Brings    a platform: who saw which campaign, many rows a person (`Impressions`); a shop: who bought for how much
          (`Purchases`). Both know a person by an email address, each as it was typed in; the schema says what is the
          same
Learns    every recipient: the released numbers. The platform does not learn who buys, the shop does not learn who saw a
          campaign, and neither learns how many persons both know
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  by campaign: persons reached, how many of them bought (conversions), their share, and the sum of their
          sales; sales after a conversion on average. Campaigns with fewer than `minimum_cohort` persons who bought, or
          who did not, are left out
Costs     about 100 rounds and 3 MB a party with the engine replicated, for the sample's 2,048 places each

The last campaign before the sales counts (last touch), so each person stands in one row. The platform finds it, and the
shop adds up each person's sales from `day` on, both in their own databases; a sale is at most 2,000 EUR. Then persons
meet in secret. `persons` and `customers` are public numbers of places, which hide how many persons each one has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Date, Key, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

CAMPAIGNS = ["newsletter", "video", "banner", "search", "radio"]


class Impressions(Table):
    person = Key(case="lower", strip=True)
    campaign = Category(*CAMPAIGNS)
    seen = Date("2020-01-01", "2030-12-31")


class Purchases(Table):
    person = Key(case="lower", strip=True)
    amount = Real(0, 2000, unit="EUR")
    bought = Date("2020-01-01", "2030-12-31")


scenario = Scenario(
    inputs={"impressions": Impressions.held_by("platform"), "purchases": Purchases.held_by("shop")},
    parameters={"day": "2026-06-01", "persons": 2048, "customers": 2048, "minimum_cohort": 10},
)


@scenario.run
async def run(study: Study) -> None:
    p = study.parameters
    impressions, purchases = study.table("impressions"), study.table("purchases")
    reached = impressions[impressions.seen < p.day].latest(per="person", by="seen")
    customers = purchases[purchases.bought >= p.day].group_by("person", at_most_per_key=50).agg(sales=("amount", "sum"))
    persons = reached.select("person", "campaign").share(rows=p.persons)
    persons = persons.join(customers.share(rows=p.customers), on="person", how="left")
    persons = persons.assign(bought=persons.notna("sales"))

    groups = persons.group_by("campaign")
    measures = {"conversions": ("bought", "sum"), "rate": ("bought", "mean"), "sales": ("sales", "sum")}
    study.release("campaigns", groups.agg(persons="count", **measures))
    study.release("sales of a conversion", persons.sales.mean())


@scenario.plaintext
def plaintext(impressions: pd.DataFrame, purchases: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled tables, with pandas."""
    import pandas as pd

    least = parameters.minimum_cohort
    day = pd.Timestamp(parameters.day)
    before = impressions[impressions.seen < day].dropna(subset=["person"])
    before = before.assign(campaign=pd.Categorical(before.campaign, CAMPAIGNS, ordered=True))
    last = before.sort_values(["person", "seen", "campaign"], ascending=[True, False, True]).drop_duplicates("person")
    sales = purchases[purchases.bought >= day].groupby("person").amount.sum().rename("sales")
    rows = last.merge(sales, left_on="person", right_index=True, how="left")

    found = rows.groupby("campaign", observed=True).agg(
        persons=("person", "size"), conversions=("sales", "count"), sales=("sales", "sum")
    )
    hidden = st.hidden_cells(found.persons, least) | st.hidden_cells(found.conversions, least)
    hidden |= st.hidden_cells(found.persons - found.conversions, least)
    shown = [[c, int(n), int(k), k / n, float(s)] for c, n, k, s in found[~hidden].itertuples()]
    columns = ["campaign", "persons", "conversions", "rate", "sales"]
    few = rows.sales.count() < least
    return {
        "campaigns": {"rows": None, "columns": columns, "values": shown},
        "sales of a conversion": f"suppressed (fewer than {least})" if few else float(rows.sales.mean()),
    }
