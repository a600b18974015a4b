"""Messages of survival statistics: the same for all rows of one size, and as the plan says."""

from __future__ import annotations

import pandas as pd
import pytest

from protocols.simulate import Computation, dry_run
from tests.support.messages import by_operation
from tests.support.survival import patients, released, scenario_of


def tables():
    """Rows of one size: ties; all events at once in one group; nothing known."""
    f = patients(24, seed=1)
    return [f, f.assign(dead=True, time=3, arm="b"), f.assign(time=pd.NA, dead=pd.NA)]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_messages_do_not_depend_on_rows(engine):
    first, *others = [released(f, minimum=3, engine=engine) for f in tables()]
    for other in others:
        assert other.cost == first.cost
        assert by_operation(other.network.messages) == by_operation(first.network.messages)


def test_plans():
    """A dry run knows rounds and bytes beforehand."""
    run = released(patients(24, seed=1), minimum=3, engine="replicated")
    plan = dry_run(Computation(scenario_of(3, 24), ["v", "w", "x"]))
    assert plan.cost == run.cost


def test_what_it_costs():
    """Rounds do not grow with the rows, but for those of sorting; bytes in proportion to them."""
    few, many = (dry_run(Computation(scenario_of(10, rows), ["v", "w", "x"])) for rows in (1000, 4000))
    assert many.rounds <= few.rounds + 12
    assert max(many.bytes_sent) < 4.5 * max(few.bytes_sent)
    assert few.rounds <= 180
