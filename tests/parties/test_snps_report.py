"""A release of many SNPs in reports: which are shown, what is said of all, and plots that stay small."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from parties.report import releases, snp_plots
from parties.report.kinds import model_of
from parties.report.snps import Snps
from parties.report.svg import drawing


def value(m=1000, *, test="linear", seed=1):
    random = np.random.default_rng(seed)
    p = random.uniform(size=m)
    p[m // 2] = 3e-12
    columns = {"effect": random.normal(size=m).tolist(), "p": p.tolist()}
    for numbers in columns.values():
        numbers[3] = "suppressed (fewer than 10)"
        numbers[4] = "undefined: the SNP hardly varies beside the covariates"
    return {"test": test, "people": 500, "snps": [f"rs{k}" for k in range(m)], **columns}


def shown(model):
    console = Console(file=io.StringIO(), width=100)
    releases.show(model, console)
    return console.file.getvalue()


def test_the_strongest_come_first_and_all_are_counted():
    model = model_of("snps", value())
    assert isinstance(model, Snps)
    assert model.shown(3)[0] == 500
    assert model.tested == 998
    facts = dict(model.facts)
    assert facts["suppressed (fewer than 10)"] == 1
    assert facts["people"] == 500
    assert facts["p below 5.0 × 10⁻⁵ (Bonferroni)"] == 1
    assert 0.8 < facts["inflation of chi-square"] < 1.2
    text = shown(model)
    assert text.index("rs500") < text.index("10 of 998 SNPs with numbers: the smallest p")
    assert "3.00 × 10⁻¹²" in text


def test_counts_without_p_and_chosen_ones():
    counts = {"test": "counts", "snps": ["a", "b"], "copies": [3, "suppressed (fewer than 10)"], "called": [9, 9]}
    model = model_of("snps", counts)
    assert model.shown(10) == [0, 1]
    assert not snp_plots.drawable(model)
    assert "suppressed (fewer than 10)" in shown(model)
    chosen = {"test": "linear", "people": 50, "snps": ["a"], "p": [1e-9], "suppressed": 2, "hidden": 97}
    facts = dict(model_of("snps", chosen).facts)
    assert (facts["suppressed"], facts["not among the strongest"]) == (2, 97)
    assert not any("Bonferroni" in label or "inflation" in label for label in facts)


@pytest.mark.parametrize("wrong", [{"test": "linear", "snps": ["a"]}, {"test": "x", "snps": ["a", "b"], "p": [0.5]}])
def test_another_form_is_shown_as_it_is(wrong):
    assert model_of("snps", wrong) == wrong
    assert "test" in shown(model_of("snps", wrong))


@pytest.mark.parametrize("m", [20, 50_000])
def test_plots_of_few_and_of_very_many(m):
    model = model_of("snps", value(m))
    with drawing():
        plot = snp_plots.manhattan("bmi", model)
    assert f"rs{m // 2}" in plot
    assert len(plot) < 900_000


def test_p_of_0_has_a_place():
    raw = value(50)
    raw["p"][7] = 0.0
    with drawing():
        assert "rs7" in snp_plots.manhattan("bmi", model_of("snps", raw))
