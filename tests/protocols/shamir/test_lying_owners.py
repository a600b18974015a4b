"""Whatever owners share, every masked number of the engine keeps at least 40 bits of mask above it.

The statistics of the library run with one owner that lies: with any numbers within the public bounds, and with numbers
that keep every relation that is compared and yet belong to no rows. All masked openings of all parties are looked into.
"""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Real, Scenario, Study, Table
from protocols import statistics as st
from protocols.models import LogisticRegression
from protocols.shamir import arithmetic
from protocols.shamir.engine import ShamirEngine
from protocols.shamir.lagrange import element
from protocols.shamir.rooms import STATISTICAL_SECURITY, mask_bits
from protocols.simulate import simulate
from tests.support.lies import lying, random_within_bounds, random_within_relations
from tests.support.masked_numbers import masked_numbers

ROWS = 24


class Rows(Table):
    x = Real(-1, 1)
    y = Real(0, 50)
    z = Real(0, 3)
    flag = Flag()
    kind = Category("u", "v", "w")


def released(study: Study, what: str) -> None:
    t = study.table("rows")
    if what == "means and deviations":
        described = st.describe(t)
        for name, value in {**described.mean, **{f"{n} sd": v for n, v in described.sd.items()}}.items():
            study.release(name, value)
        study.release("sum", t.y.sum())
    elif what == "correlations":
        study.release("it", t[["x", "y", "z"]].corr())
    elif what == "regression":
        study.release("it", st.ols(t.y, [t.x, t.z, t.flag]))
    elif what == "regression by a formula":
        study.release("it", st.ols("y ~ kind + x", t, weights=t.z))
    elif what == "tables":
        study.release("histogram", t.y.histogram([0, 10, 20, 50]))
        study.release("crosstab", st.contingency(t.kind, t.flag))
        study.release("groups", t.group_by("kind").count())
    elif what == "t-test":
        study.release("it", st.ttest_ind(t.y[t.flag], t.y[~t.flag]))
    elif what == "sort":
        study.release("it", t.share(rows=ROWS)["y"].sort(), unprotected="a test")
    elif what == "quantile":
        study.release("it", t.share(rows=ROWS)["y"].quantile([0.25, 0.5]))
    elif what == "products of rows":
        rows = t.share(rows=ROWS)
        study.release("it", (rows["x"] * rows["y"]).sum())


def scenario_of(what: str) -> Scenario:
    scenario = Scenario(inputs={"rows": Rows.rows(at_most=1 << 20)}, parameters={"minimum_cohort": 3})

    @scenario.run
    async def run(study: Study) -> None:
        if what == "logistic":
            rows = study.table("rows").share(rows=ROWS)
            model = await LogisticRegression(epochs=1).fit({"x": rows["x"], "z": rows["z"]}, rows["flag"])
            study.release("it", model.coef_, unprotected="a test")
        released(study, what)

    return scenario


def tables(parties: int, rng: np.random.Generator) -> dict[str, dict[str, pd.DataFrame]]:
    def own() -> pd.DataFrame:
        return pd.DataFrame(
            {
                "x": rng.uniform(-1, 1, ROWS),
                "y": rng.uniform(0, 50, ROWS),
                "z": rng.uniform(0, 3, ROWS),
                "flag": rng.integers(0, 2, ROWS),
                "kind": rng.choice(["u", "v", "w"], ROWS),
            }
        )

    return {name: {"rows": own()} for name in "abcdefg"[:parties]}


STATISTICS = ["means and deviations", "correlations", "regression", "regression by a formula", "tables", "t-test"]
OF_ROWS = ["sort", "quantile", "products of rows", "logistic"]


def hold_to_their_rooms(what: str, parties: int, seeds: range) -> None:
    most = mask_bits((parties - 1) // 2) - STATISTICAL_SECURITY
    for seed in seeds:
        rng = np.random.default_rng(seed)
        lie = random_within_relations if seed % 2 else random_within_bounds
        with ExitStack() as around:
            seen = around.enter_context(masked_numbers())
            around.enter_context(lying(0, lambda parts, honest, rng=rng, lie=lie: lie(rng, parts, honest)))
            simulate(scenario_of(what), tables(parties, rng), engine="shamir", seed=seed)
        assert seen.openings
        bits = max(abs(number).bit_length() for one in seen.openings.values() for number in one.numbers)
        assert bits < most, f"seed {seed}: a number of {bits} bits is masked by {most + STATISTICAL_SECURITY}"


@pytest.mark.parametrize("what", [*STATISTICS, *OF_ROWS])
def test_honest_numbers_are_in_their_rooms(what):
    with masked_numbers() as seen:
        simulate(scenario_of(what), tables(3, np.random.default_rng(1)), engine="shamir")
    assert seen.openings
    assert not seen.beyond()


@pytest.mark.parametrize("what", [*STATISTICS, *OF_ROWS])
def test_numbers_of_lying_owners_are_hidden_among_three(what):
    hold_to_their_rooms(what, 3, range(2))


@pytest.mark.slow
@pytest.mark.parametrize("what", [*STATISTICS, *OF_ROWS])
@pytest.mark.parametrize("parties", [3, 5])
def test_numbers_of_lying_owners_are_hidden(what, parties):
    hold_to_their_rooms(what, parties, range(2, 12 if parties == 3 else 6))


@pytest.mark.parametrize("power", [64, 80, 100, 126])
@pytest.mark.parametrize("what", ["means and deviations", "correlations", "products of rows"])
def test_any_element_of_the_field_leaves_its_owner_out(what, power, monkeypatch):
    """An owner that computes can share more than numbers: others' counts and rows do not show in what a king sees."""
    honest = arithmetic.encoded

    async def share_input(self, party, *, owner, values, shape, original=ShamirEngine.input):
        def encoded(v):
            out = honest(v)
            out[len(out) // 2 if what != "products of rows" else 0] = element(1 << power)
            return out

        if party.index == owner == 0:
            with monkeypatch.context() as patched:
                patched.setattr(arithmetic, "encoded", encoded)
                return await original(self, party, owner=owner, values=values, shape=shape)
        return await original(self, party, owner=owner, values=values, shape=shape)

    monkeypatch.setattr(ShamirEngine, "input", share_input)
    with masked_numbers() as seen:
        run = simulate(scenario_of(what), tables(3, np.random.default_rng(1)), engine="shamir")
    assert run.left_out == ("a",)
    # What the raw number of rows is searched for its leading bit with is a sum with the others': the shift that their
    # rows make of it is as small as they are, whatever is added to it.
    beyond = [number for one in seen.openings.values() for number in one.numbers if abs(number).bit_length() > 64]
    assert all(abs(abs(number) - (1 << power)) < 1 << 64 for number in beyond)
