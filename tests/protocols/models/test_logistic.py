"""Training against the same steps in float64 and against scikit-learn; what it costs; its edges."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as Reference

from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.releases.soundness import soundness
from protocols.models import LogisticRegression
from protocols.models.fitted import WEIGHT_LIMIT
from protocols.simulate import evaluate
from tests.support.bounds import every_bound_holds
from tests.support.engines import making
from tests.support.sgd import standardised, train
from tests.support.value_floor import opened, secret

BOUNDS = [8, 40, 2, 1000, 30]
#: Of weights of standardised columns, against the same steps in float64: see the class.
TOLERANCE = 1e-3


def data(rows=300, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)) * [1, 5, 0.1, 100, 3] + [0, 3, 0.5, 500, -2]
    risk = 1 / (1 + np.exp(-(x - x.mean(0)) @ [1, -0.2, 5, 0.01, 0]))
    return x, (rng.random(rows) < risk).astype(int)


def fit(x, y, *, missing=None, unknown=None, engine="ideal", bounds=BOUNDS, **how):
    """The trained model's opened parts; missing: rows whose second column is, unknown: rows whose outcome is."""

    async def script(run):
        columns = {f"c{j}": secret(run, x[:, j], bound=bounds[j]) for j in range(x.shape[1])}
        outcome = secret(run, y)
        if missing is not None:
            columns["c1"] = columns["c1"].masked(secret(run, ~missing), "missing")
        if unknown is not None:
            outcome = outcome.masked(secret(run, ~unknown), "missing")
        model = await LogisticRegression(**how).fit(columns, outcome)
        before = run.rounds
        odds = model.decision_function(columns)
        return SimpleNamespace(
            coef=await opened(run, model.coef_),
            intercept=await opened(run, model.intercept_),
            odds=await opened(run, odds),
            risk=await opened(run, model.predict_proba(columns)),
            predicted=await opened(run, model.predict(columns)),
            score=await opened(run, model.score(columns, outcome)),
            rounds=before,
            operations=run.operations,
        )

    return evaluate(script, **making(engine))[0]


def clear(x, y, counts, *, C=1.0, learning_rate=0.5, intercept=True, penalty="l2", **how):
    rows = standardised(x, counts)
    if intercept:
        rows = np.column_stack([rows, counts])
    decay = np.full(rows.shape[1], learning_rate / C / counts.sum() if penalty else 0.0)
    if intercept:
        decay[-1] = 0
    return train(rows, y, count=counts.sum(), learning_rate=learning_rate, decay=decay, **how)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"momentum": 0.9, "epochs": 20},
        {"penalty": None, "learning_rate": 1.0},
        {"C": 0.1, "batch_size": 50, "seed": 7},
        {"batch_size": 1000},
    ],
)
def test_the_same_steps_in_float64(how):
    x, y = data()
    everyone = np.ones(len(x), bool)
    with every_bound_holds():
        found = fit(x, y, **how)
    wanted = clear(x, y, everyone, **how)
    np.testing.assert_allclose(found.coef * x.std(0), wanted[:-1], atol=TOLERANCE)
    about = wanted[-1] - wanted[:-1] @ (x.mean(0) / x.std(0))
    assert found.intercept == pytest.approx(about, abs=TOLERANCE * (1 + np.abs(x.mean(0) / x.std(0)).sum()))


def test_in_shares():
    x, y = data(120)
    missing = np.arange(len(x)) % 4 == 1
    found, wanted = (fit(x, y, missing=missing, engine=engine, epochs=2) for engine in ("replicated", "ideal"))
    np.testing.assert_allclose(found.coef, wanted.coef, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.odds, wanted.odds, atol=1e-3)
    np.testing.assert_allclose(found.risk, wanted.risk, atol=1e-3)


def test_scikit_learn_is_where_it_goes():
    x, y = data(600)
    found = fit(x, y, epochs=60, momentum=0.9, learning_rate=0.2)
    z = (x - x.mean(0)) / x.std(0)
    wanted = Reference(C=1.0, tol=1e-10, max_iter=1000).fit(z, y)
    np.testing.assert_allclose(found.coef * x.std(0), wanted.coef_[0], atol=0.05)
    assert found.score == pytest.approx(wanted.score(z, y), abs=0.01)


def test_rows_with_something_missing_do_not_count():
    x, y = data()
    missing, unknown = np.arange(len(x)) % 3 == 0, np.arange(len(x)) % 7 == 0
    counts = ~missing & ~unknown
    odd = x.copy()
    odd[missing, 1] = 40.0  # what stands in a place that is masked does not matter
    with every_bound_holds():
        found = fit(odd, np.where(unknown, 1, y), missing=missing, unknown=unknown, epochs=5)
    wanted = clear(x, y, counts, epochs=5)
    np.testing.assert_allclose(found.coef * x[counts].std(0), wanted[:-1], atol=TOLERANCE)
    assert np.isnan(found.odds[missing]).all()
    assert not np.isnan(found.odds[~missing]).any()
    right = found.predicted[counts] == y[counts]
    assert found.score == pytest.approx(right.mean(), abs=1e-6)


def test_predictions_follow_from_the_coefficients():
    x, y = data()
    found = fit(x, y, epochs=5)
    np.testing.assert_allclose(found.odds, x @ found.coef + found.intercept, atol=1e-2)
    np.testing.assert_allclose(found.risk, 1 / (1 + np.exp(-found.odds)), atol=3e-4)
    np.testing.assert_array_equal(found.predicted, found.odds > 0)


def test_without_a_constant_term_and_as_they_are():
    x, y = data()
    x = np.clip((x - x.mean(0)) / x.std(0), -4, 4)
    bounds = [4, 4, 4, 8, 4]
    found = fit(x, y, bounds=bounds, standardize=False, fit_intercept=False, penalty=None, epochs=5)
    wanted = train(x, y, epochs=5)
    np.testing.assert_allclose(found.coef, wanted, atol=TOLERANCE)
    assert found.intercept == 0
    np.testing.assert_allclose(found.odds, x @ wanted, atol=0.02)


def test_a_matrix_is_as_good_as_columns():
    x, y = data(100)
    x = x / 1000

    async def script(run):
        outcome = secret(run, y)
        whole = await LogisticRegression(epochs=2).fit(secret(run, x, bound=1.0), outcome)
        split = await LogisticRegression(epochs=2).fit([secret(run, c, bound=1.0) for c in x.T], outcome)
        return await opened(run, whole.coef_), await opened(run, split.coef_)

    whole, split = evaluate(script, parties=1)[0]
    np.testing.assert_allclose(whole, split, rtol=1e-6)


def test_a_column_that_does_not_vary_has_no_weight():
    x, y = data()
    x[:, 2] = 0.5
    with every_bound_holds():
        found = fit(x, y, epochs=3)
    assert found.coef[2] == 0
    wanted = clear(x, y, np.ones(len(x), bool), epochs=3)
    np.testing.assert_allclose((found.coef * x.std(0))[[0, 1, 3, 4]], wanted[[0, 1, 3, 4]], atol=TOLERANCE)


@pytest.mark.parametrize("label", [0, 1])
def test_one_outcome_alone(label):
    x, _ = data()
    y = np.full(len(x), label)
    with every_bound_holds():
        found = fit(x, y, epochs=5)
    wanted = clear(x, y, np.ones(len(x), bool), epochs=5)
    np.testing.assert_allclose(found.coef * x.std(0), wanted[:-1], atol=TOLERANCE)
    assert found.score == pytest.approx(1, abs=1e-6)


def test_values_far_out_count_as_eight_deviations():
    x, y = data(200)
    x[7, 4] = 3000.0
    bounds = [8, 40, 2, 1000, 4000]
    with every_bound_holds():
        found = fit(x, y, bounds=bounds, epochs=3)
    wanted = clear(x, y, np.ones(len(x), bool), epochs=3)
    np.testing.assert_allclose(found.coef * x.std(0), wanted[:-1], atol=TOLERANCE)


@pytest.mark.parametrize("wide", [1, 100])
def test_declared_ranges_that_are_too_wide(wide):
    x, y = data()
    found = fit(x, y, bounds=[b * wide for b in BOUNDS], epochs=5)
    wanted = clear(x, y, np.ones(len(x), bool), epochs=5)
    np.testing.assert_allclose(found.coef * x.std(0), wanted[:-1], atol=TOLERANCE)


def test_too_few_rows_that_count_give_no_model():
    x, y = data()
    with every_bound_holds():
        found = fit(x, y, missing=np.arange(len(x)) >= 5, epochs=2)
    assert np.isnan(found.coef).all()
    assert np.isnan(found.intercept)
    assert np.isnan(found.odds).all()
    assert np.isnan(found.score)


def test_no_row_that_counts():
    x, y = data(40)
    with every_bound_holds():
        found = fit(x, y, missing=np.ones(len(x), bool), epochs=1)
    assert np.isnan(found.coef).all()


@pytest.mark.parametrize(("saturate", "step"), [(False, 7), (True, 11)])
def test_rounds_of_a_step(saturate, step):
    x, y = data()
    how = {"engine": "replicated", "momentum": 0.9, "saturate": saturate}
    rounds = [fit(x, y, epochs=epochs, **how).rounds for epochs in (2, 3)]  # with small bounds first steps cost less
    assert rounds[1] - rounds[0] == 3 * step  # three batches
    stated = re.search(r"a step (\d+), with `saturate` (\d+)", LogisticRegression.__doc__)
    assert step == int(stated[1 + saturate])


def test_operations_of_a_step():
    """Two products, a sigmoid and two differences; the check of all log odds comes once in 64 steps."""
    x, y = data(64)
    counts = [fit(x, y, epochs=n, batch_size=1, penalty=None, fit_intercept=False).operations for n in (2, 3)]
    assert counts[1] - counts[0] <= 64 * 5 + 60


def test_what_is_refused():
    x, y = data(50)
    for wrong in (
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"C": 0.0},
        {"penalty": "l1"},
        {"C": 1e-6},
    ):
        with pytest.raises(RangeError):
            fit(x, y, **wrong)
    with pytest.raises(RangeError):
        fit(x, 2 * y)
    with pytest.raises(RangeError):
        fit(x, y, seed=-1)

    async def short(run):
        await LogisticRegression().fit([secret(run, x[:, 0])], secret(run, y[:-1]))

    with pytest.raises(ShapeError):
        evaluate(short)

    async def untrained(run):
        return LogisticRegression().coef_

    with pytest.raises(LocalProtocolError):
        evaluate(untrained)

    async def others(run):
        model = await LogisticRegression(epochs=1).fit({"a": secret(run, x[:, 0])}, secret(run, y))
        model.predict({"b": secret(run, x[:, 0])})

    with pytest.raises(ShapeError, match="trained on the columns a"):
        evaluate(others)


@pytest.mark.parametrize(("learning_rate", "held"), [(0.5, True), (16.0, False)])
def test_weights_beyond_the_limit_are_seen(learning_rate, held):
    """Outcomes that a column tells apart, and steps that are far too large: nothing would be released."""
    x = np.repeat([-2.0, 2.0], 60)
    how = {"standardize": False, "penalty": None, "momentum": 0.9, "batch_size": 20, "learning_rate": learning_rate}

    async def script(run):
        model = await LogisticRegression(epochs=2, **how).fit([secret(run, x)], secret(run, (x > 0).astype(int)))
        return await opened(run, soundness(run, [model.weights.handle]).whole)

    assert evaluate(script, engine="replicated")[0] == held
    assert (
        np.abs(train(x[:, None], x > 0, epochs=2, **{k: how[k] for k in list(how)[2:]})).max() < WEIGHT_LIMIT
    ) == held


@pytest.mark.parametrize("saturate", [False, True])
def test_log_odds_beyond_the_limit(saturate):
    """Assumed not to be, and seen; or the sigmoid saturates."""
    x = np.repeat([-300.0, 300.0], 30)
    how = {"learning_rate": 0.004, "batch_size": 20, "epochs": 3}

    async def script(run):
        model = LogisticRegression(standardize=False, penalty=None, fit_intercept=False, saturate=saturate, **how)
        await model.fit([secret(run, x, bound=300.0)], secret(run, (x > 0).astype(int)))
        sound = soundness(run, [model.weights.handle])
        return sound is None or await opened(run, sound.whole), await opened(run, model.weights)

    held, weights = evaluate(script, engine="replicated")[0]
    wanted = train(x[:, None], x > 0, **how)
    assert np.abs(x * wanted).max() > 127
    assert held == saturate
    if saturate:
        np.testing.assert_allclose(weights, wanted, atol=TOLERANCE)
