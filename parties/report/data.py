"""The result of a run, ready to be shown: the content of `result.json`, checked and made safe to print.

Inside: the model of a result, and which releases form a table. Left out: each kind of release (`kinds`), wording
(`words`), terminal (`terminal`, `releases`), plots (`plots`), files and HTML (`page`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from parties.report.disclosed import Disclosure, read
from parties.report.kinds import Histogram, Scalar, model_of
from parties.report.model import Model
from parties.report.words import Number, plain

#: Releases whose names end in these words are put into one table, with its columns in this order.
STATISTICS: Final = ("count", "mean", "sd", "variance", "minimum", "median", "maximum", "sum", "missing")


class Organization(Model):
    """An organization, as the others may see it; `rows` is None if the number is not disclosed."""

    roles: list[str]
    rows: int | None = None
    brought: list[str] = Field(default_factory=list)


class Oracle(Model):
    """How far the joint result is from a computation on the pooled data in the clear (sample data only).

    beyond  releases that differ by more than the tolerance
    apart   release -> both values of it, shortened
    failed  why there is no comparison
    """

    max_relative_error: Number
    details: dict[str, Number] = Field(default_factory=dict)
    tolerance: float | None = None
    beyond: list[str] = Field(default_factory=list)
    apart: dict[str, str] = Field(default_factory=dict)
    failed: str = ""


class Cost(Model):
    """The cost of the joint computation."""

    rounds: int
    bytes_sent: int
    seconds: float
    operations: int = 0


class Result(BaseModel):
    """The outcome of a run, as one organization may see it; the content of `result.json`."""

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
    unprotected: dict[str, str] = {}
    manifest: list[dict[str, Any]] = []
    oracle: Oracle | None = None
    cost: Cost
    phases: dict[str, float] = {}
    notes: list[str] = []
    model: str = ""
    finished: str = ""
    _models: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return plain(value)

    def release(self, name: str) -> Any:
        """The release as a model of its kind; a str if words replace the value; else raw, as JSON.

        Raw is a value of an unknown kind, or one that does not have the form of its kind: every result is shown.
        """
        if name not in self._models:
            self._models[name] = model_of(self.kinds.get(name, ""), self.releases[name])
        return self._models[name]

    @property
    def disclosures(self) -> dict[str, Disclosure]:
        """The disclosure of each release by the agreed document, if the result has that release."""
        lines = [line for line in self.manifest if "protection" in line]
        return {disclosure.name: disclosure for disclosure in map(read, lines) if disclosure.name in self.releases}

    @property
    def recipients(self) -> list[str]:
        """The organizations that learn releases."""
        return [name for name, organization in self.organizations.items() if "recipient" in organization.roles]

    @property
    def nothing(self) -> str:
        """The text in place of releases, if the organization of this report learns none; else empty."""
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
    """Releases named "column statistic" as one table, and the names of the other releases."""

    statistics: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def unit(self, column: str) -> str:
        """The unit of the column; counts and variances have other units."""
        other = ("count", "missing", "variance")
        cells = self.rows[column].items()
        return next((cell.unit for statistic, cell in cells if cell.unit and statistic not in other), "")


def fold(result: Result) -> Columns:
    """Gather numbers named "column statistic", and the columns' histograms; a single such number stays outside."""
    columns = Columns()
    statistic_of: dict[str, tuple[str, str]] = {}
    for name in result.releases:
        column, _, statistic = name.rpartition(" ")
        if result.kinds.get(name) == "number" and column and statistic in STATISTICS:
            statistic_of[name] = (column, statistic)
    pairs = list(statistic_of.values())
    for name in result.releases:
        if name in statistic_of:
            column, statistic = statistic_of[name]
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
    """The column of a histogram, from the name of its release."""
    return name.removesuffix(" histogram").removesuffix(" distribution")
