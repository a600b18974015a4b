"""Each kind of release as a model that checks the form of its value.

Words may replace any number, such as "suppressed (fewer than 10)", and also a whole value. docs/results.md explains
the forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise, product
from math import isclose
from typing import Any, Final

from pydantic import Field, ValidationError, model_validator

from parties.report.model import Model, same_length
from parties.report.snps import Snps
from parties.report.survival_kinds import Curves, LogRank, Survival
from parties.report.words import Number


class Scalar(Model):
    """Kind "number"."""

    value: Number
    unit: str = ""


class Vector(Model):
    """Kind "vector": numbers, with or without labels."""

    labels: list[str] | None = None
    values: list[Number]
    unit: str = ""

    @model_validator(mode="after")
    def _check(self) -> Vector:
        if self.labels is not None:
            same_length("vector", len(self.labels), self.values)
        return self

    @property
    def names(self) -> list[str]:
        """A name for each number: its label, else its position, counted from 1."""
        return self.labels if self.labels is not None else _places(len(self.values))


class Histogram(Model):
    """Kind "histogram": k counts between k + 1 edges."""

    edges: list[float]
    counts: list[Number]
    unit: str = ""

    @model_validator(mode="after")
    def _check(self) -> Histogram:
        same_length("histogram", len(self.edges) - 1, self.counts)
        return self

    @property
    def equal_bins(self) -> bool:
        """All bins have the same width. If not, densities are drawn as heights, not counts."""
        widths = [b - a for a, b in pairwise(self.edges)]
        return not widths or min(widths) <= 0 or max(widths) <= min(widths) * (1 + 1e-6)


class Matrix(Model):
    """Kind "matrix": numbers in rows and columns, which may have labels.

    labels  the same for rows and columns, as in correlations
    """

    labels: list[str] | None = None
    rows: list[str] | None = None
    columns: list[str] | None = None
    values: list[list[Number]]

    @model_validator(mode="after")
    def _check(self) -> Matrix:
        rows, columns = (self.rows, self.columns) if self.labels is None else (self.labels, self.labels)
        if rows is not None and len(self.values) != len(rows):
            raise ValueError(f"matrix: expected {len(rows)} rows, got {len(self.values)}")
        width = len(columns) if columns is not None else len(self.values[0]) if self.values else 0
        same_length("matrix", width, *self.values)
        return self

    @property
    def symmetric(self) -> bool:
        """Rows and columns have the same labels, and both halves are equal."""
        n = len(self.values)
        return self.labels is not None and all(
            _same(self.values[i][j], self.values[j][i]) for i in range(n) for j in range(i)
        )

    @property
    def empty(self) -> str:
        """What is said where no element is shown. Tables leave out groups that do not exist, and suppressed ones."""
        rows, columns = len(self.row_names), len(self.column_names)
        if not rows and columns and self.labels is None and self.rows is None:
            return "no row is shown: there is none, or all are suppressed"
        return f"no elements ({rows} rows, {columns} columns)"

    @property
    def row_names(self) -> list[str]:
        """A name for each row: its label, else its position, counted from 1."""
        names = self.labels if self.labels is not None else self.rows
        return names if names is not None else _places(len(self.values))

    @property
    def column_names(self) -> list[str]:
        """A name for each column, as for rows."""
        names = self.labels if self.labels is not None else self.columns
        return names if names is not None else _places(len(self.values[0]) if self.values else 0)


def _same(a: Number, b: Number) -> bool:
    """Two numbers are equal as printed, or two texts are equal."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return isclose(a, b, rel_tol=1e-5, abs_tol=1e-6)


def _places(count: int) -> list[str]:
    return [str(i + 1) for i in range(count)]


class Array(Model):
    """Kind "array": numbers in three or more dimensions, as nested lists."""

    values: list[Any]

    @model_validator(mode="after")
    def _check(self) -> Array:
        shape = _shape(self.values)
        if shape is None or (len(shape) < 3 and 0 not in shape):
            raise ValueError("array: expected lists of the same lengths, three or more deep")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return _shape(self.values) or ()

    def matrices(self, most: int) -> Iterator[tuple[tuple[int, ...], Matrix]]:
        """The first `most` matrices of the last two dimensions, with their positions in the others, counted from 1."""
        if 0 in self.shape:
            return
        for place in islice(product(*[range(length) for length in self.shape[:-2]]), most):
            values: Any = self.values
            for i in place:
                values = values[i]
            yield tuple(i + 1 for i in place), Matrix(values=values)


def _shape(values: Any) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers and words; None if they have no regular shape."""
    if isinstance(values, bool | int | float | str):
        return ()
    if not isinstance(values, list):
        return None
    shapes = {_shape(item) for item in values} or {()}
    shape = shapes.pop()
    return None if shapes or shape is None else (len(values), *shape)


class TermTests(Model):
    """F tests of the terms of a regression: each list has an entry for each term."""

    terms: list[str]
    df: list[int]
    f: list[Number]
    p: list[Number]

    @model_validator(mode="after")
    def _check(self) -> TermTests:
        same_length("tests of terms", len(self.terms), self.df, self.f, self.p)
        return self


class Regression(Model):
    """Kind "regression": each list has an entry for each term."""

    terms: list[str]
    coefficient: list[Number]
    standard_error: list[Number]
    t: list[Number]
    p: list[Number]
    ci_low: list[Number]
    ci_high: list[Number]
    r_squared: Number
    observations: Number
    residual_df: Number
    adj_r_squared: Number | None = None
    f: Number | None = None
    f_p: Number | None = None
    residual_standard_error: Number | None = None
    log_likelihood: Number | None = None
    aic: Number | None = None
    bic: Number | None = None
    clusters: Number | None = None
    errors: Number | None = None
    tests: TermTests | None = None

    @model_validator(mode="after")
    def _check(self) -> Regression:
        rows = (self.coefficient, self.standard_error, self.t, self.p, self.ci_low, self.ci_high)
        same_length("regression", len(self.terms), *rows)
        return self

    @property
    def facts(self) -> list[tuple[str, Number]]:
        """What there is besides coefficients, with labels."""
        facts = (
            ("R²", self.r_squared),
            ("adjusted R²", self.adj_r_squared),
            ("F", self.f),
            ("p of F", self.f_p),
            ("residual std. error", self.residual_standard_error),
            ("log-likelihood", self.log_likelihood),
            ("AIC", self.aic),
            ("BIC", self.bic),
            ("observations", self.observations),
            ("residual df", self.residual_df),
            ("standard errors", self.errors),
            ("clusters", self.clusters),
        )
        return [(label, value) for label, value in facts if value is not None]


class Glm(Model):
    """Kind "glm": a model with a logit or log link. Each list has an entry for each term; the ratios are e^coefficient:
    of odds, of rates, of hazards, or of means."""

    terms: list[str]
    coefficient: list[Number]
    standard_error: list[Number]
    z: list[Number]
    p: list[Number]
    ci_low: list[Number]
    ci_high: list[Number]
    odds_ratio: list[Number] | None = None
    odds_ci_low: list[Number] | None = None
    odds_ci_high: list[Number] | None = None
    rate_ratio: list[Number] | None = None
    rate_ci_low: list[Number] | None = None
    rate_ci_high: list[Number] | None = None
    hazard_ratio: list[Number] | None = None
    hazard_ci_low: list[Number] | None = None
    hazard_ci_high: list[Number] | None = None
    mean_ratio: list[Number] | None = None
    mean_ci_low: list[Number] | None = None
    mean_ci_high: list[Number] | None = None
    log_likelihood: Number
    null_log_likelihood: Number
    pseudo_r_squared: Number
    aic: Number
    bic: Number
    observations: Number
    residual_df: Number
    events: Number | None = None
    likelihood_ratio: Number | None = None
    likelihood_ratio_p: Number | None = None
    scale: Number | None = None

    @model_validator(mode="after")
    def _check(self) -> Glm:
        rows = (self.coefficient, self.standard_error, self.z, self.p, self.ci_low, self.ci_high)
        same_length("glm", len(self.terms), *rows)
        ratio, low, high = self.ratios
        if ratio is None or low is None or high is None:
            raise ValueError("glm: expected ratios of odds, rates, hazards or means, with their intervals")
        same_length("glm", len(self.terms), ratio, low, high)
        return self

    @property
    def ratio_name(self) -> str:
        """What the ratios are of."""
        if self.hazard_ratio is not None:
            return "hazard ratio"
        if self.mean_ratio is not None:
            return "ratio of means"
        return "odds ratio" if self.odds_ratio is not None else "rate ratio"

    @property
    def facts(self) -> list[tuple[str, Number]]:
        """What is said of the model as a whole."""
        constant = any(term.lower() == "intercept" for term in self.terms[:1])
        null = "of the constant alone" if constant else "without predictors"
        every = (
            ("log-likelihood", self.log_likelihood),
            (null, self.null_log_likelihood),
            ("likelihood ratio chi-square", self.likelihood_ratio),
            ("p of the likelihood ratio", self.likelihood_ratio_p),
            ("pseudo R²", self.pseudo_r_squared),
            ("scale", self.scale),
            ("AIC", self.aic),
            ("BIC", self.bic),
            ("observations", self.observations),
            ("events", self.events),
            ("residual df", self.residual_df),
        )
        return [(label, value) for label, value in every if value is not None]

    @property
    def ratios(self) -> tuple[list[Number] | None, list[Number] | None, list[Number] | None]:
        """The ratios, and the ends of their intervals."""
        if self.odds_ratio is not None:
            return self.odds_ratio, self.odds_ci_low, self.odds_ci_high
        if self.hazard_ratio is not None:
            return self.hazard_ratio, self.hazard_ci_low, self.hazard_ci_high
        if self.mean_ratio is not None:
            return self.mean_ratio, self.mean_ci_low, self.mean_ci_high
        return self.rate_ratio, self.rate_ci_low, self.rate_ci_high

    @property
    def forest(self) -> list[tuple[str, Number, Number, Number]]:
        """Each term with its ratio and the interval's ends."""
        return list(zip(self.terms, *[column or [] for column in self.ratios], strict=True))


class Comparison(Model):
    """Kind "test": two groups compared."""

    statistic: Number
    df: Number
    p: Number
    difference: Number
    ci_low: Number
    ci_high: Number
    groups: list[str] = Field(min_length=2, max_length=2)
    means: list[Number] | None = None

    @model_validator(mode="after")
    def _check(self) -> Comparison:
        if self.means is not None:
            same_length("test, means", 2, self.means)
        return self


class Crosstab(Model):
    """Kind "crosstab": a contingency table and its chi-square; of two flags also their odds ratio."""

    rows: list[str]
    columns: list[str]
    counts: list[list[Number]]
    chi_square: Number
    df: Number
    p: Number
    odds_ratio: Number | None = None
    ci_low: Number | None = None
    ci_high: Number | None = None

    @model_validator(mode="after")
    def _check(self) -> Crosstab:
        if len(self.counts) != len(self.rows):
            raise ValueError(f"crosstab: expected {len(self.rows)} rows, got {len(self.counts)}")
        same_length("crosstab", len(self.columns), *self.counts)
        return self


class CountsOrMeans(Model):
    """What measures follow from: counts, or the size, mean and deviation of each group."""

    rows: list[str]
    columns: list[str]
    values: list[list[Number]]

    @model_validator(mode="after")
    def _check(self) -> CountsOrMeans:
        if len(self.values) != len(self.rows):
            raise ValueError(f"table: expected {len(self.rows)} rows, got {len(self.values)}")
        same_length("table", len(self.columns), *self.values)
        return self


class Measures(Model):
    """Kind "measures": estimates with intervals, and tests. Each list has an entry for each measure; null: it has no
    such number. scale: all estimates are on it, so that a plot compares them."""

    measures: list[str]
    scale: str = ""
    estimate: list[Number | None] | None = None
    ci_low: list[Number | None] | None = None
    ci_high: list[Number | None] | None = None
    statistic: list[Number | None] | None = None
    df: list[Number | None] | None = None
    residual_df: list[Number | None] | None = None
    p: list[Number | None] | None = None
    table: CountsOrMeans | None = None

    @model_validator(mode="after")
    def _check(self) -> Measures:
        for name, _ in self.columns:
            same_length(name, len(self.measures), getattr(self, name))
        return self

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The lists that it has: key and heading."""
        return [(key, heading) for key, heading in _HEADINGS if getattr(self, key) is not None]


#: key of a measure -> its heading.
_HEADINGS: Final = (
    ("estimate", "estimate"),
    ("ci_low", "95 % low"),
    ("ci_high", "95 % high"),
    ("statistic", "statistic"),
    ("df", "df"),
    ("residual_df", "residual df"),
    ("p", "p"),
)


_KINDS: Final[dict[str, type[Model]]] = {
    "number": Scalar,
    "vector": Vector,
    "matrix": Matrix,
    "array": Array,
    "histogram": Histogram,
    "regression": Regression,
    "glm": Glm,
    "test": Comparison,
    "crosstab": Crosstab,
    "measures": Measures,
    "survival": Survival,
    "curves": Curves,
    "logrank": LogRank,
    "snps": Snps,
}


#: The kind of a value that the script computed from public and opened values.
DERIVED: Final = "derived"
_BY_DEPTH: Final = ("number", "vector", "matrix", "array")
#: kind -> the key that no other kind has.
_KEY_OF: Final = {
    "snps": "snps",
    "glm": "null_log_likelihood",
    "curves": "what",
    "survival": "grid",
    "logrank": "observed",
    "regression": "terms",
    "test": "groups",
    "crosstab": "chi_square",
    "histogram": "edges",
    "measures": "measures",
}


def model_of(kind: str, raw: Any) -> Any:
    """A release as a model of its kind; raw if it does not have the form of its kind."""
    if isinstance(raw, str) and kind != "number" and kind != DERIVED:
        return raw
    if kind == DERIVED:
        kind = _form_of(raw)
    if kind not in _KINDS:
        return raw
    named = raw if isinstance(raw, dict) else {"value" if kind == "number" else "values": raw}
    try:
        return _KINDS[kind].model_validate(named)
    except ValidationError:
        return raw


def _form_of(raw: Any) -> str:
    """The kind of a derived value, by its form."""
    if isinstance(raw, dict):
        values = raw.get("values")
        if values is not None:
            return _BY_DEPTH[min(len(_shape(values) or ()), 3)]
        return next((kind for kind, key in _KEY_OF.items() if key in raw), "")
    shape = _shape(raw)
    return "" if shape is None else _BY_DEPTH[min(len(shape), 3)]
