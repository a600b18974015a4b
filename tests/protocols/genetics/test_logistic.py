"""Score tests of logistic models of many SNPs, against statsmodels for each SNP."""

import numpy as np
import pytest
import statsmodels.api as sm

from mpc.errors import ConfigError, ShapeError
from protocols import genetics
from tests.support.bounds import every_bound_holds
from tests.support.genetics import ENGINES, NEVER, RARE, SNPS, made, planned, released, simulated
from tests.support.messages import by_operation

COVARIATES = ("age", "pc")


def script_of(top=None, covariates=COVARIATES, **more):
    async def script(study, t):
        columns = [getattr(t, name) for name in covariates]
        found = await genetics.logistic(t.snps, t.case, columns, top=top, study=study, name="no SNP", **more)
        study.release("snps", found)

    return script


def fitted(people, copies):
    """The fit without SNPs, and for each SNP z, its p, and the variance of its score."""
    x = sm.add_constant(people[list(COVARIATES)].to_numpy(float))
    null = sm.GLM(people.case.to_numpy(float), x, family=sm.families.Binomial()).fit()
    found = []
    for j in range(copies.shape[1]):
        p = null.score_test(exog_extra=copies[:, [j]])[1] if np.ptp(copies[:, j]) else np.nan
        w, g = null.mu * (1 - null.mu), copies[:, j]
        beside = g - x @ np.linalg.solve(x.T @ (w[:, None] * x), x.T @ (w * g))
        variance = float(w @ beside**2)
        score = float(g @ (people.case - null.mu))
        found.append((score, variance, float(np.squeeze(p))))
    return null, found


def assert_same(found, people, copies, names=None):
    null, wanted = fitted(people, copies)
    compared = 0
    for j, (score, variance, p) in enumerate(wanted):
        if isinstance(found["p"][j], str):
            continue
        z = score / np.sqrt(variance)
        assert found["z"][j] == pytest.approx(z, abs=1e-5, rel=1e-5)
        assert found["effect"][j] == pytest.approx(score / variance, abs=1e-5 / np.sqrt(variance), rel=1e-5)
        assert found["standard_error"][j] == pytest.approx(1 / np.sqrt(variance), rel=1e-5)
        assert found["p"][j] == pytest.approx(p, abs=1e-5)
        compared += 1
    return null, compared


@pytest.mark.parametrize("engine", ENGINES)
def test_tests_are_those_of_statsmodels(engine):
    people, copies = made(800)
    if engine == "ideal":
        with every_bound_holds():
            found = released(script_of(), people, engine=engine)
    else:
        found = released(script_of(), people, engine=engine)
    null, compared = assert_same(found["snps"], people, copies)
    assert compared >= SNPS - 2
    np.testing.assert_allclose(found["no SNP"]["coefficient"], null.params, rtol=1e-6)
    assert found["snps"]["people"] == 800
    assert found["snps"]["p"][NEVER] == "undefined: the SNP hardly varies beside the covariates"
    assert found["snps"]["p"][RARE] == "suppressed (fewer than 5)"
    assert np.argmin([p if isinstance(p, float) else 1 for p in found["snps"]["p"]]) == 1  # that the cases depend on


def test_missing_genotypes_are_the_nearest_to_the_mean_of_their_owner():
    people, copies = made(600, missing=0.1)
    people.loc[[7, 8], "snps"] = None
    people.loc[9, "age"] = np.nan
    people["case"] = people.case.astype(object)
    people.loc[11, "case"] = None
    found = released(script_of(), people, engine="ideal")
    keep = ~people.index.isin([7, 8, 9, 11])
    filled = copies.copy()
    for owner in range(3):
        mine = (np.arange(len(people)) % 3 == owner) & keep
        mean = np.floor(np.nanmean(copies[mine], axis=0) + 0.5)
        filled[mine] = np.where(np.isnan(copies[mine]), mean, copies[mine])
    assert found["snps"]["people"] == keep.sum() == found["no SNP"]["observations"]
    kept = people[keep].assign(case=people.case[keep].astype(bool)).reset_index(drop=True)
    assert assert_same(found["snps"], kept, filled[keep])[1] >= SNPS - 2


def test_rare_cases_and_strong_covariates_keep_their_digits():
    """The weights are small, and differ by factors of a thousand between people."""
    people, copies = made(3000, seed=5)
    random = np.random.default_rng(5)
    eta = -4.5 + 0.12 * (people.age - 50) + 0.5 * copies[:, 2]
    people["case"] = random.random(len(people)) < 1 / (1 + np.exp(-eta))
    assert 0.03 < people.case.mean() < 0.15
    with every_bound_holds():
        found = released(script_of(), people, engine="ideal", minimum=1)
    assert assert_same(found["snps"], people, copies)[1] >= SNPS - 2


def test_the_strongest_alone_come_out_in_order():
    people, copies = made(600)
    names = list("ABCDEFGHIJ")
    found = released(script_of(top=3, names=names), people, engine="replicated")["snps"]
    _, wanted = fitted(people, copies)
    p = {names[j]: wanted[j][2] for j in range(SNPS) if j not in (NEVER, RARE)}
    assert found["snps"] == sorted(p, key=p.get)[:3]
    assert len(found["snps"]) + found["hidden"] + found["suppressed"] == SNPS


def test_few_people_with_a_genotype_suppress_a_snp_and_no_other():
    people, copies = made()
    minimum, owner = 25, np.arange(len(people)) % 3
    found = released(script_of(), people, minimum=minimum, engine="ideal")["snps"]

    def few(chosen):
        counts = [int(chosen.sum()), *(int((chosen & (owner != one)).sum()) for one in range(3))]
        return any(0 < count < minimum for count in counts)

    cases, hidden = people.case.to_numpy(), 0
    for j in range(SNPS):
        small = any(few(side & (copies[:, j] == value)) for side in (cases, ~cases) for value in (0, 1, 2))
        assert str(found["p"][j]).startswith("suppressed") == small
        hidden += small
    assert 0 < hidden < SNPS


@pytest.mark.slow
def test_what_has_no_answer():
    people, _ = made(200)
    by_age = people.age > 50

    def words(people, **options):
        found = released(script_of(), people, engine="ideal", **options)
        assert found["snps"] == found["no SNP"], found
        return found["snps"]

    assert words(people.assign(age=50.0)).startswith("undefined: a predictor hardly varies")
    assert words(people.assign(pc=people.age / 100)) == "undefined: predictors nearly collinear"
    assert words(people.assign(case=by_age)).startswith("undefined: ")  # separated
    assert words(people.assign(case=False), minimum=1) in (
        "undefined: the outcome is 0 in all rows, or the largest that it can be",
        "suppressed (fewer than 1)",
    )
    for some in (people[:0], people.assign(snps=None), people.assign(case=np.arange(200) < 3)):
        assert words(some) == "suppressed (fewer than 5)"


def test_nobody_and_a_model_that_does_not_fit():
    people, _ = made(200)
    for changed, said in ((people[:0], "suppressed"), (people.assign(age=50.0), "undefined: a predictor hardly")):
        found = released(script_of(iterations=4), changed, engine="ideal")
        assert found["snps"] == found["no SNP"]
        assert found["snps"].startswith(said)


@pytest.mark.slow
def test_messages_depend_on_what_was_released_alone():
    tables = [made(300)[0], made(60, missing=0.3, seed=2)[0], made(300, seed=3)[0].assign(age=50.0)]
    runs = [simulated(script_of(), people, engine="replicated", minimum=1000) for people in tables]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)


def test_what_it_costs():
    """As the docstring says: rounds do not grow with SNPs, and bytes are so many for each."""

    def model(study, t):
        return genetics.logistic(t.snps, t.case, [t.age, t.pc], study=study, name="m")

    alone, few, many = planned(model, 100), planned(script_of(), 100), planned(script_of(), 300)
    assert many.rounds == few.rounds <= alone.rounds + 130
    each = (sum(many.bytes_sent) - sum(few.bytes_sent)) / 3 / 200
    assert each <= 2000 + 160 * 2, each


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda s, t: genetics.logistic(t.snps, t.bmi, [t.age], study=s, name="m"), ShapeError, "no flag of cases"),
        (lambda s, t: genetics.logistic(t.snps, t.case, [], study=s, name="m"), ShapeError, 'test="trend"'),
        (lambda s, t: genetics.logistic(t.age, t.case, [t.age], study=s, name="m"), ShapeError, "column of genotypes"),
        (lambda s, t: genetics.logistic(t.snps, t.case, [t.age], study=s, name=""), ConfigError, "steps are releases"),
    ],
)
def test_misuse_is_taught(call, error, says):
    with pytest.raises(error, match=says):
        released(call, made(30)[0], engine="ideal")
