"""The most frequent levels of a category, against pandas, and against who knows the total, a histogram and the rule."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Scenario, Table
from mpc.errors import ConfigError, RangeError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
CODES = ["A10", "B20", "C30", "D40", "E50", "F60"]
COUNTS = [(20, 20, 20, 20, 20, 20), (0, 0, 120, 0, 0, 0), (1, 2, 3, 50, 40, 24)]
FEW = "suppressed (fewer than 5)"


class Visits(Table):
    code = Category(*CODES)
    ill = Flag()


def released(script, frame, **options):
    return run_of(script, frame, **options).releases


def run_of(script, frame, minimum=5, engine="ideal", share=None):
    scenario = Scenario(inputs={"visits": Visits.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("visits"))

    names = "abcde" if engine == "shamir" else "abc"
    tables = {name: {"visits": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    if share is not None:
        tables = {name: {"visits": frame[share(frame) == k]} for k, name in enumerate(names)}
    return simulate(scenario, tables, engine=engine)


def frame_of(*counts):
    codes = np.repeat(CODES, counts).astype(object)
    return pd.DataFrame({"code": codes, "ill": np.arange(len(codes)) % 3 == 0})


def both(frame, k, places=None, **options):
    def script(study, visits):
        study.release("stay", st.top(visits.code, k))
        study.release("shared", st.top(visits.share(rows=places or len(frame)).code, k))

    found = released(script, frame, **options)
    assert found["stay"] == found["shared"]
    return found["stay"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_most_frequent_levels(engine):
    frame = frame_of(21, 30, 12, 21, 27, 0)
    frame = pd.concat([frame, pd.DataFrame({"code": [None], "ill": [True]})]).sample(frac=1, random_state=1)
    known = frame.code.value_counts()
    found = both(frame, 2, engine=engine, minimum=1)
    assert found == {"labels": known.index[:2].tolist(), "values": known.iloc[:2].tolist()}
    found = both(frame, 6, engine=engine, minimum=1)
    assert found == {"labels": ["B20", "E50", "A10", "D40", "C30", "F60"], "values": [30, 27, 21, 21, 12, 0]}


@pytest.mark.parametrize("engine", ENGINES)
def test_levels_with_few_rows_have_neither_name_nor_count(engine):
    found = both(frame_of(12, 4, 30, 4, 0, 2), 4, engine=engine)
    assert found == {"labels": ["C30", "A10", "rank 3", "rank 4"], "values": [30, 12, FEW, FEW]}


def test_the_list_is_suppressed_where_the_total_would_tell_small_levels():
    # The small levels hold two rows: a histogram hides A10, too.
    frame = frame_of(12, 2, 30, 40, 0, 0)
    for k in (1, 3):
        assert both(frame, k) == {"labels": [f"rank {i + 1}" for i in range(k)], "values": [FEW] * k}


def test_a_level_of_one_owner_and_few_rows_of_others():
    frame = frame_of(30, 30, 30, 30, 30, 30)

    def owner(rows):
        return np.where(rows.code == "A10", np.where(np.arange(len(rows)) < 2, 1, 0), np.arange(len(rows)) % 3)

    found = both(frame, 2, share=owner)
    assert found["values"] == [FEW] * 2  # A10 is first of equals, and others have two of its rows


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_no_rows_or_one_or_no_other_level(rows):
    found = both(frame_of(rows, 0, 0, 0, 0, 0), 2, places=20)
    assert found == {"labels": ["rank 1", "rank 2"], "values": [FEW, FEW]}


def test_of_filtered_rows():
    frame = frame_of(60, 90, 30, 12, 12, 6).sample(frac=1, random_state=1)

    def script(study, visits):
        rows = visits.share(rows=80)
        study.release("shared", st.top(rows.filter(rows.ill).code, 2))
        study.release("stay", st.top(visits.filter(visits.ill).code, 2))

    found = released(script, frame)
    assert found["shared"] == found["stay"] == {"labels": ["B20", "A10"], "values": [30, 20]}


def test_thousands_of_levels():
    names = [f"X{i:04}" for i in range(3000)]

    class Coded(Table):
        code = Category(*names)

    scenario = Scenario(inputs={"visits": Coded.rows()}, parameters={"minimum_cohort": 5})

    @scenario.run
    async def run(study):
        study.release("top", st.top(study.table("visits").code, 5))

    made = np.random.default_rng(1)
    frame = pd.DataFrame({"code": np.asarray(names)[(made.pareto(1.0, 20000) * 20).astype(int) % 3000]})
    tables = {name: {"visits": frame.iloc[k::3]} for k, name in enumerate("abc")}
    known = frame.code.value_counts()
    found = simulate(scenario, tables, engine="ideal").releases["top"]
    assert found["values"] == known.iloc[:5].tolist()
    assert known[found["labels"]].tolist() == found["values"]


def hidden(counts, k):
    small = counts < k
    rows, much = counts[small].sum(), small.sum() * (k - 1) - k // 2
    if small.any() and not small.all() and (rows < k or rows > much):
        small[small.argmin()] = True
    return small


def shown(counts, minimum, k):
    order = np.argsort(-counts, kind="stable")[:k]
    suppressed = hidden(counts, minimum)
    if (suppressed & (counts >= minimum)).any():
        return "all"
    return tuple((int(i), int(counts[i])) if not suppressed[i] else None for i in order)


@pytest.mark.parametrize(("k", "cells"), [(3, 3), (4, 3), (3, 4)])
def test_a_suppressed_count_stays_open_even_to_who_knows_the_total_and_the_rule(k, cells):
    most = 4 * k
    for first in range(1, cells + 1):
        behind = defaultdict(set)
        for counts in product(range(most + 1), repeat=cells):
            behind[shown(np.asarray(counts), k, first), sum(counts)].add(counts)
        for (entries, total), tables in behind.items():
            if total > most or entries == "all":
                continue
            named = {entry[0] for entry in entries if entry}
            if not named:
                continue
            for i in set(range(cells)) - named:
                possible = {counts[i] for counts in tables}
                assert len(possible) >= 2 or min(possible) >= k, (entries, total, i, possible)


@pytest.mark.parametrize(("k", "cells"), [(3, 3), (5, 3)])
def test_beside_a_histogram_and_the_total_at_most_a_count_of_none_is_told(k, cells):
    """Of all lists together. A suppressed list can tell that a level has no rows; the histogram alone does not."""
    behind = defaultdict(set)
    for counts in product(range(4 * k + 1), repeat=cells):
        array = np.asarray(counts)
        histogram = tuple(None if small else count for small, count in zip(hidden(array, k), counts, strict=True))
        lists = tuple(shown(array, k, first) for first in range(1, cells + 1))
        behind[histogram, lists, sum(counts)].add(counts)
    told = set()
    for (histogram, lists, total), tables in behind.items():
        if total > 4 * k or set(histogram) == {None}:
            continue
        for i in range(cells):
            possible = {counts[i] for counts in tables}
            if histogram[i] is None and len(possible) == 1 and min(possible) < k:
                told.add((min(possible), lists[0]))
    assert told == {(0, "all")}


def test_what_is_refused():
    frame = frame_of(10, 10, 10, 0, 0, 0)

    def refused(make, error, words):
        with pytest.raises(error, match=words):
            released(lambda study, visits: study.release("top", make(visits)), frame)

    refused(lambda t: st.top(t.code, 0), ConfigError, "from 1 to 6")
    refused(lambda t: st.top(t.code, 7), ConfigError, "from 1 to 6")
    refused(lambda t: st.top(t.share(rows=10).ill, 2), ShapeError, "a category is wanted")
    refused(lambda t: st.top(t.share(rows=1 << 20).code, 2), RangeError, "levels times")


@pytest.mark.slow
def test_messages_and_rounds_do_not_depend_on_the_rows():
    def script(study, visits):
        study.release("stay", st.top(visits.code, 3))
        study.release("shared", st.top(visits.share(rows=40).code, 3))

    runs = [run_of(script, frame_of(*counts), engine="replicated") for counts in COUNTS]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)
    alone = run_of(lambda study, t: study.release("top", st.top(t.code, 3)), frame_of(*COUNTS[0]), engine="replicated")
    assert (runs[0].cost.rounds, alone.cost.rounds) == (47, 40)
    assert max(alone.cost.bytes_sent) < 3000
