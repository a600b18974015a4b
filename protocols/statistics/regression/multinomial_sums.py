"""What an owner adds up of its rows for a step of multinomial regression at public coefficients.

Of a row with predictors z = (1, u), u = (x - centre) / unit, and risks p_a of the levels but the first: the residuals
(y_a - p_a) z, and the information p_a ([a = b] - p_b) z z^T. All risks are of linear predictors between -WINDOW and
WINDOW; rows above it are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.machine.outside import Part
from mpc.machine.relations import Rule
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.expressions import Expression, Floats
from mpc.tables.local import share_parts
from mpc.tables.moments import shifted
from mpc.tables.source import Source
from mpc.untyped import JsonObject
from mpc.values.scaling import exact_multiple
from mpc.values.secret import SecretArray, where

#: The window of log odds; the unit of log-likelihoods of a row, which are at least -(2 WINDOW + log levels).
WINDOW, UNIT = 20.0, 64.0


class MultinomialSums(Aggregate):
    """Over the rows of `where`, in which nothing is missing: n (), beyond (), score and products.

    coefficients  (levels - 1, k + 1) of z;  score  half of the sums of residuals, (d,) with d = (levels - 1) (k + 1),
    level by level;  products  the upper triangle of the information (d, d);  likelihood  (1,) in units of UNIT
    """

    def __init__(
        self,
        columns: Sequence[Expression],
        levels: Sequence[Expression],
        centre: Floats,
        unit: Floats,
        coefficients: Floats,
        where: Expression | None,
    ) -> None:
        self.where = where
        self._columns, self._levels = tuple(columns), tuple(levels)
        self._centre, self._unit, self._coefficients = centre, unit, coefficients
        size = coefficients.size
        self._n = self._far = 0
        self._score, self._products, self._likelihood = np.zeros(size), np.zeros((size, size)), 0.0

    def expressions(self) -> Sequence[Expression]:
        return [*self._columns, *self._levels]

    def settings(self) -> tuple[object, ...]:
        return self._centre, self._unit, self._coefficients

    def update(self, evaluate: Evaluate, rows: int) -> None:
        def values(expression: Expression, centre: float = 0.0) -> Floats:
            return np.broadcast_to(shifted(evaluate(expression), centre), (rows,))

        keep = self._selected(evaluate, rows)
        z = np.stack(
            [
                np.ones(rows),
                *(values(c, m) / s for c, m, s in zip(self._columns, self._centre, self._unit, strict=True)),
            ]
        )
        y = np.stack([values(level) for level in self._levels])
        keep = keep & ~np.isnan(z).any(0) & ~np.isnan(y).any(0)
        z, y = z[:, keep], y[:, keep]
        raw = self._coefficients @ z
        eta = np.clip(raw, -WINDOW, WINDOW)
        top = np.maximum(eta.max(0, initial=0.0), 0.0)
        total = np.exp(-top) + np.exp(eta - top).sum(0)
        risk = np.exp(eta - top) / total
        self._n += z.shape[1]
        self._far += int(np.count_nonzero((raw > WINDOW).any(0)))
        self._likelihood += float(((y * eta).sum(0) - top - np.log(total)).sum()) / UNIT
        self._score += ((y - risk) @ z.T).ravel() / 2
        k = len(z)
        for a in range(len(y)):
            for b in range(a, len(y)):
                weight = risk[a] * (1 - risk[a]) if a == b else -risk[a] * risk[b]
                block = (z * weight) @ z.T
                self._products[a * k : (a + 1) * k, b * k : (b + 1) * k] += block
                if a != b:
                    self._products[b * k : (b + 1) * k, a * k : (a + 1) * k] += block.T

    def collected(self) -> JsonObject:
        return {
            "n": np.asarray(self._n, np.int64),
            "beyond": np.asarray(self._far, np.int64),
            "score": self._score,
            "products": self._products[np.triu_indices(len(self._score))],
            "likelihood": np.asarray([self._likelihood]),
        }


@dataclass(frozen=True)
class Halves(Rule):
    """0 <= beyond <= n <= at_most; halves of residuals and the likelihood are n units at most; entries of the diagonal
    from 0 to n / 2, and |M_ij| <= (M_ii + M_jj) / 2. All with a slack for rounding."""

    at_most: int
    frac: int
    size: int
    covers = frozenset({"n", "beyond", "score", "products", "likelihood"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        n, beyond, score, products = (parts[name] for name in ("n", "beyond", "score", "products"))
        half = exact_multiple(n, 1 << (self.frac - 1)).reshape(-1, 1) + 1
        whole = exact_multiple(n, 1 << self.frac).reshape(-1, 1) + 1
        likelihood = parts["likelihood"]
        slack = 1 << max(self.frac - 39, 0)
        first, second = np.triu_indices(self.size)
        squares, apart = products[:, first == second], first != second
        mixed = exact_multiple(products[:, apart], 2)
        pairs = squares[:, first[apart]] + squares[:, second[apart]] + exact_multiple(n, slack).reshape(-1, 1) + 2
        # Twice a huge ring element can be a small one. So each element is compared with its range, too.
        return [
            n, self.at_most - n, beyond, n - beyond, whole - score, whole + score, whole - likelihood,
            whole + likelihood, squares, half - squares, pairs - mixed, pairs + mixed, whole - products[:, apart],
            whole + products[:, apart],
        ]  # fmt: skip


@dataclass
class Summed:
    """Together: score (d,) halves, information (d, d), likelihood (1,) in units of UNIT; beyond ()."""

    score: SecretArray
    information: SecretArray
    likelihood: SecretArray
    beyond: SecretArray


def summed(source: Source, sums: MultinomialSums, size: int, wide: int, count: SecretArray) -> Summed:
    """Share the owners' sums with `wide` fraction bits, and add them up; `count` is the number of rows elsewhere.

    Scores and information are `count` units at most, and a last place an owner. So times v, a power of two with
    count v < 2^w and wide + w = 61, they are below 2^61 last places. An owner might share another number of rows here
    than there: with more rows here, scores and information count as 0.
    """
    rule = Halves(source.at_most, wide, size)
    most = (source.at_most << wide) + 1
    parts = [
        Part("n", (), 0, source.at_most, "int"),
        Part("beyond", (), 0, source.at_most, "int"),
        Part("score", (size,), wide, most),
        Part("products", (size * (size + 1) // 2,), wide, most),
        Part("likelihood", (1,), wide, most),
    ]
    shared = share_parts(source, source.local.ask(sums), parts, rule)
    index = np.zeros((size, size), np.int64)
    index[np.triu_indices(size)] = np.arange(size * (size + 1) // 2)
    honest = shared["n"].sum(0) <= count

    def of_rows(x: SecretArray) -> SecretArray:
        total = x.sum(0)
        return where(honest.broadcast_to(total.shape), total, 0).bounded(1 << 61)

    score, products = of_rows(shared["score"]), of_rows(shared["products"])
    information = products[np.maximum(index, index.T)]
    return Summed(score, information, shared["likelihood"].sum(0), shared["beyond"].sum(0))
