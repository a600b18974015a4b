"""Association of many SNPs with a phenotype, beside covariates: a linear model for each SNP, or the trend test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Result
from mpc.tables.counts import behind, complete
from mpc.tables.private import PrivateArray
from mpc.values.cohorts import Cohort
from mpc.values.secret import SecretArray, constant, where
from protocols.genetics.private import people
from protocols.genetics.results import Scored
from protocols.genetics.scores import Genotyped, Power, beside, standardised
from protocols.genetics.strongest import among_strongest
from protocols.numeric.normalize import F
from protocols.numeric.variance import TOO_LITTLE
from protocols.statistics import arguments
from protocols.statistics.correlations import standardise
from protocols.statistics.ldl import factor
from protocols.statistics.regression import SPREAD_BITS, unexplained_part

Test = Literal["linear", "trend"]
#: Most covariates.
MOST = 16
#: A SNP whose variance beside covariates is below 2^-10 varies too little for the digits of the computation.
LEAST_VARIANCE = 10
_SQUARE, _LEFT = 24, 36
_FEW = "not more people than coefficients"
_COLLINEAR = "covariates nearly collinear, or they explain nearly all of the phenotype"
_RARE = "the SNP hardly varies beside the covariates"
_HIDDEN = "not among the strongest"


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
                below 2^-10 (a rare allele has 2 maf)
    Error       of 1,000 people: effects 1e-6 standard errors, standard errors relative 1e-5 (1e-6 for a variance above
                0.05). The part of the first grows with the root of the number of people
    Protection  a SNP is suppressed where fewer people than the minimum have 0, 1 or 2 copies, and some do: scores and
                variances of whole numbers tell how many they are. Of a flag, this holds among cases and among others.
                Few people in all, or with a covariate's flag, suppress everything
    Rounds      those of `ols`, and about 30
    Bytes       8 (columns + 3) for each SNP and owner, twice that for a flag, and the comparisons of as many numbers
    Equals      statsmodels' `OLS` for each SNP (PLINK 2 `--glm`); the trend test of R's `prop.trend.test`
    Source      Armitage, Biometrics 11 (1955); Frisch and Waugh, Econometrica 1 (1933), for covariates
    """
    if test not in get_args(Test):
        raise ConfigError(f"association: test={test!r}; expected one of {', '.join(get_args(Test))}")
    covariates = arguments.columns("association", covariates)
    (phenotype,) = arguments.columns("association", [phenotype])
    k, flag = len(covariates), phenotype.expression.type == "flag"
    if k > MOST:
        raise ShapeError(f"association: expected at most {MOST} covariates, got {k}")
    if test == "trend" and not flag:
        raise ShapeError(f'association: {phenotype.name} is no flag of cases, as test="trend" expects')
    found = people("association", genotypes, [*covariates, phenotype], phenotype if flag else None, fill=True)
    standard = standardise(found.columns)
    power = Power.of(found.n, found.most)
    by_value = found.counts.sum(0).bounded(found.most)
    sums = (by_value[2] - by_value[0]).bounded(found.most)
    genotyped = Genotyped(power, sums, (by_value[2] + by_value[0]).bounded(found.most), found.products)
    a = standardised(genotyped.covariances(standard.moments.fine), standard.roots)
    factors = factor(standard.matrix) if k else None
    score, variance = beside(a, genotyped.variance(), factors)

    run, root = found.n.run, standard.roots.root[k]
    defined = standard.varies(SPREAD_BITS).all()
    left = constant(run, 1.0, frac=_LEFT)
    if factors is not None:
        square = standard.roots.inverse[k].product(standard.roots.inverse[k], _SQUARE, limit=4.1)
        left = unexplained_part(standard, factors).product(square, _LEFT, limit=1.01)
        fits = factors.regular & (left >= 2.0**-10)
    enough = found.n >= k + 3
    varies = variance >= 2.0**-LEAST_VARIANCE

    what = complete(found.columns)
    free = Cohort.of(found.n - (k + 1), what=f"people beyond the coefficients, {what}")
    cohorts = (free, *behind(found.columns, standard.moments.rows(what)))

    def protected(x: SecretArray, *also: Cohort) -> SecretArray:
        x = x.without_mask().masked(enough, _FEW).masked(defined, f"a column {TOO_LITTLE}")
        if factors is not None:
            x = x.masked(fits, _COLLINEAR)
        return x.standing_on(*cohorts, *also, origin=(f"association of {genotypes.name} over {what}",))

    shown = varies
    if top is not None:
        shown = varies & among_strongest(where(varies, score, 0.0), where(varies, variance, 1.0), top)

    def of_snps(x: SecretArray) -> SecretArray:
        x = protected(x, found.cohort).masked(varies.bare(), _RARE)
        return x if top is None else x.masked(shown.bare(), _HIDDEN)

    parts = {
        "people": protected(found.n),
        "root": protected(root.cut(F)),
        "shift": protected(standard.roots.shift[k]),
        "left": protected(left),
        "score": of_snps(score),
        "variance": of_snps(variance),
    }
    exponent = standard.moments.exponent[k]
    return Result("snps", parts, Scored(test, k, exponent, names, score.shape[0], top is not None))
