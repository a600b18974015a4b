"""The scenario against its own oracle; SNPs that are left out, and what messages show."""

from __future__ import annotations

import pandas as pd
import pytest

from protocols.simulate import simulate
from tests.support.bounds import every_bound_holds
from tests.support.messages import by_operation
from tests.support.register_rows import pooled, sample_tables

LOADED, SAMPLE = sample_tables("gene_association")
#: A rare SNP of the sample, the one with the strongest effect, and one that changes the disease alone.
RARE, STRONG, OF_DISEASE = 111, 21, 60


def run(tables, engine="ideal", **parameters):
    return simulate(LOADED.scenario, tables, engine=engine, parameters=parameters)


def assert_as_oracle(tables, found, **parameters):
    from types import SimpleNamespace

    defaults = {**LOADED.scenario.parameters, **parameters}
    wanted = LOADED.scenario.oracle(*pooled(LOADED, tables), parameters=SimpleNamespace(**defaults))
    hidden = 0
    for name, value in wanted.items():
        if not isinstance(value, dict):
            assert found[name] == value
            continue
        for key, numbers in value.items():
            ours = found[name][key] if isinstance(numbers, list) else [found[name][key]]
            for mine, theirs in zip(ours, numbers if isinstance(numbers, list) else [numbers], strict=True):
                hidden += isinstance(theirs, str)
                assert isinstance(mine, str) == isinstance(theirs, str), (name, key)
                assert mine == (theirs if isinstance(theirs, str) else pytest.approx(theirs, rel=2e-4, abs=1e-6))
    return hidden


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = run(SAMPLE, engine).releases
    assert assert_as_oracle(SAMPLE, found) > 0
    ldl, disease = found["LDL cholesterol"], found["heart disease"]
    assert min(range(200), key=lambda j: 1 if isinstance(ldl["p"][j], str) else ldl["p"][j]) == STRONG
    assert ldl["p"][STRONG] < 1e-20
    assert disease["p"][OF_DISEASE] < 1e-8
    assert ldl["p"][RARE] == "suppressed (fewer than 10)"
    assert isinstance(found["frequencies"]["frequency"][RARE], float)


@pytest.mark.slow
@pytest.mark.parametrize("minimum", [2, 40, 150])
def test_what_is_left_out(minimum):
    found = run(SAMPLE, minimum_cohort=minimum).releases
    assert assert_as_oracle(SAMPLE, found, minimum_cohort=minimum) > (100 if minimum == 150 else 0)


def fewer(rows, others):
    """The last people alone, with the genotypes of others: other counts, and another SNP that is rare."""
    chosen = rows.tail(others).reset_index(drop=True)
    return chosen.assign(snps=chosen.snps.map(lambda text: text[::-1]))


def test_messages_do_not_show_genotypes():
    first = run(SAMPLE, "replicated")
    tables = {
        name: {"people": fewer(pd.DataFrame(brings["people"]), k * 90)}
        for k, (name, brings) in enumerate(SAMPLE.items())
    }
    second = run(tables, "replicated")
    assert first.cost == second.cost
    one, two = (by_operation(run.network.messages) for run in (first, second))
    # Parts of a large operation that do not wait for each other may overtake each other.
    assert {key: sorted(parts) for key, parts in one.items()} == {key: sorted(parts) for key, parts in two.items()}


def test_what_it_costs():
    cost = run(SAMPLE, "replicated").cost
    assert cost.rounds <= 200
    assert max(cost.bytes_sent) <= 700_000
