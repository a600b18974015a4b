"""Row by row, the log odds and the risk of a logistic model whose coefficients all know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mpc.tables.expressions import Expression
from mpc.tables.private import PrivateArray
from protocols.statistics.missing.draws import Draw


def _odds(values: Sequence[Any], at: Draw) -> Any:
    found = at.level
    for slope, centre, column in zip(at.slopes, at.centre, values, strict=True):
        found = found + slope * (column - centre)
    return found


def _risk(odds: Any) -> Any:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-np.asarray(odds, np.float64)))


def _with(at: Draw, compute: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a first column and the predictors. It closes over plain numbers alone, so that all can compare."""
    level, slopes, centre = at.level, at.slopes, at.centre

    def function(first: Any, *columns: Any) -> Any:
        return compute(first, _odds(columns, Draw(level, slopes, centre, 0.0)))

    return function


def residual(y: PrivateArray, predictors: Sequence[Expression], at: Draw) -> Expression:
    """y - p; missing where y is."""
    return Expression(
        type="real",
        low=-1.0,
        high=1.0,
        function=_with(at, _residual_of),
        arguments=(y.expression, *predictors),
        text=f"residual of {y.expression.text}",
    )


def weight(y: PrivateArray, predictors: Sequence[Expression], at: Draw) -> Expression:
    """p (1 - p); missing where y is."""
    return Expression(
        type="real",
        low=0.0,
        high=0.25,
        function=_with(at, _weight_of),
        arguments=(y.expression, *predictors),
        text=f"weight of {y.expression.text}",
    )


def _residual_of(y: Any, odds: Any) -> Any:
    return y - _risk(odds)


def _weight_of(y: Any, odds: Any) -> Any:
    return _risk(odds) * _risk(-np.asarray(odds)) + 0 * y


def imputed(noise: Expression, predictors: Sequence[Expression], at: Draw, text: str) -> Expression:
    """A flag that a row has with its risk: where a number between 0 and 1 is below it."""
    return Expression(
        type="flag",
        low=0,
        high=1,
        function=_with(at, _drawn),
        arguments=(noise, *predictors),
        text=text,
    )


def _drawn(uniform: Any, odds: Any) -> Any:
    risk = _risk(odds)
    return np.where(np.isnan(risk), np.nan, (uniform < risk).astype(np.float64))
