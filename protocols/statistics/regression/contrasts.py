"""What follows from a public linear model: tests of several terms together, adjusted means, ridge estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Protocol

from mpc.errors import ConfigError
from mpc.releases.disclosure import Result
from mpc.suggestions import also, closest
from mpc.untyped import Json
from protocols.statistics.measures import Measure, document
from protocols.statistics.regression.factors import Factor
from protocols.statistics.regression.formulas import Term
from protocols.statistics.regression.public_fit import PublicFit, solved


class OfFormula(Protocol):
    """What a formula made."""

    @property
    def terms(self) -> Sequence[Term]: ...

    @property
    def factors(self) -> Sequence[Factor]: ...

    @property
    def levels(self) -> Sequence[Mapping[str, str]]: ...


def of_model(fit: PublicFit | str, value: Callable[[PublicFit], Json], kind: str = "measures") -> Result:
    """A public value; the words in place of the model, where there are such."""
    return Result(kind, {}, lambda _: str(fit) if isinstance(fit, str) else value(fit))


def places(names: Sequence[str], terms: Sequence[Term], coefficients: Sequence[str]) -> list[int]:
    """Which slopes the terms, or coefficients, of these names are. Raises ConfigError for others."""
    if not names:
        raise ConfigError(f"wald: name at least one term: {', '.join(term.name for term in terms)}")
    of_term = {term.name: term.columns for term in terms}
    found: list[int] = []
    for name in names:
        if name in of_term:
            found += of_term[name]
        elif name in coefficients[1:]:
            found.append(coefficients.index(name) - 1)
        else:
            known = [*of_term, *coefficients[1:]]
            raise ConfigError(f"wald: the model has no term {name!r}{also(closest(name, known))}")
    return list(dict.fromkeys(found))


def f_value(fit: PublicFit, columns: Sequence[int]) -> float:
    """F of the hypothesis that these slopes are 0."""
    part = [[fit.inverse[i][j] for j in columns] for i in columns]
    slopes = [fit.slopes[j] for j in columns]
    explained = fsum(b * x for b, x in zip(slopes, solved(part, slopes), strict=True))
    return explained / len(columns) / (fit.left / fit.df)


def tests(fit: PublicFit, terms: Sequence[Term]) -> Json:
    """F test of each term, given all others."""
    from scipy import special  # scipy.stats takes a second to import

    f, sizes = [f_value(fit, term.columns) for term in terms], [len(term.columns) for term in terms]
    p = [float(special.fdtrc(m, fit.df, value)) for m, value in zip(sizes, f, strict=True)]
    return {"terms": [term.name for term in terms], "df": sizes, "f": f, "p": p}


def wald(fit: PublicFit, name: str, columns: Sequence[int]) -> Json:
    """F test of these slopes together."""
    from scipy import special

    f, m = f_value(fit, columns), len(columns)
    return document([Measure(name, statistic=f, df=m, residual_df=fit.df, p=float(special.fdtrc(m, fit.df, f)))])


@dataclass(frozen=True)
class Levels:
    """The levels of a factor, the reference first, and which slopes are those of the others."""

    names: tuple[str, ...]
    columns: tuple[int, ...]


def levels_of(name: str, design: OfFormula) -> Levels:
    """The levels of a factor of a formula. Raises ConfigError where it is none, or part of a product."""
    factor = next((f for f in design.factors if name in (f.text, f.of) and (f.levels or f.flag)), None)
    flag = next((f for f in design.factors if name in (f.text, f.of)), None) is None
    term = next((t for t in design.terms if t.name in ({name} if factor is None else {factor.text})), None)
    if factor is None and flag and term is not None and len(term.columns) == 1:
        (column,) = term.columns
        if design.levels[column]:
            return _alone(name, name, design, Levels(("False", "True"), (column,)))
    if factor is None or term is None:
        known = [f.of or f.text for f in design.factors if f.levels or f.flag]
        known += [t.name for t in design.terms if len(t.columns) == 1 and design.levels[t.columns[0]]]
        raise ConfigError(
            f"margins: {name!r} is no category or flag of the formula that is a term of its own"
            f"{also(closest(name, list(dict.fromkeys(known))))}"
        )
    names = factor.levels or ("False", "True")
    return _alone(name, factor.of or factor.text, design, Levels(tuple(names), term.columns))


def _alone(name: str, column: str, design: OfFormula, found: Levels) -> Levels:
    if any(column in levels for j, levels in enumerate(design.levels) if j not in found.columns):
        raise ConfigError(
            f"margins: {name!r} is part of a product in the formula, so its levels differ by how much depends on the "
            "other factors; test the product with wald, or fit a model of each group"
        )
    return found


def margins(fit: PublicFit, levels: Levels) -> Json:
    """The response at each level, the other columns at their means; and differences from the first level."""
    from scipy import special

    moments, columns = fit.moments, levels.columns
    reach = float(special.stdtrit(fit.df, 0.975))
    slopes, covariance = fit.coefficients[1:], fit.covariance()
    means = [moments.mean[j] for j in columns]
    measures = []

    def measure(name: str, estimate: float, error: float, *, test: bool) -> Measure:
        low, high = estimate - reach * error, estimate + reach * error
        if not test:
            return Measure(name, estimate, low, high)
        t = estimate / error
        return Measure(name, estimate, low, high, t, residual_df=fit.df, p=float(2 * special.stdtr(fit.df, -abs(t))))

    errors = []
    for place, level in enumerate(levels.names):
        at = [float(place == i + 1) - mean for i, mean in enumerate(means)]
        estimate = moments.mean[-1] + fsum(a * slopes[j] for a, j in zip(at, columns, strict=True))
        variance = fit.variance / moments.weight + fsum(
            a * b * covariance[i + 1][j + 1]
            for a, i in zip(at, columns, strict=True)
            for b, j in zip(at, columns, strict=True)
        )
        errors.append(sqrt(variance))
        measures.append(measure(level, estimate, errors[-1], test=False))
    for level, j in zip(levels.names[1:], columns, strict=True):
        error = sqrt(covariance[j + 1][j + 1])
        errors.append(error)
        measures.append(measure(f"{level} - {levels.names[0]}", slopes[j], error, test=True))
    table = {"rows": [m.name for m in measures], "columns": ["standard error"], "values": [[e] for e in errors]}
    return document(measures, table)


def ridge(fit: PublicFit, alpha: float) -> list[float]:
    """The coefficients, the constant first, with a penalty of alpha on the squares of slopes in the columns' units."""
    moments = fit.moments
    p = range(len(fit.slopes))
    matrix = [[moments.covariance[i][j] + (alpha / moments.weight if i == j else 0.0) for j in p] for i in p]
    slopes = solved(matrix, [moments.covariance[j][-1] for j in p])
    return [moments.mean[-1] - fsum(b * moments.mean[j] for j, b in enumerate(slopes)), *slopes]
