"""Dates: as days, in expressions, and against pandas."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mpc import Category, Date, Flag, Integer, Scenario, Study, Table
from mpc.errors import ConfigError, RangeError, ShapeError
from mpc.tables.dates import (
    EARLIEST,
    LATEST,
    age,
    age_limits,
    ages,
    civil,
    days_of,
    iso,
    latest_birth,
    year_limits,
)
from mpc.tables.rows import MISSING
from protocols.simulate import simulate

ANY = some.dates()


def completed(born: date, at: date) -> int:
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))


# ---- days
@given(day=ANY)
def test_days_and_parts_of_a_date(day):
    days = days_of(day)
    assert date(1970, 1, 1) + timedelta(days=days) == day
    assert days_of(iso(days)) == days
    assert [int(part) for part in civil(np.asarray(days))] == [day.year, day.month, day.day]


def test_known_days():
    assert [days_of(day) for day in ("1970-01-01", "1969-12-31", "1899-12-31", "2000-02-29")] == [0, -1, -25568, 11016]
    assert (iso(EARLIEST), iso(LATEST)) == ("0001-01-01", "9999-12-31")
    parts = civil(np.asarray([MISSING, -25568]))
    assert [part.tolist() for part in parts] == [[MISSING, 1899], [MISSING, 12], [MISSING, 31]]


@pytest.mark.parametrize("wrong", ["2023-02-30", "1900-02-29", "2023-1-1", "31.12.1999", "", 5, None, 1.5])
def test_what_is_no_date(wrong):
    with pytest.raises(ConfigError, match="ISO text"):
        days_of(wrong)


@given(born=ANY, at=ANY)
def test_completed_years(born, at):
    years = completed(born, at)
    assert age(days_of(born), days_of(at)) == years
    assert days_of(born) <= latest_birth(days_of(at), years)
    assert days_of(born) > latest_birth(days_of(at), years + 1)


def test_a_birthday_on_29_february_is_1_march_in_other_years():
    born = days_of("2004-02-29")
    at = ["2005-02-28", "2005-03-01", "2008-02-28", "2008-02-29"]
    assert [age(born, days_of(day)) for day in at] == [0, 1, 3, 4]
    assert latest_birth(days_of("2024-02-29"), 1) == days_of("2023-02-28")


def test_ages_of_columns_keep_missing_ones():
    births = np.asarray([days_of("1950-06-01"), MISSING, days_of("1950-06-01")])
    at = np.asarray([days_of("1950-05-31"), 0, MISSING])
    assert ages(births, at).tolist() == [-1, MISSING, MISSING]


@given(low=ANY, high=ANY, born=some.data(), at=ANY)
def test_years_and_ages_follow_from_thresholds(low, high, born, at):
    low, high = sorted((low, high))
    day = born.draw(some.dates(low, high))
    first, limits = year_limits(days_of(low), days_of(high))
    assert first + sum(days_of(day) >= limit for limit in limits) == day.year
    least, births = age_limits(days_of(low), days_of(high), days_of(at))
    assert least + sum(days_of(day) <= limit for limit in births) == completed(day, at)


# ---- declarations
def test_a_date_column_describes_its_limits():
    class People(Table):
        born = Date("1900-01-01", date(2026, 12, 31), missing="9999-99-99")

    assert People.schema.describe() == {
        "born": {"type": "date", "low": "1900-01-01", "high": "2026-12-31", "missing": ["9999-99-99"]}
    }
    wider = People.schema.with_ranges({"born": ("1850-01-01", "2030-01-01")})
    assert wider["born"].describe()["low"] == "1850-01-01"
    with pytest.raises(ConfigError, match=r"range 0\.\.1"):
        People.schema.with_ranges({"born": (0, 1)})


@pytest.mark.parametrize(
    "limits", [("2000-01-01", "2000-01-01"), ("2001-01-01", "2000-01-01"), ("1.1.1900", "2000-01-01"), (0, 5)]
)
def test_wrong_limits(limits):
    with pytest.raises(ConfigError):
        Date(*limits)


# ---- expressions
class Stays(Table):
    born = Date("1880-01-01", "2026-01-01")
    admitted = Date("1950-01-01", "2026-06-30")
    nights = Integer(0, 400)
    weekend = Flag()
    ward = Category("a", "b")


def frame(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)

    def days(low: str, high: str) -> np.ndarray:
        drawn = random.integers(days_of(low), days_of(high) + 1, rows).astype("datetime64[D]")
        drawn[random.random(rows) < 0.1] = np.datetime64("NaT")
        return drawn

    born = days("1880-01-01", "2026-01-01")
    born[:3] = np.asarray(["1904-02-29", "1968-02-29", "1969-12-31"], "datetime64[D]")
    return pd.DataFrame(
        {
            "born": born.astype("datetime64[s]"),
            "admitted": days("1950-01-01", "2026-06-30").astype("datetime64[s]"),
            "nights": random.integers(0, 400, rows),
            "weekend": random.random(rows) < 0.3,
            "ward": random.choice(["a", "b"], rows),
        }
    )


def sums(frame: pd.DataFrame) -> dict[str, float]:
    """What the script below releases, by pandas."""
    born, admitted = frame.born.dt, frame.admitted.dt
    both = frame.born.notna() & frame.admitted.notna()
    at = pd.Timestamp("2026-01-01")
    early = (born.month > at.month) | ((born.month == at.month) & (born.day > at.day))
    older = frame.admitted + pd.to_timedelta(frame.nights, "D")
    then = (born.month > admitted.month) | ((born.month == admitted.month) & (born.day > admitted.day))
    return {
        "born": int(frame.born.count()),
        "missing": int(frame.born.isna().sum()),
        "days": float((frame.admitted - frame.born).dt.days.mean()),
        "years": float(born.year.sum()),
        "months": float(born.month.sum()),
        "days of months": float(born.day.sum()),
        "ages": float((at.year - born.year - early)[frame.born.notna()].sum()),
        "ages then": float((admitted.year - born.year - then)[both].sum()),
        "before": int((frame.born < "1970-01-01").sum()),
        "after admission": int((frame.born > frame.admitted).sum()),
        "left after": int((older >= "2000-02-29").sum()),
        "on a day": int((frame.born != date(1968, 2, 29).isoformat())[frame.born.notna()].sum()),
        "since": float((frame.admitted - pd.Timestamp("1950-01-01")).dt.days.max() >= 0) * int(frame.admitted.count()),
    }


scenario = Scenario(inputs={"stays": Stays.rows(at_most=1000)}, parameters={"minimum_cohort": 1})


@scenario.run
async def script(study: Study) -> None:
    stays = study.table("stays")
    born, admitted = stays.born, stays.admitted
    study.release("born", born.count())
    study.release("missing", born.missing())
    study.release("days", (admitted - born).mean())
    study.release("years", born.year.sum())
    study.release("months", born.month.sum())
    study.release("days of months", born.day.sum())
    study.release("ages", born.age_at("2026-01-01").sum())
    study.release("ages then", born.age_at(admitted).sum())
    study.release("before", stays[born < "1970-01-01"].count())
    study.release("after admission", stays[born > admitted].count())
    study.release("left after", stays[admitted + stays.nights >= date(2000, 2, 29)].count())
    study.release("on a day", stays[date(1968, 2, 29) != born].count())
    study.release("since", stays[admitted - "1950-01-01" >= 0].count())


@pytest.mark.parametrize("seed", range(4))
def test_expressions_as_pandas_has_them(seed):
    parts = {name: frame(60, 10 * seed + k) for k, name in enumerate(["a", "b", "c"])}
    result = simulate(scenario, {name: {"stays": part} for name, part in parts.items()}, engine="ideal").releases
    for name, value in sums(pd.concat(parts.values(), ignore_index=True)).items():
        assert result[name] == pytest.approx(value, rel=1e-6), name


def tried(make) -> None:
    """A script that says `make(stays)`."""
    trial = Scenario(inputs={"stays": Stays.rows()}, parameters={"minimum_cohort": 1})

    @trial.run
    async def run(study: Study) -> None:
        stays = study.table("stays")
        made = make(stays)
        study.release("made", made.count() if hasattr(made, "expression") else made)

    simulate(trial, {name: {"stays": frame(20, 3)} for name in "abc"}, engine="ideal")


@pytest.mark.parametrize(
    "make",
    [
        lambda s: s.born + s.admitted,
        lambda s: s.born * 2,
        lambda s: 2 - s.born,
        lambda s: s.nights - s.born,
        lambda s: s.born / s.nights,
        lambda s: -s.born,
        lambda s: abs(s.born),
        lambda s: s.born.log(),
        lambda s: s.born.clip(0, 1),
        lambda s: s.born.sum(),
        lambda s: s.born.mean(),
        lambda s: s.born.std(),
        lambda s: s.born.histogram([0, 1]),
        lambda s: s.group_by("born").count(),
        lambda s: s.born + 1.5,
        lambda s: s.born > 5,
        lambda s: s.born == s.nights,
        lambda s: s.nights == s.born,
        lambda s: s.nights > "2000-01-01",
        lambda s: s.nights.year,
        lambda s: s.nights.age_at("2000-01-01"),
        lambda s: s.born.age_at(s.nights),
        lambda s: s.born.age_at(5),
    ],
)
def test_what_a_date_cannot_do(make):
    with pytest.raises(ShapeError):
        tried(make)


def test_texts_that_are_no_dates_and_dates_after_the_last_year():
    with pytest.raises(ConfigError, match="ISO text"):
        tried(lambda s: s.born > "1.1.2000")
    with pytest.raises(RangeError, match="after 9999"):
        tried(lambda s: s.born + 10**7)
    tried(lambda s: s[s.born + 1 > s.admitted].count())
    tried(lambda s: s.born.year.cut([1880, 1950, 2027]))


def test_bins_of_dates():
    trial = Scenario(inputs={"stays": Stays.rows()}, parameters={"minimum_cohort": 1})
    edges = ["1950-01-01", date(1999, 12, 31), "2026-06-30"]

    @trial.run
    async def run(study: Study) -> None:
        stays = study.table("stays")
        study.release("made", stays.group_by(stays.admitted.cut(edges)).count())

    parts = {name: frame(20, k) for k, name in enumerate("abc")}
    result = simulate(trial, {name: {"stays": part} for name, part in parts.items()}).releases["made"]
    admitted = pd.concat(parts.values()).admitted.dropna()
    late = int((admitted >= "1999-12-31").sum())
    assert result["labels"] == ["1950-01-01 to 1999-12-31", "1999-12-31 to 2026-06-30"]
    assert result["values"] == [len(admitted) - late, late]
    for wrong in ([0, 1], ["2000-01-01", "1999-01-01"], ["1.1.2000", "2001-01-01"]):
        with pytest.raises(ConfigError):
            tried(lambda s, edges=wrong: s.born.cut(edges))


@pytest.mark.parametrize(("left", "shown"), [(10, True), (4, False)])
def test_few_rows_are_not_told_by_two_conditions_on_a_date(left, shown):
    """One count less the other is of the rows on one day: `left` of them at each of three owners."""
    trial = Scenario(inputs={"stays": Stays.rows()}, parameters={"minimum_cohort": 10})

    @trial.run
    async def run(study: Study) -> None:
        stays = study.table("stays")
        study.release("all", stays[stays.born >= "1970-01-01"].count())
        study.release("some", stays[stays.born > "1970-01-01"].count())

    size = 20 + left
    rows = {"born": ["1980-01-01"] * 20 + ["1970-01-01"] * left, "admitted": ["2000-01-01"] * size}
    rows |= {"nights": [1] * size, "weekend": [1] * size, "ward": ["a"] * size}
    result = simulate(trial, {name: {"stays": rows} for name in "abc"}).releases
    assert result["all"] == 3 * size
    assert (result["some"] == 60) is shown


def test_rows_with_a_date_are_counted_by_group():
    trial = Scenario(inputs={"stays": Stays.rows()}, parameters={"minimum_cohort": 1})

    @trial.run
    async def run(study: Study) -> None:
        study.release("made", study.table("stays").group_by("ward").born.count())

    parts = {name: frame(20, k) for k, name in enumerate("abc")}
    result = simulate(trial, {name: {"stays": part} for name, part in parts.items()}).releases["made"]
    assert result["labels"] == ["a", "b"]
    assert result["values"] == pd.concat(parts.values()).groupby("ward").born.count().tolist()


@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_shared_dates_are_whole_numbers(engine):
    parts = {name: frame(8, k) for k, name in enumerate("abc")}
    trial = Scenario(inputs={"stays": Stays.rows()}, parameters={"minimum_cohort": 1})

    @trial.run
    async def run(study: Study) -> None:
        born = study.table("stays").born.share(rows=10)
        study.release("late", (born >= days_of("1950-01-01")).sum(), unprotected="a test")

    result = simulate(trial, {name: {"stays": part} for name, part in parts.items()}, engine=engine)
    assert result.releases["late"] == sum(int((part.born >= "1950-01-01").sum()) for part in parts.values())
