"""Which SNPs go with cholesterol, and which with a heart disease: people of several biobanks, all SNPs in one job.

Brings    every biobank: its own people, one row each (`People`): age, sex, two principal components, LDL cholesterol,
          whether a heart disease is known, and the genotypes of the same SNPs in the same order
Learns    every recipient: the released numbers, nothing about one biobank or one person
Trust     no two of three compute parties put their shares together; of more compute parties, no more than the study's
          threshold (honest majority, semi-honest)
Released  number of people; of each SNP the frequency of its counted allele, the Hardy-Weinberg test, its effect on LDL
          cholesterol beside age, sex and principal components, and the allelic test of diseased and others with its
          odds ratio. A SNP is left out where fewer than `minimum_cohort` people have one of its genotypes; of
          frequencies and of the allelic test, where fewer carry one of its alleles
Costs     about 200 rounds and 0.6 MB a party with the engine replicated, whatever the number of people

People stay at their biobanks, which count genotypes and add up products. Principal components are those of a common
reference panel, so that they mean the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Flag, Genotypes, Integer, Real, Scenario, Study, Table
from protocols import genetics

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[Any]

SNPS = 200


class People(Table):
    age = Integer(18, 110, unit="years")
    female = Flag()
    pc1 = Real(-1, 1)
    pc2 = Real(-1, 1)
    ldl = Real(0, 20, unit="mmol/l")
    heart_disease = Flag()
    snps = Genotypes(count=SNPS)


scenario = Scenario(
    inputs={"people": People.rows(at_most=1 << 20)},
    parameters={"minimum_cohort": 10},
)


@scenario.run
async def run(study: Study) -> None:
    people = study.table("people")
    covariates = [people.age, people.female, people.pc1, people.pc2]
    study.release("people", people.count())
    study.release("frequencies", genetics.allele_counts(people.snps))
    study.release("Hardy-Weinberg", genetics.hardy_weinberg(people.snps))
    study.release("LDL cholesterol", genetics.association(people.snps, people.ldl, covariates))
    study.release("heart disease", genetics.allelic(people.snps, people.heart_disease))


@scenario.plaintext
def plaintext(people: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """The same releases from the pooled table, with statsmodels and scipy, one SNP after the other."""
    import numpy as np
    import statsmodels.api as sm
    from scipy import stats

    least = parameters.minimum_cohort
    small = f"suppressed (fewer than {least})"
    brought = people.attrs.get("rows", [len(people)])
    owner = np.repeat(np.arange(len(brought)), brought)
    copies = genotypes_of(people.snps)
    known = ~np.isnan(copies)

    def few(chosen: Array) -> bool:
        """Fewer than the minimum of these people, and some; of all, or of all but one biobank's."""
        counts = [chosen.sum(), *(chosen[owner != one].sum() for one in range(len(brought)))]
        return any(0 < count < least for count in counts)

    def carriers_are_few(group: Array, g: Array) -> bool:
        return few(group & (g <= 1)) or few(group & (g >= 1))

    def genotypes_are_few(group: Array, g: Array) -> bool:
        return any(few(group & (g == value)) for value in (0, 1, 2))

    frequencies: list[Any] = []
    proportions: list[Any] = []
    for j in range(SNPS):
        g = copies[:, j]
        hidden = carriers_are_few(known[:, j], g)
        frequencies.append(small if hidden else float(np.nanmean(g) / 2))
        hidden = genotypes_are_few(known[:, j], g)
        proportions.append(small if hidden else [int((g == value).sum()) for value in (0, 1, 2)])

    numbers = people[["age", "female", "pc1", "pc2", "ldl"]].astype(float)
    complete = numbers.notna().all(axis=1).to_numpy() & people.snps.notna().to_numpy()
    effects: list[Any] = []
    for j in range(SNPS):
        g = copies[:, j].copy()
        for one in range(len(brought)):  # a missing genotype is the nearest to the mean of its biobank
            mine = (owner == one) & complete
            g[mine & np.isnan(g)] = np.floor(np.nanmean(g[mine]) + 0.5)
        if genotypes_are_few(complete, g):
            effects.append(small)
            continue
        design = sm.add_constant(np.column_stack([numbers[["age", "female", "pc1", "pc2"]], g])[complete])
        fit = sm.OLS(numbers.ldl.to_numpy()[complete], design).fit()
        effects.append((float(fit.params[-1]), float(fit.bse[-1]), float(fit.pvalues[-1])))

    with_flag = people.heart_disease.notna().to_numpy()
    cases = people.heart_disease.fillna(False).astype(bool).to_numpy()
    odds: list[Any] = []
    for j in range(SNPS):
        g = copies[:, j]
        groups = [with_flag & known[:, j] & side for side in (cases, ~cases)]
        if any(carriers_are_few(group, g) for group in groups):
            odds.append(small)
            continue
        table = [[g[group].sum(), (2 - g[group]).sum()] for group in groups]
        p = stats.chi2_contingency(table, correction=False).pvalue
        odds.append((float(table[0][0] * table[1][1] / (table[0][1] * table[1][0])), float(p)))

    def part(of: list[Any], place: int) -> list[Any]:
        return [x if isinstance(x, str) else x[place] for x in of]

    genotypes = {name: part(proportions, k) for k, name in enumerate(("none", "one", "two"))}
    tests = {name: part(effects, k) for k, name in enumerate(("effect", "standard_error", "p"))}
    return {
        "people": len(people),
        "frequencies": {"frequency": frequencies},
        "Hardy-Weinberg": genotypes,
        "LDL cholesterol": {"people": int(complete.sum()), **tests},
        "heart disease": {"odds_ratio": part(odds, 0), "p": part(odds, 1)},
    }


def genotypes_of(texts: pd.Series[str]) -> Array:
    """Copies (people, SNPs), NaN where missing."""
    import numpy as np

    rows = ["." * SNPS if not isinstance(text, str) else text for text in texts]
    return np.asarray([[float(c) if c in "012" else np.nan for c in row] for row in rows])
