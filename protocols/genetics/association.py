"""Association of many SNPs with a phenotype, beside covariates: a linear model for each SNP, or the trend test."""

from __future__ import annotations

from collections.abc import Sequence

from mpc.releases.disclosure import Result
from mpc.tables.counts import behind, complete
from mpc.tables.private import PrivateArray
from mpc.values.basis import Basis
from mpc.values.cohorts import Cohort
from protocols.genetics.private import people
from protocols.genetics.scores import Genotyped, Power, standardised
from protocols.genetics.testing import Asked, Sums, Test, tested
from protocols.statistics import arguments
from protocols.statistics.moments.correlations import standardise


def association(
    genotypes: PrivateArray,
    phenotype: PrivateArray,
    covariates: Sequence[PrivateArray] | PrivateArray = (),
    *,
    test: Test = "linear",
    top: int | None = None,
    names: Sequence[str] | None = None,
) -> Result:
    """Test each SNP of a column of genotypes for association with a phenotype; all SNPs in one job. People stay with
    their owners.

    genotypes   a column declared as `Genotypes`;  phenotype  numbers, or a flag of cases
    covariates  up to 16 columns, such as age and principal components
    test        "linear": ordinary least squares of the phenotype on a constant, the covariates and the number of
                copies. "trend": of a flag of cases, the Cochran-Armitage test; with covariates, the score test of the
                same linear model
    top         open the strongest SNPs alone, so many, and nothing of the others; None: all
    names       of the SNPs, for the result

    Missing     people who miss the phenotype, a covariate or all genotypes are left out. A missing genotype of a SNP
                counts as the whole number nearest to the mean of its owner's people
    Opens       number of people, deviation of the phenotype, R^2 of the covariates alone; of each SNP shown its score
                and its variance, from which effect, standard error, t (or chi-square) and p follow. With `top`, which
                SNPs are the strongest
    Undefined   where a covariate or the phenotype hardly varies; covariates nearly collinear, or an R^2 of theirs above
                0.999; with no more people than coefficients. A SNP alone where its variance beside the covariates is
                below 2^-10 (copies of an allele with frequency f have the variance 2 f (1 - f))
    Error       of 1,000 people: effects 1e-6 standard errors, standard errors relative 1e-5 (1e-6 for a variance above
                0.05). The part of the first grows with the root of the number of people
    Protection  a SNP is suppressed where fewer people than the minimum have 0, 1 or 2 copies, and some do: scores and
                variances of whole numbers tell how many they are. Of a flag, this holds among cases and among others.
                Few people in all, or with a covariate's flag, suppress everything
    Rounds      up to 170, and 25 for each covariate; as many for one SNP as for all
    Bytes       about 1,000 for each SNP and party, 120 more for each covariate; twice the comparisons for a flag
    Equals      statsmodels' `OLS` for each SNP (PLINK 2 `--glm`); the trend test of R's `prop.trend.test`
    Source      Armitage, Biometrics 11 (1955); Frisch and Waugh, Econometrica 1 (1933), for covariates
    """
    asked = Asked(test, top, names)
    covariates = arguments.columns("association", covariates)
    (phenotype,) = arguments.columns("association", [phenotype])
    k, flag = len(covariates), phenotype.expression.type == "flag"
    asked.check(phenotype, k, flag=flag)
    found = people("association", genotypes, [*covariates, phenotype], phenotype if flag else None, fill=True)
    standard = standardise(found.columns)
    by_value = found.counts.sum(0).bounded(found.most)
    with_two, without = by_value[2], by_value[0]
    genotyped = Genotyped(
        Power.of(found.n, found.most),
        (with_two - without).bounded(found.most),
        (with_two + without).bounded(found.most),
    )
    covariances = genotyped.covariances(found.products, standard.moments.fine)
    # People without genotypes are left out as rows with missing values are: they are no selection of the script.
    everything = [*covariates, phenotype, genotypes]
    what = complete(everything)
    free = Cohort.of(found.n - (k + 1), what=f"people beyond the coefficients, {what}")
    cohorts = (free, *behind(everything))
    shift = standard.roots.shift[k]
    sums = Sums(
        n=found.n,
        correlated=standard,
        a=standardised(covariances, standard.roots),
        variance=genotyped.variance(),
        varies=standard.moments.several,
        shift=shift,
        exponent=standard.moments.exponent[k],
        basis=Basis(cohorts, origin=(f"association of {genotypes.name} over {what}",)),
        genotypes=found.cohort,
    )
    return tested(sums, asked)
