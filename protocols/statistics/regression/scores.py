"""What an owner adds up of its rows for a step of scoring at public coefficients: residuals, alone and times the
predictors."""

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
from mpc.values.secret import SecretArray


class Scores(Aggregate):
    """Over the rows in which nothing is missing: n (), score (k + 1,) and extra (m,).

    score   sums of the residuals and of their products with u = (x - centre) / unit, in units of `most`
    extra   sums of further expressions, each in its own unit;  beyond  of a flag
    """

    def __init__(
        self,
        columns: Sequence[Expression],
        centre: Floats,
        unit: Floats,
        residual: Expression,
        most: float,
        extra: Sequence[tuple[Expression, float]],
        beyond: Expression,
        where: Expression | None,
    ) -> None:
        self.where = where
        self._columns, self._centre, self._unit = tuple(columns), centre, unit
        self._residual, self._most, self._beyond = residual, most, beyond
        self._extra, self._units = [e for e, _ in extra], np.asarray([u for _, u in extra])
        self._n = self._far = 0
        self._score = np.zeros(len(columns) + 1)
        self._sums = np.zeros(len(extra))

    def expressions(self) -> Sequence[Expression]:
        return [*self._columns, self._residual, *self._extra, self._beyond]

    def settings(self) -> tuple[object, ...]:
        return self._centre, self._unit, self._most, self._units

    def update(self, evaluate: Evaluate, rows: int) -> None:
        keep = self._selected(evaluate, rows)

        def values(expression: Expression) -> Floats:
            return np.broadcast_to(shifted(evaluate(expression), 0.0), (rows,))

        residual = values(self._residual) / self._most
        keep = keep & ~np.isnan(residual)
        extra = [values(expression) / unit for expression, unit in zip(self._extra, self._units, strict=True)]
        residual = np.where(keep, residual, 0.0)
        self._n += int(np.count_nonzero(keep))
        self._far += int(np.count_nonzero(keep & (values(self._beyond) == 1.0)))
        self._score[0] += residual.sum()
        for k, column in enumerate(self._columns):
            u = shifted(evaluate(column), self._centre[k])
            self._score[k + 1] += float(np.where(keep, u, 0.0) @ residual) / self._unit[k]
        for k, numbers in enumerate(extra):
            self._sums[k] += float(np.where(keep, numbers, 0.0).sum())

    def collected(self) -> JsonObject:
        return {
            "n": np.asarray(self._n, np.int64), "beyond": np.asarray(self._far, np.int64), "score": self._score,
            "extra": self._sums,
        }  # fmt: skip


@dataclass(frozen=True)
class Bounded(Rule):
    """0 <= beyond <= n <= at_most, and every sum is n units at most, with a slack for rounding."""

    at_most: int
    of_score: int
    of_extra: int
    covers = frozenset({"n", "beyond", "score", "extra"})

    @staticmethod
    def limit(frac: int) -> int:
        """A unit with `frac` fraction bits, and the slack."""
        return (1 << frac) + (1 << max(frac - 36, 0)) + 1

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        n, beyond = parts["n"], parts["beyond"]
        claims = [n, self.at_most - n, beyond, n - beyond]
        for name, frac in (("score", self.of_score), ("extra", self.of_extra)):
            if name in parts:
                most = exact_multiple(n, self.limit(frac)).reshape(-1, 1)
                claims += [most - parts[name], most + parts[name]]
        return claims


@dataclass
class Summed:
    """Together: score (k + 1,) in units of `most`, extra (m,) in units of each, beyond ()."""

    score: SecretArray
    extra: SecretArray | None
    beyond: SecretArray


def summed(source: Source, scores: Scores, k: int, extra: int, frac: int, wide: int) -> Summed:
    """Share the owners' sums and add them up: scores with `frac` fraction bits, others with `wide`."""
    local = source.local.ask(scores)
    rule = Bounded(source.at_most, frac, wide)
    parts = [
        Part("n", (), 0, source.at_most, "int"),
        Part("beyond", (), 0, source.at_most, "int"),
        Part("score", (k + 1,), frac, source.at_most * rule.limit(frac)),
        *([Part("extra", (extra,), wide, source.at_most * rule.limit(wide))] if extra else []),
    ]
    shared = share_parts(source, local, parts, rule)
    owners = max(len(source.owners), 2)
    return Summed(
        shared["score"].sum(0).bounded(owners * source.at_most * rule.limit(frac)),
        shared["extra"].sum(0) if extra else None,
        shared["beyond"].sum(0),
    )
