"""Chains of verbs on random tables, against the same chains in pandas: whole rows are compared at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table
from mpc.tables.secret_table import SecretTable
from protocols.simulate import Simulation, simulate

LEVELS = ["a", "b", "c"]
WHY = "a test looks at single rows"
ROWS = 12


class People(Table):
    person = Key(strip=True, leading_zeros="drop")
    id = Integer(0, 1000)
    x = Integer(-50, 50)
    y = Real(-100, 100)
    flag = Flag()
    level = Category(*LEVELS)
    day = Date("1890-01-01", "2030-12-31")


class Visits(Table):
    person = Key(strip=True, leading_zeros="drop")
    cost = Integer(0, 100)


class Register(Table):
    person = Key(strip=True, leading_zeros="drop", unique=True)
    z = Integer(-9, 9)
    kind = Category("p", "q")


def people(chance: np.random.Generator, n: int, first: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "person": chance.choice(["1", "01 ", "2", " 002", "3", "4", "05", "6"], n),
            "id": first + chance.permutation(n),
            "x": chance.integers(-3, 4, n) * 10,
            "y": chance.integers(-400, 400, n) / 4,
            "flag": chance.random(n) < 0.5,
            "level": chance.choice(LEVELS, n),
            "day": pd.Timestamp("1890-01-01") + pd.to_timedelta(chance.integers(0, 50_000, n), "D"),
        }
    ).astype({"x": object, "y": object, "flag": object, "person": object, "level": object})
    for name in ("person", "x", "y", "flag", "level", "day"):
        frame[name] = frame[name].mask(chance.random(n) < 0.15)
    return frame


def register(chance: np.random.Generator, n: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "person": chance.permutation([f"{k} " for k in range(1, 8)])[:n],
            "z": chance.integers(-9, 10, n),
            "kind": chance.choice(["p", "q"], n),
        }
    ).astype(object)
    frame["z"] = frame["z"].mask(chance.random(n) < 0.2)
    return frame


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """Keys as the schema normalises them, numbers as floats, days as numbers."""
    keys = [k.strip().lstrip("0") if isinstance(k, str) else None for k in frame.person]
    frame = frame.assign(person=pd.Series(keys, index=frame.index, dtype=object))
    for name in {"id", "x", "y", "z", "flag"} & set(frame):
        frame[name] = frame[name].astype(float)
    if "day" in frame:
        frame["day"] = (pd.to_datetime(frame.day) - pd.Timestamp("1970-01-01")).dt.days.astype(float)
    return frame.reset_index(drop=True)


@dataclass
class Pair:
    """The same rows in secret and in pandas, and what else there is to join with."""

    secret: SecretTable
    plain: pd.DataFrame
    register: SecretTable
    known: pd.DataFrame
    visits: SecretTable
    seen: pd.DataFrame
    tight: bool = True
    n: int = 0

    def both(self, secret: SecretTable, plain: pd.DataFrame) -> None:
        self.secret, self.plain = secret, plain.reset_index(drop=True)

    def new(self) -> str:
        self.n += 1
        return f"new{self.n}"

    @property
    def joined(self) -> bool:
        return "kind" in self.plain


Verb = Callable[[Pair, np.random.Generator], None]


def a_filter(p: Pair, chance: np.random.Generator) -> None:
    limit, level = int(chance.integers(-30, 40)), str(chance.choice(LEVELS))
    s, t = p.secret, p.plain
    known = t.flag.notna()
    conditions = [
        (s.x > limit, t.x > limit),
        (s.y <= float(limit), t.y <= limit),
        (s.flag, t.flag == 1),
        (~s.flag, known & (t.flag == 0)),
        (s.level == level, t.level == level),
        (s.level.isin(["a", level]), t.level.isin(["a", level])),
        (s.notna("y"), t.y.notna()),
        (s.day >= "1950-01-01", t.day >= -7305),
        ((s.x > limit) & (s.y < 50.0), (t.x > limit) & (t.y < 50)),
    ]
    condition, wanted = conditions[chance.integers(len(conditions))]
    p.both(s.filter(condition), t[wanted.astype(bool)])


def an_assign(p: Pair, chance: np.random.Generator) -> None:
    name, by = p.new(), int(chance.integers(-3, 4))
    s, t = p.secret, p.plain
    columns = [
        (lambda r: r.x * by + 1, t.x * by + 1),
        (s.y - s.x, t.y - t.x),
        (s.flag.numeric() * 5, t.flag * 5),
        (s.day - s.day, t.day - t.day),
        (by, by),
    ]
    column, wanted = columns[chance.integers(len(columns))]
    p.both(s.assign(**{name: column}), t.assign(**{name: wanted}))


def a_fill(p: Pair, chance: np.random.Generator) -> None:
    value = int(chance.integers(-9, 9))
    p.both(
        p.secret.fillna(y=value, level="b"), p.plain.assign(y=p.plain.y.fillna(value), level=p.plain.level.fillna("b"))
    )


def a_sort(p: Pair, chance: np.random.Generator) -> None:
    down = bool(chance.integers(2))
    by = [["x", "id"], ["id"], ["level", "id"]][chance.integers(3)]
    if "level" in by:
        down = False
    ordered = p.plain.sort_values(by, ascending=not down, na_position="last", kind="stable")
    if down and "x" in by:  # equal rows stay in their order of id, falling as well
        ordered = p.plain.sort_values(by, ascending=False, na_position="last", kind="stable")
    p.both(p.secret.sort(*by, descending=down), ordered)


def a_head(p: Pair, chance: np.random.Generator) -> None:
    n, down = int(chance.integers(1, 9)), bool(chance.integers(2))
    p.both(p.secret.head(n, by="id", descending=down), p.plain.sort_values("id", ascending=not down).head(n))


def one_of_each(p: Pair, chance: np.random.Generator) -> None:
    keys = [["level"], ["person"], ["flag", "level"]][chance.integers(3)]
    keep = ["first", "last"][chance.integers(2)]
    there = p.plain.dropna(subset=keys)
    alone = p.plain[p.plain[keys].isna().any(axis=1)]
    stay = pd.concat([there.drop_duplicates(keys, keep=keep), alone.drop_duplicates(keys, keep=keep)])
    p.both(p.secret.drop_duplicates(keys, keep=keep), p.plain.loc[stay.index.sort_values()])


def a_compact(p: Pair, chance: np.random.Generator) -> None:
    rows = max(len(p.plain), 1) + 2 if p.tight else max(p.secret.capacity * 3 // 4, 1)
    p.both(p.secret.compact(rows=rows), p.plain)


def a_concat(p: Pair, chance: np.random.Generator) -> None:
    s, t = p.secret.filter(p.secret.flag), p.plain[p.plain.flag == 1]
    p.both(p.secret.concat(s), pd.concat([p.plain, t]))


def a_window(p: Pair, chance: np.random.Generator) -> None:
    name, rows = p.new(), int(chance.integers(1, 3))
    s, ordered = p.secret, p.plain.sort_values("id")
    groups = ordered.groupby("level", dropna=True)
    keyed = ordered.level.notna()
    columns = [
        (s.lag("x", by="id", within="level", rows=rows), groups.x.shift(rows)),
        (s.lead("y", by="id", within="level", rows=rows), groups.y.shift(-rows)),
        (s.cumsum("id", by="id", within="level"), groups.id.cumsum().where(keyed)),
        (s.rank("x", within="level"), groups.x.rank()),
    ]
    column, wanted = columns[chance.integers(len(columns))]
    p.both(s.assign(**{name: column}), p.plain.assign(**{name: wanted}))


def a_join(p: Pair, chance: np.random.Generator) -> None:
    how = ["inner", "left", "semi", "anti"][chance.integers(4)]
    if p.joined:
        how = ["semi", "anti"][chance.integers(2)]
    p.both(p.secret.join(p.register, on="person", how=how), joined(p.plain, p.known, how))


def joined(left: pd.DataFrame, right: pd.DataFrame, how: str) -> pd.DataFrame:
    """As SQL has it: a row without a key matches nothing."""
    there = left.person.notna() & left.person.isin(right.person)
    if how in ("semi", "anti"):
        return left[there if how == "semi" else ~there]
    found = left.merge(right, on="person", how="left")
    for name in ("z", "kind"):
        found[name] = found[name].where(there.to_numpy(), None)
    return found if how == "left" else found[there.to_numpy()]


def an_outer_join(p: Pair, chance: np.random.Generator) -> None:
    if p.joined:
        return
    left = joined(p.plain, p.known, "left")
    beside = p.known[p.known.person.isna() | ~p.known.person.isin(p.plain.person)]
    p.both(p.secret.join(p.register, on="person", how="outer"), pd.concat([left, beside]))


def a_join_with_several(p: Pair, chance: np.random.Generator) -> None:
    """Each row of a person with each visit: fewer than seven."""
    if "cost" in p.plain:
        return
    how = ["inner", "left"][chance.integers(2)]
    n = len(p.plain)
    found = p.plain.assign(place=range(n)).merge(p.seen.dropna(subset="person"), on="person", how=how)
    p.both(p.secret.join(p.visits, on="person", how=how, matches=6), found.drop(columns="place"))


def a_join_with_groups(p: Pair, chance: np.random.Generator) -> None:
    """What all rows of a person have together, beside each of them."""
    name = p.new()
    groups = p.secret.group_by("person", groups=10).agg(**{name: ("x", "sum")})
    there = p.plain[p.plain.person.notna()]
    sums = there.groupby("person").x.sum()
    p.both(p.secret.join(groups, on="person"), there.assign(**{name: there.person.map(sums).astype(float)}))


def a_selection(p: Pair, chance: np.random.Generator) -> None:
    p.both(p.secret.rename(x="other").rename(other="x"), p.plain)


VERBS: list[Verb] = [
    a_filter, a_filter, an_assign, a_fill, a_sort, a_head, one_of_each, a_compact, a_concat, a_window, a_join, a_join,
    a_selection, an_outer_join, a_join_with_several, a_join_with_groups,
]  # fmt: skip
#: Verbs that need rows with an id of their own.
ALONE = {a_head, one_of_each, a_window, a_sort}
#: Verbs after which several rows have the same id, or none.
TWICE = {a_concat, an_outer_join, a_join_with_several}


@dataclass
class Played:
    """A run of a chain of verbs on rows by a seed, the rows that pandas has at its end, and the names of the verbs."""

    run: Simulation
    rows: pd.DataFrame
    verbs: list[str]


def played(seed: int, script: int, verbs: int, engine: str, parties: int = 3, *, tight: bool = True) -> Played:
    """tight: the script states bounds that hold for these rows."""
    chance = np.random.default_rng(seed)
    owners = [f"o{i}" for i in range(parties)]
    sizes = chance.integers(0, ROWS, 2)
    parts = [people(chance, n, 100 * i) for i, n in enumerate(sizes)]
    known = register(chance, int(chance.integers(0, 7)))
    tables: dict[str, dict[str, pd.DataFrame]] = {owner: {} for owner in owners}
    tables["o0"]["people"], tables["o1"]["people"], tables["o2"]["register"] = *parts, known
    seen = people(chance, int(chance.integers(0, 7)), 0)[["person"]].assign(cost=7)
    tables["o1"]["visits"] = seen
    inputs = {"people": People.rows(), "register": Register.held_by("o2"), "visits": Visits.held_by("o1")}
    scenario = Scenario(inputs=inputs, parameters={"minimum_cohort": 1})
    plain = clean(pd.concat(parts, ignore_index=True))
    ended: list[pd.DataFrame] = []
    done: list[str] = []

    @scenario.run
    async def run(study: Any) -> None:
        again = np.random.default_rng(script)  # the script runs at each party
        rows, others = study.table("people").share(rows=ROWS), study.table("register").share(rows=8)
        visits = study.table("visits").share(rows=8)
        pair = Pair(rows, plain, others, clean(known), visits, clean(seen).astype({"cost": float}), tight)
        done.clear()
        twice = False
        for _ in range(verbs):
            verb = VERBS[again.integers(len(VERBS))]
            if twice and verb in ALONE:
                continue
            twice = twice or verb in TWICE
            done.append(verb.__name__)
            verb(pair, again)
        ended.append(pair.plain)
        keys = [name for name in pair.secret.columns if name == "person"]
        study.release("rows", pair.secret.drop(*keys), unprotected=WHY)
        study.release("count", pair.secret.count(), unprotected=WHY)
        by = pair.secret.group_by("level").agg(n="count", x=("x", "sum"), low=("y", "min"), some=("flag", "any"))
        study.release("groups", by, unprotected=WHY)

    with np.errstate(invalid="ignore"):
        run_of_it = simulate(scenario, tables, engine=engine, compute=owners)
    return Played(run_of_it, ended[-1], done)


def tried(seed: int, verbs: int, engine: str, parties: int = 3) -> None:
    """A chain of verbs has the rows that pandas has."""
    it = played(seed, seed + 1, verbs, engine, parties)
    found, rows, told = it.run.releases, it.rows, f"{seed=} {it.verbs}"
    assert found["count"] == len(rows), told
    compare(pd.DataFrame(found["rows"]["values"], columns=found["rows"]["columns"]), rows.drop(columns="person"), told)
    groups = rows[rows.level.notna()].groupby("level", sort=True)
    summed = groups.agg(n=("id", "size"), x=("x", "sum"), low=("y", "min"), some=("flag", "max")).reset_index()
    summed["some"] = summed["some"].fillna(0)
    compare(pd.DataFrame(found["groups"]["values"], columns=found["groups"]["columns"]), summed, told)


def compare(got: pd.DataFrame, wanted: pd.DataFrame, told: str) -> None:
    """The same rows, in any order."""
    assert list(got.columns) == list(wanted.columns), told
    a, b = sorted(map(words, got.itertuples(index=False))), sorted(map(words, wanted.itertuples(index=False)))
    assert a == b, told


def words(row: Any) -> tuple[str, ...]:
    """Cells as texts: missing ones alike, days as numbers, numbers to two digits."""
    out = []
    for cell in row:
        if cell is None or (isinstance(cell, float) and np.isnan(cell)) or str(cell).startswith("undefined"):
            out.append("-")
        elif isinstance(cell, str):
            day = len(cell) == 10 and cell[4] == "-"
            out.append(f"{(pd.Timestamp(cell) - pd.Timestamp('1970-01-01')).days:.2f}" if day else cell)
        else:
            out.append(f"{float(cell) + 0.0:.2f}".replace("-0.00", "0.00"))
    return tuple(out)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), verbs=st.integers(0, 5))
def test_chains_of_verbs(seed: int, verbs: int) -> None:
    tried(seed, verbs, "ideal")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("engine", "parties"), [("replicated", 3), ("shamir", 5)])
def test_chains_of_verbs_on_shares(engine: str, parties: int, seed: int) -> None:
    tried(seed, 3, engine, parties)


@pytest.mark.parametrize("script", range(6))
def test_messages_of_chains_do_not_depend_on_rows(script: int) -> None:
    """Rows by one seed and by another, also none at an owner, and the same chain of verbs."""
    runs = [played(seed, script, 3, "replicated", tight=False).run for seed in (script, 1000 + script)]
    first, second = (sorted(message[:4] for message in run.network.messages) for run in runs)
    assert first == second
    assert runs[0].cost == runs[1].cost
