"""Two flags of the same rows: risks and odds of an outcome by an exposure, paired flags, agreement, and tests.

All follow in the clear from one opened table of two by two counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray, count_cells
from mpc.untyped import Json
from mpc.values.basis import union
from mpc.values.people import need_same_people
from mpc.values.places import indicator
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray, stack
from protocols.statistics.counts.of_counts import accuracy, association, disproportion, kappa, paired, ratio
from protocols.statistics.counts.tables import chi_square
from protocols.statistics.measures import Measure, document

Flags = PrivateArray | SecretArray


def odds_ratio(outcome: Flags, exposure: Flags, *, names: tuple[str, str] = ("outcome", "exposure")) -> Result:
    """The odds ratio of two flags of the same rows, private or shared, over the rows that have both.

    names       of outcome and exposure, for the table

    Opens       the table of two by two counts; the odds ratio, its 95 % interval (Woolf) and Pearson's chi-square
                without correction follow from it
    Undefined   where a cell is 0
    Protection  if any cell is under the minimum, neither cells nor the ratio come out
    Rounds      of shared rows an AND, another one for each mask, and a conversion; of private rows those of a table
                of counts
    Raises      ShapeError for anything but two flags of one table
    Source      Woolf, Annals of Human Genetics 19 (1955)
    """
    counts = _counts("odds_ratio", exposure, outcome)
    rows, columns = ([f"not {name}", name] for name in reversed(names))

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        cells = np.rint(part.values)
        table = {"rows": rows, "columns": columns, "counts": [[int(cell) for cell in row] for row in cells]}
        return {**table, **chi_square(cells), **ratio(cells)}

    return Result("crosstab", {"counts": counts}, finish, together=True)


def two_by_two(outcome: Flags, exposure: Flags, *, names: tuple[str, str] = ("outcome", "exposure")) -> Result:
    """An outcome among rows with and without an exposure: risks, their difference and ratio, odds ratio, and tests.

    names       of outcome and exposure

    Opens       the table of two by two counts, from which all follows. Intervals of 95 %: of risks by Wilson, of their
                difference by Newcombe's hybrid score, of the risk ratio by Katz, of the odds ratio by Woolf; Pearson's
                chi-square without correction, and Fisher's exact test, two-sided
    Missing     rows that lack one of both are left out
    Undefined   ratios where a cell is 0; risks of no rows
    Protection  if any cell is under the minimum, nothing comes out
    Rounds      as `odds_ratio`
    Raises      ShapeError for anything but two flags of one table
    Equals      statsmodels' `Table2x2` (riskratio, oddsratio), `proportion_confint(method="wilson")` and
                `confint_proportions_2indep(method="newcomb")`; scipy's `fisher_exact`
    Source      Newcombe, Statistics in Medicine 17 (1998), method 10; Katz and others, Biometrics 34 (1978)
    """
    return _measured("two_by_two", exposure, outcome, names[1], names[0], lambda t: association(t, names[1]))


def mcnemar(first: Flags, second: Flags, *, names: tuple[str, str] = ("first", "second")) -> Result:
    """Two flags of the same rows, such as before and after: does one of them hold more often?

    Opens       the table of two by two counts. From the rows that have one flag alone follow the difference of the
                shares (first less second) with its 95 % interval (Wald), the exact test, and McNemar's chi-square with
                continuity correction
    Missing, Protection, Rounds, Raises   as `two_by_two`
    Undefined   tests where no row has one flag alone
    Equals      statsmodels' `mcnemar`
    Source      McNemar, Psychometrika 12 (1947); Agresti, Categorical Data Analysis (3rd ed.), 11.1
    """
    return _measured("mcnemar", first, second, *names, lambda t: paired(t, names))


def agreement(first: Flags, second: Flags, *, names: tuple[str, str] = ("first", "second")) -> Result:
    """How far two flags of the same rows agree, such as two readers of an image: Cohen's kappa.

    Opens       the table of two by two counts; the share of rows where both agree (Wilson's interval), and kappa with
                its 95 % interval follow
    Missing, Protection, Rounds, Raises   as `two_by_two`
    Undefined   kappa where both flags are the same for all rows
    Equals      statsmodels' `cohens_kappa`
    Source      Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969)
    """
    return _measured("agreement", first, second, *names, kappa)


def diagnostic(test: Flags, condition: Flags, *, names: tuple[str, str] = ("test", "condition")) -> Result:
    """How well a test finds a condition: sensitivity, specificity, predictive values, likelihood ratios.

    Opens       the table of two by two counts. 95 % intervals: of shares by Wilson, of likelihood ratios by the
                logarithm
    Missing, Protection, Rounds, Raises   as `two_by_two`
    Undefined   shares of no rows; likelihood ratios where a cell is 0
    Source      Simel, Samsa and Matchar, Journal of Clinical Epidemiology 44 (1991)
    """
    return _measured("diagnostic", test, condition, *names, accuracy)


def disproportionality(reaction: Flags, drug: Flags, *, names: tuple[str, str] = ("reaction", "drug")) -> Result:
    """Whether a drug and a reaction stand in the same reports more often than chance makes them: reports of adverse
    reactions, one row each.

    names       of reaction and drug

    Opens       the table of two by two counts. From it follow the reports expected of independent ones, the reporting
                odds ratio (ROR, Woolf's interval), the proportional reporting ratio (PRR, Katz's), Pearson's chi-square
                with continuity correction, and the information component: log2 of observed by expected reports, each
                with half a report more, which shrinks rare pairs to 0; its interval is that of a gamma law
    Missing, Protection, Rounds, Raises   as `two_by_two`
    Undefined   ratios where a cell is 0
    Equals      statsmodels' `Table2x2`, scipy's `chi2_contingency` and `gamma.ppf`; R's `PhViD`, `openEBGM` for ratios
    Source      Noren, Hopstadius and Bate, Statistical Methods in Medical Research 22 (2013), for the information
                component; Evans, Waller and Davis, Pharmacoepidemiology and Drug Safety 10 (2001), for the PRR
    """
    return _measured("disproportionality", drug, reaction, names[1], names[0], disproportion)


def _measured(
    statistic: str, rows: Flags, columns: Flags, row: str, column: str, measures: Callable[[Json], list[Measure]]
) -> Result:
    """Measures that follow from the table of two flags."""
    counts = _counts(statistic, rows, columns)

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        cells = np.rint(part.values)
        values = [[int(cell) for cell in line] for line in cells]
        table = {"rows": [f"not {row}", row], "columns": [f"not {column}", column], "values": values}
        return document(measures(cells), table)

    return Result("measures", {"counts": counts}, finish, together=True)


def _counts(statistic: str, rows: Flags, columns: Flags) -> SecretArray:
    """(2, 2) the rows without and with each of two flags of one table. Raises ShapeError."""
    if isinstance(rows, PrivateArray) and isinstance(columns, PrivateArray):
        if rows.source is not columns.source or {rows.expression.type, columns.expression.type} != {"flag"}:
            raise ShapeError(f"{statistic}: {columns!r} and {rows!r}; two flags of one table are wanted")
        return count_cells(rows.source, [rows, columns])
    return _cells(statistic, rows, columns)


def _cells(statistic: str, exposure: Flags, outcome: Flags) -> SecretArray:
    """(2, 2) the rows without and with the exposure (first axis) and the outcome."""
    for flag in (exposure, outcome):
        if not isinstance(flag, SecretArray) or flag.ndim != 1 or not is_flag(flag):
            raise ShapeError(f"{statistic}: {flag!r} is no flag of rows: compare a column, as in table.age > 60")
    assert isinstance(exposure, SecretArray)
    assert isinstance(outcome, SecretArray)
    if exposure.shape != outcome.shape:
        raise ShapeError(f"{statistic}: flags of {len(outcome)} and {len(exposure)} rows; take both from one table")
    need_same_people(exposure.basis.places, outcome.basis.places)
    basis = union(exposure.basis, outcome.basis).plain()
    bits = [flag.bare().as_flag() for flag in (exposure, outcome)]
    masks = list({id(flag.valid): flag.valid.bare() for flag in (exposure, outcome) if flag.valid is not None}.values())
    counts = []
    for sides in product((False, True), repeat=2):
        chosen = [bit if side else ~bit for bit, side in zip(bits, sides, strict=True)] + masks
        cell = chosen[0]
        for bit in chosen[1:]:
            cell = cell & bit.broadcast_to(cell.shape)
        behind = basis.where(cell).reduced(0, cell, rest=False, name="count")
        counts.append(indicator(cell).sum().with_basis(behind))
    return stack(counts).reshape(2, 2)
