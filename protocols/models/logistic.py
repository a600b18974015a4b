"""Logistic regression, trained by stochastic gradient descent on secret rows with secret weights.

    model = LogisticRegression(epochs=10, batch_size=128, learning_rate=0.5, seed=1)
    await model.fit(columns, outcome)
    risk = model.predict_proba(others)

A step is two matrix products and a sigmoid. Before the first step, the rows of each batch are prepared, and the same
rows times the learning rate divided by the size of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.releases.disclosure import Result
from mpc.values.basis import union
from mpc.values.fixed import encode, frac_for, width_of
from mpc.values.secret import SecretArray, concatenate, constant
from mpc.values.stated import Stated
from protocols import numeric
from protocols.models import metrics
from protocols.models.checks import Held
from protocols.models.fitted import WEIGHT_FRAC, WEIGHT_LIMIT, Fitted
from protocols.models.rows import Columns, Design, Order, both, public_order
from protocols.models.standardize import FRAC, RAW_WIDTH, Count, counting, scaler

#: Bits of the part of a weight that a penalty removes in a step; largest raw weight in a product; bits of a public
#: rate.
_DECAY_WIDTH = 24
_ROOM = 1 << 33
_RATE_WIDTH = 24
#: Largest number of fraction bits of rows in the gradient: a cut of at most 32 bits is sent in four bytes.
_GRADIENT_FRAC = 24
#: Steps between two awaits.
_SETTLE = 64
#: Limit of log odds in training, without `saturate`: the widest table of the sigmoid ends at 127.
ODDS_LIMIT = 127


@dataclass
class _Batch:
    """rows (m, p); steps (p, m), the rows times learning rate / batch size; outcome (m, 1)."""

    rows: SecretArray
    steps: SecretArray
    outcome: SecretArray

    def gradient(self, weights: SecretArray, odds: Held | None) -> SecretArray:
        """(p, 1) the learning rate times the gradient of the mean log loss; `odds` holds the log odds to their
        limit."""
        z = self.rows.dot(weights, FRAC)
        risk = _probabilities(z if odds is None else odds.hold(z))
        if self.outcome.frac != risk.frac:
            self.outcome = self.outcome.cut(risk.frac)  # once: every step has the same scale
        return self.steps.dot(risk - self.outcome, WEIGHT_FRAC)


class LogisticRegression:
    """Probability of an outcome, 1 / (1 + exp(-(x . coef_ + intercept_))).

    The parameters have the names of scikit-learn. It minimises C * sum of log losses + |coef|^2 / 2 (`penalty=None`:
    the log losses alone); the intercept is not penalised. Training is mini-batch SGD with `momentum`: `epochs` times
    all batches, each with at most `batch_size` places. There is no schedule and no stopping rule, which would open
    values.

    epochs, batch_size, learning_rate, momentum   parameters of SGD; a step is learning_rate times the gradient of a
                    batch, divided by batch_size
    C, penalty      strength of the penalty "l2", for standardised columns; penalty=None for no penalty
    fit_intercept   whether there is a constant term
    standardize     columns are centred at their joint mean, divided by their joint standard deviation, and clipped to
                    [-8, 8]; mean and deviation stay secret. Without it, columns should have similar sizes and bounds
    saturate        log odds of a row may exceed 127 in training, which costs 4 rounds and a dozen operations a step.
                    Without it, |log odds| <= 127 is a checked assumption: with a penalty and a sensible learning rate
                    they stay far below
    seed            seed of the public order that mixes the places of owners over the batches

    coef_ (columns,) and intercept_ () are in the units of the columns (values beyond 8 deviations count as 8).

    Rounds    a step 7, with `saturate` 11 (penalty, momentum and checks run beside it); standardization about 100
    Bytes     a step, from each party, about 12 (m + p), and up to 100 m for m sigmoids (m rows in the batch, p columns)
    Error     weights are multiples of 2^-20, rows of 2^-16, a sigmoid is within 4.2e-5: weights are within 1e-3 of the
              same steps in float64
    Bounds    |weight| <= 64 (of standardised columns) is a checked assumption, once an epoch. Between two checks a
              weight grows by at most learning_rate * largest |x| a step, and the products are proved to fit. For log
              odds see `saturate`
    Undefined if fewer than one in 16 places holds a row that counts
    Raises    RangeError for parameters out of range, too many columns or too wide columns; ShapeError
    Security  that of the engine; opens nothing
    """

    def __init__(
        self,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 0.5,
        momentum: float = 0.0,
        C: float = 1.0,
        penalty: Literal["l2"] | None = "l2",
        fit_intercept: bool = True,
        standardize: bool = True,
        saturate: bool = False,
        seed: int = 0,
    ) -> None:
        if epochs < 1 or batch_size < 1:
            raise RangeError(f"epochs {epochs}, batch_size {batch_size}: expected at least 1 of both")
        if not 0 < learning_rate <= 16 or not 0 <= momentum <= 0.99:
            raise RangeError(f"learning_rate {learning_rate}, momentum {momentum}: expected (0, 16] and [0, 0.99]")
        if not 1e-6 <= C <= 1e9 or penalty not in ("l2", None):
            raise RangeError(f"C {C}, penalty {penalty!r}: expected C from 1e-6 to 1e9, and 'l2' or None")
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.C = C
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.saturate = saturate
        self.seed = seed
        self._fitted: Fitted | None = None

    async def fit(self, x: Columns, y: SecretArray) -> LogisticRegression:
        """Train on the rows without a missing column or outcome. y: a flag, or integers 0 and 1, (rows,).

        Awaits after every 64 steps, so that the number of operations in flight stays bounded.
        """
        design = Design(x)
        outcome = _outcome(y, design.rows)
        count = Count(design.run, design.rows, both(design.valid, outcome.valid))
        scale = None
        if self.standardize:
            values = design.in_units()
            scale = scaler(values, count)
            await design.run.settle(scale.factor.handle)
            rows = scale.transform(values, count.weights)
        else:
            rows = counting(design.at_common_scale(RAW_WIDTH), count.weights)
        if self.fit_intercept:
            ones = count.weights
            if ones is None:
                ones = constant(design.run, np.ones((design.rows, 1), np.int64))
            rows = concatenate([rows, ones.cut(rows.frac)], axis=1)
        await design.run.settle(rows.handle)
        label = outcome.bare().reshape(design.rows, 1)
        batches = await self._batches(rows, label, count)
        bound, p = rows.bound, rows.shape[1]
        del rows  # the batches hold all rows now, twice
        weights = await self._descend(batches, bound, p, count)
        valid = both(design.valid, outcome.valid)
        design.basis = union(design.basis, outcome.basis)
        basis, published = (design.behind(outcome, valid=valid, pairs=pairs) for pairs in (False, True))
        self._fitted = Fitted(design, scale, weights.reshape(-1), self.fit_intercept, count.enough, basis, published)
        return self

    async def _descend(self, batches: list[_Batch], bound: int, p: int, count: Count) -> SecretArray:
        """Weights (p, 1) with WEIGHT_FRAC fraction bits; |weight| <= WEIGHT_LIMIT is a checked assumption. `bound`:
        the bound of rows."""
        run = count.rows.run
        room = min(((1 << run.engine.capacity) - 1) // (bound * p), _ROOM)
        if room < 2 * WEIGHT_LIMIT << WEIGHT_FRAC:
            raise RangeError(f"{p} columns of {width_of(bound)} bits leave no room for weights: use fewer columns")
        decay, momentum = self._decay(count, p), constant(run, np.full((p, 1), self.momentum), frac=WEIGHT_FRAC)
        weights = constant(run, np.zeros((p, 1)), frac=WEIGHT_FRAC)
        held, odds = Held(run, WEIGHT_LIMIT), None if self.saturate else Held(run, ODDS_LIMIT)
        speed: SecretArray | None = None
        steps = 0
        for _ in range(self.epochs):
            for batch in batches:
                if weights.bound > room:
                    weights = held.hold(weights)
                change = batch.gradient(weights, odds)
                if decay is not None:
                    change = weights.product(decay, WEIGHT_FRAC) + change
                if self.momentum:
                    if speed is not None:
                        # A geometric series of changes, and a last place of each product.
                        most = int((max(change.bound, speed.bound * (1 - self.momentum)) + 2) / (1 - self.momentum)) + 1
                        change = (speed.product(momentum, WEIGHT_FRAC) + change).bounded(most)
                    speed = change
                weights = weights - change
                steps += 1
                if steps % _SETTLE == 0:
                    held.check()
                    if odds is not None:
                        odds.check()
                    await run.settle(weights.handle)
            weights = held.hold(weights)
        held.check()
        if odds is not None:
            odds.check()
        return weights

    async def _batches(self, rows: SecretArray, label: SecretArray, count: Count) -> list[_Batch]:
        """Batches of nearly equal size, of places in a public order. The gradient of a batch is divided by `batch_size`
        times the fraction of places that count, so that padding changes nothing."""
        places = len(rows)
        number = -(-places // self.batch_size)
        most = -(-places // number)
        rate = count.per_row(self.learning_rate * places / min(self.batch_size, places))
        # A probability less an outcome has two bits besides its fraction bits, of which it has at most 28.
        width = rows.run.engine.capacity - 31 - most.bit_length()
        limit = rows.limit * (rate if isinstance(rate, float) else rate.limit)
        frac = min(_GRADIENT_FRAC, width - 1 - int(np.frexp(limit)[1]))
        if isinstance(rate, float):
            steps = _scaled(rows, rate, frac)
        else:
            steps = rows.product(rate.broadcast_to(rows.shape), frac)
        order = np.array_split(public_order(places, self.seed), number)
        turned = [_turned(steps, part) for part in order]
        await rows.run.settle(*(part.handle for part in turned))
        del steps
        batches = [_Batch(_picked(rows, p), s, _picked(label, p)) for p, s in zip(order, turned, strict=True)]
        await rows.run.settle(*(batch.rows.handle for batch in batches))
        return batches

    def _decay(self, count: Count, p: int) -> SecretArray | None:
        """(p, 1) the part of each weight that the penalty removes in a step, with at most 24 bits."""
        if self.penalty is None:
            return None
        part = count.per_row(self.learning_rate / self.C)
        penalized = np.ones((p, 1), np.int64)
        penalized[p - 1] = 0 if self.fit_intercept else 1
        if isinstance(part, float):
            decay = constant(count.rows.run, penalized * part, frac=frac_for(part, _DECAY_WIDTH))
        else:
            part = part.cut(min(part.frac, part.frac - width_of(part.bound) + _DECAY_WIDTH))
            decay = part.broadcast_to((p, 1)) * penalized
        if decay.limit > 4:
            raise RangeError(f"C = {self.C:g} with learning_rate {self.learning_rate:g}: too strong for so few rows")
        return decay

    def _fit(self) -> Fitted:
        if self._fitted is None:
            raise LocalProtocolError("the model is not trained yet: `await model.fit(columns, outcome)`")
        return self._fitted

    @property
    def weights(self) -> SecretArray:
        """(p,) weights of the columns of training (standardised, if `standardize`); the last is that of the
        constant."""
        return self._fit().defined(self._fit().weights.with_basis(self._fit().published))

    @property
    def coef_(self) -> SecretArray:
        """(columns,) change of the log odds for a unit of each column."""
        return self._fit().coefficients()[0]

    @property
    def intercept_(self) -> SecretArray:
        """() log odds of a row whose columns are all 0."""
        return self._fit().coefficients()[1]

    def coefficients(self) -> Result:
        """Intercept and coefficients by name, for a release; suppressed with too few rows of either outcome."""
        return self._fit().release()

    def decision_function(self, x: Columns) -> SecretArray:
        """(rows,) log odds; undefined for rows with a missing column. Rounds: a standardisation and a product."""
        return self._fit().log_odds(Design(x))

    def predict_proba(self, x: Columns) -> SecretArray:
        """(rows,) probability of the outcome (of the class 1 alone). Error 4.2e-5 + 2^-17 columns."""
        return _probabilities(self.decision_function(x))

    def predict(self, x: Columns) -> SecretArray:
        """(rows,) bits: the probability of the outcome is above 1/2."""
        return self.decision_function(x) > 0

    def score(self, x: Columns, y: SecretArray) -> SecretArray:
        """Accuracy of `predict` on these rows."""
        return metrics.accuracy_score(y, self.predict(x))


def _probabilities(z: SecretArray) -> SecretArray:
    return numeric.sigmoid(z)


def _picked(x: SecretArray, places: Order) -> SecretArray:
    return x.view(lambda a: a[places])


def _scaled(x: SecretArray, rate: float, frac: int) -> SecretArray:
    """x times a public rate, with `frac` fraction bits: one cut; none if the rate is a power of two."""
    if np.frexp(rate)[0] == 0.5:
        result = x * rate
        return result.cut(min(frac, result.frac))
    digits = frac_for(rate, _RATE_WIDTH)
    raw = encode(np.asarray(rate), digits)
    exact = Stated(bound=x.bound * int(raw), frac=x.frac + digits, type="fixed")
    return x.invoke("scale", by=raw, result=exact).cut(frac)


def _turned(x: SecretArray, places: Order) -> SecretArray:
    return x.view(lambda a: a[places].T)


def _outcome(y: SecretArray, rows: int) -> SecretArray:
    outcome = y.numeric()
    if outcome.shape != (rows,):
        raise ShapeError(f"the outcome has shape {y.shape}: expected ({rows},), an element for each row")
    if outcome.type != "int" or outcome.bound != 1:
        raise RangeError(f"the outcome is {y!r}: expected a flag, or integers 0 and 1")
    if outcome.valid is not None and outcome.valid.shape == ():
        outcome = outcome.restated(mask=(outcome.valid.broadcast_to((rows,)), ""))
    return outcome
