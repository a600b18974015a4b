"""Operators and methods of values that take more than one primitive: their interface.

`protocols.library` implements it. The code that assembles a run passes it in, and values find it at `run.functions`:
so this package imports no protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mpc.releases.disclosure import Result
    from mpc.releases.study import Study
    from mpc.tables.private import PrivateArray
    from mpc.tables.secret_columns import SecretColumn
    from mpc.tables.secret_table import SecretTable
    from mpc.tables.table_functions import TableFunctions
    from mpc.values.secret import SecretArray
    from mpc.values.stated import Operand

#: Columns that differ in any two rows of a table: one, some together, or several of both.
Unique = str | Sequence[str | Sequence[str]]


class Functions(Protocol):
    """Operators and methods of values that are protocols of their own."""

    @property
    def tables(self) -> TableFunctions:
        """Verbs of secret tables."""

    def divide(self, a: SecretArray, b: SecretArray) -> SecretArray:
        """a / b; undefined where b is 0."""

    def floor_divide(self, x: SecretArray, divisor: Operand) -> SecretArray:
        """x // divisor, of whole numbers."""

    def remainder(self, x: SecretArray, divisor: Operand) -> SecretArray:
        """x % divisor, of whole numbers."""

    def divide_with_remainder(self, x: SecretArray, divisor: Operand) -> tuple[SecretArray, SecretArray]:
        """x // divisor and x % divisor."""

    def take(self, x: Operand, index: SecretArray, axis: int | None) -> SecretArray:
        """Elements of x at secret places along an axis."""

    def power(self, x: SecretArray, exponent: float) -> SecretArray:
        """x ** exponent, for a public exponent."""

    def power_modulo(self, x: SecretArray, exponent: int, modulus: Operand) -> SecretArray:
        """x ** exponent % modulus, of whole numbers."""

    def sqrt(self, x: SecretArray) -> SecretArray:
        """Square root; undefined below 0."""

    def exp(self, x: SecretArray) -> SecretArray:
        """e^x; undefined above 20."""

    def log(self, x: SecretArray) -> SecretArray:
        """Natural logarithm; undefined for 0 and below."""

    def var(self, x: SecretArray, axis: int | None, ddof: int) -> SecretArray:
        """Variance of the elements of a secret array."""

    def sort(self, x: SecretArray, descending: bool) -> SecretArray:
        """A vector sorted, invalid elements last."""

    def quantile(self, x: SecretArray, q: float | Sequence[float]) -> SecretArray:
        """Quantiles of the valid elements of a vector."""

    def means(self, columns: Sequence[PrivateArray]) -> list[SecretArray]:
        """Mean of each column over its valid rows, all owners together."""

    def variances(self, columns: Sequence[PrivateArray], ddof: int) -> list[SecretArray]:
        """Variance of each column."""

    def deviations(self, columns: Sequence[PrivateArray], ddof: int) -> list[SecretArray]:
        """Standard deviation of each column."""

    def correlation(self, columns: Sequence[PrivateArray]) -> Result:
        """Correlation matrix over the rows where all columns are valid."""

    def grouped(self, column: PrivateArray, category: PrivateArray, statistic: str) -> Result:
        """Mean, std or count of a column in each group, small groups suppressed."""

    def counts(self, category: PrivateArray) -> Result:
        """Rows of each group, small groups suppressed."""

    def histogram(self, column: PrivateArray, edges: Sequence[float]) -> Result:
        """Counts in public bins, small ones suppressed."""

    def split_places(self, rows: int, test_size: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Public places of rows: those kept, and those held out."""

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
        """The result of a query over the inputs of a study: rows, or single values by name."""
