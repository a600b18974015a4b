"""Tables prepared at their owner: the verbs, against pandas, and errors that teach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, DataError, RangeError, ShapeError
from mpc.tables.aggregates import Count
from mpc.tables.keys import first
from mpc.tables.prepare import building
from mpc.tables.prepare.memory import run
from protocols.assembly import rows_of
from protocols.simulate import Computation, dry_run, simulate
from tests.support.prepared import MEASURES, PEOPLE, TAX, People, Tax, frame, grouped, same_rows, select

NAMES = ["county", "office", "school"]


class Records(Table):
    person = Key(strip=True)
    income = Real(0, 1e6)
    children = Integer(0, 20)
    on = Date("1990-01-01", "2030-12-31")
    paid = Flag()
    kind = Category("wage", "rent")


class Pupils(Table):
    person = Key(strip=True)
    grade = Real(0, 10)


class Visits(Table):
    place = Integer(0, 100)
    cost = Real(0, 100)


def records(rng, rows, people=15):
    days = pd.to_datetime("2000-01-01") + pd.to_timedelta(rng.integers(0, 9, rows), unit="D")
    table = pd.DataFrame(
        {
            "person": [f"p{k}" for k in rng.integers(0, people, rows)],
            "income": np.round(rng.uniform(0, 1e5, rows)),
            "children": rng.integers(0, 5, rows),
            "on": days.strftime("%Y-%m-%d"),
            "paid": rng.random(rows) < 0.6,
            "kind": rng.choice(["wage", "rent"], rows),
        }
    )
    return table.astype(object).mask(rng.random(table.shape) < 0.1, None)


def pupils(rng, rows, people=15):
    names = [f" p{k}" for k in rng.permutation(people)[:rows]]
    return pd.DataFrame({"person": names, "grade": rng.uniform(0, 10, len(names))})


def released(script, tables, **more):
    """What a script releases, of tables an organization."""
    inputs = {
        "records": Records.held_by("office", at_most=1 << 16),
        "pupils": Pupils.held_by("office", at_most=1 << 16),
        "visits": Visits.rows(at_most=1 << 16),
    }
    brought = {name for tables_ in tables.values() for name in tables_}
    scenario = Scenario(inputs={name: entry for name, entry in inputs.items() if name in brought})

    @scenario.run
    async def run(study):
        for name, value in script(study).items():
            study.release(name, value, minimum=1)

    brings = {name: tables.get(name, {}) for name in NAMES}
    return simulate(scenario, brings, engine="ideal", **more).releases


def planned(script):
    """The dry run of a script with all tables; errors come out as they are."""
    scenario = Scenario(
        inputs={"records": Records.held_by("office"), "pupils": Pupils.held_by("office"), "visits": Visits.rows()}
    )

    @scenario.run
    async def run(study):
        value = script(study)
        if value is not None:
            study.release("x", value)

    return dry_run(Computation(scenario, NAMES, owners={"records": [1], "pupils": [1], "visits": [0, 1, 2]}))


def last_by(values, order):
    """The value with the largest order, of equal ones the smallest value, as the documentation says."""
    known = [(o, v) for v, o in zip(values, order, strict=True) if v is not None and o is not None]
    newest = max((o for o, _ in known), default=None)
    return min((v for o, v in known if o == newest), default=None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by", [["person"], ["person", "year"]])
def test_groups_are_those_of_pandas(seed, by):
    rng = np.random.default_rng(seed)
    table = frame(rng, Tax, [300, 40, 1, 0][seed])
    found = run(grouped(by, most_per_key=1000, **MEASURES), {"tax": rows_of(table, Tax.schema)})

    numbers = table.assign(
        income=pd.to_numeric(table.income), ok=pd.to_numeric(table.ok), paid=table.paid.astype("Int64")
    )
    kept = numbers.dropna(subset=by)
    names = ["north", "south", "west"]
    rows = []
    for key, group in kept.groupby(by):
        income, paid, ok = group.income.dropna(), group.paid.dropna(), group.ok.dropna()
        begin = [(o, v) for o, v in zip(group.year, group.income, strict=True) if o is not None and not np.isnan(v)]
        first = min((v for o, v in begin if o == min(begin)[0]), default=np.nan)
        office = [None if v is None else names.index(v) for v in group.office]
        end = last_by(office, group.year)
        rows.append(
            [
                *map(int, key), len(group), income.sum(), income.mean(), income.min(), income.max(), income.median(),
                len(income), income.nunique(), group.office.dropna().nunique(), int(sum(map(int, paid))),
                np.mean([int(p) for p in paid]) if len(paid) else np.nan,
                int(paid.min()) if len(paid) else None, int(paid.max()) if len(paid) else None,
                np.median([int(p) for p in paid]) if len(paid) else np.nan, float(bool((ok > 0).any())),
                float(bool((ok > 0).all())), int(ok.sum()), ok.mean(), first, np.nan if end is None else float(end),
                None if group.year.dropna().empty else int(group.year.dropna().max()),
            ]
        )  # fmt: skip
    columns = [np.array([row[k] for row in rows]) for k in range(len(found))]
    missing = np.iinfo(np.int64).min
    expected = {
        name: np.array([missing if v is None else v for v in column.tolist()], found[name].dtype)
        for name, column in zip(found, columns, strict=True)
    } if rows else {name: values[:0] for name, values in found.items()}  # fmt: skip
    same_rows(found, expected)


@pytest.mark.parametrize("how", ["inner", "left", "semi", "anti"])
@pytest.mark.parametrize("seed", range(3))
def test_joins_are_those_of_pandas(how, seed):
    rng = np.random.default_rng(seed)
    tax, people = frame(rng, Tax, [60, 5, 0][seed]), frame(rng, People, [40, 0, 9][seed], keys=20)
    on = [("person", "who"), ("year", "year")]
    query = building.joined(select(TAX), select(PEOPLE), how, on, "_right", 1 << 16)
    tables = {"tax": rows_of(tax, Tax.schema), "people": rows_of(people, People.schema)}
    found = run(query, tables)

    keys = people.dropna(subset=["who", "year"]).rename(columns={"who": "person"})
    if how in ("semi", "anti"):
        known = set(zip(keys.person, keys.year, strict=True))
        chosen = [(p, y) in known for p, y in zip(tax.person, tax.year, strict=True)]
        expected = tax[np.array(chosen, bool) == (how == "semi")]
    else:
        expected = tax.merge(keys, on=["person", "year"], how=how, suffixes=("", "_right"))
    assert [name for name in found if first(name) == name] == list(expected.columns)
    assert len(found["person"]) == len(expected)
    for name in ("income", "income_right"):
        if name in found:
            both = [np.sort(np.array(list(values), np.float64)) for values in (found[name], expected[name])]
            np.testing.assert_allclose(*both)


def test_a_prepared_table_takes_all_that_a_table_takes():
    rng = np.random.default_rng(7)
    table = records(rng, 400)

    def script(study):
        tax = study.table("records")
        assert tax.columns == ("person", "income", "children", "on", "paid", "kind")
        wages = tax.filter(tax.kind == "wage").assign(half=tax.income / 2, child=lambda t: t.children > 0)
        assert wages.columns[-2:] == ("half", "child")
        people = wages.group_by("person", at_most_per_key=1000).agg(
            total=("half", "sum"), n="count", parent=("child", "any"), newest=("on", "max"), end=("kind", "last", "on")
        )
        assert people.columns == ("person", "total", "n", "parent", "newest", "end")
        many = people[people.n > 10]
        return {
            "people": people.count(),
            "total": people.total.mean(),
            "rows": people.n.sum(),
            "many": many.count(),
            "parents": people.group_by("parent").n.mean(),
            "late": people[people.newest > "2000-01-08"].count(),
            "renamed": people.rename(total="income").select("income").income.mean(),
            "highest": people.head(3, by="total", descending=True).total.sum(),
            "two keys": wages.group_by("person", "kind").agg(n="count").n.sum(),
            "again": people.drop("total").group_by("n").agg(persons="count").persons.sum(),
        }

    result = released(script, {"office": {"records": table}})
    wages = table[(table.kind == "wage") & table.person.notna()]
    groups = wages.groupby("person")
    totals = groups.income.apply(lambda values: pd.to_numeric(values).sum() / 2)
    sizes = groups.size()
    newest = groups.on.apply(lambda values: max((v for v in values if v is not None), default=""))
    assert result["people"] == len(sizes)
    assert result["rows"] == sizes.sum()
    assert result["many"] == (sizes > 10).sum()
    assert result["late"] == (newest > "2000-01-08").sum()
    assert result["again"] == len(sizes)
    assert result["two keys"] == sizes.sum()
    assert result["total"] == pytest.approx(totals.mean(), rel=1e-6)
    assert result["renamed"] == pytest.approx(totals.mean(), rel=1e-6)
    assert result["highest"] == pytest.approx(totals.nlargest(3).sum(), rel=1e-6)


def test_tables_of_one_owner_are_joined_by_their_keys():
    rng = np.random.default_rng(8)
    tax, school = records(rng, 300), pupils(rng, 12, people=20)

    def script(study):
        people = study.table("records").group_by("person", at_most_per_key=1000).agg(total=("income", "sum"))
        both = study.table("pupils").join(people, on="person", how="left")
        latest = study.table("records").latest(per="person", by="on")
        once = study.table("records").drop_duplicates("person")
        return {
            "rows": both.count(),
            "found": both.total.count(),
            "mean": both.total.mean(),
            "semi": study.table("pupils").join(people, on="person", how="semi").count(),
            "anti": study.table("pupils").join(people, on="person", how="anti").count(),
            "latest": latest.count(),
            "income": latest.income.mean(),
            "once": once.count(),
            "newest": study.table("records")
            .sort("on", descending=True)
            .filter(study.table("records").paid)
            .head(5)
            .count(),
        }

    result = released(script, {"office": {"records": tax, "pupils": school}})
    totals = tax.dropna(subset=["person"]).groupby("person").income.apply(lambda v: pd.to_numeric(v).sum())
    merged = school.assign(person=school.person.str.strip()).set_index("person").join(totals, how="left")
    assert result["rows"] == len(school)
    assert result["found"] == result["semi"] == merged.income.notna().sum() == len(school) - result["anti"]
    assert result["mean"] == pytest.approx(merged.income.mean(), rel=1e-6)
    newest = tax.dropna(subset=["person"]).fillna({"on": ""})
    chosen = newest[newest.on == newest.groupby("person").on.transform("max")]
    chosen = chosen.assign(income=pd.to_numeric(chosen.income)).sort_values("income").drop_duplicates("person")
    assert result["latest"] == result["once"] == len(totals)
    assert result["income"] == pytest.approx(chosen.income.mean(), rel=1e-6)
    assert result["newest"] == 5


def test_each_owner_may_group_its_own_rows():
    rng = np.random.default_rng(9)
    tables = {
        name: {"visits": pd.DataFrame({"place": rng.integers(0, 9, 50), "cost": rng.uniform(0, 100, 50)})}
        for name in NAMES[:2]
    }

    def script(study):
        places = study.table("visits").group_by("place", at="owner", at_most_per_key=50).agg(cost=("cost", "sum"))
        return {"rows": places.count(), "cost": places.cost.sum()}

    result = released(script, tables)
    assert result["rows"] == sum(brought["visits"].place.nunique() for brought in tables.values())
    assert result["cost"] == pytest.approx(sum(brought["visits"].cost.sum() for brought in tables.values()), rel=1e-6)


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (lambda s: s.table("visits").group_by("place"), ShapeError, "share\\(\\) them first"),
        (lambda s: s.table("visits").latest(per="place", by="cost"), ShapeError, "rows of 3 owners"),
        (lambda s: s.table("records").join(s.table("visits"), on="place"), ShapeError, "share\\(\\) both, then join"),
        (lambda s: s.table("records").group_by("income"), ShapeError, "real number"),
        (lambda s: s.table("records").group_by("person").mean(), ConfigError, "is by a key"),
        (lambda s: s.table("records").group_by("person").agg(), ConfigError, "say what each group gives"),
        (lambda s: s.table("records").group_by("person").agg(x="sum"), ConfigError, "a column and a statistic"),
        (lambda s: s.table("records").group_by("person").agg(x=("income", "men")), ConfigError, "mean"),
        (lambda s: s.table("records").group_by("person").agg(x=("kind", "sum")), ShapeError, "a category"),
        (lambda s: s.table("records").group_by("kind").agg(x=("person", "min")), ShapeError, "a key"),
        (lambda s: s.table("records").group_by("person").agg(x=("income", "first")), ConfigError, "no order of their"),
        (lambda s: s.table("records").group_by("person").agg(x=("income", "first", "kind")), ShapeError, "no order"),
        (lambda s: s.table("records").group_by("person").agg(person="count"), ConfigError, "key already"),
        (
            lambda s: s.table("records").group_by("person").agg(within={"y": (0, 1)}, x="count"),
            ConfigError,
            "no measure",
        ),
        (lambda s: s.table("records").head(3), ConfigError, "no order of their own"),
        (lambda s: s.table("records").head(0, by="on"), ConfigError, "1 or more"),
        (lambda s: s.table("records").join(s.table("pupils")), ConfigError, "which columns are the key"),
        (lambda s: s.table("records").join(s.table("pupils"), on="person", how="outer"), ConfigError, "outer"),
        (
            lambda s: s.table("records").join(s.table("pupils"), left_on="children", right_on="person"),
            ShapeError,
            "of one kind",
        ),
        (lambda s: s.table("records").assign(x=s.table("pupils").grade), ShapeError, "join the tables first"),
        (lambda s: s.table("records").rename(kind="income"), ConfigError, "name of its own"),
        (lambda s: s.table("records").select("nothing"), ConfigError, "no column"),
    ],
)
def test_misuse_is_refused_with_what_to_do(script, error, words):
    def nothing(study):
        with pytest.raises(error, match=words):
            script(study)

    planned(nothing)


def test_sums_of_whole_numbers_need_a_limit():
    with pytest.raises(RangeError, match="at_most_per_key"):
        grouped(["person"], total=("paid", "sum"))
    assert grouped(["person"], within={"total": (0, 10)}, total=("paid", "sum")).schema["total"].high == 10
    assert grouped(["person"], most_per_key=2, total=("paid", "sum")).schema["total"].high == 2 * 10**15


def test_the_owner_checks_what_the_script_states():
    table = pd.DataFrame({"person": ["a", "a", "b"], "income": [10.0, 20.0, 40.0], "children": 1, "on": "2000-01-01"})
    table = table.assign(paid=True, kind="rent")

    def result(**more):
        def script(study):
            people = study.table("records").group_by("person", at_most_per_key=more.get("most"))
            return {"x": people.agg(total=("income", "sum"), within=more.get("within")).total.sum()}

        return released(script, {"office": {"records": table}})

    assert result(within={"total": (0, 50)}, most=2)["x"] == pytest.approx(70)
    with pytest.raises(DataError, match=r"total of 1 of 2 keys is outside 0\.\.30"):
        result(within={"total": (0, 30)})
    with pytest.raises(DataError, match="1 of 2 keys have more than 1 rows"):
        result(most=1)


def test_a_join_gives_no_more_rows_than_the_script_allows():
    table = pd.DataFrame({"person": ["a"], "income": 1.0, "children": 1, "on": None, "paid": True, "kind": "rent"})
    twice = pd.DataFrame({"person": ["a", " a"], "grade": [1.0, 2.0]})

    def script(at_most):
        def run(study):
            return {"n": study.table("records").join(study.table("pupils"), on="person", at_most=at_most).count()}

        return run

    tables = {"office": {"records": table, "pupils": twice}}
    assert released(script(None), tables)["n"] == 2  # within the 65,536 rows of the left table
    with pytest.raises(DataError, match="2 rows; 1 are allowed"):
        released(script(1), tables)


def test_the_plan_says_what_owners_prepare():
    def script(study):
        tax = study.table("records")
        people = tax.filter(tax.paid).group_by("person", at_most_per_key=9).agg(total=("income", "sum"), n="count")
        return people.total.mean()

    assert planned(script).prepared == [
        (
            (1,),
            "records where paid, by person (at most 9 rows each): total (sum of income), n (number of rows)",
        )
    ]


def test_what_owners_read_tells_queries_apart():
    """So labels do, and parties whose scripts differ find out."""
    read = []

    def script(study):
        tax = study.table("records")
        for most, within in ((5, None), (6, None), (5, {"n": (0, 7)})):
            groups = tax.group_by("person", at_most_per_key=most)
            read.append(groups.agg(n=("income", "sum"), within=within).source.local.ask(Count()).digest)
        read.append(tax.filter(tax.paid).latest(per="person", by="on").source.local.ask(Count()).digest)
        read.append(tax.filter(~tax.paid).latest(per="person", by="on").source.local.ask(Count()).digest)

    planned(script)
    planned(script)
    assert read[:5] == read[5:]
    assert len(set(read)) == 5


def test_the_same_query_is_computed_once():
    def script(study):
        tax = study.table("records")
        one, other = (tax.group_by("person").agg(n=("income", "max")) for _ in range(2))
        assert one.source is other.source
        return one.n.mean()

    planned(script)
