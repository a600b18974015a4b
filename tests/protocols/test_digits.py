"""How many digits roundings leave, and that too few are refused at the line of the release."""

from __future__ import annotations

import numpy as np
import pytest

import mpc
from mpc import Real, Scenario, Table
from mpc.errors import RangeError
from parties.study.loader import load
from protocols.computation import Computation
from protocols.digits import digits_left
from protocols.mock import mock_digits, mock_run

NAMES = ["a", "b", "c"]


def scenario_of(script, **columns):
    columns = columns or {"x": Real(0, 10)}
    scenario = Scenario(inputs={"rows": type("Rows", (Table,), columns).rows()})
    scenario.run(script)
    return scenario


def test_digits_in_common():
    runs = [{"a": 1.0001, "b": [100.0, 0.5], "c": 3, "d": "undefined", "e": {"values": [[0.25]]}, "p": {"p": 1e-9}}]
    runs += [{"a": 1.0, "b": [100.0, 0.49], "c": 3, "d": 1.5, "e": {"values": [[0.25]]}, "p": {"p": 2e-9}}]
    kinds = dict.fromkeys("abcd", "number") | {"e": "matrix", "p": "test", "gone": "number"}
    found = digits_left(runs, kinds)
    assert found == {"a": pytest.approx(4, abs=0.01), "b": pytest.approx(np.log10(50)), "e": pytest.approx(15)}


def test_a_sum_of_squares_about_zero_is_refused_at_its_line():
    """The variance as mean square less squared mean: all digits cancel for numbers far from 0."""

    async def naive(study):
        x = study.table("rows").share(rows=60)["x"]
        study.release("variance", (x * x).mean() - x.mean() * x.mean())

    async def centred(study):
        study.release("variance", study.table("rows").share(rows=60)["x"].var())

    far = {"x": Real(5000, 5001)}
    with pytest.raises(RangeError, match=r"'variance' keeps .* digits on rows made up") as caught:
        mock_digits(Computation(scenario_of(naive, **far), NAMES))
    assert str(caught.value.source).startswith("test_digits.py line ")
    assert mock_digits(Computation(scenario_of(centred, **far), NAMES))["variance"] > 3
    assert mock_digits(Computation(scenario_of(naive), NAMES))["variance"] > 6


def test_a_power_iteration_on_unscaled_columns_keeps_fewer_digits():
    def script(scale):
        async def run(study):
            rows = study.table("rows").share(rows=40)
            columns = [rows[c] * s for c, s in zip("xy", scale, strict=True)]
            x = mpc.stack([mpc.where(c.valid, c.without_mask(), 0) for c in columns])
            spread = (x @ x.T) * (1 / 120)
            v = spread[0] * 0 + 1.0
            for _ in range(4):
                w = spread @ v
                v = (w / (w * w).sum().sqrt()).within(1.01)
            study.release("direction", v, unprotected="an example")
            study.release("spread", spread, unprotected="an example")

        return run

    columns = {"x": Real(0, 30), "y": Real(0, 0.03)}
    unscaled = mock_digits(Computation(scenario_of(script((1, 1)), **columns), NAMES), rows=40)
    scaled = mock_digits(Computation(scenario_of(script((1 / 30, 1 / 0.03)), **columns), NAMES), rows=40)
    assert min(unscaled.values()) < 5.5 < 6 < min(scaled.values())


@pytest.mark.slow
def test_scenarios_that_come_with_comity_keep_theirs():
    digits = mock_digits(Computation(load("hospital_statistics").scenario, NAMES))
    # On made-up rows groups hardly differ, so that a test's small statistic has the fewest; below 3 a plan refuses.
    assert min(digits.values()) > 3
    assert sorted(digits.values())[len(digits) // 10] > 7


def test_other_roundings_with_every_seed_and_none_without():
    async def script(study):
        study.release("sd", study.table("rows").x.std())

    scenario = scenario_of(script)
    computation, seeds = Computation(scenario, NAMES), [1, *range(1, 30)]  # one in five rounds the result another way
    told = [mock_run(computation, engine="rounding", seed=seed).releases["sd"] for seed in seeds]
    assert told[0] == told[1]
    assert len(set(told)) > 1
    assert np.ptp(told) < 1e-6 * told[0]
