"""What the tests of many SNPs cost, and that messages do not depend on genotypes."""

import numpy as np
import pytest

from mpc import Genotypes, Real, Scenario, Study, Table
from protocols import genetics
from protocols.simulate import Computation, dry_run, simulate
from tests.support.genetics import SNPS, People, made, released
from tests.support.messages import by_operation


def scenario_of(script, snps=SNPS, columns=2, minimum=5):
    declared = {f"x{k}": Real(-1, 1) for k in range(columns)}
    table = type("Many", (Table,), {**declared, "y": Real(0, 10), "snps": Genotypes(count=snps)})
    scenario = Scenario(inputs={"people": table.rows(at_most=1 << 20)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Study) -> None:
        t = study.table("people")
        study.release("x", script(t, [t[f"x{k}"] for k in range(columns)]))

    return scenario


def cost(script, snps, columns=2):
    return dry_run(Computation(scenario_of(script, snps, columns), ["v", "w", "x"]))


@pytest.mark.parametrize("columns", [0, 3])
def test_what_an_association_costs(columns):
    """As the docstring says: rounds do not grow with SNPs, and bytes are so many for each."""

    def script(t, covariates):
        return genetics.association(t.snps, t.y, covariates)

    few, many = cost(script, 1000, columns), cost(script, 3000, columns)
    assert many.rounds == few.rounds <= 170 + 25 * columns
    each = (sum(many.bytes_sent) - sum(few.bytes_sent)) / 3 / 2000
    assert each <= 1000 + 120 * columns


@pytest.mark.parametrize("script", [genetics.allele_counts, genetics.hardy_weinberg])
def test_what_counts_cost(script):
    few, many = (cost(lambda t, _: script(t.snps), snps, 0) for snps in (1000, 3000))
    assert many.rounds == few.rounds <= 60
    assert (sum(many.bytes_sent) - sum(few.bytes_sent)) / 3 / 2000 <= 400


@pytest.mark.parametrize("engine", ["replicated", pytest.param("shamir", marks=pytest.mark.slow)])
def test_messages_do_not_depend_on_people(engine):
    def script(study, t):
        study.release("effects", genetics.association(t.snps, t.bmi, [t.age], top=3))
        study.release("trend", genetics.association(t.snps, t.case, test="trend"))
        study.release("proportions", genetics.hardy_weinberg(t.snps))
        study.release("odds", genetics.allelic(t.snps, t.case))

    people, _ = made(60)
    nobody = people.assign(snps="." * SNPS)
    others = [made(30, missing=0.4, seed=2)[0], nobody, people.assign(case=True, bmi=30.0), people[:1]]
    scenario = Scenario(inputs={"people": People.rows(at_most=1 << 20)}, parameters={"minimum_cohort": 2})

    @scenario.run
    async def run(study: Study) -> None:
        script(study, study.table("people"))

    def run_of(frame):
        return simulate(scenario, {name: {"people": frame.iloc[k::3]} for k, name in enumerate("abc")}, engine=engine)

    first = run_of(people)
    for frame in others:
        other = run_of(frame)
        assert other.cost == first.cost
        assert by_operation(other.network.messages) == by_operation(first.network.messages)


def test_genotypes_of_nobody_and_of_one():
    for frame in (made(60)[0].assign(snps="." * SNPS), made(60)[0][:1], made(60)[0][:0]):
        found = released(
            lambda study, t: [
                study.release("effects", genetics.association(t.snps, t.bmi)),
                study.release("frequencies", genetics.allele_counts(t.snps)),
                study.release("odds", genetics.allelic(t.snps, t.case)),
            ],
            frame,
            minimum=1,
        )
        for value in found.values():
            numbers = value if isinstance(value, str) else value.get("frequency", value.get("p"))
            assert isinstance(numbers, str) or all(isinstance(x, str) or np.isfinite(x) for x in numbers)
        assert isinstance(found["effects"], str)
