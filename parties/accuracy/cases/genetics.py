"""Genetics: numbers of public data sets in three parts stand for genotypes; and a blood group of R's documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mpc import Genotypes
from mpc.tables.genotypes import spelled
from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, p_value, p_values, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import genetics

#: Columns that stand for SNPs.
_MOST = 8


def numbers_of(name: str) -> Any:
    library, _, data = name.partition(" ")
    frame = (sets.sklearn if library == "scikit-learn" else sets.statsmodels)(data)
    frame = frame.select_dtypes("number").dropna().astype(float).head(3000)
    return frame[[column for column in frame.columns if frame[column].nunique() > 2]]


def people(name: str) -> tuple[Any, Any]:
    """Rows with genotypes, a covariate z, a phenotype y and a flag of cases; and the genotypes as numbers."""
    frame = numbers_of(name)
    last = "target" in frame and frame.target.nunique() > 3
    y, z, *others = frame.columns[:: -1 if last else 1]
    ranks = frame[others[:_MOST]].rank(pct=True).to_numpy()
    copies = (ranks > 0.4).astype(int) + (ranks > 0.75)
    rows = {"y": frame[y], "z": frame[z], "case": frame[y] > frame[y].median(), "snps": spelled(copies)}
    return pd.DataFrame(rows).reset_index(drop=True), copies


def joined(joint: Joint, rows: Any, copies: Any, script: Any, *, steps: bool = False) -> Any:
    return joint.release(rows, script, columns={"snps": Genotypes(count=copies.shape[1])}, steps=steps)


def effects(joint: Joint, name: str) -> Compare:
    api, (rows, copies) = need("statsmodels.api"), people(name)
    found = joined(joint, rows, copies, lambda t: genetics.association(t.snps, t.y, [t.z]))
    fits = [api.OLS(rows.y.to_numpy(), api.add_constant(np.column_stack([rows.z, g]))).fit() for g in copies.T]
    errors = np.asarray([fit.bse[2] for fit in fits])
    yield estimate("effect", part(found, "effect"), [fit.params[2] for fit in fits], scale=errors)
    yield standard_error("effect", part(found, "standard_error"), errors)
    yield from p_values("SNP", part(found, "p"), [fit.pvalues[2] for fit in fits])


def trends(joint: Joint, name: str) -> Compare:
    rows, copies = people(name)
    found = joined(joint, rows, copies, lambda t: genetics.association(t.snps, t.case, test="trend"))
    known = [len(rows) * np.corrcoef(g, rows.case)[0, 1] ** 2 for g in copies.T]
    yield estimate("chi-square", part(found, "chi_square"), known, scale=1.0)
    yield from p_values("SNP", part(found, "p"), need("scipy.stats").chi2.sf(known, 1))


def scores(joint: Joint, name: str) -> Compare:
    """The score test of a logistic model, of cases that the covariate tells a little about."""
    sm, (rows, copies) = need("statsmodels.api"), people(name)
    noisy = rows.y.rank(pct=True) + np.random.default_rng(1).normal(0, 0.5, len(rows))
    rows = rows.assign(case=noisy > noisy.quantile(0.6))

    async def script(study: Any, t: Any) -> Any:
        return await genetics.logistic(t.snps, t.case, [t.z], iterations=12, study=study, name="m")

    found = joined(joint, rows, copies, script, steps=True)
    x = sm.add_constant(rows[["z"]].to_numpy())
    fit = sm.GLM(rows.case.to_numpy(float), x, family=sm.families.Binomial()).fit(tol=1e-14)
    weight = fit.mu * (1 - fit.mu)
    beside = copies - x @ np.linalg.solve(x.T @ (weight[:, None] * x), x.T @ (weight[:, None] * copies))
    variance, score = weight @ beside**2, copies.T @ (rows.case.to_numpy(float) - fit.mu)
    errors = 1 / np.sqrt(variance)
    yield estimate("effect", part(found, "effect"), score / variance, scale=errors)
    yield standard_error("effect", part(found, "standard_error"), errors)
    known = [np.squeeze(fit.score_test(exog_extra=g[:, None])[1]) for g in copies.T]
    yield from p_values("SNP", part(found, "p"), known)


def alleles(joint: Joint, name: str) -> Compare:
    stats, (rows, copies) = need("scipy.stats"), people(name)
    found = joined(joint, rows, copies, lambda t: genetics.allelic(t.snps, t.case))
    tables = [[[g[side].sum(), (2 - g[side]).sum()] for side in (rows.case, ~rows.case)] for g in copies.T]
    yield estimate("odds ratio", part(found, "odds_ratio"), [a * d / (b * c) for (a, b), (c, d) in tables])
    known = [stats.chi2_contingency(table, correction=False) for table in tables]
    yield estimate("chi-square", part(found, "chi_square"), [test.statistic for test in known], scale=1.0)
    yield from p_values("SNP", part(found, "p"), [test.pvalue for test in known])


def frequencies(joint: Joint, name: str) -> Compare:
    rows, copies = people(name)
    found = joined(joint, rows, copies, lambda t: genetics.allele_counts(t.snps))
    yield same("copies", part(found, "copies"), copies.sum(0).tolist())
    yield estimate("frequency", part(found, "frequency"), copies.mean(0) / 2)


def proportions(joint: Joint, name: str) -> Compare:
    """Counts and chi-square; the exact p has the case of the blood group."""
    stats, (rows, copies) = need("scipy.stats"), people(name)
    found = joined(joint, rows, copies, lambda t: genetics.hardy_weinberg(t.snps))
    counts = np.asarray([[int((g == value).sum()) for g in copies.T] for value in (0, 1, 2)])
    for key, known in zip(("none", "one", "two"), counts, strict=True):
        yield same(key, part(found, key), known.tolist())
    p = copies.mean(0) / 2
    expected = len(rows) * np.stack([(1 - p) ** 2, 2 * p * (1 - p), p * p])
    known = [stats.chisquare(f, e, ddof=1).statistic for f, e in zip(counts.T, expected.T, strict=True)]
    yield estimate("chi-square", part(found, "chi_square"), known)


_SETS = (
    "scikit-learn wine", "scikit-learn breast_cancer", "scikit-learn diabetes", "statsmodels anes96",
    "statsmodels fair", "statsmodels ccard", "statsmodels star98",
)  # fmt: skip

for _name in _SETS:
    for _function, _compare, _by in (
        ("genetics.association", effects, STATSMODELS),
        ("genetics.association, trend", trends, SCIPY),
        ("genetics.logistic", scores, STATSMODELS),
        ("genetics.allelic", alleles, SCIPY),
        ("genetics.allele_counts", frequencies, SCIPY),
        ("genetics.hardy_weinberg", proportions, SCIPY),
    ):

        @case(_function, f"{_name}, numbers in parts", rows="stay", by=_by)
        def _case(joint: Joint, name: str = _name, compare: Any = _compare) -> Compare:
            yield from compare(joint, name)


@case("genetics.hardy_weinberg", "blood group MN (R, HardyWeinberg)", rows="stay", by="R HardyWeinberg 1.7")
def _blood_group(joint: Joint) -> Compare:
    copies = np.repeat([0, 1, 2], [298, 489, 213])[:, None]
    rows = pd.DataFrame({"snps": spelled(copies)})
    found = joined(joint, rows, copies, lambda t: genetics.hardy_weinberg(t.snps))
    yield estimate("chi-square", part(found, "chi_square"), [0.2214896], limit=1e-6)
    yield p_value("exact", part(found, "p"), 0.6556635)
