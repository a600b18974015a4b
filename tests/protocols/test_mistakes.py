"""What authors get wrong is told with its line and what to do, and is never called a defect."""

from __future__ import annotations

import re
import textwrap

import numpy as np
import pytest

from mpc import Category, Flag, Real, Scenario, Table
from mpc.errors import ComityError, ConfigError, ScenarioError
from protocols import mistakes
from protocols.simulate import Computation, dry_run, simulate

PEOPLE = """
from mpc import *
from protocols import numeric, order, statistics as st
import numpy as np
import math, statistics


async def run(study):
    people = study.table("people")
    age = people.age
    mean = age.mean()
"""
LINE = PEOPLE.count("\n") + 1


class People(Table):
    age = Real(0, 120)
    smoker = Flag()
    ward = Category("surgery", "medicine", "other")


def scenario(body: str, tmp_path) -> Scenario:
    """A scenario whose script has these lines, in a file of its own."""
    path = tmp_path / "script.py"
    path.write_text(PEOPLE + textwrap.indent(body, "    ") + "\n")
    found: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), found)
    made = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 1})
    made.run(found["run"])
    return made


def told(body: str, tmp_path) -> ComityError:
    with pytest.raises(ComityError) as caught:
        dry_run(Computation(scenario(body, tmp_path), ["a", "b", "c"]))
    return caught.value


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("age.median()", r"share\(rows=N"),
        ("age.quantile(0.5)", r"share\(rows=N"),
        ("age ** 2", r"write x \* x"),
        ("2 ** mean", r"write x \* x"),
        ("mean // 2", "numeric.floor"),
        ("age % 2", r"\.cut\(edges\)"),
        ("divmod(mean, 2)", "numeric.floor"),
        ("divmod(age, 2)", "secret whole numbers"),
        ("2 << mean", "power of two"),
        ("await mean", "values need no await"),
        ("await study.gather(mean)", "values need no await"),
        ("people.group_by(['ward', 'smoker'])", "Rows of several owners meet only in secret"),
        ("people.groupby('ward')", r"group_by\("),
        ("age.histogram(10)", "edges, such as"),
        ("age.cut(5)", "edges, such as"),
        ("age.histogram()", r"it takes histogram\(edges: Sequence\[float\]\)"),
        ("age.mean(axis=0)", r"it takes mean\(\)"),
        ("st.ols(age, predictor=[age])", "did you mean 'predictors'"),
        ("st.contingency('ward', 'smoker')", r"contingency\(rows: PrivateArray, columns: PrivateArray\) does not take"),
        ("st.ttest_ind(age, 'ward')", "columns are wanted, all private or all shared"),
        ("age.clip('a', 'b')", r"clip\(low: float, high: float\) does not take"),
        ("mean.meen()", "did you mean 'mean'"),
        ("people.agee", "did you mean 'age'"),
        ("people['agee']", "did you mean 'age'"),
        ("people[0]", "rows have no numbers"),
        ("people.filter('age > 3')", "table.age > 3"),
        ("people.query('age > 3')", "table.filter"),
        ("study.table('peple')", "did you mean 'people'"),
        ("study.realese('x', mean)", "did you mean 'release'"),
        ("study.release(mean)", r"it takes release\(name: str"),
        ("study.parameters.minimun_cohort", "did you mean 'minimum_cohort'"),
        ("study.parameters['minimum_cohort']", "study.parameters.NAME"),
        ("{'age': 1}['agee']", "KeyError: 'agee'"),
        ("wards = {'surgery': 1}; wards['surgry']", "did you mean 'surgery'"),
        ("contingency(age, age)", "from protocols.statistics import contingency"),
        ("pd.DataFrame()", "for the oracle"),
        ("menn = meann", "did you mean 'mean'"),
        ("sum(age)", "one by one"),
        ("for row in age: pass", "one by one"),
        ("max(mean, mean)", "mpc.maximum"),
        ("sorted([mean, mean])", r"\.sort\(\)"),
        ("if mean > 3: pass", "mpc.where"),
        ("20 < mean < 30", "a < x < b"),
        ("people[age > 20 and age < 30]", "& | ~"),
        ("round(mean, 2)", "round_half_up"),
        ("int(mean)", "release it to learn it"),
        ("float(mean)", "release it"),
        ("math.sqrt(mean)", "release it"),
        ("statistics.mean([mean, mean])", r"\.mean\(\), \.std\(\)"),
        ("f'{mean}'", "release it to learn it"),
        ("f'{mean:.2f}'", "release it to learn it"),
        ("'%.2f' % mean", "release it"),
        ("f'{age}'", "no text here"),
        ("np.sqrt(mean)", r"x\.sqrt\(\)"),
        ("np.log(age)", r"x\.log\(\)"),
        ("np.mean(age)", r"x\.mean\(\)"),
        ("np.where(age > 3, 1, 0)", "mpc.where"),
        ("np.median(mean)", r"write x\.median\(\)"),
        ("np.max(people.share(rows=9)['age'])", r"write protocols\.numeric\.largest\(x\).*unprotected="),
        ("np.amin(age)", r"share\(rows=N\).*smallest\(x\).*unprotected="),
        ("np.percentile(age, 5)", r"share\(rows=N\).*x\.quantile\(q\)"),
        ("age.max()", r"share\(rows=N\).*numeric\.largest\(x\).*unprotected=.*quantile\(0\.95\)"),
        ("people.share(rows=9)['age'].min()", r"in place of min: protocols\.numeric\.smallest\(x\).*unprotected="),
        ("people.share(rows=9)['age'].nlargest(3)", r"order\.top_k\(x, k\)"),
        ("people.group_by('ward').age.max()", r"numeric\.largest"),
        ("people.max()", r"numeric\.largest"),
        ("max(age)", r"share\(rows=N\).*numeric\.largest\(x\)"),
        ("max(people.share(rows=9)['age'])", r"numeric\.largest\(x\), smallest\(x\), x\.quantile\(q\)"),
        ("any(people.smoker)", "one by one"),
        ("people[age > 60 & people.smoker]", r"in parentheses: \(table\.age > 60\) & table\.smoker"),
        ("people[people.smoker == 'yes']", "of a flag write smoker, or ~smoker"),
        ("people.ward.histogram(['surgery'])", r'table\.group_by\("ward"\)\.count\(\)'),
        ("people.ward.levels", r'table\.group_by\("ward"\)'),
        ("people['old'] = age > 60", "keep a derived column in a variable"),
        ("age ** 0.5", r"x\.sqrt\(\)"),
        ("age.corr(age)", r'table\[\["age", "weight"\]\]\.corr\(\)'),
        ("people[['age']].corr()['age']", "has no part 'age'.*study.release"),
        ("people.shape", r"\.count\(\), a secret"),
        ("st.ols(age, ['smoker'])", r"columns are wanted, such as table\.smoker"),
        ("st.ols('age ~ smoker', people[['age']])", "has no column 'smoker'; it has age"),
        ("st.describe(age)", r'a table is wanted, such as table\[\["age"\]\]'),
        ("st.correlation(['age'])", "columns are wanted"),
        ("st.logistic(people.smoker, age)", "did you mean 'logit'"),
        ("st.mannwhitneyu(age, age)", r"a column of shared rows is wanted: table\.share"),
        ("st.friedmanchisquare(age, age)", "2 columns; expected 3 to 16"),
        ("st.cronbach(age, age)", "protocols.statistics has Description, LinearModel, adjust_p"),
        ("study.release('x', people.group_by('ward').age)", r"its mean\(\), std\(\) or count\(\)"),
        ("study.release('x', str(mean))", "Release the value itself"),
        ("study.release('x', {'a': repr(age)})", "Release the value itself"),
        ("study.release('x', mean, unprotected=True)", "it is the reason, in words"),
        ("people.smoker.any()", r"table\[flag\]\.count\(\) > 0"),
        ("age.idxmax()", r"numeric\.argmax\(x\)"),
        ("mean[0] = 3", "values do not change"),
        ("{mean: 1}", "a list"),
        ("mean.shape()", "not callable"),
        ("age.mean['x']", "call it first"),
        ("age.mean.x", r"mean\(…\)"),
        ("x = None; x.mean()", "without `return`"),
        ("1 / 0", "public divisor is 0"),
        ("[1, 2][5]", "fewer elements"),
        ("10 ** 12 * [0]", "more memory"),
        ("raise ValueError('of mine')", "ValueError: of mine"),
        ("assert 1 == 2, 'broken'", "AssertionError: broken"),
        ("raise StopIteration", "next"),
        ("def helper(n): return helper(n + 1)\nhelper(0)", "calls itself"),
        ("class Own(Exception): pass\nraise Own('my own')", "Own: my own"),
    ],
)
def test_an_authors_mistake_is_told_with_its_line_and_a_remedy(tmp_path, line, says):
    error = told(line, tmp_path)
    last = LINE if line.startswith("def") else LINE + line.count("\n")
    assert error.source == f"script.py line {last}"
    assert error.exit_code == 1
    assert re.search(says, str(error)), str(error)
    assert "defect" not in str(error)


@pytest.mark.parametrize(
    "use",
    [
        "value + 1", "1 - value", "-value", "value > 3", "value[0]", "abs(value)", "round(value)", "float(value)",
        "int(value)", "len(value)", "range(value)", "max(value, 1)", "f'{value:.2f}'", "value.mean()", "[*value]",
        "age > value", "age - value", "mean * value", "age.histogram([0, value, 120])", "study.release('x', value)",
        "study.release('x', [mean, value])", "study.release('x', {'a': value})",
    ],
)  # fmt: skip
def test_an_awaited_release_that_not_all_receive_is_told_with_a_remedy(tmp_path, use):
    error = told(f"value = await study.release('one', mean, to='a')\n{use}", tmp_path)
    assert "not every compute party receives it" in str(error)
    assert "leave out to=" in str(error)
    assert error.source == f"script.py line {LINE + 1}"


@pytest.mark.parametrize("use", ["value + 1", "value > 3", "round(value)", "age > value", "mean * value", "value[0]"])
def test_a_release_that_was_not_awaited_is_told(tmp_path, use):
    error = told(f"value = study.release('one', mean)\n{use}", tmp_path)
    assert "Write `await` before it" in str(error)


def test_what_is_told_in_place_of_max_and_median_works(tmp_path):
    """The remedies of the messages, as they are written."""
    body = """
x = people.share(rows=40)["age"]
study.release("largest", numeric.largest(x), unprotected="why")
study.release("smallest", numeric.smallest(x), unprotected="why")
study.release("three", order.top_k(x, 3), unprotected="why")
study.release("low", order.ranked(x, range(2)), unprotected="why")
study.release("where", numeric.argmax(x), unprotected="why")
study.release("q", x.quantile(0.95))
study.release("m", x.median())
study.release("any", people[people.smoker].count() > 0)
study.release("all", people[~people.smoker].count() == 0)
"""
    made = scenario(body, tmp_path)
    assert len(dry_run(Computation(made, ["a", "b", "c"])).releases) == 9
    ages = [float(20 + i) for i in range(30)]
    rows = {"age": ages, "smoker": [True] * 30, "ward": ["other"] * 30}
    found = simulate(made, {name: {"people": rows} for name in "abc"}, engine="ideal").releases
    assert (found["largest"], found["smallest"]) == (pytest.approx(49), pytest.approx(20))
    assert found["three"] == pytest.approx([49, 49, 49])
    assert found["low"] == pytest.approx([20, 20])
    assert (found["any"], found["all"]) == (True, True)


def test_what_scripts_print_is_the_same_at_all_parties(tmp_path):
    """No address of an object, which is another one in each process."""
    body = "groups = people.group_by('ward')\nshown = [people, age, mean, study, groups, groups.age]\nassert 0, shown"
    assert " at 0x" not in str(told(body, tmp_path))


def test_one_recipient_needs_no_list(tmp_path):
    plan = dry_run(Computation(scenario("study.release('x', mean, to='b')", tmp_path), ["a", "b", "c"]))
    assert [list(entry.recipients) for entry in plan.releases] == [["b"]]


@pytest.mark.parametrize("line", ["st.ols(age, people.smoker)", "st.correlation(people[['age', 'smoker']])"])
def test_what_can_be_meant_in_one_way_only_works(tmp_path, line):
    plan = dry_run(Computation(scenario(f"study.release('x', {line})", tmp_path), ["a", "b", "c"]))
    assert [entry.name for entry in plan.releases] == ["x"]


def test_a_simulation_tells_it_in_the_same_way(tmp_path):
    rows = {name: {"people": {"age": [1.0], "smoker": [1], "ward": ["other"]}} for name in ("a", "b", "c")}
    with pytest.raises(ScenarioError, match=r"AttributeError: .*\n.*share\(rows=N\)") as caught:
        simulate(scenario("age.median()", tmp_path), rows, engine="ideal")
    assert caught.value.source == f"script.py line {LINE}"
    assert isinstance(caught.value.__cause__, AttributeError)


def test_once_rows_were_read_the_message_stays_here():
    error = ScenarioError("KeyError: 'a value that was opened'")
    error.kind, error.source = "KeyError", "script.py line 3"
    brief = error.brief()
    assert (brief.source, brief.kind, brief.exit_code) == ("script.py line 3", "KeyError", 1)
    assert "KeyError" in str(brief)
    assert "opened'" not in str(brief)


def test_a_defect_of_ours_is_none_of_the_authors(tmp_path, monkeypatch):
    """An error inside of Comity that no line of the script called for, and one of a scheduled operation."""
    from protocols.ideal.engine import IdealEngine

    def broken(self, *_, **__):
        raise TypeError("ours")

    rows = {name: {"people": {"age": [1.0], "smoker": [1], "ward": ["other"]}} for name in ("a", "b", "c")}
    monkeypatch.setattr(IdealEngine, "add", broken)
    with pytest.raises(TypeError, match="ours"):
        simulate(scenario("study.release('x', mean)", tmp_path), rows, engine="ideal")
    assert mistakes.mistake(ConfigError("says itself what it is")) is None
    with pytest.raises(ValueError, match="negative") as caught:
        np.zeros(-1)
    assert str(mistakes.mistake(caught.value)).startswith("ValueError: negative")  # this file is no library


def test_a_value_that_stands_in_for_an_opened_one_is_said_to(tmp_path):
    body = "value = await study.release('x', mean)\nif value < 200: raise ValueError(f'too low: {value}')"
    assert "another number stands in for a released value" in str(told(body, tmp_path))
    assert "stands in" not in str(told("1 / 0", tmp_path))
