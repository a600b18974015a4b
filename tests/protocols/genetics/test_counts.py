"""Counts of alleles and genotypes, the Hardy-Weinberg test and the allelic test."""

from math import comb

import numpy as np
import pytest
from scipy import stats

from mpc.errors import ConfigError
from mpc.tables.genotypes import Genotypes, calls, spelled
from mpc.tables.texts import read_texts
from protocols import genetics
from protocols.genetics.hardy_weinberg import exact_p
from tests.support.genetics import ENGINES, NEVER, RARE, SNPS, made, released


@pytest.mark.parametrize("engine", ENGINES)
def test_counts_are_exact(engine):
    people, copies = made(missing=0.05)

    def script(study, t):
        study.release("frequencies", genetics.allele_counts(t.snps))
        study.release("proportions", genetics.hardy_weinberg(t.snps))
        study.release("cases", genetics.allelic(t.snps, t.case))

    found = released(script, people, engine=engine)
    case = people.case.to_numpy()
    for j in range(SNPS):
        column = copies[:, j]
        known = ~np.isnan(column)
        if j != RARE:
            assert found["frequencies"]["copies"][j] == np.nansum(column)
            assert found["frequencies"]["called"][j] == known.sum()
            assert found["frequencies"]["frequency"][j] == pytest.approx(np.nansum(column) / 2 / known.sum())
        if j in (NEVER, RARE):
            continue
        table = found["proportions"]
        assert [table[name][j] for name in ("none", "one", "two")] == [(column == g).sum() for g in (0, 1, 2)]
        alleles = np.asarray(
            [[np.nansum(column[side]), 2 * known[side].sum() - np.nansum(column[side])] for side in (case, ~case)]
        )
        expected = stats.chi2_contingency(alleles, correction=False)
        assert found["cases"]["chi_square"][j] == pytest.approx(expected.statistic)
        assert found["cases"]["p"][j] == pytest.approx(expected.pvalue)
        odds = stats.contingency.odds_ratio(alleles.astype(int), kind="sample")
        interval = odds.confidence_interval(0.95)
        assert found["cases"]["odds_ratio"][j] == pytest.approx(odds.statistic)
        assert found["cases"]["ci_low"][j] == pytest.approx(interval.low)
        assert found["cases"]["ci_high"][j] == pytest.approx(interval.high)
    for result in found.values():
        assert all(isinstance(column[RARE], str) for name, column in result.items() if name not in ("test", "snps"))
    assert found["cases"]["p"][NEVER] == "undefined: a cell without alleles"
    assert found["proportions"]["p"][NEVER] == "undefined: all have the same allele"


@pytest.mark.parametrize("few", [2, 200])
def test_people_outside_of_a_selection_are_not_told_by_subtraction(few):
    people, _ = made()
    people["age"] = 30.0
    people.loc[: few - 1, "age"] = 90.0

    people.loc[few + 3, "snps"] = None  # no selection of the script

    def script(study, t):
        if few == 200:
            study.release("people", t.count())
        young = t[t.age < 60]
        study.release("young", genetics.allele_counts(young.snps))
        study.release("all", genetics.allele_counts(t.snps))
        study.release("all proportions", genetics.hardy_weinberg(t.snps))
        study.release("young association", genetics.association(young.snps, young.bmi))

    found = released(script, people)
    assert not isinstance(found["young"]["copies"][0], str)
    for later in (found["all"]["copies"], found["all proportions"]["p"]):
        assert str(later[0]).startswith("suppressed") == (few == 2)


def slow_p(none, one, two):
    """The same probability from whole numbers."""
    people, copies = none + one + two, one + 2 * two
    ways = {}
    for mixed in range(copies % 2, min(copies, 2 * people - copies) + 1, 2):
        both = (copies - mixed) // 2
        if both + mixed <= people:
            ways[mixed] = comb(people, both) * comb(people - both, mixed) * 2**mixed
    return sum(w for w in ways.values() if w <= ways[one]) / sum(ways.values())


def test_the_exact_test_of_hardy_weinberg():
    for table in [(0, 0, 0), (5, 0, 0), (1, 1, 1), (50, 40, 10), (10, 3, 12), (90, 10, 0), (0, 7, 0), (200, 31, 9)]:
        assert exact_p(*table) == pytest.approx(slow_p(*table), rel=1e-9)
        assert exact_p(*table[::-1]) == pytest.approx(exact_p(*table), rel=1e-9)


def test_a_column_of_genotypes_reads_its_texts_and_no_others():
    column = Genotypes(count=4, missing="none")
    entries = [" 012. ", "01-2", "0123", "012", "01200", "", None, "none", 2.5, 1120, "..-."]
    texts, invalid = read_texts(column, entries)
    assert list(texts) == ["012.", "01-2", None, None, None, None, None, None, None, "1120", None]
    assert np.flatnonzero(invalid).tolist() == [2, 3, 4, 8]
    assert calls(["012.", "2-10"], 4).tolist() == [[0, 1, 2, 3], [2, 3, 1, 0]]
    assert spelled(np.asarray([[0, 1, np.nan, 2, 7]])) == ["01.2."]
    for count in (0, 1 << 30, True, 2.0, None):
        with pytest.raises(ConfigError, match="Genotypes"):
            Genotypes(count=count)
