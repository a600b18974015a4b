"""Implements `mpc.machine.functions.Functions`: what operators and methods of values call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mpc.machine.functions import Unique
from mpc.releases.disclosure import Result
from mpc.tables.private import PrivateArray
from mpc.values.secret import SecretArray
from mpc.values.stated import Operand
from protocols import numeric, order
from protocols.models.rows import split_rows
from protocols.numeric.variance import variance_of
from protocols.statistics.counts import tables as counts
from protocols.statistics.moments import correlations, descriptive, grouped
from protocols.tables.verbs import Tables

if TYPE_CHECKING:
    from mpc.releases.study import Study
    from mpc.tables.secret_columns import SecretColumn
    from mpc.tables.secret_table import SecretTable


class Library:
    """Division, roots, exponentials and statistics of values."""

    tables = Tables()

    def divide(self, a: SecretArray, b: SecretArray) -> SecretArray:
        return numeric.divide(a, b)

    def floor_divide(self, x: SecretArray, divisor: Operand) -> SecretArray:
        return numeric.floor_divide(x, divisor)

    def remainder(self, x: SecretArray, divisor: Operand) -> SecretArray:
        return numeric.remainder(x, divisor)

    def divide_with_remainder(self, x: SecretArray, divisor: Operand) -> tuple[SecretArray, SecretArray]:
        return numeric.divide_with_remainder(x, divisor)

    def take(self, x: Operand, index: SecretArray, axis: int | None) -> SecretArray:
        return numeric.take(x, index, axis)

    def power(self, x: SecretArray, exponent: float) -> SecretArray:
        return numeric.power(x, exponent)

    def power_modulo(self, x: SecretArray, exponent: int, modulus: Operand) -> SecretArray:
        return numeric.power_modulo(x, exponent, modulus)

    def sqrt(self, x: SecretArray) -> SecretArray:
        return numeric.sqrt(x)

    def exp(self, x: SecretArray) -> SecretArray:
        return numeric.exp(x)

    def log(self, x: SecretArray) -> SecretArray:
        return numeric.log(x)

    def var(self, x: SecretArray, axis: int | None, ddof: int) -> SecretArray:
        return variance_of(x, axis, ddof)

    def sort(self, x: SecretArray, descending: bool) -> SecretArray:
        return order.sort(x, descending=descending)

    def quantile(self, x: SecretArray, q: float | Sequence[float]) -> SecretArray:
        return order.quantile(x, q)

    def means(self, columns: Sequence[PrivateArray]) -> list[SecretArray]:
        return descriptive.means(columns)

    def variances(self, columns: Sequence[PrivateArray], ddof: int) -> list[SecretArray]:
        return descriptive.variances(columns, ddof)

    def deviations(self, columns: Sequence[PrivateArray], ddof: int) -> list[SecretArray]:
        return descriptive.deviations(columns, ddof)

    def correlation(self, columns: Sequence[PrivateArray]) -> Result:
        return correlations.correlation(columns)

    def grouped(self, column: PrivateArray, category: PrivateArray, statistic: str) -> Result:
        return grouped.grouped(column, category, statistic)

    def counts(self, category: PrivateArray) -> Result:
        return grouped.counts(category)

    def histogram(self, column: PrivateArray, edges: Sequence[float]) -> Result:
        return counts.histogram(column, edges)

    def split_places(self, rows: int, test_size: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return split_rows(rows, test_size, seed)

    def sql(
        self,
        study: Study,
        text: str,
        *,
        rows: Mapping[str, int] | None,
        unique: Mapping[str, Unique] | None,
        matches: int | None,
        groups: int | None,
    ) -> SecretTable | dict[str, SecretColumn]:
        from protocols.sql.query import query  # sqlglot is read when a query is

        return query(study, text, rows=rows, unique=unique, matches=matches, groups=groups)
