"""What a plan says of rows that leave their organizations as shares."""

from __future__ import annotations

from mpc import Category, Flag, Integer, Real, Scenario, Table
from parties.cli.plan import what_is_shared
from protocols.simulate import Computation, dry_run


def test_the_resolution_of_each_column():
    class Person(Table):
        number = Integer(0, 10**18)
        income = Real(0, 1e6)
        time = Real(0, 2e9)
        sex = Category("f", "m")
        ill = Flag()

    scenario = Scenario(inputs={"people": Person.rows(), "others": Person.rows()})

    @scenario.run
    async def script(study):
        study.release("rows", study.table("people").share(rows=10)["income"].count())
        study.release("mean", study.table("others").income.mean())

    (line,) = what_is_shared(dry_run(Computation(scenario, ["a", "b", "c"])))
    told = "ill exactly, income to 0.0039, number exactly, sex exactly and time to 8."
    assert line == f"Rows of people leave their organizations as shares: {told}"
