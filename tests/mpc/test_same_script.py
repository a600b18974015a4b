"""A script that does not do the same at all parties ends with both lines, before anything is opened."""

import itertools

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Real, Scenario, Table
from mpc.errors import AgreementError, LocalProtocolError
from mpc.machine.digest import canonical, digest
from mpc.machine.history import KEPT, History
from mpc.machine.labels import Scope
from protocols.simulate import Computation, dry_run, simulate

LEVELS = ("a", "b", "c")


class People(Table):
    age = Real(0, 120)
    height = Real(0, 120)
    name = Category(*LEVELS)


def tables():
    rows = np.arange(60)
    frame = pd.DataFrame({"age": rows, "height": rows + 1.0, "name": [LEVELS[i % 3] for i in rows]})
    return {f"owner{i}": {"people": frame} for i in range(3)}


def scenario_of(script):
    """`script(study, people, k)`, where k is another number at each party."""
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 3})
    turn = itertools.count()

    @scenario.run
    async def run(study):
        await script(study, study.table("people"), next(turn))

    return scenario


async def over_a_set(study, people, k):
    for i, level in enumerate(LEVELS[k:] + LEVELS[:k]):
        study.release(f"group {i}", people.age[people.name == level].mean() * (i + 1))


async def by_address(study, people, k):
    keys = sorted((object(), object()), key=id, reverse=k == 1)  # where things lie in memory
    columns = dict(zip(keys, ("age", "height"), strict=True))
    study.release("first", people[columns[min(columns, key=id)]].mean())


async def by_the_clock(study, people, k):
    study.release("mean", people.age.mean() * (1 + k))


async def another_condition(study, people, k):
    study.release("mean", people.age[people.age > 20 + k].mean())


async def another_limit(study, people, k):
    study.release("young", people.age.clip(0, 40 + k).mean())


async def swapped(study, people, k):
    one, other = people.age.mean(), people.height.mean()
    if k == 2:
        one, other = other, one
    study.release("one", one)
    study.release("other", other)


async def another_name(study, people, k):
    study.release("mean" if k else "average", people.age.mean())


async def another_derived_value(study, people, k):
    study.release("number", [1.5, {"k": 2.0 + k}])


async def one_more(study, people, k):
    x = people.age.mean()
    if k == 1:
        x = x + 0
    study.release("mean", x)


async def another_row(study, people, k):
    shared = people.share(rows=60)["age"]
    study.release("some", shared[k : k + 20].mean())


async def after_a_wait(study, people, k):
    x = people.age.mean()
    await study.settle(x)
    y = x * x if k == 1 else x + 1
    await study.settle(y)
    study.release("value", y)


async def beside(study, people, k):
    async def part(level):
        return people.age[people.name == level].mean()

    means = await study.gather(*(part(level) for level in (LEVELS if k else LEVELS[::-1])))
    study.release("mean", means[0])


SCRIPTS = [
    over_a_set,
    by_address,
    by_the_clock,
    another_condition,
    another_limit,
    swapped,
    another_name,
    another_derived_value,
    one_more,
    another_row,
    after_a_wait,
    beside,
]


@pytest.mark.parametrize("engine", ["replicated", "ideal"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_parties_that_go_apart_are_told_where(script, engine):
    seen = []
    with pytest.raises(AgreementError) as found:
        seen.append(simulate(scenario_of(script), tables(), engine=engine, as_planned=False).releases)
    assert not seen
    text = str(found.value)
    first = script.__code__.co_firstlineno
    assert text.count("test_same_script.py line ") >= 2, text
    lines = [int(part.split()[0]) for part in text.split("test_same_script.py line ")[1:]]
    assert all(first < line <= first + 12 for line in lines), text
    assert "owner" in text


def test_a_script_that_does_the_same_everywhere_runs():
    async def same(study, people, k):
        study.release("mean", people.age[people.name == "a"].mean() * 2)

    assert simulate(scenario_of(same), tables()).releases["mean"] == pytest.approx(57.0, abs=1e-4)


def test_what_visitors_contribute_covers_what_they_read():
    """Organizations that do not compute run the script alone: the layout tells what they were asked for."""

    def layout(column):
        scenario = Scenario(inputs={"people": People.rows()})

        @scenario.run
        async def run(study):
            study.release("mean", study.table("people")[column].mean())

        return dry_run(Computation(scenario, list("abcd"), compute=3)).layout

    one, same, other = layout("age"), layout("age"), layout("height")
    assert one.size(3) == other.size(3) > 0
    assert one.digest(3) == same.digest(3) != other.digest(3)


# ---- digests
def test_equal_values_have_equal_digests_and_different_ones_do_not():
    def closing(values):
        return lambda a: a[values]

    values = [
        None, True, False, 0, 1, 1.0, -0.0, 0.0, "1", b"1", (1,), [1], (1, 2), ((1,), 2), ..., slice(1), slice(1, None),
        range(3), {"a": 1}, np.arange(3), np.arange(3.0), np.arange(3).reshape(3, 1), np.zeros(100), np.ones(100),
        np.abs, np.transpose, closing([1]), closing([2]), lambda a: a, np.int64(1), np.float64(1),
    ]  # fmt: skip
    digests = [digest(value) for value in values]
    assert len(set(digests)) == len(values)
    assert digest(closing([1])) == digest(closing([1]))


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), iter([1])])
def test_a_value_without_a_known_form_is_refused(value):
    with pytest.raises(LocalProtocolError):
        canonical(value)


def test_only_the_last_operations_are_remembered():
    def history(count, change):
        scope, found = Scope(b"run"), History()
        for i in range(count):
            label = scope.label("add", b"x" if i == change else b"")
            found.note(scope, label, "add", ("script.py", i))
        return found

    here, there = history(KEPT + 10, None), history(KEPT + 10, KEPT // 2)
    first = here.first_other(there.shorts())
    assert first is not None
    assert first.source[1] == KEPT // 2
    forgotten = history(KEPT + 10, 3)
    assert here.first_other(forgotten.shorts()).source[1] == 10  # the oldest that is known
    assert here.first_other(here.shorts()) is None
