"""Two categories of the same rows: tests of independence, how strong the association is, and trend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.untyped import Json
from protocols.statistics.counts.crosstabs import Category, Crosstab, crosstab
from protocols.statistics.counts.fisher import DRAWS, fisher
from protocols.statistics.counts.tables import chi_square
from protocols.statistics.measures import Measure, document, share


def chi2_contingency(rows: Category, columns: Category) -> Result:
    """Two categories (or flags) of the same rows, private or shared: are they independent?

    Opens       the table of counts, from which all follows: Pearson's chi-square without correction, the likelihood
                ratio (G) test, Fisher's exact test, Cramér's V without correction for bias, the smallest expected count
                and how many are below 5. The table has the expected counts below the observed ones
    Missing     rows that lack one of both are left out
    Undefined   where a row or a column of the table is empty, or there is one alone
    Protection  a cell under the minimum suppresses everything
    Error       none: Fisher's test lists all tables, up to a million; of larger ones it draws 100,000 with a fixed
                seed, its name says so, and p is within 0.003 (`fisher.fisher`)
    Rounds      as `crosstabs.crosstab`: of shared rows about 30
    Bytes       of shared rows about 300 a place
    Raises      ShapeError for anything but two categories or flags of the same rows
    Equals      scipy's `chi2_contingency(correction=False)`, also with `lambda_="log-likelihood"`;
                `contingency.association(method="cramer")`; R's `fisher.test`
    Source      Agresti, Categorical Data Analysis (3rd ed.), 3.2 and 3.5; Cramér, Mathematical Methods (1946), 21.9
    """
    found = crosstab("chi2_contingency", rows, columns)
    return _of_table(found, _independence)


def _independence(table: Json) -> tuple[list[Measure], Json]:
    from scipy import special  # scipy.stats takes a second to import

    names = ("chi-square", "likelihood ratio (G)", "Fisher's exact test")
    chi = chi_square(table)
    why = chi["chi_square"]
    if isinstance(why, str):
        empty = [Measure(names[0], statistic=why, df=chi["df"], p=why), Measure(names[1], statistic=why, p=why)]
        return [*empty, Measure(names[2], p=why), Measure("Cramér's V", why)], None
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    g = max(0.0, 2 * float(special.xlogy(table, table / expected).sum()))
    exact = fisher(table)
    size = table.sum() * (min(table.shape) - 1)
    measures = [
        Measure(names[0], statistic=why, df=chi["df"], p=chi["p"]),
        Measure(names[1], statistic=g, df=chi["df"], p=float(special.chdtrc(chi["df"], g))),
        Measure(names[2] if exact.listed else f"{names[2]} ({DRAWS:,} random tables)", p=exact.p),
        Measure("Cramér's V", float(np.sqrt(why / size))),
        Measure("smallest expected count", float(expected.min())),
        Measure("expected counts below 5", int((expected < 5).sum())),
    ]
    return measures, expected


def cochran_armitage(outcome: Category, by: Category, *, scores: Sequence[float] | None = None) -> Result:
    """The Cochran-Armitage test: does the share of rows with a flag rise or fall along the levels of a category?

    outcome, by  a flag and a category of the same rows, private or shared
    scores       public numbers of the levels, such as doses (default: 0, 1, 2, …)

    Opens       the counts of each level without and with the flag, from which the share at each level (Wilson's
                interval), the slope of the shares along the scores, z and the two-sided p follow
    Missing, Protection, Rounds, Bytes, Raises   as `chi2_contingency`; ConfigError for other scores
    Error       none
    Undefined   where all rows or none have the flag, or all have one score
    Equals      R's `prop.trend.test`, whose chi-square is the square of z
    Source      Cochran, Biometrics 10 (1954); Armitage, Biometrics 11 (1955)
    """
    found = crosstab("cochran_armitage", by, outcome)
    if found.columns != ["no", "yes"]:
        raise ShapeError(f"cochran_armitage: {outcome!r} is no flag: compare a column, as in table.grade > 2")
    x = np.arange(len(found.rows), dtype=np.float64) if scores is None else np.asarray(scores, np.float64)
    if x.shape != (len(found.rows),) or not np.all(np.isfinite(x)):
        raise ConfigError(
            f"cochran_armitage: scores={scores!r}; expected {len(found.rows)} numbers, one for each level"
        )

    def measures(table: Json) -> tuple[list[Measure], Json]:
        shares = [share(name, row[1], row.sum()) for name, row in zip(found.rows, table, strict=True)]
        return [*shares, *_trend(table, x)], None

    return _of_table(found, measures)


def _trend(table: Json, scores: Json) -> list[Measure]:
    from scipy import special

    n, with_ = table.sum(1), table[:, 1]
    whole = float(n.sum())
    names = "slope of the share", "trend"
    if not 0 < with_.sum() < whole:
        why = "undefined: all rows have the flag, or none" if whole else "undefined: no rows"
        return [Measure(names[0], why), Measure(names[1], statistic=why, p=why)]
    centred = scores - float(n @ scores) / whole
    spread = float(n @ centred**2)
    if spread <= 0 or np.ptp(scores[n > 0]) == 0:
        why = "undefined: all rows have one score"
        return [Measure(names[0], why), Measure(names[1], statistic=why, p=why)]
    part = float(with_.sum()) / whole
    apart = float(centred @ with_)
    z = apart / float(np.sqrt(part * (1 - part) * spread))
    p = float(2 * special.ndtr(-abs(z)))
    return [Measure(names[0], apart / spread), Measure(names[1], statistic=z, p=p)]


def _of_table(found: Crosstab, measures: Callable[[Json], tuple[list[Measure], Json]]) -> Result:
    """Measures of the opened table, with expected counts below it where there are some."""

    def finish(opened: Mapping[str, Opened]) -> Any:
        part = opened["counts"]
        if not part.ok:
            return part.first_problem()
        cells = part.whole_cells()
        lines, expected = measures(np.asarray(cells, np.float64))
        rows, values = list(found.rows), [[int(n) for n in line] for line in cells]
        if expected is not None:
            rows += [f"{name}, expected" for name in found.rows]
            values += expected.tolist()
        return document(lines, {"rows": rows, "columns": found.columns, "values": values})

    return Result("measures", {"counts": found.counts}, finish, together=True)
