"""Counts of alleles and genotypes of many SNPs, and what follows from them: frequencies, the Hardy-Weinberg test, and
the allelic test of cases and controls. Everything follows in the clear from the opened counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened, Result
from mpc.tables.counts import behind
from mpc.tables.private import PrivateArray
from mpc.untyped import Json, JsonObject
from mpc.values.cohorts import Cohort, Counts
from mpc.values.secret import SecretArray, concatenate
from protocols.genetics.hardy_weinberg import exact_p
from protocols.genetics.private import People, people
from protocols.genetics.results import names_of

_VALUES, _SIDES = ("none", "one", "two"), (" of others", " of cases")
_NO_CALLS = "undefined: no genotype is known"
_ONE_ALLELE = "undefined: all have the same allele"
_EMPTY = "undefined: a cell without alleles"


def allele_counts(genotypes: PrivateArray, *, names: Sequence[str] | None = None) -> Result:
    """For each SNP: copies of the counted allele, its frequency, and people whose genotype is known.

    Missing     a missing genotype is left out of its SNP
    Opens       for each SNP the number of copies, and of people with a known genotype
    Undefined   the frequency where no genotype is known
    Protection  a SNP is suppressed where fewer people than the minimum carry one of its alleles, and some do
    Error       none
    Rounds      up to 60
    Bytes       up to 400 for each SNP and party, most of them to compare counts with the minimum
    Equals      PLINK's `--freq`
    """
    found = people("allele_counts", genotypes, fill=False)
    names = names_of(names, found.counts.shape[2])

    def finish(opened: Mapping[str, Opened]) -> Json:
        words = _words(opened["copies"])
        copies, called = (np.rint(opened[name].values) for name in ("copies", "called"))
        with np.errstate(divide="ignore", invalid="ignore"):
            frequency = copies / (2 * called)
        words = [word or (None if n else _NO_CALLS) for word, n in zip(words, called, strict=True)]
        return _document("counts", names, words, copies=copies, called=called, frequency=frequency)

    return Result("snps", _alleles(found, genotypes.name, ("",), *behind([genotypes])), finish)


def hardy_weinberg(genotypes: PrivateArray, *, names: Sequence[str] | None = None) -> Result:
    """For each SNP: people with 0, 1 and 2 copies, and whether they are as many as random mating makes them.

    Missing     a missing genotype is left out of its SNP
    Opens       the three counts of each SNP; chi-square (one degree of freedom, without correction) and the exact p
                follow
    Undefined   where all known genotypes have one allele
    Protection  a SNP is suppressed where fewer people than the minimum have 0, 1 or 2 copies, and some do
    Error       none
    Rounds, Bytes   as `allele_counts`
    Equals      PLINK's `--hardy` (the exact test, without mid-p)
    Source      Wigginton, Cutler and Abecasis, American Journal of Human Genetics 76 (2005)
    """
    found = people("hardy_weinberg", genotypes, fill=False)
    names = names_of(names, found.counts.shape[2])
    origin, cohorts = (f"genotypes of {genotypes.name}",), (*behind([genotypes]), found.cohort)
    counts = {part: found.counts[0, k].standing_on(*cohorts, origin=origin) for k, part in enumerate(_VALUES)}

    def finish(opened: Mapping[str, Opened]) -> Json:
        none, one, two = table = np.rint(np.stack([opened[part].values for part in _VALUES]))
        n, copies = table.sum(0), one + 2 * two
        with np.errstate(divide="ignore", invalid="ignore"):
            p = copies / (2 * n)
            expected = n * np.stack([(1 - p) ** 2, 2 * p * (1 - p), p * p])
            chi_square = ((table - expected) ** 2 / expected).sum(0)
        words = _words(opened["none"])
        alone = (copies == 0) | (copies == 2 * n)
        words = [word or (_ONE_ALLELE if one_allele else None) for word, one_allele in zip(words, alone, strict=True)]
        exact = [1.0 if word else exact_p(*map(int, column)) for word, column in zip(words, table.T, strict=True)]
        return _document(
            "Hardy-Weinberg", names, words, none=none, one=one, two=two, chi_square=chi_square, p=np.asarray(exact)
        )

    return Result("snps", counts, finish)


def allelic(genotypes: PrivateArray, case: PrivateArray, *, names: Sequence[str] | None = None) -> Result:
    """For each SNP: frequencies of the counted allele among cases and others, odds ratio, and the allelic test.

    case  a flag of the same people

    Missing     people who miss the flag are left out, and a missing genotype is left out of its SNP
    Opens       for each SNP the number of copies, and of people with a known genotype, among cases and among others.
                From the table of two by two alleles follow the odds ratio with its 95 % interval (Woolf), and Pearson's
                chi-square without correction
    Undefined   where a cell has no allele
    Protection  a SNP is suppressed where fewer people than the minimum carry one of its alleles, among cases or among
                others, and some do. Few cases or others suppress everything
    Error       none
    Rounds, Bytes   as `allele_counts`, twice
    Equals      PLINK 1.9's `--assoc`; scipy's `chi2_contingency(table, correction=False)`
    Source      Clarke and others, Nature Protocols 6 (2011)
    """
    if not isinstance(case, PrivateArray) or case.expression.type != "flag":
        raise ShapeError(f"allelic: {case!r} is no flag of cases: compare a column, as in table.glucose > 126")
    found = people("allelic", genotypes, (), case, fill=False)
    names = names_of(names, found.counts.shape[2])
    cohorts = behind([case, genotypes])

    def finish(opened: Mapping[str, Opened]) -> Json:
        from scipy import special  # scipy.stats takes a second to import

        copies, called = (
            np.rint(np.stack([opened[f"{name}{side}"].values for side in _SIDES])) for name in ("copies", "called")
        )
        words = _words(opened[f"copies{_SIDES[0]}"])
        table = np.stack([copies, 2 * called - copies], 1)  # (group, allele, snps)
        empty = (table == 0).any(axis=(0, 1))
        words = [word or (_EMPTY if gone else None) for word, gone in zip(words, empty, strict=True)]
        with np.errstate(divide="ignore", invalid="ignore"):
            frequency = copies / (2 * called)
            log = np.log(table[1, 0] * table[0, 1] / (table[1, 1] * table[0, 0]))
            reach = 1.959963984540054 * np.sqrt((1 / table).sum(axis=(0, 1)))
            apart = table[1, 0] * table[0, 1] - table[1, 1] * table[0, 0]
            chi_square = apart**2 * table.sum(axis=(0, 1)) / (
                table.sum(0).prod(0) * table.sum(1).prod(0)
            )  # fmt: skip
            return _document(
                "allelic", names, words,
                frequency_cases=frequency[1], frequency_others=frequency[0], odds_ratio=np.exp(log),
                ci_low=np.exp(log - reach), ci_high=np.exp(log + reach), chi_square=chi_square,
                p=special.chdtrc(1, np.where(empty, 0.0, chi_square)),
            )  # fmt: skip

    return Result("snps", _alleles(found, genotypes.name, _SIDES, *cohorts), finish)


def _alleles(found: People, name: str, sides: Sequence[str], *others: Cohort) -> dict[str, SecretArray]:
    """For each group: copies of the counted allele, and people with a known genotype, (snps,)."""
    counts, groups, snps = found.counts, found.counts.shape[0], found.counts.shape[2]
    copies = (counts[:, 1] + counts[:, 2] * 2).bounded(2 * found.most)
    called = counts.sum(1).bounded(found.most)
    source = found.cohort

    def carriers(x: SecretArray) -> SecretArray:
        """(…, groups * 3, snps) as (…, groups * 2, snps): people who carry each allele."""
        each = x.reshape(-1, groups, 3, snps)
        sides = [(each[:, :, a] + each[:, :, 1]).reshape(-1, groups, 1, snps) for a in (2, 0)]
        pair = concatenate(sides, axis=2).bounded(found.most)
        return pair.reshape(*x.shape[:-2], groups * 2, snps)

    def make() -> Counts:
        total, own, exact = source.counts()
        return Counts(carriers(total), None if own is None else carriers(own), exact)

    what = source.what.replace("with each genotype", "who carry each allele")
    cohort = Cohort(source.run, make, most=found.most, what=what, shape=(snps,), or_none=True)
    origin = (f"alleles of {name}",)
    parts = {
        f"{key}{side}": x[g] for key, x in (("copies", copies), ("called", called)) for g, side in enumerate(sides)
    }
    return {key: x.standing_on(*others, cohort, origin=origin) for key, x in parts.items()}


def _words(part: Opened) -> list[str | None]:
    return [cell if isinstance(cell, str) else None for cell in part.cells()]


def _document(test: str, names: Sequence[str], words: Sequence[str | None], **columns: Json) -> JsonObject:
    out: JsonObject = {"test": test, "snps": list(names)}
    whole: Callable[[float], float | int] = int
    for key, numbers in columns.items():
        make = whole if key in ("copies", "called", "none", "one", "two") else float
        out[key] = [word or make(x) for word, x in zip(words, numbers, strict=True)]
    return out
