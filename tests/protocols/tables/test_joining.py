"""Joins on hidden keys against pandas, and what stands behind joined rows."""

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, DataError, PolicyError, ShapeError
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW


class Register(Table):
    person = Key(strip=True, leading_zeros="drop", unique=True)
    age = Real(0, 120)
    ill = Flag()
    region = Category("north", "south")


class Visits(Table):
    person = Key(strip=True, leading_zeros="drop")
    cost = Integer(0, 1000)
    ward = Category("a", "b")
    age = Real(0, 120)


def register(chance, people):
    n = len(people)
    frame = pd.DataFrame(
        {
            "person": [str(p) for p in people],
            "age": chance.uniform(0, 120, n),
            "ill": chance.random(n) < 0.4,
            "region": chance.choice(["north", "south"], n),
        }
    )
    frame.loc[frame.index[chance.random(n) < 0.15], "age"] = np.nan
    return frame


def visits(chance, n, people):
    frame = pd.DataFrame(
        {
            "person": [f"{p:04d} " for p in chance.integers(0, people, n)],
            "cost": chance.integers(0, 1001, n),
            "ward": chance.choice(["a", "b"], n),
            "age": chance.uniform(0, 120, n),
        }
    )
    frame.loc[frame.index[chance.random(n) < 0.1], "person"] = None
    return frame


def clean(frame):
    """Keys as the schema normalises them; rows without one match nothing."""
    return frame.assign(person=[str(int(p)) if isinstance(p, str) else f"none {i}" for i, p in enumerate(frame.person)])


def run_of(script, tables, minimum=1, rows=(30, 40), registers=None, **options):
    owner = Register.rows() if registers == "several" else Register.held_by("hospital")
    scenario = Scenario(
        inputs={"register": owner, "visits": Visits.held_by("clinic")}, parameters={"minimum_cohort": minimum}
    )

    @scenario.run
    async def run(study):
        script(study, study.table("register").share(rows=rows[0]), study.table("visits").share(rows=rows[1]))

    return simulate(scenario, tables, **options).releases


def two(seed, people=25, n=30, among=40):
    chance = np.random.default_rng(seed)
    r, v = register(chance, chance.choice(among, people, replace=False)), visits(chance, n, among)
    return {"hospital": {"register": r}, "clinic": {"visits": v}, "other": {}}, clean(r), clean(v)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("seed", [1, 2])
def test_joins_are_those_of_pandas(engine, seed):
    def script(study, r, v):
        inner = v.join(r, on="person")
        study.release("count", inner.count())
        study.release("cost", inner.cost.sum())
        study.release("age", inner.age_right.sum())
        study.release("ill", inner.ill.sum())
        study.release("north", (inner.region == "north").sum())
        study.release("their age", inner.age.sum())
        study.release("filtered", inner.filter(inner.age_right > 60).filter(inner.ward == "a").cost.sum())
        left = v.join(r.filter(r.age > 40), on="person", how="left")
        study.release("left", left.count())
        study.release("left age", left.age_right.sum())
        study.release("semi", v.join(r.filter(r.age > 40), on="person", how="semi").cost.sum())
        study.release("anti", v.join(r, on="person", how="anti").cost.sum())
        study.release("turned", r.join(v.filter(v.cost > 300), on="person").age.sum())
        study.release("turned cost", r.join(v, on="person").filter(r.join(v, on="person").age_right > 50).cost.sum())

    tables, r, v = two(seed)
    found = run_of(script, tables, engine=engine)
    inner = v.merge(r, on="person", suffixes=("", "_right"))
    old = v.merge(r[r.age > 40], on="person", suffixes=("", "_right"))
    assert found["count"] == len(inner)
    assert found["cost"] == inner.cost.sum()
    assert found["age"] == pytest.approx(inner.age_right.sum(), abs=1e-3)
    assert found["ill"] == inner.ill.sum()
    assert found["north"] == (inner.region == "north").sum()
    assert found["their age"] == pytest.approx(inner.age.sum(), abs=1e-3)
    assert found["filtered"] == inner[(inner.age_right > 60) & (inner.ward == "a")].cost.sum()
    assert found["left"] == len(v)
    assert found["left age"] == pytest.approx(old.age_right.sum(), abs=1e-3)
    assert found["semi"] == old.cost.sum()
    assert found["anti"] == v.cost.sum() - inner.cost.sum()
    assert found["turned"] == pytest.approx(inner[inner.cost > 300].age_right.sum(), abs=1e-3)
    assert found["turned cost"] == inner[inner.age > 50].cost.sum()


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_edges(engine):
    """No rows at one owner, all rows match, none does."""

    def script(study, r, v):
        joined = v.join(r, on="person")
        study.release("count", joined.count())
        study.release("ill", joined.ill.sum())
        study.release("missing", v.join(r, on="person", how="left").ill.count())

    tables, r, v = two(3)
    few = {"hospital": {"register": r.iloc[:0]}, "clinic": {"visits": tables["clinic"]["visits"]}, "other": {}}
    assert run_of(script, few, engine=engine) == {"count": 0, "ill": 0, "missing": 0}
    everybody = register(np.random.default_rng(4), range(40)).iloc[:30]
    known = v.assign(person=[str(i % 30) for i in range(len(v))])
    found = run_of(
        script, {"hospital": {"register": everybody}, "clinic": {"visits": known}, "other": {}}, engine=engine
    )
    assert found["count"] == found["missing"] == len(v)


def test_rows_of_one_person_are_one():
    """Many visits of one person tell the age of that person alone; many visits of many persons tell a mean."""
    chance = np.random.default_rng(5)
    r = register(chance, range(30)).assign(age=50.0)
    one = pd.DataFrame({"person": ["3"] * 30, "cost": 10, "ward": "a", "age": 1.0})
    many = one.assign(person=[str(i) for i in range(30)])

    def script(study, r, v):
        joined = v.join(r, on="person")
        study.release("age", joined.age_right.mean())
        study.release("count", joined.count())
        study.release("by ward", joined.group_by("ward").agg(age=("age_right", "mean")))

    small = "suppressed (fewer than 5)"
    found = run_of(
        script, {"hospital": {"register": r}, "clinic": {"visits": one}, "other": {}}, minimum=5, engine="ideal"
    )
    assert found["age"] == found["count"] == small
    assert found["by ward"]["values"] == []
    found = run_of(
        script, {"hospital": {"register": r}, "clinic": {"visits": many}, "other": {}}, minimum=5, engine="ideal"
    )
    assert found["age"] == pytest.approx(50.0, abs=1e-5)
    assert found["count"] == 30
    assert found["by ward"]["values"][0] == ["a", pytest.approx(50.0, abs=1e-5)]


def test_few_matches_are_suppressed_and_so_are_few_others():
    def script(study, r, v):
        study.release("all", v.count())
        study.release("found", v.join(r, on="person").count())
        study.release("not found", v.join(r, on="person", how="anti").count())

    def found(known):
        r = register(np.random.default_rng(6), range(30))
        v = pd.DataFrame(
            {"person": [str(i if i < known else 100 + i) for i in range(30)], "cost": 1, "ward": "a", "age": 1.0}
        )
        return run_of(
            script, {"hospital": {"register": r}, "clinic": {"visits": v}, "other": {}}, minimum=5, engine="ideal"
        )

    small = "suppressed (fewer than 5)"
    assert found(3) == {"all": 30, "found": small, "not found": small}
    assert found(28) == {"all": 30, "found": small, "not found": small}
    assert found(20) == {"all": 30, "found": 20, "not found": 10}


def test_a_register_of_several_owners():
    """Each person at one of them; a person at two of them is found out, and nothing comes out."""
    chance = np.random.default_rng(7)
    v = visits(chance, 30, 40)
    first, second = register(chance, range(20)), register(chance, range(20, 40))

    def script(study, r, v):
        joined = v.join(r, on="person")
        study.release("age", joined.age_right.sum())
        study.release("count", joined.count())

    tables = {"hospital": {"register": first}, "clinic": {"visits": v}, "other": {"register": second}}
    found = run_of(script, tables, registers="several", engine="replicated")
    inner = clean(v).merge(pd.concat([first, second]), on="person", suffixes=("", "_right"))
    assert found["count"] == len(inner)
    assert found["age"] == pytest.approx(inner.age_right.sum(), abs=1e-3)
    tables["other"]["register"] = second.assign(person=[str(i) for i in range(20)])
    found = run_of(script, tables, registers="several", engine="replicated")
    assert all("out of range" in value for value in found.values())


def test_an_owner_is_told_of_a_key_that_repeats():
    tables, r, _ = two(8)
    tables["hospital"]["register"] = pd.concat([r, r.iloc[:1]])
    with pytest.raises(DataError, match="unique=True"):
        run_of(lambda study, r, v: study.release("n", v.join(r, on="person").count()), tables, engine="ideal")


class Other(Table):
    person = Key(case="lower", unique=True)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda r, v: r.join(v, on="age"), ShapeError, "declare it as Key"),
        (lambda r, v: r.join(v, on="persons"), ConfigError, "no column 'persons'"),
        (lambda r, v: r.join(v, on="person", how="cross"), ConfigError, "how='cross'"),
        (lambda r, v: v.join(v, on="person"), ConfigError, "several rows of visits may have the same person"),
        (lambda r, v: v.rank("person"), ShapeError, "no order and no arithmetic"),
        (lambda r, v: v.join(v, on="person", how="outer"), ConfigError, "needs one row a key"),
        (lambda r, v: v.join(v, on="person", matches=0), ConfigError, "matches=0"),
        (
            lambda r, v: v.join(r, on="person", suffix=""),
            ConfigError,
            "another suffix",
        ),
        (lambda r, v: v.person == v.person, ShapeError, "no order and no arithmetic"),
        (lambda r, v: v.join({}, on="person"), ShapeError, "share its rows first"),
    ],
)
def test_misuse_is_taught(wrong, error, text):
    def script(study, r, v):
        with pytest.raises(error, match=text):
            wrong(r, v)
        study.release("n", v.count())

    run_of(script, two(9)[0], engine="ideal")


def test_keys_that_are_normalised_differently_do_not_meet():
    scenario = Scenario(inputs={"other": Other.held_by("hospital"), "visits": Visits.held_by("clinic")})

    @scenario.run
    async def run(study):
        other, v = study.table("other").share(rows=10), study.table("visits").share(rows=40)
        with pytest.raises(
            ConfigError, match=r"person is normalised differently in visits and other.*strip: True and False"
        ):
            v.join(other, on="person")
        study.release("n", v.count())

    tables = two(10)[0]
    simulate(
        scenario,
        {"hospital": {"other": pd.DataFrame({"person": ["a"]})}, "clinic": tables["clinic"], "x": {}},
        engine="ideal",
    )


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_joins_of_rows_that_moved_and_of_several_matches(engine):
    why = "a test"

    def script(study, r, v):
        moved = v.select("person", "cost").compact(rows=36)
        several = r.join(moved, on="person", validate="m:m", matches=6, how="inner")
        study.release("moved", moved.join(r, on="person").cost.sum(), unprotected=why)
        study.release("moved count", moved.join(r, on="person").count(), unprotected=why)
        study.release("several", several.cost.sum(), unprotected=why)
        study.release("several rows", several.count())
        study.release("several, own", several.age.sum())
        study.release("too few", r.join(moved, on="person", validate="m:m", matches=1).cost.sum(), unprotected=why)
        study.release("left rows", r.join(v, on="person", how="left").count())
        study.release("left cost", r.join(v, on="person", how="left").cost.sum(), unprotected=why)
        study.release("outer", r.join(v, on="person", how="outer").count())
        study.release("semi", r.join(v, on="person", how="semi").count())
        study.release("anti", r.join(v.filter(v.cost > 500), on="person", how="anti").count())

    tables, r, v = two(11)
    found = run_of(script, tables, engine=engine)
    v = v[~v.person.str.startswith("none")].merge(v, how="right")
    inner = r.merge(v, on="person", suffixes=("", "_right"))
    assert found["moved"] == found["several"] == inner.cost.sum()
    assert found["moved count"] == found["several rows"] == len(inner)
    assert found["several, own"] == pytest.approx(r.set_index("person").age[inner.person].sum(), abs=1e-3)
    assert "out of range" in found["too few"]
    left = r.merge(v, on="person", how="left", suffixes=("", "_right"))
    assert found["left rows"] == len(left)
    assert found["left cost"] == left.cost.sum()
    assert found["outer"] == len(r.merge(v, on="person", how="outer", suffixes=("", "_right")))
    assert found["semi"] == r.person.isin(v.person).sum()
    assert found["anti"] == (~r.person.isin(v[v.cost > 500].person)).sum()


def test_what_became_one_row_of_each_in_secret_joins_as_such():
    """Groups and `drop_duplicates` have one row a key, also after their rows moved; repeated rows have not."""
    why = "a test"

    def script(study, r, v):
        costs = v.group_by("person", groups=40).agg(spent=("cost", "sum"))
        study.release("spent", r.join(costs, on="person").spent.sum(), unprotected=why)
        study.release("persons", r.join(costs.sort("spent"), on="person", how="semi").count())
        first = v.drop_duplicates("person")
        study.release("first", r.join(first, on="person").cost.sum(), unprotected=why)
        study.release("both", first.join(r.sort("age"), on="person").count())
        study.release("outer", first.join(r, on="person", how="outer").count())
        few = r.sort("age").concat(r).select("person", "ill")
        for several in (first.concat(first), v, r.join(v, on="person", matches=9), first.assign(person=v["person"])):
            with pytest.raises(ConfigError, match="may have the same person"):
                few.join(several.select("person", "cost"), on="person")

    tables, r, v = two(13)
    found = run_of(script, tables, engine="ideal")
    v = v[~v.person.str.startswith("none")]
    spent = v.groupby("person").cost.sum()
    assert found["spent"] == spent.reindex(r.person).sum()
    assert found["persons"] == r.person.isin(spent.index).sum()
    first = v.drop_duplicates("person")
    assert found["first"] == first[first.person.isin(r.person)].cost.sum()
    assert found["both"] == first.person.isin(r.person).sum()
    assert found["outer"] == len(r.merge(first, on="person", how="outer")) + 1  # one row without a key stays as well


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_one_row_of_each_and_rows_beside_others(engine):
    def script(study, r, v):
        study.release("persons", v.drop_duplicates("person").count())
        study.release("first", v.drop_duplicates("ward").cost.sum(), unprotected="a test")
        study.release("ranks", (v.rank("cost", within="ward") * v.cost).sum())
        study.release("before", v.assign(last=v.lag("cost", by="cost", within="ward"))["last"].sum())
        study.release("after", v.assign(next=v.lead("cost", by="cost", within="ward"))["next"].sum())
        study.release("running", v.cumsum("cost", by="cost", within="ward").sum())

    tables, _, _ = two(12)
    tables["clinic"]["visits"].cost = np.random.default_rng(12).permutation(1000)[: len(tables["clinic"]["visits"])]
    v = tables["clinic"]["visits"]
    found = run_of(script, tables, engine=engine)
    by_cost = v.sort_values("cost")
    assert found["persons"] == v.person.nunique(dropna=False)
    assert found["first"] == v.drop_duplicates("ward").cost.sum()
    assert found["ranks"] == pytest.approx((v.groupby("ward").cost.rank() * v.cost).sum())
    assert found["before"] == by_cost.groupby("ward").cost.shift(1).sum()
    assert found["after"] == by_cost.groupby("ward").cost.shift(-1).sum()
    assert found["running"] == by_cost.groupby("ward").cost.cumsum().sum()


def test_a_join_by_a_sort_does_not_tell_whether_one_person_is_there():
    def script(study, r, v):
        with pytest.raises(PolicyError, match="a single row can show"):
            study.release("visits", v.sort("cost").join(r, on="person", how="semi").count())
        first, second = r.split(0.5, seed=1)
        both = [part.join(v, on="person", validate="m:m", matches=20).count() for part in (first, second)]
        study.release("persons", both[0] + both[1], unprotected="a test")

    tables, r, v = two(13)
    found = run_of(script, tables, minimum=5, engine="ideal")
    assert found["persons"] == len(r.merge(v, on="person"))


def test_what_a_script_says_of_its_keys_is_checked_at_their_owners():
    """One person's visits under validate="1:1": the owner is told, and nothing is computed."""
    r = register(np.random.default_rng(14), range(30)).assign(age=50.0)
    one = pd.DataFrame({"person": ["3"] * 30, "cost": 10, "ward": "a", "age": 1.0})
    tables = {"hospital": {"register": r}, "clinic": {"visits": one}, "other": {}}

    def script(study, r, v):
        study.release("age", v.join(r, on="person", validate="1:1").age_right.mean())

    with pytest.raises(DataError, match="30 rows have a key"):
        run_of(script, tables, minimum=5, engine="ideal")

    def moved(study, r, v):
        with pytest.raises(ConfigError, match="cannot be checked"):
            v.sort("cost").join(r, on="person", validate="1:1")
        study.release("n", v.count())

    run_of(moved, tables, engine="ideal")


def test_one_person_at_two_owners_that_look_up_is_one():
    """Each owner's keys are unique; the same three persons are at both."""
    scenario = Scenario(
        inputs={"register": Register.held_by("hospital"), "known": Known.rows()}, parameters={"minimum_cohort": 5}
    )

    @scenario.run
    async def run(study):
        known, r = study.table("known").share(rows=20), study.table("register").share(rows=30)
        study.release("age", known.join(r, on="person").age.mean())

    def found(*persons):
        r = register(np.random.default_rng(15), range(30)).assign(age=50.0)
        rows = [pd.DataFrame({"person": [str(p) for p in some]}) for some in persons]
        tables = {"hospital": {"register": r}} | {name: {"known": one} for name, one in zip("abc", rows, strict=True)}
        return simulate(scenario, tables, engine="ideal").releases["age"]

    assert found(range(3), range(3), range(3)) == "suppressed (fewer than 5)"
    assert found(range(12), range(12), range(12)) == pytest.approx(50.0, abs=1e-5)


class Known(Table):
    person = Key(strip=True, leading_zeros="drop", unique=True)


def test_keys_that_moved_are_compared_by_their_rules():
    """Without the rule of normalisation, equal identifiers would silently not match."""
    scenario = Scenario(inputs={"other": Other.held_by("hospital"), "visits": Visits.held_by("clinic")})

    @scenario.run
    async def run(study):
        other, v = study.table("other").share(rows=10), study.table("visits").share(rows=40)
        with pytest.raises(ConfigError, match="normalised differently"):
            v.sort("cost").join(other, on="person", how="semi")
        with pytest.raises(ConfigError, match="normalised differently"):
            v.select("person").concat(other)
        with pytest.raises(ConfigError, match="normalised differently"):
            v.group_by("person", groups=40).count().join(other, on="person", how="semi")
        study.release("n", v.count())

    tables = two(10)[0]
    rows = {"hospital": {"other": pd.DataFrame({"person": ["a"]})}, "clinic": tables["clinic"], "x": {}}
    simulate(scenario, rows, engine="ideal")


def test_columns_made_from_flags_are_not_counted_as_flags():
    """Twice a flag is no flag: how many rows have it is not told by its sum."""

    def script(study, r, v):
        twice = v.join(r.assign(twice=r.ill * 2), on="person")
        with pytest.raises(PolicyError):
            study.release("twice", twice.twice.sum())
        study.release("n", v.count())

    run_of(script, two(16)[0], minimum=5, engine="ideal")
