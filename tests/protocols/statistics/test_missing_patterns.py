"""Patterns of missing columns: against pandas, and against who knows the total and the rule."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import compute, simulate
from protocols.statistics.missing.none_or_enough import plain, shown_cells
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
NAMES = ["weight", "stage", "smoker", "seen"]
HIDDEN = "suppressed with a pattern"


class Visits(Table):
    person = Key()
    weight = Real(0, 300)
    stage = Category("I", "II")
    smoker = Flag()
    seen = Date("2000-01-01", "2030-12-31")
    a = Integer(0, 9)
    b = Integer(0, 9)
    c = Integer(0, 9)


def run_of(script, frame, minimum=10, engine="ideal", parts=None):
    scenario = Scenario(inputs={"visits": Visits.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("visits"))

    names = "abcde" if engine == "shamir" else "abc"
    parts = parts or [frame.iloc[k :: len(names)] for k in range(len(names))]
    return simulate(scenario, {name: {"visits": part} for name, part in zip(names, parts, strict=True)}, engine=engine)


def both(frame, **options):
    """What comes out of rows that stay and of shared rows: the same."""

    def script(study, visits):
        study.release("stay", st.missing_patterns(visits[NAMES]))
        study.release("shared", st.missing_patterns(visits[NAMES].share(rows=max(len(frame), 1))))

    found = run_of(script, frame, **options).releases
    assert found["stay"] == found["shared"]
    return found["stay"]


def frame_of(counts):
    """Rows by pattern: a text with a letter for each of NAMES that is missing, and how many rows have it."""
    rows = [letters for letters, n in counts.items() for _ in range(n)]
    full = {"weight": 70.0, "stage": "I", "smoker": True, "seen": "2020-02-02"}
    columns = {
        name: pd.Series([None if name[:2] in letters else value for letters in rows], dtype=object)
        for name, value in full.items()
    }
    frame = pd.DataFrame(columns)
    return frame.assign(weight=frame.weight.astype(float), person=[str(k) for k in range(len(frame))], a=1, b=2, c=3)


def counts_of(found):
    return {label: values[-1] for label, values in zip(found["rows"], found["values"], strict=True)}


@pytest.mark.parametrize("engine", ENGINES)
def test_counts_of_patterns_are_those_of_pandas(engine):
    frame = frame_of({"": 200, "we": 40, "st": 30, "we st": 25, "sm se": 20})
    found = both(frame.sample(frac=1, random_state=1), engine=engine)
    assert counts_of(found) == {
        "complete": 200, "without weight": 40, "without stage": 30, "without weight, stage": 25,
        "without smoker, seen": 20, "all rows": 315,
    }  # fmt: skip
    assert found["columns"] == [*NAMES, "rows"]
    assert found["values"][-1] == [*frame[NAMES].notna().sum(), len(frame)]
    known = frame[NAMES].notna().astype(int).value_counts()
    assert all(known[tuple(line[:-1])] == line[-1] for line in found["values"][:-1])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pattern_of_few_rows_has_words_and_so_has_another_one(engine):
    found = both(frame_of({"": 200, "we": 40, "st": 3}), engine=engine)
    few = "suppressed (fewer than 10)"
    # The total would tell the 3: the first other pattern with rows is hidden, before the complete rows.
    assert counts_of(found) == {"complete": 200, "without weight": few, "without stage": few, "all rows": 243}
    assert found["values"][-1][:-1] == [HIDDEN] * 4


def test_several_small_patterns_together_hide_no_other():
    few = "suppressed (fewer than 10)"
    found = both(frame_of({"": 200, "we": 40, "st": 6, "sm": 6, "se": 6}))
    assert counts_of(found)["without weight"] == 40
    assert [counts_of(found)[f"without {name}"] for name in ("stage", "smoker", "seen")] == [few] * 3


def test_small_patterns_alone_suppress_everything():
    few = "suppressed (fewer than 10)"
    found = both(frame_of({"we": 9, "st": 9, "sm": 9}))
    assert set(counts_of(found).values()) == {few}


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_few_rows_are_suppressed(rows):
    found = both(frame_of({"": rows}))
    assert set(counts_of(found).values()) == {"suppressed (fewer than 10)"}


def test_all_values_missing_and_none():
    assert counts_of(both(frame_of({"we st sm se": 30}))) == {"without weight, stage, smoker, seen": 30, "all rows": 30}
    assert counts_of(both(frame_of({"": 30}))) == {"complete": 30, "all rows": 30}


def test_a_pattern_that_all_but_a_few_rows_of_one_owner_have():
    # Without the first owner's rows, the pattern has two rows.
    first, second, third = frame_of({"": 60, "we": 30}), frame_of({"": 60, "we": 1}), frame_of({"": 60, "we": 1})
    few = "suppressed (fewer than 10)"
    found = run_of(
        lambda study, visits: study.release("found", st.missing_patterns(visits[NAMES])),
        None,
        parts=[first, second, third],
    ).releases["found"]
    assert counts_of(found) == {"complete": few, "without weight": few, "all rows": 212}
    # Only one owner has the pattern: there is nobody else to protect.
    found = run_of(
        lambda study, visits: study.release("found", st.missing_patterns(visits[NAMES])),
        None,
        parts=[first, frame_of({"": 60}), frame_of({"": 60})],
    ).releases["found"]
    assert counts_of(found) == {"complete": 180, "without weight": 30, "all rows": 210}


def test_the_rows_of_a_selection_and_filtered_shares():
    frame = frame_of({"": 100, "we": 60, "st": 40}).assign(a=[1, 2] * 100)

    def script(study, visits):
        study.release("stay", st.missing_patterns(visits[visits.a == 1][NAMES]))
        rows = visits.share(rows=100)
        study.release("shared", st.missing_patterns(rows.filter(rows.a == 1), NAMES))

    found = run_of(script, frame).releases
    assert counts_of(found["stay"]) == {"complete": 50, "without weight": 30, "without stage": 20, "all rows": 100}
    assert counts_of(found["shared"]) == counts_of(found["stay"])


def test_two_tables_are_held_apart():
    f = frame_of({"": 200, "we": 40, "st": 30, "we st": 6, "sm": 7, "st sm": 20}).assign(a=np.arange(303) // 3 % 2)

    def released(*tables):
        def script(study, visits):
            for k, table in enumerate(tables):
                study.release(str(k), st.missing_patterns(table(visits)))

        return [counts_of(found) for found in run_of(script, f).releases.values()]

    first, again = released(lambda v: v[["weight", "stage"]], lambda v: v[["weight", "stage"]])
    assert first == again
    few = {"suppressed (fewer than 10)"}
    # What lacks the stage less the rows without stage and smoker would tell the 6.
    first, second = released(lambda v: v[["weight", "stage"]], lambda v: v[["stage", "smoker"]])
    assert "suppressed (fewer than 10)" in first.values()
    assert set(second.values()) == few
    first, second = released(lambda v: v[["seen"]], lambda v: v[["weight"]])  # nothing in common
    assert second == {"complete": 257, "without weight": 46, "all rows": 303}
    first, second = released(lambda v: v[["weight"]], lambda v: v[v.a > 0][["weight"]])
    assert second == {"complete": 126, "without weight": 24, "all rows": 150}
    first, second = released(lambda v: v[["weight", "stage"]], lambda v: v[v.a > 0][["weight", "stage"]])
    assert set(second.values()) == few


def test_minimum_one_shows_all():
    assert counts_of(both(frame_of({"": 3, "we": 1}), minimum=1)) == {"complete": 3, "without weight": 1, "all rows": 4}


def test_fewer_than_five_are_few_under_any_minimum():
    found = both(frame_of({"": 30, "we": 20, "st": 4}), minimum=2)
    assert counts_of(found)["without stage"] == "suppressed (fewer than 2)"


@pytest.mark.parametrize(("cells", "minimum", "top"), [(3, 2, 14), (4, 5, 13), (2, 9, 24)])
def test_total_and_rule_tell_no_small_count(cells, minimum, top):
    """All tables of these cells with counts up to `top`, by what comes out of them."""
    least = max(minimum, 5)
    alike = defaultdict(list)
    for counts in product(range(top + 1), repeat=cells):
        shown, sound = plain(np.asarray(counts), minimum)
        visible = tuple(n if shown[k] else None for k, n in enumerate(counts))
        alike[visible, sum(counts) if sound else None].append(counts)
    for (visible, _), tables in alike.items():
        if max(map(max, tables)) == top:  # larger tables look the same, too
            continue
        hidden = [k for k, n in enumerate(visible) if n is None]
        for size in range(1, len(hidden) + 1):
            for some in combinations(hidden, size):
                sums = {sum(table[k] for k in some) for table in tables}
                assert len(sums) > 1 or min(sums) >= least, (visible, tables)


@pytest.mark.parametrize(("cells", "minimum", "top"), [(2, 10, 40), pytest.param(3, 5, 13, marks=pytest.mark.slow)])
def test_an_owner_who_subtracts_its_rows_can_tell_no_small_count(cells, minimum, top):
    """All tables of the others' rows up to `top`, for some rows of the owner."""
    for own in product([0, 1, 3, minimum, minimum + 5], repeat=cells):
        alike = defaultdict(list)
        for others in product(range(top + 1), repeat=cells):
            counts = np.add(own, others)
            shown, sound = plain(counts, minimum, [np.asarray(own), np.asarray(others)])
            visible = tuple(n if shown[k] else None for k, n in enumerate(counts.tolist()))
            alike[visible, sum(others) if sound else None].append(others)
        for (visible, _), tables in alike.items():
            if max(map(max, tables)) == top:  # larger tables look the same, too
                continue
            for k in [k for k, n in enumerate(visible) if n is None]:
                found = {table[k] for table in tables}
                assert len(found) > 1 or not 0 < min(found) < minimum, (own, visible, tables)


def test_the_rule_in_secret_is_the_rule_in_the_clear():
    from mpc.values.cohorts import Cohort

    made = np.random.default_rng(5)
    owned = [made.choice([0, 0, 0, 1, 2, 4, 7, 9, 10, 15, 30], (2, 6)) for _ in range(20)]

    def rule(*counts):
        found = []
        for both in counts:
            each = both.bounded(100)
            cohort = Cohort.of(each.sum(0).bounded(200), each, what="rows", or_none=True)
            for others in (False, True):
                shown, sound = shown_cells(cohort, 10, others)
                found += [shown, sound.reshape(1)]
        return found

    found, place = compute(rule, *owned), 0
    for both in owned:
        for views in ((), both):
            shown, sound = plain(both.sum(0), 10, views)
            np.testing.assert_array_equal(found[place], shown)
            assert found[place + 1][0] == sound
            place += 2


@pytest.mark.parametrize("engine", ENGINES)
def test_pairs_of_many_columns(engine):
    frame = frame_of({"": 200, "we": 40, "st": 20, "we st": 15, "sm": 4})
    frame.loc[:59, "a"] = np.nan
    names = [*NAMES, "a", "b", "c"]
    found = run_of(lambda s, visits: s.release("pairs", st.missing_patterns(visits, names)), frame, engine=engine)
    pairs = found.releases["pairs"]
    assert pairs["labels"] == ["all rows", *names]
    there = np.column_stack([np.ones(len(frame)), frame[names].notna()]).astype(int)
    few, known = "suppressed (fewer than 10)", there.T @ there
    for i, j in product(range(8), repeat=2):
        cell = pairs["values"][i][j]
        if 3 in (i, j):  # smoker: four rows lack it
            assert cell == few
        else:
            assert cell == known[i, j]


def test_what_is_refused():
    with pytest.raises(ShapeError, match="a table is wanted"):
        run_of(lambda s, visits: s.release("x", st.missing_patterns(visits.weight)), frame_of({"": 20}))
    with pytest.raises(ConfigError, match="expected 1 to 40 different"):
        run_of(lambda s, visits: s.release("x", st.missing_patterns(visits, ["weight"] * 2)), frame_of({"": 20}))
    with pytest.raises(ConfigError, match="of shared rows; at most 6"):
        run_of(
            lambda s, visits: s.release("x", st.missing_patterns(visits.drop("person").share(rows=20))),
            frame_of({"": 20}),
        )


@pytest.mark.slow
def test_messages_do_not_depend_on_what_is_missing():
    def of(frame):
        def script(study, visits):
            study.release("stay", st.missing_patterns(visits[NAMES]))
            study.release("shared", st.missing_patterns(visits[NAMES].share(rows=20)))

        return by_operation(run_of(script, frame, engine="replicated").network.messages)

    assert of(frame_of({"": 60})) == of(frame_of({"we": 30, "st": 3, "sm": 2}))


def test_cost():
    def rounds(names):
        run = run_of(
            lambda s, visits: s.release("x", st.missing_patterns(visits[names])),
            frame_of({"": 60}),
            engine="replicated",
        )
        assert max(run.cost.bytes_sent) < 20_000
        return run.cost.rounds

    assert rounds(NAMES[:2]) <= 40
    assert rounds(NAMES) <= 40
