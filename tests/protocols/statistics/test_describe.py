"""Means, deviations and missing values against pandas; histograms, groups and tables against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mpc import Category, Flag
from mpc.errors import DataError
from protocols import statistics as st
from tests.support.engines import ENGINES, ENGINES_SLOW
from tests.support.tables import releases, split, table

WHY = "varies too little for its declared range, or not at all"
TOO_LITTLE = f"undefined: {WHY}"


def described(t):
    found = st.describe(t)
    return {
        f"{what} {name}": value
        for what, part in (("mean", found.mean), ("sd", found.sd), ("missing", found.missing))
        for name, value in part.items()
    }


def assert_described(x, low, high, engine="ideal", frames=None, **how):
    """The documented errors of `means` and `deviations`."""
    frames = frames if frames is not None else split(table(x=x))
    found = releases(described, {"x": (low, high)}, frames, engine=engine, **how)
    pooled = pd.concat([frame.x for frame in frames])
    n, sd = pooled.count(), pooled.std()
    if n:
        assert abs(found["mean x"] - pooled.mean()) <= (2.0**-36 + 2.0**-32 / n) * (high - low) + 2.0**-50 * max(
            abs(low), abs(high)
        )
    else:
        assert found["mean x"] == "undefined: no rows"
    most = high - low
    if n > 1 and found["sd x"] == TOO_LITTLE:
        assert sd < 1.01 * 2.0**-19 * most
    elif n > 1:
        assert sd > 2.0**-21 * most
        assert abs(found["sd x"] - sd) <= min(2.0**-24 + 2.0**-55 * (most / sd) ** 2, 2e-5) * sd
    else:
        assert found["sd x"] == "undefined: fewer than two rows"
    assert found["missing x"] == pooled.isna().sum()
    return found


def generator(seed=5):
    """A generator of a test's own: its data do not depend on the tests before it."""
    return np.random.default_rng(seed)


def normal(n):
    return generator(n).normal(5, 2, n).clip(0, 10)


COLUMNS = {
    **{f"{n} rows": (normal(n), 0, 10) for n in (1, 2, 3, 60, 569, 100_000)},
    "constant": (np.full(100, 0.1), 0, 1),
    "constant at the upper limit": (np.full(100, 7.0), 0, 7),
    "constant at the lower limit": (np.full(100, -3.0), -3, 7),
    "only limits": (generator().choice([-1.0, 3.0], 300), -1, 3),
    "years": (generator().integers(1900, 2000, 500), 1900, 2100),
    "timestamps of a day": (1.6e9 + generator().uniform(0, 86400, 500), 1.6e9, 1.6e9 + 86400),
    "a unit far away": (1.6e9 + generator().uniform(0, 1, 500), 1.6e9, 1.6e9 + 1),
    "range 100 times too wide": (normal(569), 0, 1000),
    "range 10000 times too wide": (normal(569), 0, 1e5),
    "range a million times too wide": (normal(569), 0, 1e7),
    "sorted, range 10000 times too wide": (np.sort(normal(569)), 0, 1e5),
    "negative": (-generator().uniform(5, 9, 569), -10, -1),
    "tiny": (generator().uniform(2e-7, 9e-7, 300), 0, 1e-6),
    "huge": (generator().uniform(2e20, 9e20, 300), 0, 1e21),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_mean_and_deviation(name):
    assert_described(*COLUMNS[name])


@pytest.mark.parametrize("name", ["1 rows", "2 rows", "569 rows", "constant", "years", "a unit far away"])
def test_mean_and_deviation_on_shares(name):
    assert_described(*COLUMNS[name], engine="replicated")


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_the_deviation_of_a_constant_column_is_undefined(engine):
    for value in (0.1, 0.7, 1.0):
        assert assert_described(np.full(37, value), 0, 1, engine)["sd x"] == TOO_LITTLE


#: NIST's StRD: "lower", "average" and "higher" difficulty; certified deviations are 0.1.
NUMERICAL_ACCURACY = {2: (1.2, 1.1, 1.3), 3: (1e6 + 0.2, 1e6 + 0.1, 1e6 + 0.3), 4: (1e7 + 0.2, 1e7 + 0.1, 1e7 + 0.3)}


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("number", NUMERICAL_ACCURACY)
def test_accuracy_of_deviations(engine, number):
    """Right where the range is that of the data, however far from 0; undefined, and never 0, where it is too wide."""
    first, *others = NUMERICAL_ACCURACY[number]
    x = np.asarray([first] + others * 500)
    found = assert_described(x, first - 1, first + 1, engine)
    assert found["sd x"] == pytest.approx(0.1, rel=2e-6)
    assert assert_described(x, 0, 2e7, engine)["sd x"] == TOO_LITTLE


@pytest.mark.parametrize(
    ("x", "high"),
    [
        (1.6e9 + generator().uniform(0, 60, 500), 2e9),  # Unix times within a minute
        (generator().normal(25_000, 25, 500), 1e9),  # incomes, in cents perhaps
        (generator().choice([3.0, 3.0 + 1e-7], 500), 9),
    ],
)
def test_what_varies_too_little_is_undefined_everywhere(x, high):
    f = table(x=x, y=generator(6).normal(5, 1, len(x)).clip(0, 10), g=np.arange(len(x)) % 2)

    def script(t):
        shared = t.share(rows=400)["x"]
        return {
            "sd": t.x.std(),
            "var": t.x.var(),
            "test": st.ttest_ind(t.x[t.g], t.x[~t.g]),
            "groups": t.group_by("g").x.std(),
            "shared sd": shared.std(),
            "shared var": shared.var(),
            "root": t.x.var().sqrt(),
            "corr": t[["x", "y"]].corr(),
            "fit": st.ols(t.y, [t.x]),
            "of it": st.ols(t.x, [t.y]),
        }

    found = releases(script, {"x": (0, high), "y": (0, 10), "g": Flag()}, split(f))
    assert found.pop("groups")["values"] == [TOO_LITTLE] * 2
    assert found.pop("corr")["values"][0][1] == found.pop("fit") == found.pop("of it") == f"undefined: a column {WHY}"
    assert found == dict.fromkeys(found, TOO_LITTLE)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_owners_with_few_rows_or_none(engine):
    x, none = generator().uniform(0, 1, 50), np.full(5, np.nan)
    for others in ([[], [0.5]], [none, [0.5]], [[], none], [[0.25], [0.75]]):
        assert_described(None, 0, 1, engine, frames=[table(x=x), *(table(x=other) for other in others)])
    assert_described(None, 0, 1, engine, frames=[table(x=none), table(x=[]), table(x=[np.nan])])
    assert_described(None, 0, 1, engine, frames=[table(x=[]), table(x=[1.0]), table(x=[0.0])])


@pytest.mark.parametrize(
    "engine", ["ideal", *(pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir"))]
)
def test_variances_of_shared_rows_have_their_digits_or_are_undefined(engine):
    """Of rows and of flags; down to deviations of 2^-15 of the range they are there."""
    rng = generator()
    for high in (1e-6, 1.0, 3e9):
        for spread in 10.0 ** -np.arange(1, 8):
            x = high * np.clip(0.7 + spread * rng.normal(0, 1, 60), 0, 1)
            frames = split(table(x=x, g=np.arange(60) % 3 == 0))

            def script(t):
                rows = t.share(rows=60)
                return {"var": rows["x"].var(), "sd": rows["x"].std(ddof=0), "flag": rows["g"].var()}

            found = releases(script, {"x": (0, high), "g": Flag()}, frames, engine=engine)
            expected = {"var": x.var(ddof=1), "sd": x.std(), "flag": 20 / 59 * 2 / 3}
            for name, value in found.items():
                if value == TOO_LITTLE:
                    assert x.std() < 2.0**-15 * high
                else:
                    resolution = high * 2.0**-27
                    assert value == pytest.approx(expected[name], rel=2.0**-12 + (resolution / x.std()) ** 2), name


def test_many_random_columns():
    rng = generator()
    for _ in range(25):
        n = int(np.exp(rng.uniform(1, 8)))
        low = rng.normal(0, 10.0 ** rng.uniform(-3, 5))
        width = 10.0 ** rng.uniform(-3, 4)
        x = low + width * rng.beta(*np.exp(rng.uniform(-2, 3, 2)), n)
        x[rng.random(n) < 0.1] = np.nan
        x = np.clip(x, low, low + width)
        assert_described(None, low, low + width, frames=split(table(x=x), *np.sort(rng.random(2))))


def test_many_rows_are_within_at_most_and_too_many_are_refused():
    assert_described(normal(1000), 0, 10, at_most=600)
    with pytest.raises(DataError):
        assert_described(normal(1000), 0, 10, at_most=400)
    assert_described(normal(100), 0, 10, at_most=(1 << 30) // 3)


def test_each_column_has_its_own_rows():
    f = table(a=normal(90), b=normal(90), c=np.full(90, np.nan))
    f.loc[:20, "a"] = np.nan
    found = releases(described, dict.fromkeys("abc", (0, 10)), split(f), minimum=5)
    assert [found[f"missing {c}"] for c in "abc"] == [21, 0, 90]
    assert found["mean a"] == pytest.approx(f.a.mean(), rel=1e-9)
    assert found["sd b"] == pytest.approx(f.b.std(), rel=1e-7)
    assert found["mean c"] == found["sd c"] == "suppressed (fewer than 5)"


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("k", [2, 10])
def test_minimum_cohorts_at_the_edge(engine, k):
    small = f"suppressed (fewer than {k})"
    f = table(enough=np.r_[normal(k), np.full(30, np.nan)], few=np.r_[normal(k - 1), np.full(31, np.nan)])
    found = releases(described, dict.fromkeys(f, (0, 10)), split(f), minimum=k, engine=engine)
    assert found["mean enough"] == pytest.approx(f.enough.mean())
    assert found["sd enough"] == pytest.approx(f.enough.std())
    assert found["mean few"] == found["sd few"] == small
    assert found["missing enough"] == 30
    assert found["missing few"] == small  # it leaves few


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_a_flag_few_have_or_few_have_not(engine):
    rare, common = np.arange(60) < 5, np.arange(60) >= 5
    fair = np.arange(60) < 10
    f = pd.DataFrame({"rare": rare, "common": common, "fair": fair, "g": np.where(np.arange(60) % 2, "a", "b")})
    columns = {"rare": Flag(), "common": Flag(), "fair": Flag(), "g": Category("a", "b")}

    def script(t):
        return {**described(t), "alone": t.rare.mean(), "sd alone": t.rare.std(), "by g": t.group_by("g").fair.mean()}

    found = releases(script, columns, split(f), minimum=10, engine=engine)
    small = "suppressed (fewer than 10)"
    for name in ("mean rare", "sd rare", "mean common", "sd common", "alone", "sd alone"):
        assert found[name] == small
    assert found["mean fair"] == pytest.approx(10 / 60)
    assert found["by g"]["values"] == [small, small]  # five of each group have it


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_variances_and_other_divisors(engine):
    x = normal(80)

    def script(t):
        return {"var": t.x.var(), "sd0": t.x.std(ddof=0), "var0": t.x[t.x > 5].var(ddof=0)}

    found = releases(script, {"x": (0, 10)}, split(table(x=x)), engine=engine)
    assert found["var"] == pytest.approx(x.var(ddof=1), rel=1e-6)
    assert found["sd0"] == pytest.approx(x.std(), rel=1e-7)
    assert found["var0"] == pytest.approx(x[x > 5].var(), rel=1e-6)


@pytest.mark.parametrize("limit", [1e3, 1e6, 1e8, 1e-3])
def test_a_variance_in_a_range_too_wide(limit):
    """A deviation of a ten-thousandth of the range: the variance of 29 bits of the range's square was 14 % off."""
    x = normal(80) * limit / 1e5
    found = releases(lambda t: {"var": t.x.var()}, {"x": (-limit, limit)}, split(table(x=x)))
    assert found["var"] == pytest.approx(x.var(ddof=1), rel=1e-6)


# ---- tables
def assert_cells(found, counts, k):
    """Cells as they are where all are large; else no small one. What else is hidden then is test_suppression's."""
    small = f"suppressed (fewer than {k})"
    if np.min(counts) >= k:
        assert found == list(counts)
    for cell, count in zip(found, counts, strict=True):
        assert cell in ((small,) if count < k else (small, count))


@pytest.mark.parametrize("engine", ENGINES)
def test_histograms(engine):
    edges = [0, 1, 2.5, 4, 5.5, 7, 10]
    for n, k in ((3000, 10), (300, 10), (60, 5), (9, 5), (4, 5)):
        x = np.r_[normal(n), 10.0, np.nan]
        columns, frames = {"x": (0, 10)}, split(table(x=x))
        found = releases(lambda t: {"h": t.x.histogram(edges)}, columns, frames, minimum=k, engine=engine)["h"]
        assert found["edges"] == edges
        assert_cells(found["counts"], np.histogram(x[:-1], edges)[0].tolist(), k)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_groups(engine):
    k = 4
    for sizes in ((20, 9, 12), (20, k, k), (20, k, k - 1), (k - 1, 0, 30), (0, 0, 0)):
        group = np.repeat(["low", "mid", "high"], sizes)
        f = pd.DataFrame({"x": normal(sum(sizes)), "g": group}).sample(frac=1, random_state=1)

        def script(t):
            groups = t.group_by("g")
            return {"n": groups.count(), "mean": groups.x.mean(), "sd": groups.x.std()}

        columns = {"x": (0, 10), "g": Category("low", "mid", "high")}
        found = releases(script, columns, split(f), minimum=k, engine=engine)
        assert found["n"]["labels"] == ["low", "mid", "high"]
        assert_cells(found["n"]["values"], sizes, k)
        for name, key in (("mean", "mean"), ("sd", "std")):
            for level, cell, value in zip(
                found[name]["labels"], found["n"]["values"], found[name]["values"], strict=True
            ):
                if isinstance(cell, str):
                    assert value == cell
                else:
                    assert value == pytest.approx(f.groupby("g").x.agg(key)[level], rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_contingency_tables(engine):
    k = 5
    for cells in ([[30, 12], [9, 40], [5, 5]], [[30, 12], [9, 40], [5, 4]]):
        rows = [(g, m) for g, row in zip("abc", cells, strict=True) for m, n in enumerate(row) for _ in range(n)]
        f = pd.DataFrame(rows, columns=["g", "m"]).sample(frac=1, random_state=2)

        def script(t):
            return {"c": st.contingency(t.g, t.m)}

        found = releases(script, {"g": Category("a", "b", "c"), "m": Flag()}, split(f), minimum=k, engine=engine)["c"]
        if np.min(cells) < k:
            assert found == "suppressed (fewer than 5)"
            continue
        chi = stats.chi2_contingency(cells, correction=False)
        assert found["counts"] == cells
        assert (found["chi_square"], found["df"]) == (pytest.approx(chi.statistic), chi.dof)
        assert found["p"] == pytest.approx(chi.pvalue)


# ---- two groups
@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("equal_var", [False, True])
def test_two_groups(engine, equal_var):
    rng = generator()
    for n, m in ((200, 40), (11, 12)):
        f = table(x=np.r_[rng.normal(4, 1, n), rng.normal(5, 2, m)].clip(0, 10), g=np.repeat([0, 1], [n, m]))
        f = f.sample(frac=1, random_state=3)

        def script(t):
            return {"t": st.ttest_ind(t.x[t.g], t.x[~t.g], equal_var=equal_var, names=("yes", "no"))}

        found = releases(script, {"x": (0, 10), "g": Flag()}, split(f), minimum=10, engine=engine)["t"]
        a, b = f.x[f.g == 1], f.x[f.g == 0]
        expected = stats.ttest_ind(a, b, equal_var=equal_var)
        interval = expected.confidence_interval()
        assert found["groups"] == ["yes", "no"]
        assert found["n"] == [m, n]
        assert found["statistic"] == pytest.approx(expected.statistic, rel=1e-6)
        assert found["df"] == pytest.approx(expected.df, rel=1e-6)
        assert found["p"] == pytest.approx(expected.pvalue, rel=1e-5)
        error = abs(found["difference"] / expected.statistic)
        assert found["ci_low"] == pytest.approx(interval.low, abs=1e-6 * error)
        assert found["ci_high"] == pytest.approx(interval.high, abs=1e-6 * error)


def test_two_groups_that_are_small_or_do_not_vary():
    def script(t):
        return {"t": st.ttest_ind(t.x[t.g], t.x[~t.g])}

    columns = {"x": (0, 10), "g": Flag()}
    f = table(x=normal(40), g=np.r_[np.ones(9), np.zeros(31)])
    assert releases(script, columns, split(f), minimum=10)["t"] == "suppressed (fewer than 10)"
    f = table(x=np.full(40, 3.0), g=np.r_[np.ones(20), np.zeros(20)])
    found = releases(script, columns, split(f), minimum=10)["t"]
    assert found == TOO_LITTLE
    f = table(x=[1.0, 2.0, 3.0], g=[1.0, 0.0, 0.0])
    assert releases(script, columns, split(f))["t"].startswith("undefined")


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_quotients_and_means_keep_the_counts_behind_them(engine):
    f = pd.DataFrame({"x": normal(40), "f": np.arange(40) % 3 == 0})

    def script(t):
        rows = t.share(rows=30)
        return {
            "ratio": t.f.sum() / t.count(),
            "few": t.x[t.x > 100].sum() / t.count(),
            "mean": rows["x"].mean(),
            "var": rows["x"].var(),
        }

    found = releases(script, {"x": (0, 10), "f": Flag()}, split(f), minimum=10, engine=engine)
    assert found["ratio"] == pytest.approx(f.f.mean(), rel=1e-6)
    assert found["few"] == "suppressed (fewer than 10)"
    assert found["mean"] == pytest.approx(f.x.mean(), rel=1e-4)
    assert found["var"] == pytest.approx(f.x.var(), rel=1e-3)
