"""What a finished run hands over to be shown: the contents of `result.json`, checked and made safe to print.

Inside: the models of a result and of each kind of release, and which releases make one table. Left out: wording
(`report_text`), terminal (`report_terminal`), plots (`plots`), files and HTML (`report`).

Any number may be replaced by words, such as "suppressed (fewer than 10)"; so may a whole value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from parties.report_text import Number, plain

#: Last words of release names that are folded into one table, in the order of its columns.
STATISTICS: Final = ("count", "mean", "sd", "variance", "minimum", "median", "maximum", "sum", "missing")


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


def _same_length(what: str, expected: int, *rows: list[Number]) -> None:
    for row in rows:
        if len(row) != expected:
            raise ValueError(f"{what}: expected {expected} entries, got {len(row)}")


class Scalar(_Model):
    """Kind "number"."""

    value: Number
    unit: str = ""


class Vector(_Model):
    """Kind "vector": one number a label."""

    labels: list[str]
    values: list[Number]
    unit: str = ""

    @model_validator(mode="after")
    def _check(self) -> Vector:
        _same_length("vector", len(self.labels), self.values)
        return self


class Histogram(_Model):
    """Kind "histogram": k counts between k + 1 edges."""

    edges: list[float]
    counts: list[Number]
    unit: str = ""

    @model_validator(mode="after")
    def _check(self) -> Histogram:
        _same_length("histogram", len(self.edges) - 1, self.counts)
        return self


class Matrix(_Model):
    """Kind "matrix": symmetric, such as correlations."""

    labels: list[str]
    values: list[list[Number]]

    @model_validator(mode="after")
    def _check(self) -> Matrix:
        if len(self.values) != len(self.labels):
            raise ValueError(f"matrix: expected {len(self.labels)} rows, got {len(self.values)}")
        _same_length("matrix", len(self.labels), *self.values)
        return self


class Regression(_Model):
    """Kind "regression": one entry a term in every list."""

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

    @model_validator(mode="after")
    def _check(self) -> Regression:
        rows = (self.coefficient, self.standard_error, self.t, self.p, self.ci_low, self.ci_high)
        _same_length("regression", len(self.terms), *rows)
        return self


class Comparison(_Model):
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
            _same_length("test, means", 2, self.means)
        return self


class Crosstab(_Model):
    """Kind "crosstab": a contingency table and its chi-square."""

    rows: list[str]
    columns: list[str]
    counts: list[list[Number]]
    chi_square: Number
    df: Number
    p: Number

    @model_validator(mode="after")
    def _check(self) -> Crosstab:
        if len(self.counts) != len(self.rows):
            raise ValueError(f"crosstab: expected {len(self.rows)} rows, got {len(self.counts)}")
        _same_length("crosstab", len(self.columns), *self.counts)
        return self


_KINDS: Final[dict[str, type[_Model]]] = {
    "vector": Vector,
    "histogram": Histogram,
    "matrix": Matrix,
    "regression": Regression,
    "test": Comparison,
    "crosstab": Crosstab,
}


class Organization(_Model):
    """One organization as the others may see it; `rows` is None where the number is not disclosed."""

    roles: list[str]
    rows: int | None = None
    brought: list[str] = []


class Oracle(_Model):
    """How far the joint result is from pooling the data in the clear (sample data only)."""

    max_relative_error: Number
    details: dict[str, Number] = {}


class Cost(_Model):
    """What the joint part took."""

    rounds: int
    bytes_sent: int
    seconds: float
    operations: int = 0


class Result(BaseModel):
    """One run's outcome as one organization may see it; the content of `result.json`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    scenario: str
    study: str
    study_words: str = ""
    purpose: str = ""
    organization: str = ""
    organizations: dict[str, Organization]
    releases: dict[str, Any]
    kinds: dict[str, str]
    protections: dict[str, str] = {}
    oracle: Oracle | None = None
    cost: Cost
    phases: dict[str, float] = {}
    notes: list[str] = []
    model: str = ""
    finished: str = ""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return plain(value)

    @model_validator(mode="after")
    def _check(self) -> Result:
        for name in self.releases:
            try:
                self.release(name)
            except ValueError as error:
                raise ValueError(f"release {name!r} does not have the form of a {self.kinds.get(name)}") from error
        return self

    def release(self, name: str) -> Any:
        """The release as a model of its kind; a str where words stand for all of it; raw where the kind is unknown."""
        raw = self.releases[name]
        kind = self.kinds.get(name, "")
        if kind == "number":
            return Scalar.model_validate(raw if isinstance(raw, dict) else {"value": raw})
        if kind in _KINDS and not isinstance(raw, str):
            return _KINDS[kind].model_validate(raw)
        return raw

    @property
    def recipients(self) -> list[str]:
        """Who learns the releases."""
        return [name for name, organization in self.organizations.items() if "recipient" in organization.roles]

    @property
    def nothing(self) -> str:
        """In place of releases, where there is none for the organization whose report this is."""
        if self.releases or not self.organization or self.organization in self.recipients:
            return ""
        return f"No release is for {self.organization}. The results go to {', '.join(self.recipients) or 'nobody'}."

    @property
    def title(self) -> str:
        """The scenario's name as a heading."""
        words = self.scenario.replace("_", " ").strip()
        return words[:1].upper() + words[1:]

    @property
    def finished_at(self) -> str:
        """The time of the end, to the minute."""
        try:
            moment = datetime.fromisoformat(self.finished)
        except ValueError:
            return self.finished
        return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".strip()


@dataclass
class Columns:
    """Releases named "column statistic" as one table, and which releases it does not hold."""

    statistics: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def unit(self, column: str) -> str:
        """The unit of the column's own scale (a count or a variance has another)."""
        other = ("count", "missing", "variance")
        cells = self.rows[column].items()
        return next((cell.unit for statistic, cell in cells if cell.unit and statistic not in other), "")


def fold(result: Result) -> Columns:
    """Gather "column statistic" numbers and the columns' histograms; a lone number is left as it is."""
    columns = Columns()
    found: dict[str, tuple[str, str]] = {}
    for name in result.releases:
        column, _, statistic = name.rpartition(" ")
        if result.kinds.get(name) == "number" and column and statistic in STATISTICS:
            found[name] = (column, statistic)
    pairs = list(found.values())
    for name in result.releases:
        if name in found:
            column, statistic = found[name]
            if sum(column == other or statistic == word for other, word in pairs) > 1:
                columns.rows.setdefault(column, {})[statistic] = result.release(name)
                continue
        columns.others.append(name)
    for name in list(columns.others):
        column = histogram_title(name)
        value = result.release(name)
        if isinstance(value, Histogram) and column in columns.rows and column not in columns.histograms:
            columns.histograms[column] = value
            columns.others.remove(name)
    columns.statistics = [word for word in STATISTICS if any(word in cells for cells in columns.rows.values())]
    return columns


def histogram_title(name: str) -> str:
    """The column a histogram's release is about."""
    return name.removesuffix(" histogram").removesuffix(" distribution")
