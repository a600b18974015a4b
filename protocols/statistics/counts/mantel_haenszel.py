"""An outcome by an exposure in strata: Mantel and Haenszel's pooled measures, their tests, and homogeneity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpc.releases.disclosure import Opened, Result
from mpc.untyped import Json
from protocols.statistics.counts.crosstabs import Category
from protocols.statistics.counts.homogeneity import homogeneity
from protocols.statistics.counts.pooled import SUMS, pooled
from protocols.statistics.counts.strata import Flags, strata_of
from protocols.statistics.measures import Z95, Measure, document

_NO_CASES = "no stratum has rows on both sides"


def mantel_haenszel(
    outcome: Flags,
    exposure: Flags,
    strata: Category | Sequence[Category],
    *,
    names: tuple[str, str] = ("outcome", "exposure"),
    sparse: bool = False,
) -> Result:
    """An outcome by an exposure, adjusted for strata such as clinics or age groups.

    outcome, exposure  flags of the same rows, private or shared
    strata             a category or a flag of the same rows, or several in a list: their combinations
    names              of outcome and exposure
    sparse             see Protection

    Opens       the two by two counts of all strata together (for the table), nine sums over strata from which the
                estimates follow, three sums of the test of homogeneity, and how many strata have rows on all four
                sides; no count of a stratum. The measures are: pooled odds ratio (variance of Robins, Breslow and
                Greenland), risk ratio (Greenland and Robins) and risk difference (Sato), with intervals of 95 %; the
                Cochran-Mantel-Haenszel chi-square without and with continuity correction; Breslow and Day's test of
                homogeneity with Tarone's correction. Expected counts of that test are roots of a quadratic, which are
                computed in secret
    Missing     rows that lack one of the three are left out
    Undefined   ratios where no stratum has rows in both cells of a product; tests where no stratum has rows with and
                without exposure and outcome. Homogeneity: with fewer than two such strata; where the pooled odds ratio
                is not between 1/256 and 256; where the variance of a cell is below 2^-20 of its stratum's rows
    Protection  each of the four counts of all strata together must reach the minimum, and each of the four counts of
                every stratum must be none or reach it; otherwise nothing comes out. sparse=True asks the latter of the
                rows of every stratum alone: for many strata with few events each. Sums over few strata may then tell
                small counts to somebody who tries all tables that fit
    Error       relative 1e-7 for estimates and 1e-6 for their standard errors where rows of no stratum are more
                uneven than 1 to 1,000; of homogeneity relative 1e-5 and 2^-27 sqrt(rows) (`homogeneity.homogeneity`)
    Rounds      about 350, whatever the number of rows and strata
    Bytes       of shared rows about 150, and 11 for each row and stratum; besides, some 30 KiB a stratum. Of rows that
                were joined, moved or filtered about 110 for each row and stratum (sparse: 40), for the minimums
    Raises      ShapeError for other columns; ConfigError for more than 2,000 strata
    Equals      statsmodels' `StratifiedTable`: oddsratio_pooled, oddsratio_pooled_confint, riskratio_pooled,
                test_null_odds, test_equal_odds(adjust=True) over strata with rows on all sides
    Source      Mantel and Haenszel, JNCI 22 (1959); Robins, Breslow and Greenland, Biometrics 42 (1986); Greenland and
                Robins, Biometrics 41 (1985); Sato, Biometrics 45 (1989); Breslow and Day, Statistical Methods in
                Cancer Research I (1980), 4.4; Tarone, Biometrika 72 (1985)
    """
    found = strata_of("mantel_haenszel", outcome, exposure, strata, sparse=sparse)
    counts = found.counts
    most = counts.bound if found.behind.cohorts == () else max(c.most for c in found.behind.cohorts)
    sums = pooled(counts, most)
    same = homogeneity(sums)
    whole = counts.sum(2).bounded(most)
    parts = {"counts": whole, "sums": sums.sums, "strata": same.strata, "homogeneity": same.numbers}
    parts = {name: part.with_basis(found.behind) for name, part in parts.items()}

    def finish(opened: Mapping[str, Opened]) -> Any:
        for name in ("counts", "sums", "strata"):
            if problem := opened[name].first_problem():
                return problem
        cells = [[int(n) for n in line] for line in opened["counts"].whole_cells()]
        rows = float(np.sum(cells))
        measures = estimates(dict(zip(SUMS, opened["sums"].values, strict=True)), rows)
        apart = opened["homogeneity"]
        problem = apart.first_problem()
        if problem is not None and not problem.startswith("undefined"):
            return problem
        measures.append(_homogeneity(int(opened["strata"].values), problem, apart.values, rows))
        row, column = names[1], names[0]
        table = {"rows": [f"not {row}", row], "columns": [f"not {column}", column], "values": cells}
        return document(measures, table)

    return Result("measures", parts, finish, together=True)


def estimates(sums: Mapping[str, float], rows: float) -> list[Measure]:
    """The measures, from the opened sums over strata. A sum of products of counts over rows is 0 or at least 1/rows."""
    least = 0.5 / max(rows, 1.0)
    r, s, t, u = (float(sums[k]) if sums[k] > least else 0.0 for k in "RSTU")
    return [_odds(sums, r, s), _ratio(sums, r, s, t, least), _difference(sums, r, s, t, u), *_tests(sums, r, s)]


def _odds(sums: Mapping[str, float], r: float, s: float) -> Measure:
    if not r or not s:
        return Measure.undefined("odds ratio, pooled", _NO_CASES if not (r or s) else "a cell without rows")
    pr, qs = float(sums["R (a+d)/n"]), float(sums["S (b+c)/n"])
    variance = pr / (2 * r * r) + (s - qs + r - pr) / (2 * r * s) + qs / (2 * s * s)
    return _of_logarithm("odds ratio, pooled", r / s, variance)


def _ratio(sums: Mapping[str, float], r: float, s: float, t: float, least: float) -> Measure:
    first, second = r + t, s + t
    if not first or not second:
        why = _NO_CASES if not (first or second) else "a side without the outcome"
        return Measure.undefined("risk ratio, pooled", why)
    return _of_logarithm("risk ratio, pooled", first / second, max(0.0, sums["p (R-S)"] + s) / (first * second))


def _of_logarithm(name: str, estimate: float, variance: float) -> Measure:
    reach = Z95 * np.sqrt(max(0.0, variance))
    return Measure(name, estimate, float(estimate * np.exp(-reach)), float(estimate * np.exp(reach)))


def _difference(sums: Mapping[str, float], r: float, s: float, t: float, u: float) -> Measure:
    weight = r + s + t + u
    if not weight:
        return Measure.undefined("risk difference, pooled", "no stratum has rows with and without the exposure")
    difference = (r - s) / weight
    spread = difference * (sums["p (T-U)"] + (s + u - r - t) / 2) + (r + s) / 2
    reach = Z95 * np.sqrt(max(0.0, float(spread))) / weight
    return Measure("risk difference, pooled", difference, float(difference - reach), float(difference + reach))


def _tests(sums: Mapping[str, float], r: float, s: float) -> list[Measure]:
    from scipy import special  # scipy.stats takes a second to import

    names = ("chi-square", "chi-square, corrected")
    variance = float(sums["V"])
    if not r and not s:
        why = f"undefined: {_NO_CASES}"
        return [Measure(name, statistic=why, p=why) for name in names]
    found = []
    for name, less in zip(names, (0.0, 0.5), strict=True):
        statistic = (abs(r - s) - less) ** 2 / variance
        found.append(Measure(name, statistic=statistic, df=1, p=float(special.chdtrc(1, statistic))))
    return found


def _homogeneity(strata: int, problem: str | None, numbers: Json, rows: float) -> Measure:
    from scipy import special

    name = "homogeneity (Breslow-Day, Tarone)"
    if strata < 2:
        why = "undefined: fewer than two strata with rows on all sides"
        return Measure(name, statistic=why, p=why)
    if problem is not None:
        return Measure(name, statistic=problem, p=problem)
    squares, apart, variance = (float(x) for x in numbers)
    statistic = max(0.0, rows * (squares - apart * apart / variance))
    return Measure(name, statistic=statistic, df=strata - 1, p=float(special.chdtrc(strata - 1, statistic)))
