"""Releases of survival: curves by group, and comparisons of groups."""

from __future__ import annotations

from itertools import product
from typing import Any

from pydantic import Field, model_validator

from parties.report.model import Model, same_length
from parties.report.words import Number


class Curve(Model):
    """The survival of a group at the points of a grid."""

    rows: Number
    survival: list[Number]
    se: list[Number]
    ci_low: list[Number]
    ci_high: list[Number]
    at_risk: list[Number]
    events: list[Number]
    median: Number

    @property
    def shown(self) -> list[int]:
        """The points of the grid at which there are numbers."""
        return [i for i, x in enumerate(self.survival) if not isinstance(x, str)]


class Survival(Model):
    """Kind "survival": a curve for all rows or for each group; words in place of the curve of a small group."""

    grid: list[float]
    groups: list[str]
    curves: list[Curve | str]

    @model_validator(mode="before")
    @classmethod
    def _single(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "curves" not in raw:
            return {"grid": raw.get("grid"), "groups": [""], "curves": [raw]}
        return raw

    @model_validator(mode="after")
    def _check(self) -> Survival:
        if len(self.groups) != len(self.curves):
            raise ValueError(f"survival: {len(self.groups)} groups and {len(self.curves)} curves")
        for curve in self.curves:
            if isinstance(curve, Curve):
                columns = (curve.survival, curve.se, curve.ci_low, curve.ci_high, curve.at_risk, curve.events)
                same_length("survival", len(self.grid), *columns)
        return self


class RisingCurve(Model):
    """An estimate that rises from 0, of a group or a cause, at the points of a grid."""

    rows: Number
    estimate: list[Number]
    se: list[Number]
    ci_low: list[Number]
    ci_high: list[Number]
    at_risk: list[Number]
    events: list[Number]

    @property
    def shown(self) -> list[int]:
        """The points of the grid at which there are numbers."""
        return [i for i, x in enumerate(self.estimate) if not isinstance(x, str)]


class Curves(Model):
    """Kind "curves": hazards of groups, or incidences of causes; words in place of the curve of a small group.

    what    is estimated
    curves  one for each group; with causes, one for each cause of each group
    """

    grid: list[float]
    what: str
    groups: list[str]
    causes: list[str] = Field(default_factory=list)
    curves: list[RisingCurve | str]

    @model_validator(mode="before")
    @classmethod
    def _single(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {"groups": [""], "curves": [raw], **raw}

    @model_validator(mode="after")
    def _check(self) -> Curves:
        if len(self.labels) != len(self.curves):
            raise ValueError(f"curves: {len(self.labels)} labels and {len(self.curves)} curves")
        for curve in self.curves:
            if isinstance(curve, RisingCurve):
                columns = (curve.estimate, curve.se, curve.ci_low, curve.ci_high, curve.at_risk, curve.events)
                same_length("curves", len(self.grid), *columns)
        return self

    @property
    def labels(self) -> list[str]:
        """A name for each curve."""
        if not self.causes:
            return self.groups
        return [", ".join(filter(None, names)) for names in product(self.groups, self.causes)]


class LogRank(Model):
    """Kind "logrank": groups compared by their survival."""

    groups: list[str]
    rows: list[Number]
    observed: list[Number]
    expected: list[Number]
    chi_square: Number
    df: Number
    p: Number
    weights: str = ""

    @model_validator(mode="after")
    def _check(self) -> LogRank:
        same_length("logrank", len(self.groups), self.rows, self.observed, self.expected)
        return self
