"""What holds between the numbers of an owner's moments, whatever its rows are: compared in secret before use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mpc.machine.relations import Rule
from mpc.values.scaling import exact_multiple
from mpc.values.secret import SecretArray


@dataclass(frozen=True)
class Centred(Rule):
    """Relations of an owner's moments, in units u with |u| <= 1: 0 <= n <= at_most, |sum| <= n, 0 <= squares <= n; for
    products the same on the diagonal, and |M_ij| <= (M_ii + M_jj) / 2. All but that of n have a slack of 2^-39 n for
    rounding.

    So for the rows of all owners together, |sum|, squares and |products| are at most the number of rows.
    """

    at_most: int
    frac: int
    columns: int  # of a matrix of products; 0: squares alone
    covers = frozenset({"n", "sum", "squares", "products"})

    def relations(self, parts: Mapping[str, SecretArray]) -> list[SecretArray]:
        n, total = parts["n"], parts["sum"]
        slack = 1 << max(self.frac - 39, 0)
        most, limits = self._most(parts, slack)
        if n.ndim == 1:
            most = most.reshape(-1, 1)
        claims = [n, self.at_most - n, *limits, most - total, most + total]
        if not self.columns:
            squares = parts["squares"]
            return [*claims, squares, most - squares]
        products = parts["products"]
        first, second = np.triu_indices(self.columns)
        squares = products[:, first == second]
        claims += [squares, most - squares]
        if self.columns > 1:
            apart = first != second
            mixed = exact_multiple(products[:, apart], 2)
            pairs = squares[:, first[apart]] + squares[:, second[apart]] + exact_multiple(n, slack).reshape(-1, 1) + 2
            # Twice a huge ring element can be a small one. So each element is compared with its range, too.
            claims += [pairs - mixed, pairs + mixed, most + products[:, apart]]
        return claims

    def _most(self, parts: Mapping[str, SecretArray], slack: int) -> tuple[SecretArray, list[SecretArray]]:
        """The limit of sums and squares, with a slack; and what must not be negative besides."""
        return exact_multiple(parts["n"], (1 << self.frac) + slack) + 1, []


@dataclass(frozen=True)
class Weighted(Centred):
    """As `Centred`, where 0 <= weight <= n, and weights take the place of n as the limit of sums and products."""

    covers = frozenset({"n", "weight", "sum", "products"})

    def _most(self, parts: Mapping[str, SecretArray], slack: int) -> tuple[SecretArray, list[SecretArray]]:
        n, weight = parts["n"], parts["weight"]
        rounding = exact_multiple(n, slack) + 1
        whole = exact_multiple(n, 1 << self.frac)
        return weight + rounding, [weight, whole + rounding - weight]
