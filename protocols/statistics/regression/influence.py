"""What an owner adds up of its rows at a public fit: how far each row moves each coefficient.

With residuals e and influences c of a coefficient, both divided by the roots of their sums of squares over all rows,
    sum e^2 = 1,  sum c^2 = 1,  so  0 <= sum e^2 c^2 <= 1,  and by Cauchy and Schwarz  (sum e c)^2 <= 1
over any rows. So the sums have the same bound whatever the columns are, and keep nearly all bits of the ring.
With the leverage h of a row, e^2 / (1 - h) <= 1: without the row, the sum of squares is 1 - e^2 / (1 - h), at least 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpc.machine.relations import Rule
from mpc.tables.aggregates import Aggregate, Evaluate
from mpc.tables.expressions import Expression, Floats
from mpc.tables.moments import shifted
from mpc.untyped import JsonObject
from mpc.values.secret import SecretArray
from protocols.statistics.regression.public_fit import PublicFit

#: A row with a leverage above 1 - 2^-NEAR has no corrected residual.
NEAR = 8
#: Bounds have a slack of 2^-SLACK: released moments let sums be off by 2^-16 at most.
SLACK = 14

Of = Literal["squares", "square of the sum", "sums"]


class Influence(Aggregate):
    """Of the rows that a fit is of: sums (clusters, k), and the number `beyond` () of rows left out.

    of        "squares": sum e^2 c^2 (1, k); "sums": of each cluster sum e c; "square of the sum": the square of sum e c
              (1, k)
    power     of squares: e^2 c^2 / (1 - h)^power
    clusters  of sums: a category;  beyond  its rows without a level, or those with a leverage near 1
    """

    def __init__(
        self,
        columns: Sequence[Expression],
        response: Expression,
        weights: Expression | None,
        where: Expression | None,
        fit: PublicFit | None,
        of: Of,
        power: int = 0,
        clusters: Expression | None = None,
    ) -> None:
        self.where = where
        self._columns, self._response, self._weights = tuple(columns), response, weights
        self._fit, self._of, self._power, self._clusters = fit, of, power, clusters
        size = 1 if clusters is None else len(clusters.levels)
        self._sums = np.zeros((size, len(columns) + 1))
        self._beyond = 0

    def expressions(self) -> Sequence[Expression]:
        optional = [e for e in (self._weights, self._clusters) if e is not None]
        return [*self._columns, self._response, *optional]

    def settings(self) -> tuple[object, ...]:
        fit = self._fit
        numbers: list[float] = []
        if fit is not None:
            numbers = [fit.moments.weight, fit.left, fit.constant, *fit.moments.mean, *fit.deviation, *fit.slopes]
            numbers += [x for row in fit.inverse for x in row]
        return self._of, self._power, self._weights is None, np.asarray(numbers)

    def update(self, evaluate: Evaluate, rows: int) -> None:
        fit = self._fit
        if fit is None:
            return
        keep = self._selected(evaluate, rows)
        every = [*self._columns, self._response]
        z = np.empty((len(every), rows))
        for j, column in enumerate(every):
            z[j] = shifted(np.broadcast_to(evaluate(column), (rows,)), fit.moments.mean[j])
        z /= np.asarray(fit.deviation)[:, None]
        weight = np.ones(rows)
        if self._weights is not None:
            weight = np.array(np.broadcast_to(shifted(evaluate(self._weights), 0.0), (rows,)))
        keep = keep & ~np.isnan(z).any(axis=0) & ~np.isnan(weight)
        z, weight = z[:, keep], weight[keep]
        total = fit.moments.weight
        x, root = z[:-1], np.sqrt(weight / total)
        e = root * (z[-1] - np.asarray(fit.slopes) @ x) / np.sqrt(fit.left)
        bread = np.asarray(fit.rows_of_bread)
        c = root * (bread[:, :1] + bread[:, 1:] @ x) / np.sqrt(np.asarray(fit.spreads))[:, None]
        if self._of == "squares":
            self._add_squares(e, c, x, weight / total)
            return
        if self._clusters is None:
            self._sums[0] += c @ e
            return
        place = np.broadcast_to(evaluate(self._clusters), (rows,))[keep]
        there = ~np.isnan(place)
        self._beyond += int(np.count_nonzero(~there))
        index = place[there].astype(np.int64)
        for j in range(len(c)):
            self._sums[:, j] += np.bincount(index, (c[j] * e)[there], len(self._sums))

    def _add_squares(self, e: Floats, c: Floats, x: Floats, weight: Floats) -> None:
        if self._power and self._fit is not None:
            leverage = weight * (1 + (x * (np.asarray(self._fit.inverse) @ x)).sum(axis=0))
            near = leverage > 1 - 2.0**-NEAR
            self._beyond += int(np.count_nonzero(near))
            e = np.where(near, 0.0, e) / (1 - np.where(near, 0.0, leverage)) ** (self._power / 2)
        self._sums[0] += (c * c) @ (e * e)

    def collected(self) -> JsonObject:
        return {"sums": self._sums, "beyond": np.asarray(self._beyond, np.int64)}

    def finished(self, collected: JsonObject) -> JsonObject:
        if self._of == "square of the sum":
            return {**collected, "sums": collected["sums"] ** 2}
        return collected


@dataclass(frozen=True)
class Limited(Rule):
    """0 <= beyond <= at_most, and sums between 0 (with `both`, minus the bound) and the bound."""

    at_most: int
    bound: int
    both: bool
    covers = frozenset({"beyond", "sums"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        sums, beyond = parts["sums"], parts["beyond"]
        low = sums + self.bound if self.both else sums
        return [beyond, self.at_most - beyond, low, self.bound - sums]
