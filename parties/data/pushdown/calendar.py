"""Years, months, days and ages of dates in SQL, from days since 1970-01-01 and with whole numbers only.

So every database gives what `mpc.tables.dates` gives. Source: Howard Hinnant, chrono-compatible low-level date
algorithms, `civil_from_days`: the year begins on 1 March, and eras have 400 years. All numbers are positive from the
year 1 on, so that quotients need no care.
"""

from __future__ import annotations

import numpy as np

from mpc.tables import dates
from mpc.tables.expressions import Expression
from parties.data.pushdown.expressions import Column

#: Days from 0000-03-01 to 1970-01-01, and of 400 years.
_TO_EPOCH, _ERA = 719468, 146097


def civil(days: Column) -> tuple[Column, Column, Column]:
    """Year, month and day of an int64 column of days."""
    import ibis

    def whole(number: int) -> Column:
        return ibis.literal(number, "int64")

    def quotient(x: Column, number: int) -> Column:
        return (x // whole(number)).cast("int64")

    z = days + whole(_TO_EPOCH)
    era = quotient(z, _ERA)
    of_era = z - era * whole(_ERA)
    years = quotient(of_era - quotient(of_era, 1460) + quotient(of_era, 36524) - quotient(of_era, 146096), 365)
    of_year = of_era - (years * whole(365) + quotient(years, 4) - quotient(years, 100))
    shifted = quotient(of_year * whole(5) + whole(2), 153)  # 0 is March
    day = of_year - quotient(shifted * whole(153) + whole(2), 5) + whole(1)
    late = shifted >= whole(10)  # January and February, of the year after
    month = shifted + ibis.cases((late, whole(-9)), else_=whole(3))
    year = years + era * whole(400) + ibis.cases((late, whole(1)), else_=whole(0))
    return year, month, day


def ages(births: Column, at: Expression, at_days: Column) -> Column:
    """Completed years, as `mpc.tables.dates.ages` counts them. at: the expression behind `at_days`."""
    import ibis

    year, month, day = civil(births)
    if at.operation == "constant":
        known = dates.civil(np.asarray(int(at.low), np.int64))
        to_year, to_month, to_day = (ibis.literal(int(part), "int64") for part in known)
    else:
        to_year, to_month, to_day = civil(at_days)
    early = (to_month < month) | ((to_month == month) & (to_day < day))
    return to_year - year - ibis.cases((early, ibis.literal(1, "int64")), else_=ibis.literal(0, "int64"))
