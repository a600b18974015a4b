"""Rates of events per person-time: crude, by level of a category, standardised, and as observed to expected events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.errors import ConfigError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.private import PrivateArray
from mpc.tables.secret_columns import SecretCategory
from mpc.untyped import Json
from mpc.values.secret import SecretArray
from protocols.statistics.measures import Measure, document
from protocols.statistics.rates.person_time import PersonTime

Column = PrivateArray | SecretArray
#: The normal distribution's tails outside 95 %.
_LOW, _HIGH = 0.025, 0.975


def rate(
    events: Column, person_time: Column, *, by: Column | SecretCategory | None = None, per: float = 100_000
) -> Result:
    """Events per person-time, of all rows or of each level of a category, with exact intervals.

    events       a flag, or whole numbers from 0 up, of each row;  person_time  how long the row was at risk
    by           a category or a flag of the same rows
    per          rates are per so many units of person-time

    Opens       of each level the rows without and with an event, the events, and the person-time; rates and their exact
                Poisson intervals (Garwood) follow
    Missing     rows that lack one of the columns are left out
    Undefined   the rate of a level without person-time; all, where a sum of events is negative
    Protection  the rows of each level must be enough, and those without and with an event none or enough; else
                everything is suppressed: join levels, then
    Error       that of sums: none for whole numbers, about 2^-40 of the largest possible sum for others
    Rounds      of private rows those of a table of counts and of sums; of shared rows an equality for each level,
                beside each other, two conversions and two matrix products
    Bytes       of shared rows about 100 a place for each level; of private rows nothing that grows with rows
    Raises      ShapeError for other columns; RangeError for private columns that may be negative; ConfigError for `per`
                that is not above 0, or too many levels
    Equals      R's `epitools::pois.exact`
    Source      Garwood, Biometrika 28 (1936); Rothman, Greenland and Lash, Modern Epidemiology (3rd ed.), chapter 14
    """
    rows, per = PersonTime.of("rate", events, person_time, by), _per("rate", per)
    names = rows.levels or ["rate"]

    def measures(count: Json, time: Json) -> list[Measure]:
        return [_crude(name, int(d), float(t), per) for name, d, t in zip(names, count, time, strict=True)]

    return _result(rows, measures, per, {})


def standardised_rate(
    events: Column,
    person_time: Column,
    *,
    by: Column | SecretCategory,
    standard: Mapping[str, float],
    per: float = 100_000,
) -> Result:
    """The directly standardised rate: what the rate would be if person-time were distributed over the levels of a
    category, such as age bands, as in a standard population.

    events, person_time, by, per   as `rate`
    standard     how many of the standard population are in each level, such as {"0-14": 22_000, "15-64": 61_000, …}, in
                 any unit, for every level of the category. 0 leaves a level out

    Opens, Missing, Protection, Error, Rounds, Bytes   as `rate` by level
    Gives       the crude rate with Garwood's interval; the standardised rate with the interval of Fay and Feuer, by the
                gamma distribution; of each level rows, events, person-time, rate, and its weight in the standard
    Undefined   the standardised rate where a level with weight has no person-time
    Raises      ConfigError for a standard that does not fit the levels; else as `rate`
    Equals      R's `epitools::ageadjust.direct`
    Source      Fay and Feuer, Statistics in Medicine 16 (1997)
    """
    rows, per = PersonTime.of("standardised_rate", events, person_time, by), _per("standardised_rate", per)
    weight = _by_level("standardised_rate", "standard", standard, rows.levels)
    weight = weight / weight.sum()

    def measures(count: Json, time: Json) -> list[Measure]:
        crude = _crude("crude rate", int(count.sum()), float(time.sum()), per)
        return [crude, _direct(rows.levels, np.asarray(count, np.float64), time, weight, per)]

    return _result(rows, measures, per, {"weight": weight})


def standardised_ratio(
    events: Column,
    person_time: Column,
    *,
    by: Column | SecretCategory,
    reference: Mapping[str, float],
    per: float = 100_000,
) -> Result:
    """The ratio of observed events to those that are expected at reference rates (SMR, SIR; indirect standardisation).

    events, person_time, by   as `rate`
    reference    the rate of a reference population in each level of the category, per `per` units of person-time

    Opens, Missing, Protection, Error, Rounds, Bytes   as `rate` by level
    Gives       observed, expected and their ratio with its exact interval; the exact two-sided p of a ratio of 1, twice
                the smaller tail; of each level rows, events, person-time, rate, and the reference
    Undefined   the ratio where no event is expected
    Raises      ConfigError for reference rates that do not fit the levels; else as `rate`
    Equals      R's `epitools::ageadjust.indirect`; `pois.exact` for the interval
    Source      Breslow and Day, Statistical Methods in Cancer Research II (1987), 2.3
    """
    rows, per = PersonTime.of("standardised_ratio", events, person_time, by), _per("standardised_ratio", per)
    rates = _by_level("standardised_ratio", "reference", reference, rows.levels)

    def measures(count: Json, time: Json) -> list[Measure]:
        from scipy import special  # scipy.stats takes a second to import

        observed, expected = int(count.sum()), float((time * rates).sum()) / per
        found = [Measure("observed", observed), Measure("expected", expected)]
        if expected <= 0:
            return [*found, Measure.undefined("observed to expected", "no event is expected")]
        low, high = garwood(observed)
        at_most = float(special.gammaincc(observed + 1, expected))
        at_least = float(special.gammainc(observed, expected)) if observed else 1.0
        p = min(1.0, 2 * min(at_most, at_least))
        ratio = Measure("observed to expected", observed / expected, low / expected, high / expected, p=p)
        return [*found, ratio]

    return _result(rows, measures, per, {"reference": rates})


def garwood(events: int) -> tuple[float, float]:
    """The exact 95 % interval of the mean of a Poisson distribution of which `events` were seen."""
    from scipy import special

    low = float(special.gammaincinv(events, _LOW)) if events else 0.0
    return low, float(special.gammaincinv(events + 1, _HIGH))


def _crude(name: str, events: int, time: float, per: float) -> Measure:
    if time <= 0:
        return Measure.undefined(name, "no person-time")
    low, high = garwood(events)
    return Measure(name, events / time * per, low / time * per, high / time * per)


def _direct(levels: Sequence[str], events: Json, time: Json, weight: Json, per: float) -> Measure:
    """With w = weight / person-time, the rate is sum w d, its variance v = sum w^2 d, and the limits are those of gamma
    distributions with that mean and variance, the upper one after one more event at the largest w."""
    from scipy import special

    name, used = "standardised rate", weight > 0
    if empty := [level for level, u, t in zip(levels, used, time, strict=True) if u and t <= 0]:
        return Measure.undefined(name, f"no person-time in {empty[0]}")
    w = weight[used] / time[used]
    found, variance, largest = float(w @ events[used]), float(w**2 @ events[used]), float(w.max())
    low = variance / found * float(special.gammaincinv(found**2 / variance, _LOW)) if found else 0.0
    mean, spread = found + largest, variance + largest**2
    high = spread / mean * float(special.gammaincinv(mean**2 / spread, _HIGH))
    return Measure(name, found * per, low * per, high * per)


def _result(
    rows: PersonTime, measures: Callable[[Json, Json], list[Measure]], per: float, further: Mapping[str, Json]
) -> Result:
    """further: columns of public numbers of each level."""

    def finish(opened: Mapping[str, Opened]) -> Any:
        if problem := next((part.first_problem() for part in opened.values() if not part.ok), None):
            return problem
        sizes = np.asarray(opened["rows"].whole_cells()).sum(0)
        events = np.asarray(opened["events" if "events" in opened else "rows"].whole_cells())
        events = events if events.ndim == 1 else events[1]
        if np.any(events < 0):
            return "undefined: a negative number of events"
        time = np.asarray(opened["time"].values, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            each = events / time * per
        shown = [float(x) if np.isfinite(x) else "undefined: no person-time" for x in each]
        columns = [sizes.tolist(), events.tolist(), time.tolist(), shown, *[x.tolist() for x in further.values()]]
        heads = ["rows", "events", "person-time", f"rate per {per:,g}", *further]
        table = {
            "rows": rows.levels or ["all"],
            "columns": heads,
            "values": [list(x) for x in zip(*columns, strict=True)],
        }
        return document(measures(events, time), table)

    return Result("measures", rows.parts, finish, together=True)


def _per(what: str, per: float) -> float:
    if not np.isfinite(per) or per <= 0:
        raise ConfigError(f"{what}: per={per!r}; expected a number above 0, such as 100_000")
    return float(per)


def _by_level(what: str, name: str, given: Mapping[str, float], levels: Sequence[str]) -> Json:
    missing = [level for level in levels if level not in given]
    unknown = [level for level in given if level not in levels]
    if missing or unknown:
        said = f"lacks {missing[0]!r}" if missing else f"has {unknown[0]!r}, which is no level"
        raise ConfigError(f"{what}: {name} {said}; expected a number for each of {', '.join(levels)}")
    numbers = np.asarray([given[level] for level in levels], np.float64)
    if not np.all(np.isfinite(numbers)) or np.any(numbers < 0) or not numbers.any():
        raise ConfigError(f"{what}: {name}={dict(given)!r}; expected numbers from 0 up, not all 0")
    return numbers
