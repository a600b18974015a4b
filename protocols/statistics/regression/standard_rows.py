"""Complete rows of shared columns, standardised in secret, with a constant term; and how many they are.

A column becomes (u - mean) 2^a, with the secret a that brings its deviation between 0.5 and 1.42: multiplied exactly,
and never clipped. Rows that do not count are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpc.errors import ShapeError
from mpc.tables.private import PrivateArray
from mpc.values.secret import SecretArray, concatenate, constant
from protocols.models.rows import Columns, Design, both
from protocols.models.standardize import Count, counting, scaler
from protocols.statistics.regression.newton import Scales


@dataclass
class StandardRows:
    """x (n, k): the constant term first, then the columns.

    count   number of rows that count
    weights (n, 1) integers, 1 for a row that counts; None: all do
    mean    (k - 1,) of the columns, in units of 2^exponent;  up  2^shift
    varies  bit: every column has a deviation of 2^-16 of its bound or more
    """

    x: SecretArray
    scales: Scales
    count: SecretArray
    weights: SecretArray | None
    mean: SecretArray
    up: SecretArray
    shift: SecretArray
    varies: SecretArray

    @classmethod
    def of(cls, design: Design, valid: SecretArray | None) -> StandardRows:
        places, columns = design.rows, len(design.names)
        scales = Scales.of(places, columns + 1)
        count = Count(design.run, places, valid, most_padding=1 << places.bit_length())
        values = design.in_units()
        scale = scaler(values, count)
        about = counting(values - scale.mean, count.weights)
        far = about.times(scale.up.broadcast_to(about.shape))
        # |u - mean| <= sqrt(n) deviations of n rows, and a deviation becomes at most sqrt(2), up to its error.
        far = far.cut(scales.x, bound=int(np.ldexp(scales.most, scales.x)))
        ones = count.weights if count.weights is not None else constant(design.run, np.ones((places, 1), np.int64))
        x = concatenate([ones.cut(scales.x), far], axis=1)
        mean, up = scale.mean.reshape(columns), scale.up.reshape(columns)
        return cls(x, scales, count.rows, count.weights, mean, up, scale.shift, scale.varies.all())


def design_of(statistic: str, predictors: Columns) -> Design:
    """The predictors side by side. Raises ShapeError for private columns, and for more than 20."""
    private: Any = predictors  # whatever a script has
    if not isinstance(private, PrivateArray | SecretArray):
        listed = private.values() if isinstance(private, Mapping) else private
        private = next((column for column in listed if isinstance(column, PrivateArray)), None)
    if isinstance(private, PrivateArray):
        raise ShapeError(
            f"{statistic}: these rows stay with their owners; share them first, as in "
            'rows = table.share(rows=1000); then rows.ill and rows[["age", "smoker"]]'
        )
    design = Design(predictors)
    if len(design.names) > 20:
        raise ShapeError(f"{statistic}: expected 1 to 20 predictors, got {len(design.names)}")
    return design


def joint_valid(design: Design, outcome: SecretArray) -> SecretArray | None:
    """Bits of the rows where neither the outcome nor a predictor is missing; None: no row lacks one."""
    valid = outcome.valid
    if valid is not None and valid.shape == ():
        valid = valid.broadcast_to((design.rows,))
    return both(design.valid, valid)
