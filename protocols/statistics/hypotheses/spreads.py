"""Whether groups of rows vary alike: Bartlett's test, and Levene's and Brown and Forsythe's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.untyped import Json
from mpc.values.secret import SecretArray
from protocols.statistics.hypotheses.comparisons import f_oneway
from protocols.statistics.measures import Measure, document
from protocols.statistics.moments.distances import distances
from protocols.statistics.moments.summaries import Column, summaries


def bartlett(*groups: Column, names: Sequence[str] | None = None) -> Result:
    """Bartlett's test: whether two or more groups of rows, private or shared, have the same variance. It takes values
    to be normal; `levene` does not.

    names       of the groups

    Opens       number of rows, mean and standard deviation of each group; the statistic and p by the chi-square
                distribution follow
    Missing, Undefined, Error   as `ttest_ind`
    Protection  a group under the minimum suppresses everything
    Rounds, Bytes   as `f_oneway`
    Raises      ShapeError for fewer than two groups, or private and shared ones together
    Equals      scipy's `bartlett`
    Source      Bartlett, Proceedings of the Royal Society A 160 (1937); Snedecor and Cochran, Statistical Methods
                (8th ed.), 13.10
    """
    labels = _labels("bartlett", groups, names)
    found = summaries("bartlett", groups)

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        n, mean, sd = (opened[part].values for part in ("n", "mean", "sd"))
        rows = [[int(size), float(m), float(s)] for size, m, s in zip(n, mean, sd, strict=True)]
        return document([_bartlett(n, sd)], {"rows": labels, "columns": ["n", "mean", "sd"], "values": rows})

    return Result("measures", found.parts, finish, together=True)


def _bartlett(n: Json, sd: Json) -> Measure:
    from scipy import special  # scipy.stats takes a second to import

    free, k = n - 1, len(n)
    whole = float(free.sum())
    pooled = float((free * sd**2).sum()) / whole
    apart = whole * np.log(pooled) - float((free * np.log(sd**2)).sum())
    statistic = max(0.0, float(apart / (1 + (float((1 / free).sum()) - 1 / whole) / (3 * (k - 1)))))
    return Measure("Bartlett's test", statistic=statistic, df=k - 1, p=float(special.chdtrc(k - 1, statistic)))


def levene(
    *groups: SecretArray, center: Literal["median", "mean"] = "median", names: Sequence[str] | None = None
) -> Result:
    """Levene's test: whether two or more groups of shared rows vary alike, by analysis of variance of how far values
    are from the middle of their group.

    center      "median": Brown and Forsythe's; "mean": Levene's. The middle is not opened
    names       of the groups

    Opens       of each group the number of rows, and mean and standard deviation of the distances; F and p follow. Rows
                that stay with their owners are refused: an owner would have to know the middle of all owners' rows
    Missing     values are left out
    Undefined   where the distances of a group do not vary
    Error       that of `mean` and `std` of shared rows: 2^-12 of deviations
    Protection  a group under the minimum suppresses everything; of a median so do fewer rows than the minimum on a side
    Rounds      a sort for medians, beside each other for all groups; a comparison, and those of means and deviations
    Bytes       about 1,300 a place, of two groups
    Raises      ShapeError for private columns or fewer than two groups; ConfigError for another center
    Equals      scipy's `levene(center="median" or "mean")`
    Source      Levene, in Contributions to Probability and Statistics (1960); Brown and Forsythe, JASA 69 (1974)
    """
    if center not in ("median", "mean"):
        raise ConfigError(f"levene: center={center!r}; expected 'median' or 'mean'")
    labels = _labels("levene", groups, names)
    far = []
    for group in groups:
        if isinstance(group, PrivateArray) or not isinstance(group, SecretArray) or group.ndim != 1:
            raise ShapeError(
                f"levene: {group!r}; columns of shared rows are wanted: rows = table.share(rows=1000), then "
                "rows.filter(rows.arm == 'new').pain"
            )
        values = group.numeric()
        middle = values.median() if center == "median" else values.mean()
        far.append(distances(values, middle))
    found = f_oneway(*far, names=labels)
    name = "Brown-Forsythe test" if center == "median" else "Levene's test"

    def finish(opened: Mapping[str, Opened]) -> Any:
        value = found.finish(opened)
        return value if isinstance(value, str) else {**value, "measures": [name]}

    return Result("measures", found.parts, finish, together=True)


def _labels(what: str, groups: Sequence[Column], names: Sequence[str] | None) -> list[str]:
    if len(groups) < 2:
        raise ShapeError(f"{what}: {len(groups)} groups; compare two or more, as in {what}(t.x[t.a], t.x[~t.a])")
    labels = list(names) if names is not None else [f"group {k}" for k, _ in enumerate(groups, 1)]
    if len(labels) != len(groups):
        raise ShapeError(f"{what}: {len(labels)} names for {len(groups)} groups")
    return labels
