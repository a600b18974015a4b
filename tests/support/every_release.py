"""Every kind of release: numbers, vectors, matrices, arrays, results of statistics, what was computed from them.

Brings    every organization: its people, one row each (`People`)
Learns    every recipient: the releases
Trust     no more compute parties than the threshold put their shares together
"""

from typing import Any

import numpy as np

from mpc import Category, Flag, Real, Scenario, Study, Table, stack, where
from protocols import statistics as st


class People(Table):
    age = Real(0, 120, unit="years")
    smoker = Flag()
    ward = Category("surgery", "medicine", "other")


scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 5})

#: The largest whole number that every engine holds.
LARGEST = 2**61 - 1


@scenario.run
async def run(study: Study) -> None:
    people = study.table("people")
    age, smoker, count = people.age.mean(), people.smoker.mean(), people.count()
    nobody = people.age[people.age > 110].mean()
    some = stack([age, smoker])
    study.release("count", count)
    study.release("largest", where(count > 3, LARGEST, 0))
    study.release("enough", count > 3)
    study.release("nobody", nobody)
    study.release("empty", some[:0])
    study.release("empty matrix", some[:0].reshape(0, 3))
    study.release("one", stack([age]))
    study.release("pair", some)
    study.release("named pair", some, labels=["age", "smoker"])
    study.release("answers", stack([count > 3, count < 3]))
    study.release("wholes", stack([where(count > 3, LARGEST, 0), count]))
    study.release("partly", stack([age, nobody]))
    study.release("square", stack([some, some]))
    study.release("named square", stack([some, some]), labels=(["first", "second"], ["age", "smoker"]))
    study.release("cube", stack([age] * 8).reshape(2, 2, 2))
    study.release("many", stack([age] * 100), labels=[f"number {i}" for i in range(100)])
    study.release("list", [age, count, count > 3, nobody])
    study.release("list of lists", [[age, count], [smoker, 7]])
    study.release("dict", {"age": age, "people": count})
    study.release("dict of vectors", {"first": some, "second": some})
    study.release("means", people[["age", "smoker"]].mean())
    study.release("age histogram", people.age.histogram([0, 25, 30, 60, 120]))
    study.release("age by ward", people.group_by("ward").age.mean())
    study.release("wards", people.group_by("ward").count())
    study.release("t-test", st.ttest_ind(people.age[people.smoker], people.age[~people.smoker]))
    study.release("smokers by ward", st.contingency(people.smoker, people.ward))
    study.release("correlation", people[["age", "smoker"]].corr())
    study.release("model", st.ols(people.age, [people.smoker]))
    rows = people.share(rows=200)
    study.release("odds", await st.logit(rows.smoker, rows[["age"]]))
    for column, missing in st.describe(people).missing.items():
        study.release(f"{column} missing", missing)
    study.release("parameter", study.parameters.minimum_cohort)
    study.release("numbers", np.arange(3) / 2, labels=["none", "half", "one"])
    study.release("words", "as agreed")
    opened = await study.release("opened", age)
    study.release("twice", opened if isinstance(opened, str) else 2 * opened)
    study.release("again", await study.release("opened test", st.ttest_ind(people.age, people.age[people.smoker])))
    study.release("record", {"opened": opened, "rest": [1, [2, 3], None is opened]})


@scenario.plaintext
def plaintext(people: Any) -> dict[str, Any]:
    age, smoker, count = people.age.mean(), people.smoker.mean(), len(people)
    small = "suppressed (fewer than 5)"
    return {
        "count": count,
        "largest": LARGEST,
        "enough": True,
        "nobody": small,
        "empty": [],
        "empty matrix": [],
        "one": [age],
        "pair": [age, smoker],
        "named pair": {"labels": ["age", "smoker"], "values": [age, smoker]},
        "answers": [True, False],
        "wholes": [LARGEST, count],
        "partly": [age, small],
        "square": [[age, smoker]] * 2,
        "named square": {"rows": ["first", "second"], "columns": ["age", "smoker"], "values": [[age, smoker]] * 2},
        "cube": [[[age] * 2] * 2] * 2,
        "many": {"labels": [f"number {i}" for i in range(100)], "values": [age] * 100},
        "list": [age, count, True, small],
        "list of lists": [[age, count], [smoker, 7]],
        "dict": {"labels": ["age", "people"], "values": [age, count]},
        "dict of vectors": {"rows": ["first", "second"], "columns": None, "values": [[age, smoker]] * 2},
        "means": {"labels": ["age", "smoker"], "values": [age, smoker]},
        "parameter": 5,
        "numbers": {"labels": ["none", "half", "one"], "values": [0.0, 0.5, 1.0]},
        "words": "as agreed",
        "opened": age,
        "twice": 2 * age,
    }
