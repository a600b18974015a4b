"""Association of many SNPs with a disease, beside covariates: the score test of a logistic model for each SNP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import ConfigError, ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.releases.study import Study
from mpc.tables.private import PrivateArray
from mpc.untyped import Json, JsonObject
from mpc.values.secret import SecretArray, where
from protocols.genetics.results import names_of, strongest
from protocols.genetics.scores import standardised, variance_beside
from protocols.genetics.strongest import among_strongest
from protocols.genetics.testing import HIDDEN, LEAST, MOST, RARE
from protocols.genetics.weighed import Weighed
from protocols.numeric.normalize import F
from protocols.statistics import arguments
from protocols.statistics.limits import Reason
from protocols.statistics.regression.families import Binomial
from protocols.statistics.regression.released_steps import STEPS, Fitted, stepped

_BEYOND = "the model without SNPs does not fit: residuals are more than four times the weights p (1 - p)"


async def logistic(
    genotypes: PrivateArray,
    case: PrivateArray,
    covariates: Sequence[PrivateArray] | PrivateArray,
    *,
    iterations: int = STEPS,
    top: int | None = None,
    names: Sequence[str] | None = None,
    study: Study,
    name: str,
) -> Result:
    """Test each SNP of a column of genotypes for association with a disease, beside covariates, by logistic regression;
    all SNPs in one job. People stay with their owners.

        found = await genetics.logistic(people.snps, people.ill, [people.age, people.pc1], study=study, name="no SNP")
        study.release("illness", found)

    The model without SNPs is fitted once, by steps whose coefficients are releases, and is a release under `name`. Then
    owners compute each person's risk in the clear, and add up what each SNP's score takes.

    genotypes   a column declared as `Genotypes`;  case  a flag
    covariates  1 to 16 columns, such as age and principal components. Without any, `association(…, test="trend")` is
                this test
    iterations  steps of the model without SNPs, as `logit(…, steps="released")` has them
    top, names  as `association` has them
    study, name  releases are "name, step i of n" and "name". All organizations that compute must be recipients, since
                all go on from the steps

    Gives       for each SNP the log odds of a further copy in one step from 0 (`effect`), its standard error at 0, z,
                and the p of the score test. Of a weak effect, as most are, this is the fit of the whole model; a strong
                one is further from 0 in that fit
    Missing     as `association`
    Opens       the steps and the model without SNPs, as `logit`; number of people and sum of their weights p (1 - p);
                of each SNP shown its score and its variance. With `top`, which SNPs are the strongest
    Undefined   where the model without SNPs is. A SNP alone where its variance beside the covariates is below 2^-10,
                of people weighted by p (1 - p)
    Error       of 1,000 people: z within 1e-5, and relative 1e-5; the part of the first grows with the root of the
                number of people. Effects and standard errors relative 1e-5
    Protection  a SNP is suppressed where fewer people than the minimum have 0, 1 or 2 copies, among cases or among
                others, and some do. The model as `logit`
    Rounds      those of the steps, and 130 or so, 25 more for each covariate
    Bytes       about 2,000 for each SNP and party, 160 more for each covariate
    Equals      statsmodels' `GLM(case, X, family=Binomial()).fit().score_test(exog_extra=g)` for each SNP
    Source      Rao, Proceedings of the Cambridge Philosophical Society 44 (1948); Cox and Hinkley, Theoretical
                Statistics (1974), 9.3
    """
    covariates = arguments.columns("logistic", covariates)
    (case,) = arguments.columns("logistic", [case])
    if case.expression.type != "flag":
        raise ShapeError(f"logistic: {case.name} is no flag of cases: compare a column, as in table.glucose > 126")
    if not 1 <= len(covariates) <= MOST:
        raise ShapeError(
            f'logistic: expected 1 to {MOST} covariates, got {len(covariates)}; association(…, test="trend") is this '
            "test without covariates"
        )
    model = Fitted(case, covariates, "intercept", (), None, beside=[genotypes])
    fit = await stepped("logistic", model, Binomial, study, name, iterations)
    value = await study.release(name, fit.result())
    if value is None:
        raise ConfigError("logistic: all organizations that compute must learn the model, to go on from it")
    job, scored = fit.job, fit.scored
    weighed = Weighed.of("logistic", genotypes, job.columns, job.y, scored.working, job.known)
    standard = scored.standard
    a = standardised(weighed.covariances(standard.moments.fine), standard.roots)
    score, variance = weighed.score, variance_beside(a, weighed.variance(), scored.factors)
    varies = variance.bare() >= LEAST
    shown = varies
    if top is not None:
        score, variance = where(varies, score.bare(), 0.0), where(varies, variance.bare(), 1.0)
        quarter = score.rescaled(score.frac + 2).cut(F)  # |score| <= 4
        shown = varies & among_strongest(quarter.bounded((1 << F) + (1 << 8)), variance, top)
    of_snps: list[Reason] = [(varies, RARE), *([] if top is None else [(shown, HIDDEN)])]

    def protected(x: SecretArray, *reasons: Reason) -> SecretArray:
        return job.protected(x, *fit.reasons, (weighed.fits, _BEYOND), *reasons)

    parts = {
        "people": protected(weighed.n),
        "weight": protected(weighed.weight),
        "score": protected(score, *of_snps).standing_on(weighed.cohort),
        "variance": protected(variance, *of_snps).standing_on(weighed.cohort),
    }
    words = value if isinstance(value, str) else None
    return Result("snps", parts, _Finished(weighed.exponent, names, len(score), top is not None, words))


@dataclass(frozen=True)
class _Finished:
    """Makes effects and tests from opened scores and variances. words: of the model without SNPs, in their place."""

    exponent: int
    names: Sequence[str] | None
    snps: int
    chosen: bool
    words: str | None

    def __call__(self, opened: Mapping[str, Opened]) -> Json:
        from scipy import special  # scipy.stats takes a second to import

        if self.words is not None:
            return self.words
        for name in ("people", "weight"):
            if not opened[name].ok:
                return opened[name].first_problem()
        weight = float(opened["weight"].values)
        # A score and a variance are multiplied by the same power of two, that brings the weight to 1/2 or above.
        size = np.ldexp(1.0, int(np.frexp(weight)[1]) + self.exponent)
        words = [cell if isinstance(cell, str) else None for cell in opened["score"].cells()]
        score, variance = (np.asarray(opened[name].values, np.float64) for name in ("score", "variance"))
        variance = np.where([word is None for word in words], variance, 1.0)
        z = score * np.sqrt(size / variance)
        columns = {
            "effect": score / variance,
            "standard_error": 1 / np.sqrt(size * variance),
            "z": z,
            "p": 2 * special.ndtr(-np.abs(z)),
        }
        people = int(opened["people"].values)
        out: JsonObject = {"test": "logistic", "people": people, "snps": names_of(self.names, self.snps)}
        for key, numbers in columns.items():
            out[key] = [word or float(x) for word, x in zip(words, numbers, strict=True)]
        return strongest(out, list(columns), words) if self.chosen else out
