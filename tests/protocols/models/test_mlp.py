"""Multilayer perceptrons against numpy: the documented error, every bound, norms that do not hold, masks, and costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from mpc.values.secret import constant
from protocols.models.mlp import MLP, Dense, Sequential, relu
from protocols.simulate import evaluate
from tests.support.engines import MORE_PARTIES
from tests.support.value_floor import compute, dry_cost, opened

SIZES = (20, 12, 9, 5)
#: Fraction bits of weights and of everything else.
FINE, FRAC = 20, 16


def network(seed: int, sizes: Any = SIZES) -> tuple[list[Any], list[Any]]:
    """Weights and biases that secrets hold exactly."""
    rng = np.random.default_rng(seed)
    coefs = [np.rint(rng.uniform(-1, 1, pair) * 2**FINE) / 2**FINE for pair in pairwise(sizes)]
    return coefs, [np.rint(rng.uniform(-1, 1, n) * 2**FRAC) / 2**FRAC for n in sizes[1:]]


def rows(seed: int, count: int, inputs: int = SIZES[0]) -> Any:
    return np.rint(np.random.default_rng(seed).uniform(-1, 1, (count, inputs)) * 2**FRAC) / 2**FRAC


def clear(coefs: Any, intercepts: Any, x: Any) -> Any:
    for number, (w, b) in enumerate(zip(coefs, intercepts, strict=True)):
        x = (np.maximum(x, 0) if number else x) @ w + b
    return x


def norms(coefs: Any) -> list[float]:
    return [float(np.abs(w).sum(0).max()) for w in coefs]


def largest_error(coefs: Any, intercepts: Any, limit: float, given: Any) -> float:
    """As `Dense` documents it: a unit of the last place (two with a bias that is cut), where 29 bits hold the bound."""
    error = 0.0
    for w, b, norm in zip(coefs, intercepts, given, strict=True):
        finest = 30 - np.frexp(norm)[1]
        rounded = len(w) * 2.0**-finest * limit if finest < FINE else 0.0
        largest = norm * limit + float(np.abs(b).max())
        error = error * (norm + rounded) + rounded + 2 * 2.0 ** -(28 - np.frexp(largest)[1])
        limit = largest + rounded
    return error


def secrets(coefs: Any, intercepts: Any) -> list[Any]:
    return [(w, FINE, 1 << FINE) for w in coefs] + [(b, FRAC, 1 << FRAC) for b in intercepts]


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize("stated", [True, False])
def test_scores_with_secret_weights(engine, stated):
    coefs, intercepts = network(1)
    x = rows(2, 30)
    given_norms = norms(coefs) if stated else [len(w) * 1.0 for w in coefs]

    def scores(s: Any, *parts: Any) -> Any:
        return MLP(parts[:3], parts[3:], norms(coefs) if stated else None).scores(s)

    found = compute(scores, (x, FRAC, 1 << FRAC), *secrets(coefs, intercepts), engine=engine)
    error = np.abs(found - clear(coefs, intercepts, x)).max()
    assert 0 < error <= largest_error(coefs, intercepts, 1.0, given_norms)


@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_scores_with_public_weights_need_no_norms(engine):
    coefs, intercepts = network(3)
    x = rows(4, 30)
    found = compute(lambda s: MLP(coefs, intercepts).scores(s), (x, FRAC, 1 << FRAC), engine=engine)
    assert np.abs(found - clear(coefs, intercepts, x)).max() <= largest_error(coefs, intercepts, 1.0, norms(coefs))


@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_classes_and_their_probabilities(engine):
    coefs, intercepts = network(5)
    x = rows(6, 40)
    model = MLP(coefs, intercepts)
    chances, classes = compute(
        lambda s: (model.predict_proba(s), model.predict(s)), (x, FRAC, 1 << FRAC), engine=engine
    )
    scores = clear(coefs, intercepts, x)
    powers = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(chances, powers / powers.sum(1, keepdims=True), atol=2e-5)
    assert classes.tolist() == scores.argmax(1).tolist()


def test_the_first_of_equal_scores_is_the_class():
    model = MLP([np.asarray([[0.0, 1.0, 1.0, 0.5]])], [np.zeros(4)])
    assert compute(lambda s: model.predict(s), ([[1.0], [0.0], [-1.0]], 8, 1 << 8)).tolist() == [1, 0, 0]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    scale=st.sampled_from([2.0**-18, 2.0**-5, 1.0, 40.0, 3000.0]),
    width=st.sampled_from([2, 16, 29, 45, 60]),
)
def test_every_bound_holds_for_small_and_large_weights_and_inputs(seed, sizes, scale, width):
    """`compute` looks at every bound on the ideal engine; inputs up to 2^(width - FRAC)."""
    coefs, intercepts = network(seed, sizes)
    coefs, intercepts = [w * scale for w in coefs], [b * scale for b in intercepts]
    limit = 2.0 ** (width - FRAC)
    x = np.rint(rows(seed, 3, sizes[0]) * limit * 2**FRAC) / 2**FRAC
    found = compute(lambda s: MLP(coefs, intercepts).scores(s), (x, FRAC, 1 << width))
    expected = clear(coefs, intercepts, x)
    # Inputs and weights are rounded to 2^-29 of the bounds that a layer has, its outputs to 2^-27.
    reach, error = limit, 2.0**-29 * limit
    for w, b, norm in zip(coefs, intercepts, norms(coefs), strict=True):
        reach, error = reach * norm + np.abs(b).max(), error * norm + reach * len(w) * 2.0**-29 * norm
        error += reach * 2.0**-26 + 2.0**-38  # and no more than 40 fraction bits
    assert np.abs(found - expected).max() <= error


@pytest.mark.parametrize(("norm", "holds"), [(3.5, True), (3.25, False), (100.0, True)])
def test_a_norm_that_is_stated_is_checked(norm, holds):
    weights = np.asarray([[1.5, 0.5], [-2.0, 0.25]])

    async def script(run):
        layer = Dense(constant(run, weights, frac=10).restated(bound=2 << 10), norm=norm)
        scores = layer(constant(run, [[1.0, -1.0]]))
        checks = scores.handle.assumptions
        assert len(checks) == (norm < 4)  # two weights of 2 at most: no more is known without a statement
        assert scores.limit <= 1.01 * min(norm, 4)
        return [bool((await opened(run, check.bit)).all()) for check in checks]

    checks = evaluate(script, parties=1)[0]
    assert all(checks) == holds


def test_a_row_with_an_invalid_element_has_no_prediction():
    coefs, intercepts = network(7)
    x = rows(8, 4)
    present = np.ones_like(x, np.bool_)
    present[1, 3] = present[2, 0] = False

    def all_of_them(s: Any) -> Any:
        model = MLP(coefs, intercepts)
        masked = s.masked(s.constant(present), "missing")
        return model.scores(masked), model.predict_proba(masked), model.predict(masked)

    whole = clear(coefs, intercepts, x)
    scores, chances, classes = compute(all_of_them, (x, FRAC, 1 << FRAC))
    for found in (scores, chances):
        assert np.isnan(found).tolist() == [[row in (1, 2)] * 5 for row in range(4)]
    assert np.isnan(classes).tolist() == [False, True, True, False]
    np.testing.assert_allclose(scores[[0, 3]], whole[[0, 3]], atol=1e-3)
    assert classes[[0, 3]].tolist() == whole[[0, 3]].argmax(1).tolist()


def test_invalid_weights_make_every_prediction_undefined():
    def scores(x: Any, w: Any) -> Any:
        return Dense(w.masked(w.constant([[True], [False]]), "missing"))(x)

    assert np.isnan(compute(scores, ([[1, 2], [3, 4]], 0, 4), ([[0.5], [1.0]], 8, 1 << 8))).all()


def test_whole_numbers_and_flags_are_exact():
    weights = np.asarray([[1, -2], [3, 4], [-5, 6]])

    def layers(x: Any, w: Any) -> Any:
        flags = x > 0
        return Dense(w)(x), Dense(w)(flags), Sequential([Dense(w), relu])(x)

    x = np.asarray([[7, -8, 9], [0, 0, 0]])
    exact, of_flags, positive = compute(layers, (x, 0, 10), (weights, 0, 6), engine="replicated")
    assert exact.tolist() == (x @ weights).tolist()
    assert of_flags.tolist() == ((x > 0) @ weights).tolist()
    assert positive.tolist() == np.maximum(x @ weights, 0).tolist()


def test_layers_of_ones_own():
    """A bound that the run checks takes the place of the one that follows from norms."""

    async def script(run):
        inner = Dense(np.full((3, 2), 10.0))
        model = Sequential([inner, lambda h: h.within(4), Dense(np.full((2, 1), 0.5), [1.0])])
        scores = model(constant(run, [[0.25, 0.0, -0.25], [0.0625, 0.0, 0.0]]))
        assert scores.limit <= 5.01
        return await opened(run, scores), [bool((await opened(run, c.bit)).all()) for c in scores.handle.assumptions]

    found, checks = evaluate(script, parties=1)[0]
    np.testing.assert_allclose(found, [[1.0], [1.625]], atol=1e-6)
    assert checks == [True]


def test_no_rows_and_weights_of_zero():
    model = MLP([np.zeros((2, 3)), np.zeros((3, 2))], [np.zeros(3), np.asarray([0.5, -0.5])])
    assert compute(lambda s: model.scores(s), ([[1.0, 2.0]], 8, 2 << 8)).tolist() == [[0.5, -0.5]]
    assert compute(lambda s: model.scores(s), (np.zeros((0, 2)), 8, 2 << 8), engine="replicated").shape == (0, 2)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda s: Dense(np.zeros(3)), ShapeError, r"\(inputs, outputs\)"),
        (lambda s: Dense(np.zeros((0, 3))), ShapeError, "at least 1 of both"),
        (lambda s: Dense(np.zeros((2, 3)), np.zeros(2)), ShapeError, "for 3 outputs"),
        (lambda s: Dense(s, norm=0), RangeError, "above 0"),
        (lambda s: Dense(s, norm=np.nan), RangeError, "above 0"),
        (lambda s: Dense([[np.inf]]), RangeError, "infinite"),
        (lambda s: Dense(np.zeros((3, 2)))(s), ShapeError, r"\(rows, 3\)"),
        (lambda s: Dense(np.zeros((2, 2)))(s.reshape(-1)), ShapeError, "shape"),
        (lambda s: Sequential([]), ShapeError, "no layers"),
        (lambda s: Sequential([Dense(np.ones((2, 3))), relu, Dense(np.ones((4, 2)))]), ShapeError, "3 outputs before"),
        (lambda s: MLP([np.ones((2, 3))], []), ShapeError, "0 intercepts"),
    ],
)
def test_wrong_use(wrong, error, message):
    with pytest.raises(error, match=message):
        compute(lambda s: wrong(s), (np.ones((2, 2)), 8, 1 << 8))


def test_rounds_and_bytes():
    """Two rounds a layer, five of a comparison of 30 bits and two of an injection between two layers."""
    shapes = [((784, 128), FINE, 1 << FINE), ((128, 128), FINE, 1 << FINE), ((128, 10), FINE, 1 << FINE)]
    shapes += [((n,), FRAC, 1 << FRAC) for n in (128, 128, 10)]

    def scores(s: Any, *parts: Any) -> Any:
        return MLP(parts[:3], parts[3:]).scores(s)

    cost = dry_cost(scores, ((128, 784), FRAC, 1 << FRAC), *shapes)
    assert cost.rounds == 3 * 2 + 2 * (5 + 2)
    hidden, classes = 128 * 128, 128 * 10
    # A product 36, a comparison 25 and an injection 32 bytes for all parties; biases are cut.
    assert sum(cost.bytes_sent) <= 2 * hidden * (36 + 25 + 32) + classes * 36 + 8_000
    again = dry_cost(scores, ((256, 784), FRAC, 1 << FRAC), *shapes)
    assert sum(again.bytes_sent) == pytest.approx(2 * sum(cost.bytes_sent), rel=0.01)
