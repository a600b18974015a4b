"""Releases of tables that are prepared from the same rows: what they tell of few people together does not come out."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Key, Real, Scenario, Study, Table
from mpc.errors import ConfigError
from mpc.tables import signed_sums
from protocols.computation import Computation
from protocols.dry import dry_run
from protocols.simulate import simulate

SMALL = "suppressed (fewer than 10)"
N = 60


class Records(Table):
    person = Key(strip=True)
    household = Key(strip=True)
    moved = Integer(0, 10)
    town = Category("a", "b", "c", "d")
    year = Integer(2010, 2020)
    age = Integer(0, 120)
    income = Real(0, 100_000)
    sick = Flag()


class Register(Table):
    person = Key(strip=True, unique=True)
    age = Integer(0, 120)
    income = Real(0, 100_000)


class Twice(Table):
    person = Key(strip=True)
    age = Integer(0, 120)
    income = Real(0, 100_000)


class Nameless(Table):
    age = Integer(0, 120)
    income = Real(0, 100_000, missing=-1)


class Whole(Table):
    person = Key()
    age = Integer(0, 120)
    number = Integer(0, 2**61)


class Pay(Table):
    person = Key(strip=True)
    pay = Real(0, 1000)


#: 59 people from 30 to 49, and one of 97; three records each.
AGES = np.where(np.arange(N) < N - 1, 30 + np.arange(N) % 20, 97)
PERSON = np.repeat(np.arange(N), 3)
WHERE = [PERSON < 20, PERSON < 39, PERSON == 39]
RECORDS = pd.DataFrame(
    {
        "person": [f"p{k}" for k in PERSON],
        "household": [f"h{k // 2}" for k in PERSON],
        "moved": np.tile([1, 2, 3], N),
        # The last person lived in another town at first.
        "town": np.where(np.arange(3 * N) == 3 * N - 3, "b", np.select(WHERE, ["a", "b", "d"], "c")),
        "year": 2010 + np.tile([0, 1, 2], N),
        "age": AGES[PERSON],
        "income": 1000.0 + PERSON * 10 + np.tile([0, 1, 2], N),
        "sick": PERSON % 2 == 0,
    }
)
REGISTER = pd.DataFrame({"person": [f"p{k}" for k in range(N)], "age": AGES, "income": 1000.0 + np.arange(N) * 10})
#: One person has two rows; one row has no person.
TWICE = pd.concat([REGISTER, REGISTER.iloc[[7]].assign(income=5.0)])
KEYLESS = REGISTER.assign(person=[None, *REGISTER.person[1:]])
PAY = pd.DataFrame({"person": REGISTER.person[: N - 1], "pay": 10.0 + np.arange(N - 1)})


def scenario_of(script, minimum=10):
    scenario = Scenario(
        inputs={
            "records": Records.held_by("office"),
            "register": Register.held_by("office"),
            "twice": Twice.held_by("office"),
            "keyless": Twice.held_by("office"),
            "nameless": Nameless.held_by("office"),
            "pay": Pay.held_by("office"),
            "everywhere": Register.rows(at_most=1000),
        },
        parameters={"minimum_cohort": minimum},
    )

    @scenario.run
    async def run(study: Study) -> None:
        for name, value in script(study).items():
            study.release(name, value)

    return scenario


def released(script, engine="ideal", records=RECORDS, minimum=10):
    office = {"records": records, "register": REGISTER, "twice": TWICE, "keyless": KEYLESS, "pay": PAY}
    office["nameless"] = REGISTER[["age", "income"]]
    tables = {name: {"everywhere": REGISTER.iloc[k::3]} for k, name in enumerate(("office", "bank", "school"))}
    tables["office"] |= office
    return simulate(scenario_of(script, minimum), tables, engine=engine).releases


def people(table, **more):
    return table.group_by("person", at_most_per_key=10).agg(total=("income", "sum"), **more)


def young(table):
    return table.filter(table.age < 90)


def but_one_record(table):
    return table.filter(~((table.age == 97) & (table.year == 2012)))


def latest(table):
    return table.latest(per="person", by="year")


def pair(one, other):
    return lambda s: {"first": one(s), "second": other(s)}


def of(name, *steps):
    def table(study):
        made = study.table(name)
        for step in steps:
            made = step(made)
        return made

    return table


def count(table):
    return lambda s: table(s).count()


def total(table, column="total"):
    return lambda s: table(s).column(column).sum()


def sql(where=""):
    query = f"select count(*) as n from (select person, sum(income) as t from records {where} group by person) q"
    return lambda s: s.sql(query, rows={"records": 200})["n"]


def by_region(table):
    return table.share(rows=N).group_by("town").agg(total=("total", "sum"))


TOWN = {"town": ("town", "last", "year")}
SMALL_DIFFERENCES = {
    "two groupings": pair(count(of("records", people)), count(of("records", young, people))),
    "sums of two groupings": pair(total(of("records", people)), total(of("records", young, people))),
    "means": pair(
        lambda s: people(s.table("records")).total.mean(), lambda s: people(young(s.table("records"))).total.mean()
    ),
    "one record of a person": pair(total(of("records", people)), total(of("records", but_one_record, people))),
    "records beside persons": pair(total(of("records"), "income"), total(of("records", young, people))),
    "a register beside one row of each": pair(
        count(of("register")), count(of("register", young, lambda t: t.drop_duplicates("person")))
    ),
    "latest rows": pair(total(of("records", latest), "income"), total(of("records", young, latest), "income")),
    "latest rows of all, one of which is another": pair(
        total(of("records", latest), "income"), total(of("records", but_one_record, latest), "income")
    ),
    "groups beside latest rows": pair(count(of("records", people)), count(of("records", young, latest))),
    "a duplicate": pair(count(of("twice")), count(of("twice", lambda t: t.drop_duplicates("person")))),
    "the income of a duplicate": pair(
        total(of("twice"), "income"), total(of("twice", lambda t: t.drop_duplicates("person")), "income")
    ),
    "all but the last in an order": pair(
        total(of("register"), "income"), total(of("register", lambda t: t.head(59, by="age")), "income")
    ),
    "two heads": pair(
        total(of("register", lambda t: t.head(59, by="age")), "income"),
        total(of("register", lambda t: t.head(58, by="age")), "income"),
    ),
    "rows without a key column": pair(
        total(of("nameless", lambda t: t.head(59, by="age")), "income"),
        total(of("nameless", lambda t: t.head(58, by="age")), "income"),
    ),
    "a row without a person": pair(
        total(of("keyless"), "income"), total(of("keyless", lambda t: t.drop_duplicates("person")), "income")
    ),
    "an inner join": pair(
        count(of("register")), lambda s: s.table("register").join(s.table("pay"), on="person").count()
    ),
    "a semi join": pair(
        total(of("register"), "income"),
        lambda s: s.table("register").join(s.table("pay"), on="person", how="semi").income.sum(),
    ),
    "what a left join found": pair(
        total(of("records", people)),
        lambda s: (lambda t: t[~t.pay.isna()].total.sum())(
            people(s.table("records")).join(s.table("pay"), on="person", how="left")
        ),
    ),
    "shared rows beside private ones": pair(
        count(of("records", people)), lambda s: people(young(s.table("records"))).share(rows=N).count()
    ),
    "two shares": pair(
        lambda s: people(s.table("records")).share(rows=N).total.sum(),
        lambda s: people(young(s.table("records"))).share(rows=N).total.sum(),
    ),
    "two shares, without one record": pair(
        lambda s: people(s.table("records")).share(rows=N).total.sum(),
        lambda s: people(but_one_record(s.table("records"))).share(rows=N).total.sum(),
    ),
    "two shares of which a value differs": pair(
        lambda s: people(s.table("records")).share(rows=N).total.sum(),
        lambda s: (lambda r: people(r.assign(income=r.income * (1 + (r.age == 97) * 1.0))).share(rows=N).total.sum())(
            s.table("records")
        ),
    ),
    "two shares of which a level differs": pair(
        lambda s: (lambda t: t.filter(t.town == "c").count())(people(s.table("records"), **TOWN).share(rows=N)),
        lambda s: (lambda t: t.filter(t.town == "c").count())(
            people(s.table("records"), town=("town", "first", "moved")).share(rows=N)
        ),
    ),
    "groups of two shares": pair(
        lambda s: by_region(people(s.table("records"), **TOWN)),
        lambda s: by_region(people(young(s.table("records")), **TOWN)),
    ),
    "SQL beside a grouping": pair(count(of("records", people)), sql("where age < 90")),
    "two inner queries": pair(sql(), sql("where age < 90")),
    "cells of two tables": pair(
        lambda s: people(s.table("records"), **TOWN).group_by("town").count(),
        lambda s: (lambda t: t[(t.town == "a") | (t.town == "b")].count())(latest(s.table("records"))),
    ),
    "a histogram beside a grouping": pair(
        lambda s: people(s.table("records"), age=("age", "max")).age.histogram([0, 40, 120]),
        count(of("records", young, people)),
    ),
    "conditions on measures": pair(
        count(of("records", people)),
        lambda s: (lambda t: t[t.oldest < 90].count())(people(s.table("records"), oldest=("age", "max"))),
    ),
    "persons and households": pair(
        total(of("records", people)),
        lambda s: young(s.table("records")).group_by("household").agg(total=("income", "sum")).total.sum(),
    ),
    "groups of groups": pair(
        total(of("records", people)),
        lambda s: (
            people(young(s.table("records")), age=("age", "max"))
            .group_by("age")
            .agg(total=("total", "sum"))
            .total.sum()
        ),
    ),
    "values moved to a limit": pair(
        total(of("records", people)),
        lambda s: (lambda t: people(t.assign(clipped=t.income.clip(0, 1580)), c=("clipped", "sum")).c.sum())(
            s.table("records")
        ),
    ),
    "each owner's rows": lambda s: {
        **{f"own {k}": own[own.age < 90].count() for k, own in enumerate(s.table("everywhere").by_owner())},
        "second": s.table("everywhere").count(),
    },
    "each owner's rows, prepared": lambda s: {
        **{
            f"own {k}": young(own).drop_duplicates("person").income.sum()
            for k, own in enumerate(s.table("everywhere").by_owner())
        },
        "second": s.table("everywhere").income.sum(),
    },
    "at their owners": pair(
        lambda s: s.table("everywhere").group_by("person", at="owner").agg(t=("income", "sum")).count(),
        lambda s: young(s.table("everywhere")).group_by("person", at="owner").agg(t=("income", "sum")).count(),
    ),
    "two of three parts": lambda s: (
        lambda r: {
            "up to 39": people(r.filter(r.age < 40)).count(),
            "up to 89": people(r.filter((r.age >= 40) & (r.age < 90))).count(),
            "second": people(r).count(),
        }
    )(s.table("records")),
}


@pytest.mark.parametrize("script", SMALL_DIFFERENCES.values(), ids=SMALL_DIFFERENCES)
def test_what_tells_of_one_person(script):
    *before, last = released(script).values()
    assert last == SMALL or last["values"] == []
    for found in before:
        assert SMALL not in str(found) or isinstance(found, dict)


def test_a_number_that_few_rows_make():
    """A sum that is 0 for all but one person is about this person."""

    def script(study):
        r = study.table("records")
        flags = r.assign(old=r.age == 97, young=r.age < 90, income_of_old=r.income * (r.age == 97))
        made = people(flags, old=("old", "sum"), young=("young", "sum"), of_old=("income_of_old", "sum"))
        return {
            "old": made.old.sum(),
            "income": made.of_old.mean(),
            "young": made.young.sum(),
            "sick": people(r, sick=("sick", "sum")).sick.sum(),
        }

    assert released(script) == {"old": SMALL, "income": SMALL, "young": SMALL, "sick": 90}


def test_a_number_that_few_shared_rows_make():
    def script(study):
        r = study.table("records")
        made = people(r.assign(of_old=r.income * (r.age == 97)), of_old=("of_old", "sum")).share(rows=N)
        return {"all": made.total.sum(), "of old": made.of_old.sum()}

    assert released(script) == {"all": RECORDS.income.sum(), "of old": SMALL}


def test_large_whole_numbers():
    """Sums of them for one person are beyond 2^62, and are compared all the same."""

    scenario = Scenario(inputs={"one": Whole.held_by("office"), "other": Register.rows()})

    @scenario.run
    async def run(study: Study) -> None:
        one = study.table("one")
        study.release("first", one.number.mean())
        study.release("second", one.filter(one.age < 90).latest(per="person", by="age").number.mean())

    one = pd.DataFrame({"person": [f"p{k}" for k in PERSON], "age": AGES[PERSON], "number": 2**61 - PERSON})
    tables = {name: {"other": REGISTER.iloc[k::3]} for k, name in enumerate(("office", "bank", "school"))}
    tables["office"]["one"] = one
    assert simulate(scenario, tables, engine="ideal").releases["second"] != SMALL


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_large_differences_come_out(engine):
    def script(study):
        r = study.table("records")
        some = people(r.filter(r.age < 42))
        return {
            "records": r.count(),
            "people": people(r).count(),
            "some": some.count(),
            "mean": some.total.mean(),
            "latest": latest(r).income.mean(),
            "households": r.group_by("household").agg(n="count").count(),
            "again": people(r).count(),
        } | {str(year): people(r.filter(r.year == year)).total.mean() for year in (2010, 2011, 2012)}

    found = released(script, engine)
    assert SMALL not in found.values()
    assert [found[name] for name in ("records", "people", "some", "households", "again")] == [180, 60, 36, 30, 60]


def test_what_did_not_come_out_tells_nothing():
    """The few first ones are suppressed by themselves, so the others come out."""

    def script(study):
        r = study.table("records")
        return {"few": people(r.filter(r.age > 90)).count(), "young": people(young(r)).count()}

    assert released(script) == {"few": SMALL, "young": 59}


def test_rounding_is_no_difference():
    """Sums in another order differ in their last digit, for everybody; one person's record is missing all the same."""
    rng = np.random.default_rng(2)
    records = RECORDS.assign(income=rng.uniform(0, 1, 3 * N) * 10.0 ** rng.integers(0, 5, 3 * N))

    def script(study):
        r = study.table("records")
        twice = people(r.assign(income=r.income / 3 * 3))
        return {
            "first": people(r).total.sum(),
            "same": twice.total.sum(),
            "less": people(but_one_record(r)).total.sum(),
        }

    found = released(script, records=records)
    assert np.isclose(found["first"], found["same"])
    assert found["less"] == SMALL


def test_too_many_differences_are_refused(monkeypatch):
    monkeypatch.setattr(signed_sums, "MOST_PAIRS", 20)

    def script(study):
        r = study.table("records")
        return {str(k): people(r.filter(r.age < 30 + k)).total.mean() for k in range(20)}

    with pytest.raises(ConfigError, match="too many to hold apart"):
        dry_run(Computation(scenario_of(script), ["office", "bank", "school"], engine="ideal"))


# ---- random scripts
CONDITIONS = [
    ("age", "<", 42), ("age", "<", 90), ("age", ">", 31), ("year", "<", 2012), ("income", "<", 1585.0),
    ("income", ">", 1005.0), ("year", "==", 2011),
]  # fmt: skip
COMPARE = {"<": np.less, ">": np.greater, "==": np.equal}


def chosen(table, condition):
    name, symbol, limit = condition
    column = table.column(name)
    return table.filter(column < limit if symbol == "<" else column > limit if symbol == ">" else column == limit)


def contributions(frame, condition, how):
    """How many rows of each person are in a table, and their incomes together."""
    if condition is not None:
        name, symbol, limit = condition
        frame = frame[COMPARE[symbol](frame[name], limit)]
    if how == "latest":
        frame = frame.sort_values("year").drop_duplicates("person", keep="last")
    by = frame.groupby("person").income
    rows = by.size() if how != "people" else by.size().clip(upper=1)
    every = pd.Index(sorted(set(RECORDS.person)))
    return rows.reindex(every, fill_value=0).to_numpy(), by.sum().reindex(every, fill_value=0).to_numpy()


@pytest.mark.parametrize("seed", range(12))
def test_random_tables(seed):
    """No sum or difference of up to three releases is about fewer than 10 people, unless it is about none."""
    rng = np.random.default_rng(seed)
    records = RECORDS[rng.random(len(RECORDS)) < 0.9].reset_index(drop=True)
    plan = []
    for _ in range(5):
        condition = CONDITIONS[rng.integers(len(CONDITIONS))] if rng.random() < 0.8 else None
        plan.append((condition, ["people", "latest", "rows"][rng.integers(3)], bool(rng.random() < 0.5)))

    def script(study):
        made = {}
        for k, (condition, how, summed) in enumerate(plan):
            table = study.table("records") if condition is None else chosen(study.table("records"), condition)
            table = people(table) if how == "people" else latest(table) if how == "latest" else table
            column = "total" if how == "people" else "income"
            made[str(k)] = table.column(column).sum() if summed else table.count()
        return made

    found = released(script, records=records)
    out = []
    for k, (condition, how, summed) in enumerate(plan):
        if found[str(k)] != SMALL:
            rows, sums = contributions(records, condition, how)
            out.append((how, summed, sums if summed else rows))
            assert np.isclose(found[str(k)], out[-1][2].sum())
    for length in (2, 3):
        for some in combinations(out, length):
            if len({summed for _, summed, _ in some}) > 1 or {how for how, _, _ in some} == {"rows"}:
                continue  # conditions on one table are another test's
            for signs in product((1, -1), repeat=length):
                left = sum(sign * values for sign, (_, _, values) in zip(signs, some, strict=True))
                about = np.count_nonzero(np.abs(left) > 1e-6)
                assert about == 0 or about >= 10


def test_cells_of_many_tables_are_held_apart_as_far_as_they_are_few(monkeypatch):
    """Beyond a number of differences, the rows of tables together."""

    def script(study):
        r = study.table("records")
        return {
            "first": people(r, **TOWN).group_by("town").count(),
            "second": latest(r.filter(r.age < 40)).group_by("town").count(),
            "third": people(young(r), **TOWN).group_by("town").total.mean(),
        }

    for most in (signed_sums.MOST_PAIRS, 12):
        monkeypatch.setattr(signed_sums, "MOST_PAIRS", most)
        found = released(script)
        assert SMALL in str(found["third"])
        assert {str(cell) for cell in found["third"]["values"]} == {SMALL}


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_owners_that_do_not_compute(engine):
    """Two of five owners bring their rows beforehand; what they compare is among it."""
    scenario = Scenario(inputs={"register": Register.rows(at_most=1000)})

    @scenario.run
    async def run(study: Study) -> None:
        t = study.table("register")
        for name, some in (("all", t), ("young", young(t)), ("some", t.filter(t.age < 40))):
            study.release(name, some.group_by("person", at="owner").agg(total=("income", "sum")).count())

    tables = {name: {"register": REGISTER.iloc[k::5]} for k, name in enumerate("abcde")}
    found = simulate(scenario, tables, engine=engine, compute=["a", "b", "c"]).releases
    assert found == {"all": 60, "young": SMALL, "some": 30}
