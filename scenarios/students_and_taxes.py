"""Do students work in the field that they study? Education records and tax records, never put together.

Brings    an education register: its students, one row each (`Education`); one tax office or several: records of
          incomes, many a person (`Taxes`)
Learns    every recipient: the released numbers. Nobody learns who studies or who earns: not from results, messages or
          their sizes
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  number of students; by graduation and years of study the share who work, the share who work in their field (it
          brought more than half of their income), and the mean income a year; the odds ratio of both. What stands on
          fewer than `minimum_cohort` students comes out as "suppressed", groups are left out
Costs     131 rounds and 12 MB a party with the engine replicated, for the sample's 2,048 places; about 3 kB a student,
          and 1 kB a taxpayer of each office

Each tax office adds up the records of each person in its own database, by sector. The sums meet the students in
secret: so a person may have records at several offices, which none of them learns. `students` and `taxpayers` are
public numbers of places, which hide how many persons there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Category, Flag, Integer, Key, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ["technology", "health", "engineering", "law"]
SECTORS = [*FIELDS, "other"]
DEGREES = ["no degree", "degree"]
YEARS, LENGTHS = [0, 3, 5, 7, 30], ["under 3 years", "3 or 4 years", "5 or 6 years", "7 years or more"]
#: The most that a person earns in a sector, in all years together.
MOST = 3_000_000


class Education(Table):
    person = Key(strip=True, leading_zeros="drop", unique=True)
    field = Category(*FIELDS)
    years = Integer(0, 29, unit="years")
    graduated = Flag()


class Taxes(Table):
    person = Key(strip=True, leading_zeros="drop")
    year = Integer(1990, 2050)
    income = Real(0, 1_000_000, unit="EUR")
    sector = Category(*SECTORS)


scenario = Scenario(
    inputs={
        "education": Education.held_by("education register", at_most=1_000_000),
        "taxes": Taxes.rows(at_most=20_000_000),
    },
    parameters={"first": 2022, "last": 2025, "students": 2048, "taxpayers": 2048, "minimum_cohort": 10},
)


@scenario.run
async def run(study: Study) -> None:
    p = study.parameters
    education = study.table("education")
    fields = {f"studies_{field}": education.field == field for field in FIELDS}
    degree = (education.graduated * 1).cut([0, 1, 2], DEGREES)
    education = education.assign(degree=degree, length=education.years.cut(YEARS, LENGTHS), **fields)
    students = education.select("person", "graduated", "degree", "length", *fields).share(rows=p.students)
    await study.settle(students)

    total: Any = 0
    own: Any = 0
    for office in study.table("taxes").by_owner():
        incomes = sums(office, p.first, p.last).share(rows=p.taxpayers)
        found = students.join(incomes, on="person", how="left")
        await study.settle(found)
        income = sum(found[sector] for sector in SECTORS)
        in_field = sum(found[field] * found[f"studies_{field}"] for field in FIELDS)
        found = found.assign(income=income, in_field=in_field).fillna(income=0, in_field=0)
        total, own = total + found.income, own + found.in_field
        await study.settle(total, own)

    years = p.last - p.first + 1
    students = students.assign(income=total / years, works=total > 0, in_field=own * 2 > total)
    await study.settle(students)
    study.release("students", students.count())
    groups = students.group_by("degree", "length")
    measures = {"working": ("works", "mean"), "in field": ("in_field", "mean"), "income": ("income", "mean")}
    study.release("work by degree and length", groups.agg(students="count", **measures))
    odds = st.odds_ratio(students.in_field, students.graduated, names=("in field", "graduated"))
    study.release("graduation and work in the field", odds)


def sums(office: Any, first: int, last: int) -> Any:
    """A row for each person, made in the tax office's own database: the incomes of these years, by sector."""
    records = office.filter((office.year >= first) & (office.year <= last))
    records = records.assign(**{sector: records.income * (records.sector == sector) for sector in SECTORS})
    measures = {sector: (sector, "sum") for sector in SECTORS}
    return records.group_by("person").agg(within=dict.fromkeys(SECTORS, (0, MOST)), **measures)


@scenario.plaintext
def plaintext(education: pd.DataFrame, taxes: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled tables, with pandas and SciPy."""
    import numpy as np
    import pandas as pd
    from scipy import stats

    p, least = parameters, parameters.minimum_cohort
    small = f"suppressed (fewer than {least})"
    office = np.repeat(np.arange(len(taxes.attrs["rows"])), taxes.attrs["rows"])
    recent = taxes.assign(office=office)[(taxes.year >= p.first) & (taxes.year <= p.last)]
    by = recent.groupby(["person", "sector"]).income.sum().unstack(fill_value=0).reindex(columns=SECTORS, fill_value=0)
    rows = education.merge(by, left_on="person", right_index=True, how="left").fillna(dict.fromkeys(SECTORS, 0))
    income = rows[SECTORS].sum(axis=1)
    own = sum(rows[field] * (rows.field == field) for field in FIELDS)
    rows = rows.assign(income=income / (p.last - p.first + 1), works=income > 0, in_field=own * 2 > income)
    rows["degree"] = pd.Categorical(np.where(rows.graduated.astype(bool), *DEGREES[::-1]), DEGREES)
    rows["length"] = pd.cut(rows.years, YEARS, right=False, labels=LENGTHS)
    out: dict[str, Any] = {"students": small if len(rows) < least else len(rows)}

    keys = ["degree", "length"]
    found = rows.groupby(keys, observed=True).agg(
        students=("works", "size"), working=("works", "mean"), field=("in_field", "mean"), income=("income", "mean")
    )
    everybody = pd.Series(data=True, index=rows.index)
    known = [rows.person.isin(recent.person[recent.office == k]) for k in range(len(taxes.attrs["rows"]))]
    hidden = np.zeros(len(found), bool)
    for side in (everybody, rows.works, ~rows.works, rows.in_field, ~rows.in_field):
        for of, none in [(everybody, False)] + [(of, True) for has in known for of in (has, ~has)]:
            cells = (side & of).groupby([rows[key] for key in keys], observed=True).sum().to_numpy(int)
            hidden |= st.hidden_cells(cells, least, none=none)
    shown = [[d, y, int(n), float(w), float(f), float(i)] for (d, y), n, w, f, i in found[~hidden].itertuples()]
    names = ["degree", "length", "students", "working", "in field", "income"]
    out["work by degree and length"] = {"rows": None, "columns": names, "values": shown}

    graduated, in_field = rows.graduated.astype(bool), rows.in_field
    counts = np.array([[int(((graduated == g) & (in_field == f)).sum()) for f in (False, True)] for g in (False, True)])
    if counts.min() < least:
        return out | {"graduation and work in the field": small}
    odds = stats.contingency.odds_ratio(counts, kind="sample")
    interval = odds.confidence_interval()
    chi = stats.chi2_contingency(counts, correction=False)
    out["graduation and work in the field"] = {
        "rows": ["not graduated", "graduated"],
        "columns": ["not in field", "in field"],
        "counts": counts.tolist(),
        "chi_square": float(chi.statistic),
        "df": int(chi.dof),
        "p": float(chi.pvalue),
        "odds_ratio": float(odds.statistic),
        "ci_low": float(interval.low),
        "ci_high": float(interval.high),
    }
    return out
