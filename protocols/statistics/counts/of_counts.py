"""Measures that follow, in the clear, from an opened table of two flags: [[neither, second], [first, both]]."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from mpc.untyped import Json, JsonObject
from protocols.statistics.counts.tables import chi_square
from protocols.statistics.measures import Z95, Measure, share


def association(table: Json, exposure: str) -> list[Measure]:
    """Of an exposure (first) with an outcome (second)."""
    from scipy import stats

    (d, c), (b, a) = table.tolist()  # a: exposed, with the outcome
    with_, without = share(f"risk, {exposure}", a, a + b), share(f"risk, not {exposure}", c, c + d)
    chi = chi_square(table)
    test = chi["chi_square"], chi["df"], chi["p"]
    found = [with_, without, _difference(with_, without)]
    found += [_log_ratio("risk ratio", a / (a + b or 1), c / (c + d or 1), [(a, a + b), (c, c + d)])]
    odds = ratio(table)
    found += [Measure("odds ratio", odds["odds_ratio"], odds["ci_low"], odds["ci_high"])]
    if isinstance(odds["odds_ratio"], str):
        found[-1] = Measure("odds ratio", odds["odds_ratio"])
    found += [Measure("chi-square", statistic=test[0], df=test[1], p=test[2])]
    return [*found, Measure("Fisher's exact test", p=float(stats.fisher_exact(table.astype(int))[1]))]


def _difference(first: Measure, second: Measure) -> Measure:
    """Newcombe's interval of the difference of two shares."""
    cells = [(x.estimate, x.ci_low, x.ci_high) for x in (first, second)]
    if any(isinstance(cell, str) for cell, _, _ in cells):
        return Measure.undefined("risk difference", "no rows")
    (p, p_low, p_high), (q, q_low, q_high) = np.asarray(cells, float)
    down, up = np.hypot(p - p_low, q_high - q), np.hypot(p_high - p, q - q_low)
    return Measure("risk difference", p - q, p - q - down, p - q + up)


def _log_ratio(name: str, first: float, second: float, parts: Sequence[tuple[float, float]]) -> Measure:
    """A ratio of two shares; `parts` are events and rows of each: its logarithm is nearly normal."""
    if not all(events for events, _ in parts):
        return Measure.undefined(name, "a cell without rows")
    log, reach = np.log(first / second), Z95 * np.sqrt(sum(1 / events - 1 / n for events, n in parts))
    return Measure(name, np.exp(log), np.exp(log - reach), np.exp(log + reach))


def disproportion(table: Json) -> list[Measure]:
    """Of a drug (first) with a reaction (second), in reports: whether they are reported together more often than chance
    makes them."""
    from scipy import special

    (d, c), (b, a) = table.tolist()  # a: reports of both
    n = float(table.sum())
    expected = (a + b) * (a + c) / (n or 1)
    odds = ratio(table)
    words = isinstance(odds["odds_ratio"], str)
    ror = Measure("reporting odds ratio", odds["odds_ratio"], *([] if words else [odds["ci_low"], odds["ci_high"]]))
    prr = _log_ratio("proportional reporting ratio", a / (a + b or 1), c / (c + d or 1), [(a, a + b), (c, c + d)])
    # The count is gamma distributed around what is expected, which half a report on both sides shrinks to 1.
    limits = [float(special.gammaincinv(a + 0.5, q)) for q in (0.025, 0.975)]
    component = [float(np.log2(x / (expected + 0.5))) for x in (a + 0.5, *limits)]
    sides = (a + b) * (c + d) * (a + c) * (b + d)
    chi = max(abs(a * d - b * c) - n / 2, 0.0) ** 2 * n / sides if sides else "undefined: a side without rows"
    p = chi if isinstance(chi, str) else float(special.chdtrc(1, chi))
    return [
        Measure("reports", a),
        Measure("expected reports", expected),
        ror,
        prr,
        Measure("information component", *component),
        Measure("chi-square, corrected", statistic=chi, df=1, p=p),
    ]


def paired(table: Json, names: tuple[str, str]) -> list[Measure]:
    """Of two flags of the same rows, by the rows that have one of them alone."""
    from scipy import special

    (_, second), (first, both) = table.tolist()
    n, alone = float(table.sum()), first + second
    shares = [share(names[0], first + both, n), share(names[1], second + both, n)]
    if not n:
        return [*shares, Measure.undefined("difference", "no rows")]
    difference = (first - second) / n
    reach = Z95 * np.sqrt(alone - (first - second) ** 2 / n) / n
    found = [*shares, Measure("difference", difference, difference - reach, difference + reach)]
    if not alone:
        why = "undefined: no row has one flag alone"
        return [*found, Measure("exact test", p=why), Measure("chi-square, corrected", statistic=why, p=why)]
    exact = min(1.0, 2 * float(special.bdtr(min(first, second), int(alone), 0.5)))
    corrected = max(abs(first - second) - 1, 0.0) ** 2 / alone
    p = float(special.chdtrc(1, corrected))
    return [
        *found,
        Measure("exact test", p=exact),
        Measure("chi-square, corrected", statistic=corrected, df=1, p=p),
    ]


def kappa(table: Json) -> list[Measure]:
    """The share of rows where both flags agree, and how far that is above chance."""
    n = int(table.sum())
    agreeing = share("agreement", float(np.trace(table)), n)
    # Fractions: where a flag is nearly the same for all rows, the terms of the variance cancel.
    part = [[Fraction(int(count), n or 1) for count in row] for row in table]
    rows, columns = [sum(row) for row in part], [sum(column) for column in zip(*part, strict=True)]
    chance = sum(row * column for row, column in zip(rows, columns, strict=True))
    if not n or chance >= 1:
        return [agreeing, Measure.undefined("kappa", "both flags are the same for all rows" if n else "no rows")]
    above = (part[0][0] + part[1][1] - chance) / (1 - chance)
    diagonal = sum(part[k][k] * (1 - (rows[k] + columns[k]) * (1 - above)) ** 2 for k in (0, 1))
    beside = (1 - above) ** 2 * sum(part[i][1 - i] * (columns[i] + rows[1 - i]) ** 2 for i in (0, 1))
    variance = (diagonal + beside - (above - chance * (1 - above)) ** 2) / (1 - chance) ** 2 / n
    error = float(variance) ** 0.5
    return [agreeing, Measure("kappa", float(above), float(above) - Z95 * error, float(above) + Z95 * error)]


def accuracy(table: Json) -> list[Measure]:
    """Of a test (first) for a condition (second)."""
    (true_negative, false_negative), (false_positive, true_positive) = table.tolist()
    ill, well = true_positive + false_negative, true_negative + false_positive
    return [
        share("sensitivity", true_positive, ill),
        share("specificity", true_negative, well),
        share("positive predictive value", true_positive, true_positive + false_positive),
        share("negative predictive value", true_negative, true_negative + false_negative),
        share("accuracy", true_positive + true_negative, ill + well),
        share("prevalence", ill, ill + well),
        _log_ratio(
            "likelihood ratio, positive",
            true_positive / (ill or 1),
            false_positive / (well or 1),
            [(true_positive, ill), (false_positive, well)],
        ),
        _log_ratio(
            "likelihood ratio, negative",
            false_negative / (ill or 1),
            true_negative / (well or 1),
            [(false_negative, ill), (true_negative, well)],
        ),
    ]


def ratio(counts: Json) -> JsonObject:
    """The odds ratio and its 95 % interval from opened counts (exposure, outcome); words where a cell is 0."""
    table = np.asarray(counts, np.float64)
    if not table.all():
        why = "undefined: a cell without rows"
        return {"odds_ratio": why, "ci_low": why, "ci_high": why}
    log = np.log(table[1, 1] * table[0, 0] / (table[1, 0] * table[0, 1]))
    reach = Z95 * np.sqrt((1 / table).sum())
    return {
        "odds_ratio": float(np.exp(log)),
        "ci_low": float(np.exp(log - reach)),
        "ci_high": float(np.exp(log + reach)),
    }
