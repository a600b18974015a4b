"""Associations of many SNPs with a phenotype, against statsmodels for each SNP."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from mpc.errors import ConfigError, ShapeError
from protocols import genetics
from tests.support.genetics import ENGINES, NEVER, RARE, SNPS, made, released


def fitted(people, copies, j, covariates=("age", "pc"), of="bmi"):
    columns = [people[name].to_numpy() for name in covariates] + [copies[:, j]]
    fit = sm.OLS(people[of].to_numpy(float), sm.add_constant(np.column_stack(columns))).fit()
    return fit.params[-1], fit.bse[-1], fit.tvalues[-1], fit.pvalues[-1]


@pytest.mark.parametrize("engine", ENGINES)
def test_associations_are_those_of_statsmodels(engine):
    people, copies = made()

    def script(study, t):
        study.release("adjusted", genetics.association(t.snps, t.bmi, [t.age, t.pc]))
        study.release("alone", genetics.association(t.snps, t.bmi))
        study.release("trend", genetics.association(t.snps, t.case, test="trend"))

    found = released(script, people, engine=engine)
    assert found["adjusted"]["people"] == len(people)
    compared = 0
    for j in range(SNPS):
        for name, covariates in (("adjusted", ("age", "pc")), ("alone", ())):
            if isinstance(found[name]["p"][j], str):
                continue
            effect, error, t, p = fitted(people, copies, j, covariates)
            assert abs(found[name]["effect"][j] - effect) < 2e-6 * error
            assert found[name]["standard_error"][j] == pytest.approx(error, rel=1e-6)
            assert found[name]["t"][j] == pytest.approx(t, abs=1e-5)
            assert found[name]["p"][j] == pytest.approx(p, abs=1e-5)
            compared += 1
        if not isinstance(found["trend"]["p"][j], str):
            chi_square = len(people) * np.corrcoef(copies[:, j], people.case)[0, 1] ** 2
            assert found["trend"]["chi_square"][j] == pytest.approx(chi_square, abs=1e-5)
            assert found["trend"]["p"][j] == pytest.approx(stats.chi2.sf(chi_square, 1), abs=1e-5)
            compared += 1
    assert compared > 20
    for result in found.values():
        assert result["p"][NEVER] == "undefined: the SNP hardly varies beside the covariates"
        assert result["p"][RARE] == "suppressed (fewer than 5)"


def test_few_people_with_a_genotype_suppress_a_snp_and_no_other():
    people, copies = made()

    def script(study, t):
        study.release("bmi", genetics.association(t.snps, t.bmi))
        study.release("case", genetics.association(t.snps, t.case, test="trend"))

    minimum = 25
    found = released(script, people, minimum=minimum, engine="ideal")
    owner = np.arange(len(people)) % 3

    def few(chosen, j):
        counts = [int((chosen & (copies[:, j] == value)).sum()) for value in (0, 1, 2)]
        others = [int((chosen & (copies[:, j] == v) & (owner != o)).sum()) for v in (0, 1, 2) for o in range(3)]
        return any(0 < count < minimum for count in counts + others)

    everybody = np.ones(len(people), bool)
    sides = [people.case.to_numpy(), ~people.case.to_numpy()]
    hidden = 0
    for j in range(SNPS):
        for name, groups in (("bmi", [everybody]), ("case", sides)):
            small = any(few(group, j) for group in groups)
            assert str(found[name]["p"][j]).startswith("suppressed") == small
            hidden += small
    assert 0 < hidden < 2 * SNPS


def test_missing_genotypes_are_the_nearest_to_the_mean_of_their_owner():
    people, copies = made(missing=0.1)
    people.loc[[7, 8], "snps"] = None
    people.loc[9, "age"] = np.nan
    found = released(
        lambda study, t: study.release("adjusted", genetics.association(t.snps, t.bmi, [t.age, t.pc])), people
    )["adjusted"]
    keep = ~people.index.isin([7, 8, 9])
    filled = copies.copy()
    for owner in range(3):
        mine = (np.arange(len(people)) % 3 == owner) & keep
        mean = np.floor(np.nanmean(copies[mine], axis=0) + 0.5)
        filled[mine] = np.where(np.isnan(copies[mine]), mean, copies[mine])
    assert found["people"] == keep.sum()
    for j in (0, 1, 2):
        effect, error, *_ = fitted(people[keep], filled[keep], j)
        assert abs(found["effect"][j] - effect) < 2e-6 * error
        assert found["standard_error"][j] == pytest.approx(error, rel=1e-6)


def test_the_strongest_alone_come_out_in_order():
    people, copies = made()

    def script(study, t):
        study.release("top", genetics.association(t.snps, t.bmi, [t.age, t.pc], top=3, names=list("ABCDEFGHIJ")))

    found = released(script, people, engine="replicated")["top"]
    p = {"ABCDEFGHIJ"[j]: fitted(people, copies, j)[3] for j in range(SNPS) if j not in (NEVER, RARE)}
    expected = sorted(p, key=p.get)[:3]
    assert set(found["snps"]) <= set(expected)
    assert found["snps"] == [name for name in expected if name in found["snps"]]
    assert len(found["snps"]) + found["hidden"] + found["suppressed"] == SNPS
    assert len(found["p"]) == len(found["snps"])
    assert found["p"] == pytest.approx([p[name] for name in found["snps"]], abs=1e-6)


def test_a_snp_of_the_collinear_and_of_too_few():
    people, _ = made()
    people["pc"] = people.age / 100

    def script(study, t):
        study.release("collinear", genetics.association(t.snps, t.bmi, [t.age, t.pc]))

    assert released(script, people, engine="ideal")["collinear"].startswith("undefined: covariates nearly collinear")
    people["bmi"] = 25.0
    constant = released(lambda study, t: study.release("x", genetics.association(t.snps, t.bmi)), people)["x"]
    assert constant.startswith("undefined: a column")
    few = released(lambda study, t: study.release("x", genetics.association(t.snps, t.bmi)), made(n=4)[0])["x"]
    assert few == "suppressed (fewer than 5)"
    none = released(lambda study, t: study.release("x", genetics.association(t.snps, t.bmi)), made()[0][:0], minimum=1)
    assert isinstance(none["x"], str)


def test_what_cannot_be_tested():
    people, _ = made(n=30)
    wrong = [
        (lambda t: genetics.association(t.age, t.bmi), ShapeError, "no column of genotypes"),
        (lambda t: genetics.association(t.snps, t.bmi, test="trend"), ShapeError, "no flag of cases"),
        (lambda t: genetics.association(t.snps, t.bmi, test="chi"), ConfigError, "expected one of"),
        (lambda t: genetics.association(t.snps, t.bmi, top=0), ConfigError, "top=0"),
        (lambda t: genetics.association(t[t.age > 30].snps, t.bmi), ShapeError, "different tables or selections"),
        (lambda t: genetics.allelic(t.snps, t.age), ShapeError, "no flag of cases"),
        (lambda t: genetics.allele_counts(t.snps, names=["a"]), ShapeError, "1 names for 10 SNPs"),
    ]
    for script, error, words in wrong:
        with pytest.raises(error, match=words):
            released(lambda study, t, script=script: study.release("x", script(t)), people)
