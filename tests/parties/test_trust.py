"""Which engine and threshold a study has, which it may not have, and what is said about who must not collude."""

from __future__ import annotations

import pytest

from mpc.errors import ConfigError
from parties.study.plan import make_study
from parties.study.trust import coalition_lines, coalitions, listed, number, who_must_not_collude, why
from protocols.engines import largest_threshold

LETTERS = "abcdefghijklmnopqrstuvw"
ALL = ["input", "compute", "recipient"]


def study(count, *, helpers=(), **given):
    """Organizations a, b, c, …, each with every role, but for helpers."""
    organizations = {
        name: {"roles": ["compute"]} if name in helpers else {"roles": ALL, "patients": "p"} for name in LETTERS[:count]
    }
    return make_study({"scenario": "s", "purpose": "p", "organizations": organizations} | given)


@pytest.mark.parametrize(
    ("count", "engine", "threshold"),
    [(3, "replicated", 1), (4, "shamir", 1), (5, "shamir", 2), (6, "shamir", 2), (7, "shamir", 3), (20, "shamir", 9)],
)
def test_what_a_study_has_that_says_nothing(count, engine, threshold):
    plan = study(count)
    assert (plan.engine, plan.threshold, plan.names_engine) == (engine, threshold, False)
    assert largest_threshold(count) == threshold


@pytest.mark.parametrize(("count", "threshold"), [(3, 1), (5, 1), (5, 2), (7, 2), (20, 9)])
def test_what_a_study_may_say(count, threshold):
    plan = study(count, engine="shamir", threshold=threshold)
    assert (plan.engine, plan.threshold, plan.names_engine) == ("shamir", threshold, True)
    assert study(count, threshold=threshold).threshold == threshold


@pytest.mark.parametrize(
    ("count", "given", "message"),
    [
        (5, {"engine": "replicated"}, 'exactly three compute parties, not 5.*\nWrite  engine = "shamir"'),
        (3, {"engine": "replicated", "threshold": 2}, "its threshold is 1"),
        (3, {"threshold": 0}, "its threshold is 1"),
        (4, {"threshold": 2}, "threshold 2: among 4 compute parties it is 1; more than half"),
        (5, {"threshold": 3}, "threshold 3: among 5 compute parties it is 1 to 2; more than half"),
        (5, {"threshold": 0}, "threshold 0: among 5 compute parties it is 1 to 2"),
        (5, {"threshold": -1}, "threshold -1"),
        (21, {}, "takes 3 to 20 compute parties, not 21\nChoose 3 to 20"),
        (21, {"engine": "shamir", "threshold": 1}, "takes 3 to 20"),
        (1, {}, "only a computes: it would see all that the others share\n.*neutral helper"),
        (2, {}, "only a and b compute: two parties have no honest majority\n.*neutral helper"),
        (
            2,
            {"engine": "shamir"},
            r'Write it in the study as\n    \[organizations.helper\]\n    roles = \["compute"\]$',
        ),
    ],
)
def test_what_it_may_not_say(count, given, message):
    with pytest.raises(ConfigError, match=message):
        study(count, **given)


def test_nobody_computes():
    roles = {"roles": ["input", "recipient"], "patients": "p"}
    with pytest.raises(ConfigError, match="no organization computes"):
        make_study({"scenario": "s", "purpose": "p", "organizations": {"a": roles}})


@pytest.mark.parametrize(
    ("count", "given", "reason"),
    [
        (3, {}, "three compute parties, among which it is the fastest"),
        (3, {"engine": "replicated"}, "the study says so"),
        (3, {"engine": "shamir"}, "the study says so (replicated is the faster one)"),
        (5, {}, "five compute parties (replicated, the faster one, takes exactly three)"),
        (5, {"engine": "shamir", "threshold": 1}, "the study says so; a threshold up to 2 would be possible"),
        (
            12,
            {"threshold": 4},
            "12 compute parties (replicated, the faster one, takes exactly three); "
            "a threshold up to 5 would be possible",
        ),
    ],
)
def test_why(count, given, reason):
    assert why(study(count, **given)) == reason


def test_the_trust_is_put_in_words():
    assert who_must_not_collude(["a", "b", "c", "d", "e"], 2) == (
        "Nobody learns anything else unless three of a, b, c, d and e put their shares together."
    )
    assert number(10) == "ten"
    assert number(11) == "11"
    assert [listed(names) for names in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]


def test_two_organizations_and_a_helper():
    plan = study(3, helpers="c")
    assert plan.helpers == ("c",)
    assert coalitions(plan) == [(("a", "b"), ()), (("a", "c"), ("b",)), (("b", "c"), ("a",))]
    assert coalition_lines(plan) == [
        "a and b together would learn all that the other one shares.",
        "a and c together would learn all that b shares.",
        "b and c together would learn all that a shares.",
    ]


def test_one_organization_and_two_helpers():
    assert coalition_lines(study(3, helpers="bc")) == [
        "a and b together would learn nothing that they do not know: nobody else brings data.",
        "a and c together would learn nothing that they do not know: nobody else brings data.",
        "b and c together would learn all that a shares.",
    ]


def test_coalitions_are_not_listed_where_there_are_many_or_nobody_is_neutral():
    assert coalitions(study(3)) == []
    assert coalitions(study(5, helpers="e")) == []
    assert study(5, helpers="e").helpers == ("e",)
