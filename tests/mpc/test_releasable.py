"""What can be released, and what a script is told where something cannot."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from mpc import Flag, Real, Result, Scenario, Table, stack
from mpc.errors import ConfigError
from protocols import order
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate


class People(Table):
    age = Real(0, 120)
    smoker = Flag()


NAMES = ["county", "north", "st-mary"]
ROWS = {name: {"people": {"age": np.arange(20.0, 60.0), "smoker": np.arange(40) % 2}} for name in NAMES}


def scenario_of(release):
    """A scenario that calls `release(study, people)`."""
    made = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 3})

    @made.run
    async def run(study):
        found = release(study, study.table("people"))
        if hasattr(found, "__await__"):
            await found

    return made


def released(release, engine="ideal"):
    return simulate(scenario_of(release), ROWS, engine=engine).releases


def planned(release):
    return dry_run(Computation(scenario_of(release), NAMES))


@dataclass
class Fitted:
    slopes: object
    names: list


class Model:
    def release(self):
        """As models do."""


async def unawaited():
    """A coroutine that the script forgot to await."""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda people: people.age, "age is a private column"),
        (lambda people: people.age + people.smoker, "is a private column"),
        (lambda people: [people.age.mean(), people.age], "age is a private column"),
        (lambda people: people, "a private table"),
        (lambda people: people.group_by(people.smoker), "rows by groups"),
        (lambda people: st.describe(people), "holds mean, sd, missing"),
        (lambda people: st.describe(people).mean, "Release each under its own name"),
        (lambda people: {"age": people.age.mean(), "all": people[["age"]].corr()}, "Release each under its own name"),
        (lambda people: people.age.mean, "Call it: mean"),
        (lambda people: Fitted(people.age.mean(), []), "which holds slopes, names"),
        (lambda people: Model(), "Release what its release"),
        (lambda people: None, "the value is None"),
        (lambda people: {1, 2}, "which has no order. Write sorted"),
        (lambda people: people[["age"]].mean().values(), "Write list"),
        (lambda people: (x for x in [people.count()]), "Write list"),
        (lambda people: Decimal("1.5"), "Write float"),
        (lambda people: {"a": {"b": people.count()}}, "secrets in a dict among other values"),
        (lambda people: [{"b": people.count()}], "secrets in a dict among other values"),
        (lambda people: 1j, "a complex cannot be released"),
        (lambda people: np.array([1, 2j]), "a complex cannot be released"),
        (lambda people: [people.age.mean(), [people.age.mean()]], "different shapes"),
        (lambda people: {"a": people.age.mean(), "b": stack([people.age.mean()])}, "different shapes"),
        (lambda people: {1: 1, "1": 2}, "two keys of a dict"),
        (lambda people: {"a": 1, "a\n": 2}, "cannot be seen"),
    ],
)
def test_what_cannot_be_released_is_refused_at_plan_time_with_a_remedy(value, said):
    with pytest.raises(ConfigError, match=said) as caught:
        planned(lambda study, people: study.release("it", value(people)) and None)
    assert "release 'it'" in str(caught.value)
    assert "test_releasable.py line" in caught.value.source


def test_a_coroutine_is_refused():
    coroutine = unawaited()
    with pytest.raises(ConfigError, match="not awaited"):
        planned(lambda study, people: study.release("it", coroutine) and None)
    coroutine.close()
    with pytest.raises(ConfigError, match="not awaited"):
        planned(lambda study, people: study.release("b", study.release("a", people.count())) and None)


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "esc\x1b[1m", "left\u202eright", "x" * 201, 5, None])
def test_names_are_one_line_of_visible_text(name):
    with pytest.raises(ConfigError, match=r"a release is named|the name of a release"):
        planned(lambda study, people: study.release(name, people.count()) and None)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"], "2 elements and 1 labels"),
        (["a", "a"], "two elements have the label 'a'"),
        ([1, "1"], "two elements have the label '1'"),
        ("ab", "a list of texts"),
        (["a", "b\x1b"], "cannot be seen"),
        (["a", "b" * 201], "more than 200 characters"),
        (5, "a list of texts"),
    ],
)
def test_labels_of_a_vector_fit(labels, said):
    with pytest.raises(ConfigError, match=said):
        planned(lambda study, people: study.release("it", stack([people.age.mean()] * 2), labels=labels) and None)


@pytest.mark.parametrize(
    ("shape", "labels", "said"),
    [
        ((2, 3), ["a", "b", "c"], "labels=\\(rows, columns\\)"),
        ((2, 3), (["a", "b"], ["c"]), "3 columns and 1 labels"),
        ((2, 3), (["a"], None), "2 rows and 1 labels"),
        ((2, 3), (None, ["a", "b", "a"]), "two columns have the label 'a'"),
        ((2, 3), "ab", "labels=\\(rows, columns\\)"),
        ((), ["a"], "labels are for vectors and matrices"),
        ((1, 2, 3), (["a"], None, None), "labels are for vectors and matrices"),
    ],
)
def test_labels_of_a_matrix_fit(shape, labels, said):
    size = int(np.prod(shape))
    with pytest.raises(ConfigError, match=said):
        planned(
            lambda study, people: (
                study.release("it", stack([people.age.mean()] * size).reshape(shape), labels=labels) and None
            )
        )


def test_results_have_their_own_labels():
    with pytest.raises(ConfigError, match="its own labels"):
        planned(lambda study, people: study.release("it", people[["age"]].corr(), labels=["a"]) and None)
    with pytest.raises(ConfigError, match="keys of a dict are its labels"):
        planned(lambda study, people: study.release("it", {"a": people.age.mean()}, labels=["b"]) and None)


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_rows_or_columns_alone_may_have_labels(engine):
    found = released(
        lambda study, people: (
            study.release("it", stack([people.count()] * 2).reshape(2, 1), labels=(["a", "b"], None)) and None
        ),
        engine,
    )
    assert found == {"it": {"rows": ["a", "b"], "columns": None, "values": [[120], [120]]}}


def test_public_values_are_derived_and_open_nothing():
    def release(study, people):
        study.release("number", np.float64(0.5))
        study.release("whole", np.int64(2**61))
        study.release("answer", np.bool_(True))
        study.release("day", datetime.date(2026, 3, 4))
        study.release("matrix", np.eye(2, dtype=int), labels=(["a", "b"], ["c", "d"]))
        study.release("nested", {"a": (1, None is people), 2: float("nan")})

    assert released(release) == {
        "number": 0.5,
        "whole": 2**61,
        "answer": True,
        "day": "2026-03-04",
        "matrix": {"rows": ["a", "b"], "columns": ["c", "d"], "values": [[1, 0], [0, 1]]},
        "nested": {"a": [1, False], "2": "undefined"},
    }
    dry = planned(release)
    assert dry.rounds == 1  # that all parties release the same is compared
    assert {line["kind"] for line in dry.manifest()} == {"derived"}
    assert all(line["parts"] == {} for line in dry.manifest())


def test_what_was_opened_can_be_released_again_in_another_form():
    """A dry run sees a number where the run sees words: the manifest is the same."""

    async def release(study, people):
        small = people.age[people.age > 118].mean()
        opened = await study.release("small", small)
        study.release("again", opened)
        study.release("twice", opened if isinstance(opened, str) else 2 * opened)
        study.release("test", await study.release("t", st.ttest_ind(people.age, people.age[people.age > 118])))

    small = "suppressed (fewer than 3)"
    assert released(release) == dict.fromkeys(["small", "again", "twice", "t", "test"], small)


def test_only_recipients_get_a_derived_value():
    run = simulate(
        scenario_of(lambda study, people: study.release("it", 5, to=["north"]) and None), ROWS, engine="ideal"
    )
    assert run.by_organization == {"county": {}, "north": {"it": 5}, "st-mary": {}}


def test_organizations_that_do_not_compute_learn_every_form():
    def release(study, people):
        age, count = people.age.mean(), people.count()
        study.release("named", stack([age, age]), labels=["a", "b"])
        study.release("list", [age, count, count > 3])
        study.release("rule", {"minimum": study.parameters.minimum_cohort})

    more = {**ROWS, "west": ROWS["north"]}
    for engine in ("ideal", "replicated"):
        run = simulate(scenario_of(release), more, engine=engine, compute=NAMES)
        assert run.by_organization["west"] == run.by_organization["county"]
        assert run.by_organization["west"]["list"] == [pytest.approx(39.5), 160, True]
        assert run.by_organization["west"]["rule"] == {"minimum": 3}


def test_what_was_opened_is_not_lost_where_it_cannot_be_put_together():
    def finish(opened):
        return 1 / int(opened["people"].values - 120)

    def release(study, people):
        study.release("it", Result("number", {"people": people.count()}, finish))

    problem = "could not be put together: ZeroDivisionError: division by zero"
    assert released(release) == {"it": {"problem": problem, "opened": {"people": 120.0}}}


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_quantiles_and_coefficients_come_out(engine):
    def release(study, people):
        rows = people.share(rows=40)
        study.release("quartiles", order.quantile(rows["age"], [0.25, 0.5, 0.75]), labels=["25 %", "50 %", "75 %"])

    found = released(release, engine)["quartiles"]
    assert found["labels"] == ["25 %", "50 %", "75 %"]
    assert found["values"] == pytest.approx([29.75, 39.5, 49.25])
